"""The nearest image that the model gets wrong: what minimum-norm attacks share.

    found = search(model, x, y, ball, norm, walk, twin)       # walk moves points and looks at them
    attack = bind(fmn, L2(55.5))                              # a ball that cannot bind
    distances = smallest(attack, model, x, y, generator)      # (b,), inf where nothing was found

A walk keeps whatever wrong decision it meets nearest to x. Then the line back to x is searched on
the model itself, and only what the model confirms inside the ball counts.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.answers import is_answer
from robustlens.ascend import slope
from robustlens.attacks.bound import Bound
from robustlens.attacks.method import Found, as_it_is, confirmed, wrong
from robustlens.balls import Ball, radius
from robustlens.errors import InputError
from robustlens.norms import Norm, per_example
from robustlens.objectives import logit_margin
from robustlens.types import Images, Labels, Logits, Model, Values

CONFIRM_EVERY = 10
"""Steps after which the model looks at what the twin has found."""
HALVINGS = 12
"""Of the line back to x: to 1/4096 of its length."""
FIRM = 0.01
"""How far beyond the boundary is far enough at most, as a share of the clean image's margin."""
FURTHER = (1.003, 1.01, 1.03, 1.1)
"""How much further out the model looks where it denies what the twin found."""

Score = Callable[[Logits, Labels], Values]
"""Logits (b, k) and labels (b,) to what a walk makes grow, (b,)."""


class Kept(NamedTuple):
    """The nearest wrong image of each example; length inf and step -1 where there is none."""

    images: Images
    length: Values
    step: Tensor

    def or_nearer(self, other: "Kept") -> "Kept":
        """Return the nearer of two, this one where they tie."""
        wins = other.length < self.length
        pick = per_example(wins, self.images)
        return Kept(
            torch.where(pick, other.images, self.images),
            torch.where(wins, other.length, self.length),
            torch.where(wins, other.step, self.step),
        )


class Look(NamedTuple):
    """What a walk sees at its points, one entry an example."""

    wrong: Tensor  # bool
    value: Values
    gradient: Images

    def reach(self, norm: Norm) -> Values:
        """Return how far the boundary is, by the linear model of a score that is 0 on it."""
        slope = norm.dual(self.gradient)
        return self.value.abs() / slope.clamp_min(torch.finfo(slope.dtype).tiny)


class Nearest:
    """Centers, labels, and the nearest wrong images met so far.

    A walk looks through the twin if there is one. Every few steps the model looks at the nearest
    images met: those it denies are dropped, and the nearest that it confirmed stand again.
    """

    def __init__(
        self,
        model: Model,
        x: Images,
        y: Labels,
        norm: Norm,
        twin: Model | None = None,
        gap: float = 0.0,
        firm: Values | float = torch.inf,
    ) -> None:
        self.model, self.twin, self.x, self.y = model, twin, x.detach(), y
        self.norm, self.gap, self.firm = norm, gap, torch.as_tensor(firm).to(x).expand(y.shape)
        self.met = self.sure = Kept(self.x, x.new_full(y.shape, torch.inf), torch.full_like(y, -1))
        self.not_finite = torch.zeros_like(y)

    def some(self, rows: Tensor) -> "Nearest":
        """Return the part of some of the examples."""
        x, y, firm = self.x[rows], self.y[rows], self.firm[rows]
        part = Nearest(self.model, x, y, self.norm, self.twin, self.gap, firm)
        part.met = Kept(*(a[rows] for a in self.met))
        part.sure = Kept(*(a[rows] for a in self.sure))
        part.not_finite = self.not_finite[rows]
        return part

    def take(self, rows: Tensor, part: "Nearest") -> None:
        """Take over what a part has met."""
        pairs = zip(self.met, part.met, strict=True)
        self.met = Kept(*(a.index_copy(0, rows, b) for a, b in pairs))
        pairs = zip(self.sure, part.sure, strict=True)
        self.sure = Kept(*(a.index_copy(0, rows, b) for a, b in pairs))
        self.not_finite = self.not_finite.index_copy(0, rows, part.not_finite)

    def seen(self, point: Images) -> Logits:
        """Return what the walk sees: the logits of the twin, or of the model if there is none."""
        return (self.twin or self.model)(point)

    def look(self, score: Score, point: Images, step: int) -> Look:
        """Keep the points met after `step` steps; return what is seen there, and the gradient."""
        logits: list[Logits] = []

        def objective(x: Images) -> Values:
            logits.append(self.seen(x))
            return score(logits[-1], self.y)

        value, gradient, finite, _ = slope(objective, point)
        z = logits[-1].detach()
        self.not_finite += ~finite & is_answer(z)  # the others are counted as they are kept
        return Look(self.keep(z, point, step), value.nan_to_num(nan=0.0), gradient)

    def keep(self, z: Logits, point: Images, step: int) -> Tensor:
        """Take over the wrong points that are nearest so far; return which points are wrong."""
        hit = firmly_wrong(z, self.y, self.gap, self.firm)
        self.not_finite += ~is_answer(z)
        self.met = self.met.or_nearer(self._kept(hit, point, torch.full_like(self.y, step)))
        if self.twin is not None and step % CONFIRM_EVERY == 0:
            self.confirm()
        return hit

    def confirm(self) -> None:
        """Let the model look at what the twin has found, and drop what it denies."""
        if self.twin is not None:
            self.met = self.sure.or_nearer(self._judged(self.met.images, self.met.step))
        self.sure = self.met

    def settle(self) -> Kept:
        """Return the nearest images that the model gets wrong, after a search of the line to x."""
        last = self.met
        self.confirm()
        for factor in FURTHER if self.twin is not None else ():
            point = torch.lerp(self.x, last.images, factor).clamp_(0.0, 1.0)
            self.sure = self.sure.or_nearer(self._judged(point, last.step))
        far = self.sure
        low, high = torch.zeros_like(far.length), far.length.nan_to_num(posinf=0.0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            new = self._judged(self.norm.project(far.images, self.x, middle), far.step)
            hit = new.length.isfinite()
            low, high = torch.where(hit, low, middle), torch.where(hit, middle, high)
            self.sure = self.sure.or_nearer(new)
        return self.sure

    def _judged(self, point: Images, step: Tensor) -> Kept:
        """Return the points that the model gets wrong."""
        with torch.no_grad():
            hit = firmly_wrong(self.model(point), self.y, self.gap, self.firm)
        return self._kept(hit, point, step)

    def _kept(self, hit: Tensor, point: Images, step: Tensor) -> Kept:
        length = self.norm.length(point, self.x)
        return Kept(point.detach(), torch.where(hit, length, torch.inf), step)


def search(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    norm: Norm,
    walk: Callable[[Nearest], None],
    twin: Model | None = None,
    gap: float = 0.0,
) -> Found:
    """Return the nearest wrong images that a walk finds, where they lie inside the ball.

    Images that the model gets wrong already are done at step 0, unchanged, and do not walk. With a
    `gap` only decisions count that are wrong by more than it, in logits.
    """
    with torch.no_grad():
        z = model(x)
    found = as_it_is(x, wrong(z, y), (~is_answer(z)).long())
    rows = found.left
    if not len(rows):
        return found
    firm = FIRM * logit_margin(z, y)[rows].abs().nan_to_num(nan=torch.inf)
    nearest = Nearest(model, x[rows], y[rows], norm, twin, gap, firm)
    with torch.no_grad():
        walk(nearest)
        kept = nearest.settle()
    inside = ball.distance(kept.images, nearest.x) <= radius(ball)
    images = torch.where(per_example(inside, nearest.x), kept.images, nearest.x)
    new = confirmed(model, nearest.x, nearest.y, images, kept.step)
    return found.merge(rows, new._replace(not_finite=nearest.not_finite))


Steps = Callable[[Score, int, int, Nearest], None]
"""A walk up a score, after so many steps done before, in so many steps."""


def two_walks(walk: Steps, steps: int) -> Callable[[Nearest], None]:
    """Return the walk up the margin, then from x again up the odds, with half of the steps each.

    The first turns to the likeliest wrong class, the second to all of them, and which of the two
    ends nearer differs from image to image.
    """
    half = (steps + 1) // 2

    def both(nearest: Nearest) -> None:
        walk(logit_margin, 0, half, nearest)
        walk(odds, half, steps - half, nearest)

    return both


def odds(z: Logits, y: Labels) -> Values:
    """Log of the odds of a wrong class, log((1 - p_y) / p_y).

    Its gradient points where that of the cross-entropy of y does, and does not vanish in rounding
    where the model is certain.
    """
    true: Values = z.gather(1, y[:, None]).squeeze(1)
    others: Values = z.scatter(1, y[:, None], -torch.inf).logsumexp(dim=1)
    return others - true


def check_steps(steps: int, gamma: float) -> None:
    """Raise `InputError` unless there is a step for each of `two_walks` and gamma is in (0, 1)."""
    if steps < 2:
        raise InputError(f"steps is {steps}", "at least 2, one a walk", "change steps")
    if not 0 < gamma < 1:
        raise InputError(f"gamma is {gamma}", "a number between 0 and 1", "change gamma")


def cosine(first: float, last: float, step: int, steps: int) -> float:
    """Return the value at a step of a schedule that falls from first to last as a cosine."""
    return last + (first - last) * (1 + math.cos(math.pi * step / steps)) / 2


def firmly_wrong(
    z: Logits, y: Labels, gap: float = 0.0, firm: Values | float = torch.inf
) -> Tensor:
    """Say where the decision is wrong by a margin above `gap`, and by more than rounding.

    The nearest wrong image stands at the boundary: 64 units in the last place of the largest logit
    keep the verdict on it the same in a batch of another size. Not more than `firm`, though: what
    rounding may do to logits of one size with a large constant, or to bfloat16, is more than what
    they decide by.
    """
    rounding = 64 * torch.finfo(z.dtype).eps * z.abs().amax(dim=1)
    rounding = rounding.nan_to_num(nan=torch.inf).minimum(torch.as_tensor(firm).to(rounding))
    return wrong(z, y) & (logit_margin(z, y) > rounding.clamp_min(gap))


def smallest(
    attack: Bound, model: Model, x: Images, y: Labels, generator: torch.Generator
) -> Values:
    """Return how far a minimum-norm attack had to go, (b,), in the norm of its ball.

    0 where the model is wrong already, inf where nothing was found inside the ball; for the bare
    distance give the attack a ball that cannot bind: Linf(1.0), L2(sqrt(d)) or L1(d) for images of
    d numbers.
    """
    found = attack.found(model, x, y, generator)
    return torch.where(found.done, attack.ball.distance(found.images, x), torch.inf)
