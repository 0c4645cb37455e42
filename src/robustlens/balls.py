"""Perturbation sets: what an adversary may do to an image.

    ball = L2(0.5)
    x_near = ball.project(x + delta, x)       # in the ball around x, and an image again
    step = ball.steepest(gradient, x)         # where a linear score grows fastest, unit length

Every set is cut with the box [0, 1], because its members must be images. In float32 a projected
point may stand outside by rounding; feasibility holds up to 1e-6 relative to max(1, eps).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from robustlens.errors import InputError, UnknownName
from robustlens.norms import NORMS, Norm, per_example, unit, walls, wide
from robustlens.radii import Radius, checked_radius, parse_eps, written
from robustlens.streams import Draws
from robustlens.types import Points, Values


@runtime_checkable
class Ball(Protocol):
    """A set of allowed points around a center; see the functions for what each promises."""

    def project(self, x: Points, center: Points) -> Points:
        """Return a point of the set near `x`: feasible, in [0, 1], and idempotent."""
        ...

    def steepest(self, gradient: Points, x: Points) -> Points:
        """Return the unit step from `x` along which a linear score grows most; 0 for gradient 0."""
        ...

    def sample(self, center: Points, generator: torch.Generator) -> Points:
        """Return a random point of the set: uniform in the ball, then cut with the box."""
        ...

    def distance(self, x: Points, center: Points) -> Values:
        """Return the distance of each point from its center, in the norm of the ball."""
        ...


@dataclass(frozen=True)
class NormBall:
    """All points within `eps` of the center, in a norm: what `Linf`, `L2` and `L1` share."""

    eps: Radius
    norm: ClassVar[Norm]

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", checked_radius(self.eps))

    def __str__(self) -> str:
        return f"{self.norm.name} eps {written(self.eps)}"

    def project(self, x: Points, center: Points) -> Points:
        """Return the projection of the norm: exact in linf and l1, see `norms`."""
        return self.norm.project(x, center, self.eps)

    def distance(self, x: Points, center: Points) -> Values:
        """Return the distance in the norm."""
        return self.norm.length(x, center)


@dataclass(frozen=True)
class Linf(NormBall):
    """All points whose every pixel is within `eps` of the center's (eps in [0, 1] units)."""

    norm = NORMS["linf"]

    def steepest(self, gradient: Points, x: Points) -> Points:
        """Return the sign of the gradient (dual norm l1)."""
        return self.norm.direction(gradient)

    def sample(self, center: Points, generator: torch.Generator) -> Points:
        """Return a uniform point of the cube, clipped to the box."""
        drawn = Draws.of(center, generator).uniform(*center.shape[1:])
        offset = drawn.mul_(2.0).sub_(1.0).mul_(self.eps)
        return offset.add_(center).clamp_(0.0, 1.0).to(center.dtype)


@dataclass(frozen=True)
class L2(NormBall):
    """All points within Euclidean distance `eps` of the center."""

    norm = NORMS["l2"]

    def steepest(self, gradient: Points, x: Points) -> Points:
        """Return gradient / ||gradient||_2 per example; a zero gradient gives a zero step."""
        return self.norm.direction(gradient)

    def sample(self, center: Points, generator: torch.Generator) -> Points:
        """Return a uniform point of the ball (not of its sphere), clipped to the box."""
        draws = Draws.of(center, generator)
        radius = draws.uniform() ** (1 / center.flatten(1).shape[1])
        direction = unit(draws.normal(*center.shape[1:]))
        offset = direction * per_example(self.eps * radius, center)
        return (center + offset).clamp_(0.0, 1.0).to(center.dtype)


@dataclass(frozen=True)
class L1(NormBall):
    """All points whose absolute differences from the center sum to at most `eps`.

    Projection and step are those of the ball cut with the box, both exact; with the bare l1 ball
    attacks stall at saturated pixels (Croce & Hein 2021, "Mind the box", section 3).
    """

    norm = NORMS["l1"]

    def steepest(self, gradient: Points, x: Points) -> Points:
        """Return the step of l1 length 1 that a budget of `eps` spends best, scaled by 1 / eps.

        The budget goes to the pixels of the largest |gradient| first, each up to its wall: the
        exact maximiser of a linear score over all steps of length eps that stay images.
        """
        g = wide(gradient).flatten(1)
        start = wide(x).flatten(1)
        room = torch.where(g > 0, 1.0 - start, start).clamp_min(0.0) / max(self.eps, 1e-12)
        order = g.abs().argsort(dim=1, descending=True)
        wanted = room.gather(1, order) * (g != 0).gather(1, order)
        before = wanted.cumsum(dim=1) - wanted
        spent = torch.minimum(wanted, (1.0 - before).clamp_min(0.0))
        step = torch.zeros_like(g).scatter_(1, order, spent).mul_(g.sign())
        return step.view_as(x).to(gradient.dtype)

    def sample(self, center: Points, generator: torch.Generator) -> Points:
        """Return a uniform point of the ball, clipped to the box.

        Of d + 1 exponential draws the first d, divided by the sum of all, are uniform in the
        simplex; random signs spread them over the ball.
        """
        flat = wide(center).flatten(1)
        draws = Draws.of(center, generator)
        waits = -torch.log1p(-draws.uniform(flat.shape[1] + 1))
        share = waits[:, :-1] / waits.sum(dim=1, keepdim=True)
        signs = draws.uniform(flat.shape[1]).sub_(0.5).sign_()
        moved = (flat + self.eps * share * signs).clamp_(0.0, 1.0)
        return moved.view_as(center).to(center.dtype)


@dataclass(frozen=True)
class Box:
    """All images: only the walls 0 and 1 of the pixel range bind. Distances are Euclidean."""

    def __str__(self) -> str:
        return "box"

    def project(self, x: Points, center: Points) -> Points:
        """Clip to [0, 1]."""
        return x.clamp(0.0, 1.0)

    def steepest(self, gradient: Points, x: Points) -> Points:
        """Return gradient / ||gradient||_2 per example."""
        return unit(gradient)

    def sample(self, center: Points, generator: torch.Generator) -> Points:
        """Return a uniform image, wherever the center is."""
        return Draws.of(center, generator).uniform(*center.shape[1:]).to(center.dtype)

    def distance(self, x: Points, center: Points) -> Values:
        """Return the Euclidean distance."""
        return L2(0.0).distance(x, center)


@dataclass(frozen=True, eq=False)
class Masked:
    """The part of `ball` that leaves every pixel outside `mask` as it is in the center.

    `mask` is boolean and broadcasts against the images, (h, w) or (b, 1, h, w) for instance.
    Samples are those of `ball` restricted to the mask: feasible, not uniform.
    """

    ball: Ball
    mask: Tensor

    def __post_init__(self) -> None:
        if self.mask.dtype != torch.bool:
            raise InputError(
                f"a mask of {self.mask.dtype}",
                "a boolean tensor, True where pixels may change",
                "pass mask > 0",
            )

    def __str__(self) -> str:
        return f"{self.ball} on {int(self.mask.sum())} masked pixels"

    def project(self, x: Points, center: Points) -> Points:
        """Put the pixels outside the mask back, then project on `ball`."""
        return self.ball.project(torch.where(self.mask, x, center), center)

    def steepest(self, gradient: Points, x: Points) -> Points:
        """Return the step of `ball` for the gradient inside the mask."""
        return self.ball.steepest(torch.where(self.mask, gradient, 0.0), x)

    def sample(self, center: Points, generator: torch.Generator) -> Points:
        """Return a sample of `ball`, with the center outside the mask."""
        return torch.where(self.mask, self.ball.sample(center, generator), center)

    def distance(self, x: Points, center: Points) -> Values:
        """Return the distance of `ball`."""
        return self.ball.distance(x, center)


@dataclass(frozen=True)
class Around:
    """The projection of a ball around a `center` that is given already."""

    center: Points
    onto: Callable[[Points], Points]

    def __call__(self, x: Points) -> Points:
        """Return the projection of x."""
        return self.onto(x)


def around(ball: Ball, center: Points) -> Around:
    """Return the projection of the ball around `center`; what all calls share is done once."""
    if type(ball) is not Linf:
        return Around(center, partial(ball.project, center=center))
    low, high = walls(center, ball.eps)
    return Around(center, partial(torch.clamp, min=low, max=high))


def rows_of(ball: Ball, rows: Tensor) -> Ball:
    """Return the ball for some of the images: only a mask of one row an image is cut."""
    if not isinstance(ball, Masked):
        return ball
    own = ball.mask.dim() == 4 and len(ball.mask) > 1
    return Masked(rows_of(ball.ball, rows), ball.mask[rows] if own else ball.mask)


def unmasked(ball: Ball) -> Ball:
    """Return the ball under any masks."""
    while isinstance(ball, Masked):
        ball = ball.ball
    return ball


def inside(ball: Ball, gradient: Points) -> Points:
    """Return the gradient with 0 where a mask of the ball forbids any change."""
    while isinstance(ball, Masked):
        gradient = torch.where(ball.mask, gradient, 0.0)
        ball = ball.ball
    return gradient


def radius(ball: Ball) -> float:
    """Return eps of a norm ball, also under a mask; raise `InputError` where there is none."""
    inner = unmasked(ball)
    if not hasattr(inner, "eps"):
        raise InputError(
            f"{ball} has no eps", "a ball with a radius: Linf, L2 or L1", "change the ball or rule"
        )
    return float(inner.eps)


def widened(ball: Ball, factor: float) -> Ball:
    """Return the same ball with its radius times `factor`, also under masks."""
    if isinstance(ball, Masked):
        return Masked(widened(ball.ball, factor), ball.mask)
    return replace(ball, eps=factor * radius(ball))  # type: ignore[type-var]


BALLS: dict[str, Callable[[float], Linf | L2 | L1]] = {"linf": Linf, "l2": L2, "l1": L1}
"""The norm balls by the names a command line uses."""


def ball(norm: str, eps: Radius | str) -> Linf | L2 | L1:
    """Return the ball of a norm named in `BALLS`, with eps a number or text such as "8/255".

    Raises:
        InputError: the norm is unknown, or eps is no finite number >= 0, or above 1 for linf.
    """
    if norm not in BALLS:
        raise UnknownName("norm", norm, BALLS)
    value = parse_eps(eps)
    if norm == "linf" and value > 1:
        raise InputError(
            f"eps {eps} for linf",
            "at most 1, for pixels are in [0, 1]",
            f"did you mean {value:g}/255?",
        )
    return BALLS[norm](value)


def norm_of(ball: Ball, known: Sequence[type[Ball]]) -> Norm:
    """Return the norm of a ball.

    Raises:
        InputError: the ball is not of one of the `known` types.
    """
    if type(ball) not in known or not isinstance(ball, NormBall):
        names = ", ".join(kind.__name__ for kind in known)
        raise InputError(f"the ball {ball}", f"one of {names}", "change the ball or the attack")
    return ball.norm
