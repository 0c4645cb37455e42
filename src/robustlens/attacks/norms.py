"""The three norms with a radius of its own for each image, as minimum-norm attacks need them.

norm = norm_of(ball, (Linf, L2))          # refuses other balls
point = norm.project(moved, x, radius)    # radius (b,)
reach = value / norm.dual(gradient)       # how far a linear score has to go
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from robustlens.balls import L1, L2, Ball, Linf, per_example
from robustlens.errors import InputError
from robustlens.types import Points, Values

HALVINGS = 30
"""Of the interval that holds the threshold of an l1 projection: to 1e-9 of the largest pixel."""


class Norm(ABC):
    """A norm of perturbations, and its balls cut with the box, one radius an image."""

    order: float

    def length(self, x: Points, center: Points) -> Values:
        """Return the distance of each point from its center."""
        length: Values = torch.linalg.vector_norm((x - center).flatten(1), ord=self.order, dim=1)
        return length

    def dual(self, gradient: Points) -> Values:
        """Return the dual norm: the change of a linear score along the best step of length 1."""
        order = {1.0: math.inf, 2.0: 2.0, math.inf: 1.0}[self.order]
        flat = gradient.flatten(1)
        length: Values = torch.linalg.vector_norm(flat, ord=order, dim=1)
        return length if order == math.inf else _rescued(length, flat, order)

    def corner(self, center: Points) -> Values:
        """Return the distance of the corner of the box that is farthest from each center."""
        return self.length((center < 0.5).to(center), center)

    def steepest(self, gradient: Points) -> Points:
        """Return a step along the gradient: in l-inf its signs, in l2 of length 1."""
        return L2(0.0).steepest(gradient, gradient)

    @abstractmethod
    def project(self, x: Points, center: Points, radius: Values) -> Points:
        """Return points within `radius` (b,) of their centers and in the box; near x."""


class Max(Norm):
    """l-inf."""

    order = math.inf

    def steepest(self, gradient: Points) -> Points:
        """Return the signs of the gradient."""
        return gradient.sign()

    def project(self, x: Points, center: Points, radius: Values) -> Points:
        """Clip every pixel."""
        size = per_example(radius, x)
        return x.clamp(center - size, center + size).clamp_(0.0, 1.0)


class Euclid(Norm):
    """l2."""

    order = 2.0

    def project(self, x: Points, center: Points, radius: Values) -> Points:
        """Shorten what is too long, then clip to the box."""
        factor = (radius / self.length(x, center).clamp_min(1e-12)).clamp_max(1.0)
        return torch.addcmul(center, x - center, per_example(factor, x)).clamp_(0.0, 1.0)


class Sum(Norm):
    """l1."""

    order = 1.0

    def steepest(self, gradient: Points) -> Points:
        """Return a step of l2 length 1 along sign(g) * g^2: large entries are cheapest in l1."""
        scaled = L2(0.0).steepest(gradient, gradient)  # so that squares do not underflow
        return L2(0.0).steepest(scaled * scaled.abs(), scaled)

    def project(self, x: Points, center: Points, radius: Values) -> Points:
        """Project on the intersection of ball and box: sign(d) * clip(|d| - t, 0, room).

        The threshold t is found by halving an interval, for all images at once.
        """
        d, start, most = (x - center).flatten(1), center.flatten(1), radius[:, None]
        size, room = d.abs(), torch.where(d > 0, 1.0 - start, start)

        def kept(threshold: Tensor) -> Tensor:
            return (size - threshold).clamp_min_(0.0).minimum(room)

        low, high = torch.zeros_like(most), size.amax(dim=1, keepdim=True)
        fits = kept(low).sum(dim=1, keepdim=True) <= most
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            enough = kept(middle).sum(dim=1, keepdim=True) <= most
            low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
        moved = kept(torch.where(fits, 0.0, high)).copysign(d)
        return (start + moved).clamp_(0.0, 1.0).view_as(x)


def _rescued(length: Values, flat: Tensor, order: float) -> Values:
    """Return lengths of rows; where squares or sums leave the range of floats, measured in units.

    The unit is the largest entry of a row. A length above the largest float becomes that one.
    """
    info = torch.finfo(flat.dtype)
    odd = ~((length > math.sqrt(info.tiny) / info.eps) & (length < torch.inf))
    if odd.device.type == "cpu" and not odd.any():  # a look costs nothing here, and saves a pass
        return length
    unit = flat.abs().amax(dim=1, keepdim=True).clamp_min(info.tiny)
    again: Tensor = torch.linalg.vector_norm(flat / unit, ord=order, dim=1)
    return torch.where(odd, (again * unit[:, 0]).clamp_max(info.max), length)


def norm_of(ball: Ball, known: Sequence[type[Ball]]) -> Norm:
    """Return the norm of a ball.

    Raises:
        InputError: the ball is not of one of the `known` types.
    """
    if type(ball) not in known:
        names = ", ".join(kind.__name__ for kind in known)
        raise InputError(f"the ball {ball}", f"one of {names}", "change the ball or the attack")
    norms: dict[type[Ball], type[Norm]] = {Linf: Max, L2: Euclid, L1: Sum}
    return norms[type(ball)]()
