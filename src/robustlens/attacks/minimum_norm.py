"""Minimum-norm attacks that walk along the boundary: DDN and FMN.

    x_near = fmn(model, x, y, Linf(8 / 255), steps=100)
    attack = bind(ddn, L2(55.5), steps=100)                   # a ball that cannot bind
    distances = smallest(attack, model, x, y, generator)      # from attacks.nearest

They look for the smallest perturbation that makes the model wrong; it counts if it is inside the
ball. The steps are shared by two walks from x, one up the margin and one up the odds of a wrong
class: the first turns to the likeliest wrong class, the second to all of them, and which of the
two ends nearer differs from image to image. At the end the line back to x is searched on the
model (12 forward passes), and with it the twin, if there is one, has no say in what counts.
"""

import math
from collections.abc import Callable
from functools import partial

import torch

from robustlens.attacks.method import Found, attack
from robustlens.attacks.nearest import Look, Nearest, Score, search
from robustlens.attacks.norms import Norm, norm_of
from robustlens.balls import L1, L2, Ball, Linf, per_example
from robustlens.errors import InputError
from robustlens.objectives import logit_margin
from robustlens.types import Images, Labels, Logits, Model, Values

Walk = Callable[[Score, int, int, Nearest], None]
"""A walk up a score, after so many steps done before, in so many steps."""
LAST_STEP = 0.01
"""Where the cosine schedule of the step size ends; it begins with 1, in units of the radius."""


def odds(z: Logits, y: Labels) -> Values:
    """Log of the odds of a wrong class, log((1 - p_y) / p_y).

    Its gradient points where that of the cross-entropy of y does, and does not vanish in rounding
    where the model is certain.
    """
    true: Values = z.gather(1, y[:, None]).squeeze(1)
    others: Values = z.scatter(1, y[:, None], -torch.inf).logsumexp(dim=1)
    return others - true


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
    (see the module), steps in units of eps, a first eps by the linear model and not of 1, and gamma
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
    _check(steps, gamma)

    def walk(score: Score, done: int, steps: int, nearest: Nearest) -> None:
        start, point = nearest.x, nearest.x
        most = norm.corner(start)
        eps, met = torch.zeros_like(most), torch.zeros_like(most, dtype=torch.bool)
        for step in range(steps):
            seen = nearest.look(score, point, done + step)
            met, change = met | seen.wrong, cosine(gamma, gamma / 5, step, steps)
            far = eps.maximum(torch.where(met, eps, norm.length(point, start) + _reach(norm, seen)))
            eps = torch.where(seen.wrong, eps * (1 - change), far * (1 + change)).minimum(most)
            size = per_example(eps * cosine(1.0, LAST_STEP, step, steps), start)
            delta = point - start + size * norm.steepest(seen.gradient)
            factor = eps / norm.length(delta, torch.zeros_like(delta)).clamp_min(1e-12)
            point = torch.addcmul(start, delta, per_example(factor, start)).clamp_(0.0, 1.0)
        nearest.keep(nearest.seen(point), point, done + steps)

    return search(model, x, y, ball, norm, partial(_both, walk, steps), twin)


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
    walks (see the module), steps in units of eps, in l-inf along the signs of the gradient, in l1
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
    _check(steps, gamma)

    def walk(score: Score, done: int, steps: int, nearest: Nearest) -> None:
        start, point = nearest.x, nearest.x
        most = norm.corner(start)
        eps = best = torch.full_like(most, torch.inf)
        for step in range(steps):
            seen = nearest.look(score, point, done + step)
            length, change = norm.length(point, start), cosine(gamma, gamma / 50, step, steps)
            best = torch.where(seen.wrong, best.minimum(length), best)
            far = torch.where(best < torch.inf, eps, length + _reach(norm, seen)) * (1 + change)
            near = (eps * (1 - change)).minimum(best)
            eps = torch.where(seen.wrong, near, far).minimum(most)
            size = per_example(eps * cosine(1.0, LAST_STEP, step, steps), start)
            point = norm.project(point + size * norm.steepest(seen.gradient), start, eps)
        nearest.keep(nearest.seen(point), point, done + steps)

    return search(model, x, y, ball, norm, partial(_both, walk, steps), twin)


def cosine(first: float, last: float, step: int, steps: int) -> float:
    """Return the value at a step of a schedule that falls from first to last as a cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * step / steps)) / 2


def _both(walk: Walk, steps: int, nearest: Nearest) -> None:
    """Walk up the margin, then up the odds, with half of the steps each."""
    half = (steps + 1) // 2
    walk(logit_margin, 0, half, nearest)
    walk(odds, half, steps - half, nearest)


def _reach(norm: Norm, seen: Look) -> Values:
    """Return how far the boundary is, by the linear model of a score that is 0 on it."""
    slope = norm.dual(seen.gradient)
    return seen.value.abs() / slope.clamp_min(torch.finfo(slope.dtype).tiny)


def _check(steps: int, gamma: float) -> None:
    if steps < 2:
        raise InputError(f"steps is {steps}", "at least 2, one a walk", "change steps")
    if not 0 < gamma < 1:
        raise InputError(f"gamma is {gamma}", "a number between 0 and 1", "change gamma")
