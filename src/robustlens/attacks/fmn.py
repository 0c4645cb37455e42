"""FMN: the smallest perturbation in l-inf, l2 or l1, by steps inside a ball that learns its radius.

    x_near = fmn(model, x, y, Linf(8 / 255), steps=100)
    distances = smallest(bind(fmn, L1(784.0)), model, x, y, generator)    # a ball that cannot bind

What is wrong and nearest is kept by `nearest`, as for `ddn`.
"""

import torch

from robustlens.attacks.method import Found, attack
from robustlens.attacks.nearest import Nearest, Score, check_steps, cosine, search, two_walks
from robustlens.balls import L1, L2, Ball, Linf, norm_of
from robustlens.norms import per_example
from robustlens.types import Images, Labels, Model

LAST_STEP = 0.01
"""Where the cosine schedule of the step size ends; it begins with 1, in units of the radius."""


@attack
def fmn(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 100,
    gamma: float = 0.05,
    twin: Model | None = None,
    generator: torch.Generator | None = None,
) -> Found:
    """Return the nearest images that the model gets wrong, by the fast minimum-norm attack.

    A step along the gradient is put back into the ball of radius eps around x. Until a wrong image
    is met, eps is the distance at which a linear model puts the boundary, and a share `gamma` more;
    then it shrinks by `gamma` where the model is wrong and grows by it elsewhere. It costs `steps`
    gradients and 16 forward passes. Deterministic.
    Source: Pintor et al. 2021, Algorithm 1. Changed here, because it finds nearer images: two
    walks (`two_walks`), steps in units of eps, in l-inf along the signs of the gradient, in l1
    along its signed squares.

    Args:
        model: images in [0, 1] to logits; put in evaluation mode meanwhile if it is a module.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: `Linf`, `L2` or `L1`: where the smallest perturbation found is larger than its eps,
            the clean image is returned and counts as a failure. `Linf(1.0)`, `L2(sqrt(d))` and
            `L1(d)` never bind.
        steps: gradient steps, of both walks together.
        gamma: the first change of the radius, in (0, 1); it falls to a fiftieth.
        twin: a faster model to search on, as for `ddn`.

    Raises:
        InputError: bad images, labels, steps or gamma, or a ball of another kind.
    """
    norm = norm_of(ball, (Linf, L2, L1))
    check_steps(steps, gamma)

    def walk(score: Score, done: int, steps: int, nearest: Nearest) -> None:
        start, point = nearest.x, nearest.x
        most = norm.corner(start)
        eps = best = torch.full_like(most, torch.inf)
        for step in range(steps):
            seen = nearest.look(score, point, done + step)
            length, change = norm.length(point, start), cosine(gamma, gamma / 50, step, steps)
            best = torch.where(seen.wrong, best.minimum(length), best)
            far = torch.where(best < torch.inf, eps, length + seen.reach(norm)) * (1 + change)
            near = (eps * (1 - change)).minimum(best)
            eps = torch.where(seen.wrong, near, far).minimum(most)
            size = per_example(eps * cosine(1.0, LAST_STEP, step, steps), start)
            point = norm.project(point + size * norm.direction(seen.gradient), start, eps)
        nearest.keep(nearest.seen(point), point, done + steps)

    return search(model, x, y, ball, norm, two_walks(walk, steps), twin)
