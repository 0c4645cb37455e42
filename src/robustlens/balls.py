"""Perturbation sets: what an adversary may do to an image.

    ball = L2(0.5)
    x_near = ball.project(x + delta, x)       # in the ball around x, and an image again
    step = ball.steepest(gradient, x)         # where a linear score grows fastest, unit length

Every set is cut with the box [0, 1], because its members must be images. In float32 a projected
point may stand outside by rounding; feasibility holds up to 1e-6 relative to max(1, eps).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from robustlens.errors import InputError, UnknownName
from robustlens.streams import Draws
from robustlens.typed import number
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


def per_example(values: Tensor, like: Points) -> Tensor:
    """Return (b,) values shaped (b, 1, ...), so that they broadcast against points like `like`."""
    return values.view(-1, *(1,) * (like.dim() - 1))


def wide(x: Tensor) -> Tensor:
    """Return x in float32 where its numbers have less: lengths overflow in half precision."""
    return x.float() if x.dtype.itemsize < 4 else x


def _unit(gradient: Points) -> Points:
    """Divide by the l2 norm; the largest entry first, so that tiny gradients do not underflow."""
    flat = gradient.flatten(1)
    flat = flat / flat.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(flat.dtype).tiny)
    length = torch.linalg.vector_norm(flat, dim=1, keepdim=True)
    return flat.div_(torch.where(length > 0, length, 1.0)).view_as(gradient)


if TYPE_CHECKING:
    Radius = float
else:
    Radius = Any
"""A real number: from Python, numpy, fractions, or a tensor of one. Balls keep it as a float."""


def checked_radius(eps: Any) -> float:
    """Return a radius as a float, from any real number or a tensor or array of one number.

    Raises:
        InputError: it is no real number (a truth value is none), not finite, or negative.
    """
    try:
        value = eps.item() if hasattr(eps, "item") else eps
        whole = isinstance(value, Real) and not isinstance(value, bool)
        found = float(value) if whole else math.nan
    except (RuntimeError, TypeError, ValueError, OverflowError):  # several numbers, or a huge one
        found = math.nan
    if not (math.isfinite(found) and found >= 0):
        raise InputError(
            f"eps is {eps!r}", "a finite number >= 0 such as 0.5 or 8/255", "change eps"
        )
    return found


@dataclass(frozen=True)
class Linf:
    """All points whose every pixel is within `eps` of the center's (eps in [0, 1] units)."""

    eps: Radius

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", checked_radius(self.eps))

    def __str__(self) -> str:
        return f"linf eps {written(self.eps)}"

    def project(self, x: Points, center: Points) -> Points:
        """Clip to the cube and to the box: the exact Euclidean projection."""
        return torch.clamp(x, *self.walls(center))

    def walls(self, center: Points) -> tuple[Points, Points]:
        """Return the least and the greatest value that every pixel may have."""
        return (center - self.eps).clamp_min_(0.0), (center + self.eps).clamp_max_(1.0)

    def steepest(self, gradient: Points, x: Points) -> Points:
        """Return the sign of the gradient (dual norm l1)."""
        return gradient.sign()

    def sample(self, center: Points, generator: torch.Generator) -> Points:
        """Return a uniform point of the cube, clipped to the box."""
        drawn = Draws.of(center, generator).uniform(*center.shape[1:])
        offset = drawn.mul_(2.0).sub_(1.0).mul_(self.eps)
        return offset.add_(center).clamp_(0.0, 1.0).to(center.dtype)

    def distance(self, x: Points, center: Points) -> Values:
        """Return the largest absolute difference."""
        return (wide(x) - wide(center)).flatten(1).abs().amax(dim=1)


MANY = 2**15
"""The squares of so many numbers, summed in one go in float32, may lose the seventh digit."""


def _by_parts(delta: Points, length: Values, tolerance: float) -> Values:
    """Return l2 lengths, summed again row by row of pixels where they are too short."""
    rows = torch.linalg.vector_norm(delta, dim=-1).flatten(1)
    better = torch.linalg.vector_norm(rows, dim=1)
    return torch.where(length < (1 - tolerance) * better, better, length)


@dataclass(frozen=True)
class L2:
    """All points within Euclidean distance `eps` of the center."""

    eps: Radius

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", checked_radius(self.eps))

    def __str__(self) -> str:
        return f"l2 eps {written(self.eps)}"

    def project(self, x: Points, center: Points) -> Points:
        """Shorten the difference to `eps` where it is longer, then clip to the box.

        Feasible and idempotent, but where the box cuts it is not the Euclidean projection on the
        intersection: that would need an iteration, and no attack is stronger for it.
        """
        delta = wide(x) - wide(center)
        length = torch.linalg.vector_norm(delta.flatten(1), dim=1)
        if delta.dtype == torch.float32 and self.eps > 0.5 and delta[:1].numel() > MANY:
            length = _by_parts(delta, length, 8e-7 * max(1.0, 1.0 / self.eps))
        factor = torch.where(length > self.eps, self.eps / length, 1.0)
        return delta.mul_(per_example(factor, x)).add_(center).clamp_(0.0, 1.0).to(x.dtype)

    def steepest(self, gradient: Points, x: Points) -> Points:
        """Return gradient / ||gradient||_2 per example; a zero gradient gives a zero step."""
        return _unit(gradient)

    def sample(self, center: Points, generator: torch.Generator) -> Points:
        """Return a uniform point of the ball (not of its sphere), clipped to the box."""
        draws = Draws.of(center, generator)
        radius = draws.uniform() ** (1 / center.flatten(1).shape[1])
        direction = _unit(draws.normal(*center.shape[1:]))
        offset = direction * per_example(self.eps * radius, center)
        return (center + offset).clamp_(0.0, 1.0).to(center.dtype)

    def distance(self, x: Points, center: Points) -> Values:
        """Return the Euclidean distance."""
        length: Values = torch.linalg.vector_norm((wide(x) - wide(center)).flatten(1), dim=1)
        return length


@dataclass(frozen=True)
class L1:
    """All points whose absolute differences from the center sum to at most `eps`.

    Projection and step are those of the ball cut with the box, both exact; with the bare l1 ball
    attacks stall at saturated pixels (Croce & Hein 2021, "Mind the box", section 3).
    """

    eps: Radius

    def __post_init__(self) -> None:
        object.__setattr__(self, "eps", checked_radius(self.eps))

    def __str__(self) -> str:
        return f"l1 eps {written(self.eps)}"

    def project(self, x: Points, center: Points) -> Points:
        """Return the exact Euclidean projection on the intersection of ball and box.

        It has the form sign(d) * clip(|d| - t, 0, room) with d = x - center, `room` the distance
        to the wall of the box, and t >= 0 the smallest threshold for which the sum fits. That sum
        is piecewise linear in t, with a kink at each |d| and each |d| - room.
        """
        start = wide(center).flatten(1)
        d = wide(x).flatten(1) - start
        size, room = d.abs(), torch.where(d > 0, 1.0 - start, start)
        threshold = _threshold(size, room, self.eps)
        moved = (size - threshold).clamp_min_(0.0).minimum(room)
        total = moved.sum(dim=1, keepdim=True)  # far points lose digits in size - threshold
        moved *= torch.where(total > self.eps, self.eps / total, 1.0)
        found = _rounded_inside(moved.copysign(d).add_(start).clamp_(0.0, 1.0), start, self.eps)
        slack = 4 * torch.finfo(d.dtype).eps * self.eps  # of a sum in this precision
        inside = size.minimum(room).sum(dim=1, keepdim=True) <= self.eps + slack
        return torch.where(inside, x.flatten(1).clamp(0.0, 1.0), found).view_as(x).to(x.dtype)

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

    def distance(self, x: Points, center: Points) -> Values:
        """Return the sum of absolute differences."""
        return (wide(x) - wide(center)).flatten(1).abs().sum(dim=1)


def _rounded_inside(points: Tensor, start: Tensor, eps: float) -> Tensor:
    """Return rows whose l1 distance from `start` exceeds eps by rounding, brought back to eps.

    Numbers are rounded as they are stored, and the errors of many pixels add up. As many pixels
    as the excess asks for, from the first, go to the next number on the way to `start`.
    """
    excess = (points - start).abs_().sum(dim=1, keepdim=True) - eps
    nearer = torch.nextafter(points, start)
    saved = (points - nearer).abs_()
    before = saved.cumsum(dim=1).sub_(saved)
    return torch.where(before < excess, nearer, points)


def _threshold(size: Tensor, room: Tensor, eps: float) -> Tensor:
    """Return per row the least t >= 0 with sum(clip(size - t, 0, room)) <= eps, as (b, 1)."""
    kinks = torch.cat([size, size - room], dim=1)
    kinks, order = kinks.sort(dim=1, descending=True)
    rising = order < size.shape[1]  # from the upper kink of a pixel on it is on the slope
    count = torch.where(rising, 1.0, -1.0).to(size).cumsum(dim=1)  # so many below each kink
    gaps = kinks[:, :-1] - kinks[:, 1:]
    total = torch.nn.functional.pad((count[:, :-1] * gaps).cumsum(dim=1), (1, 0))  # sum at kinks
    last = ((total <= eps).sum(dim=1, keepdim=True) - 1).clamp_min(0)  # lowest kink that fits
    slope = count.gather(1, last)
    t = kinks.gather(1, last) - (eps - total.gather(1, last)) / slope.clamp_min(1.0)
    return torch.where(slope > 0, t, -torch.inf).clamp_min(0.0)


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
        return _unit(gradient)

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
    low, high = ball.walls(center)
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


def written(eps: float) -> str:
    """Return a radius as people write it: 0.5, 1.5 or 8/255; `parse_eps` reads it back."""
    short, levels = f"{eps:g}", eps * 255
    whole = len(short) > 5 and abs(levels - round(levels)) < 1e-6 * levels
    return f"{round(levels)}/255" if whole else short


def parse_eps(text: Radius | str) -> float:
    """Return a radius in [0, 1] pixel units, from a number or from text such as "8/255".

    Raises:
        InputError: the text is no number or fraction, divides by zero, or is negative.
    """
    if not isinstance(text, str):
        return checked_radius(text)
    try:
        value = number(text)
    except ValueError:
        raise InputError(
            f"eps is {text!r}", "a number >= 0 or a fraction such as 8/255", "change eps"
        ) from None
    return checked_radius(value)
