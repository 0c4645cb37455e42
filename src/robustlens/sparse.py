"""Steps for l1: a few pixels at a time, all by as much. Few, because in l1 one pixel is the price.

    ascend(objective, x, L1(12.0), SparseSteepest(0.6), steps=40)
    ascend(objective, x, L1(12.0), SparseAutoStep(), steps=100)     # learns how few, and how far

The exact step of `L1` puts all on the pixel of the steepest slope, which is right for a linear
score and for one step only: a net bends, and a walk of such steps visits one pixel after another.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.balls import Around, Ball, inside, radius
from robustlens.errors import InputError
from robustlens.norms import per_example
from robustlens.rules import Project
from robustlens.types import Points, Values

WALL = 1e-6
"""A pixel as near as this to the wall of [0, 1] stands at it: rounding may leave it before."""


def sparse_step(gradient: Points, x: Points, count: Tensor) -> Points:
    """Return a step of l1 length 1: the signs of the `count` (b,) largest |slopes| that are free.

    A pixel at the wall of [0, 1] that its slope points to is not free. At least one pixel moves,
    and all that tie with the last one; a zero gradient gives a zero step.
    """
    g, at = gradient.flatten(1), x.flatten(1)
    g = torch.where((g > 0) & (at >= 1.0 - WALL) | (g < 0) & (at <= WALL), 0.0, g)
    size = g.abs()
    place = count.long().clamp(1, g.shape[1])[:, None] - 1
    least = size.sort(dim=1, descending=True).values.gather(1, place)
    signs = g.sign().mul_(size >= least)
    return (signs / signs.abs().sum(dim=1, keepdim=True).clamp_min(1.0)).view_as(x)


@dataclass(frozen=True)
class SparseSteepest:
    """Steps of a fixed l1 length along the signs of a share of the pixels, the steepest ones.

    Source: Tramèr & Boneh 2019, Algorithm 1 (sparse l1 descent, with their share of 1 %).
    """

    step_size: float
    share: float = 0.01

    def __post_init__(self) -> None:
        for name, value in (("step_size", self.step_size), ("share", self.share)):
            if not value > 0:
                raise InputError(f"{name} is {value!r}", "a number > 0", f"change {name}")

    def init(self, x: Points, ball: Ball, steps: int) -> None:
        """Return None: nothing is remembered."""

    def update(
        self, x: Points, gradient: Points, value: Values, state: None, project: Project, ball: Ball
    ) -> tuple[Points, None]:
        """Return project(x + step_size * sparse_step(gradient))."""
        count = torch.full_like(value, self.share * x[:1].numel()).ceil()
        step = sparse_step(inside(ball, gradient), x, count)
        return project(torch.add(x, step, alpha=self.step_size)), None


class SparseState(NamedTuple):
    """What l1 Auto-PGD remembers; tensors have one entry, or one image, per example."""

    step_size: Values
    moving: Values
    support: Values
    best: Points
    best_gradient: Points
    best_value: Values
    step: int
    every: int


@dataclass(frozen=True)
class SparseAutoStep:
    """l1 Auto-PGD: how many pixels move, and how far, follow from the best point; none to choose.

    Each example moves 1 / 1.5 times as many pixels as its best point has changed (a fifth of all
    where the walk starts at the center), by steps of length eps at first. Every 4 % of the steps
    both are set anew: where the best point has become sparser by 5 % and more, the step is eps
    again and the walk goes on from the best point; else the step is divided by 1.5, down to
    eps / 10. There is no momentum.
    Source: Croce & Hein 2021 ("Mind the box"), section 3.2 and Algorithm 1, with two departures:
    pixels that the box holds back are left out of the step, and the check comes as soon as a
    point is scored, as in the authors' code. Needs a ball with an `eps`, and the center, which
    `ascend` hands over with the projection.
    """

    def init(self, x: Points, ball: Ball, steps: int) -> SparseState:
        """Return the state at a start `x`; raise `InputError` for a ball without a radius."""
        low = torch.full_like(x.flatten(1)[:, 0], -torch.inf)
        return SparseState(
            step_size=torch.full_like(low, radius(ball)),
            moving=low,
            support=low,
            best=x,
            best_gradient=torch.zeros_like(x),
            best_value=low,
            step=0,
            every=max(4 * steps // 100, 1),
        )

    def update(
        self,
        x: Points,
        gradient: Points,
        value: Values,
        state: SparseState,
        project: Project,
        ball: Ball,
    ) -> tuple[Points, SparseState]:
        """Return the sparse step from x, or from the best point where that became sparser."""
        assert isinstance(project, Around)
        better = value > state.best_value
        pick = per_example(better, x)
        state = state._replace(
            best=torch.where(pick, x, state.best),
            best_gradient=torch.where(pick, gradient, state.best_gradient),
            best_value=torch.where(better, value, state.best_value),
        )
        if state.step == 0:
            state = _begun(x, state, project.center)
        elif state.step % state.every == 0:
            x, gradient, state = _checked(x, gradient, state, project.center, radius(ball))
        step = sparse_step(inside(ball, gradient), x, state.moving)
        moved = project(torch.addcmul(x, per_example(state.step_size, x), step))
        return moved, state._replace(step=state.step + 1)


def _changed(x: Points, center: Points) -> Values:
    """Return how many pixels differ from the center, (b,), in the dtype of x."""
    return (x != center).flatten(1).sum(dim=1).to(x)


def _begun(x: Points, state: SparseState, center: Points) -> SparseState:
    """Set the number of pixels by those that the start has changed."""
    support, whole = _changed(x, center), float(x[:1].numel())
    still = support == 0
    return state._replace(
        moving=torch.where(still, 0.2 * whole, support / 1.5),
        support=torch.where(still, whole, support),
    )


def _checked(
    x: Points, gradient: Points, state: SparseState, center: Points, eps: float
) -> tuple[Points, Points, SparseState]:
    """Set number and length of the step anew, and go back to the best point if it is sparser."""
    support = _changed(state.best, center)
    sparser = support < 0.95 * state.support
    pick = per_example(sparser, x)
    shorter = (state.step_size / 1.5).clamp_min(eps / 10)
    state = state._replace(
        step_size=torch.where(sparser, eps, shorter), moving=support / 1.5, support=support
    )
    x = torch.where(pick, state.best, x)
    return x, torch.where(pick, state.best_gradient, gradient), state
