"""DDN: the smallest l2 perturbation, with its direction and its length decoupled.

    x_near = ddn(model, x, y, L2(1.5), steps=100)
    attack = bind(ddn, L2(55.5), steps=100)                   # a ball that cannot bind
    distances = smallest(attack, model, x, y, generator)      # from attacks.nearest

What is wrong and nearest is kept by `nearest`, which also searches the line back to x on the model
at the end (12 forward passes); with it the twin, if there is one, has no say in what counts.
"""

import torch

from robustlens.attacks.method import Found, attack
from robustlens.attacks.nearest import Nearest, Score, check_steps, cosine, search, two_walks
from robustlens.balls import L2, Ball, norm_of
from robustlens.norms import per_example
from robustlens.types import Images, Labels, Model

LAST_STEP = 0.01
"""Where the cosine schedule of the step size ends; it begins with 1, in units of the radius."""


@attack
def ddn(
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
    """Return the nearest images that the model gets wrong, by decoupled direction and norm; l2.

    A step goes along the unit gradient; then the perturbation is given the length eps, which
    shrinks by a share `gamma` where the model is wrong and grows by it elsewhere; until a wrong
    image is met it also reaches as far as a linear model puts the boundary. It costs `steps`
    gradients and 16 forward passes. Deterministic.
    Source: Rony et al. 2019, Algorithm 1. Changed here, because it finds nearer images: two walks
    (`two_walks`), steps in units of eps, a first eps by the linear model and not of 1, and gamma
    falls to a fifth. Pixels are not rounded to levels.

    Args:
        model: images in [0, 1] to logits; put in evaluation mode meanwhile if it is a module.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: `L2(eps)`: where the smallest perturbation found is longer, the clean image is
            returned and counts as a failure. `L2(sqrt(d))` never binds.
        steps: gradient steps, of both walks together.
        gamma: the first change of the length, in (0, 1).
        twin: a faster model to search on. Every 10 steps the nearest images that it gets wrong
            are shown to the model; where the model denies one, the nearest that it confirmed
            stands again. What it denies at the end is tried up to 10 % further out.

    Raises:
        InputError: bad images, labels, steps or gamma, or a ball of another kind.
    """
    norm = norm_of(ball, (L2,))
    check_steps(steps, gamma)

    def walk(score: Score, done: int, steps: int, nearest: Nearest) -> None:
        start, point = nearest.x, nearest.x
        most = norm.corner(start)
        eps, met = torch.zeros_like(most), torch.zeros_like(most, dtype=torch.bool)
        for step in range(steps):
            seen = nearest.look(score, point, done + step)
            met, change = met | seen.wrong, cosine(gamma, gamma / 5, step, steps)
            far = eps.maximum(torch.where(met, eps, norm.length(point, start) + seen.reach(norm)))
            eps = torch.where(seen.wrong, eps * (1 - change), far * (1 + change)).minimum(most)
            size = per_example(eps * cosine(1.0, LAST_STEP, step, steps), start)
            delta = point - start + size * norm.direction(seen.gradient)
            factor = eps / norm.length(delta, torch.zeros_like(delta)).clamp_min(1e-12)
            point = torch.addcmul(start, delta, per_example(factor, start)).clamp_(0.0, 1.0)
        nearest.keep(nearest.seen(point), point, done + steps)

    return search(model, x, y, ball, norm, two_walks(walk, steps), twin)
