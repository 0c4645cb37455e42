"""The three norms of changes: lengths, duals, directions, and the nearest points of a ball.

    norm = NORMS["l1"]
    point = norm.project(x, center, 12.0)        # or radii (b,), a radius an image
    far = value.abs() / norm.dual(gradient)      # how far a linear score has to go

A ball is a norm with one radius (`balls`); minimum-norm attacks give every image its own. Points
are put back into the box [0, 1] as well. In float32 one may stand outside by rounding, by 1e-6
relative to max(1, eps) at most.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from robustlens.types import Points, Values

MANY = 2**15
"""The squares of so many numbers, summed in one go in float32, may lose the seventh digit."""


def per_example(values: Tensor, like: Points) -> Tensor:
    """Return (b,) values shaped (b, 1, ...), so that they broadcast against points like `like`."""
    return values.view(-1, *(1,) * (like.dim() - 1))


def wide(x: Tensor) -> Tensor:
    """Return x in float32 where its numbers have less: lengths overflow in half precision."""
    return x.float() if x.dtype.itemsize < 4 else x


def unit(gradient: Points) -> Points:
    """Divide by the l2 norm; the largest entry first, so that tiny gradients do not underflow."""
    flat = gradient.flatten(1)
    flat = flat / flat.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(flat.dtype).tiny)
    length = torch.linalg.vector_norm(flat, dim=1, keepdim=True)
    return flat.div_(torch.where(length > 0, length, 1.0)).view_as(gradient)


class Norm(ABC):
    """A norm of changes. `eps` is a radius for all images, or a tensor (b,) of one for each."""

    name: str
    order: float

    @abstractmethod
    def size(self, d: Tensor) -> Tensor:
        """Return the norm along the last dimension."""

    @abstractmethod
    def direction(self, gradient: Points) -> Points:
        """Return a direction of ascent as attacks walk it; 0 for gradient 0."""

    @abstractmethod
    def project(self, x: Points, center: Points, eps: float | Values) -> Points:
        """Return points within `eps` of their centers and in the box, near x; idempotent."""

    @abstractmethod
    def widest(self, pixels: int) -> float:
        """Return the distance of a black and a white image: a radius that covers the box."""

    def length(self, x: Points, center: Points) -> Values:
        """Return the distance of each point from its center."""
        return self.size((wide(x) - wide(center)).flatten(1))

    def corner(self, center: Points) -> Values:
        """Return the distance of the corner of the box that is farthest from each center."""
        return self.length((center < 0.5).to(center), center)

    def dual(self, gradient: Points) -> Values:
        """Return the dual norm: the change of a linear score along the best step of length 1."""
        order = {1.0: math.inf, 2.0: 2.0, math.inf: 1.0}[self.order]
        flat = gradient.flatten(1)
        length: Values = torch.linalg.vector_norm(flat, ord=order, dim=1)
        return length if order == math.inf else _rescued(length, flat, order)


class Max(Norm):
    """l-inf."""

    name = "linf"
    order = math.inf

    def size(self, d: Tensor) -> Tensor:
        """Return the largest |entry| along the last dimension."""
        return d.abs().amax(dim=-1)

    def direction(self, gradient: Points) -> Points:
        """Return the signs of the gradient: the steepest step of length 1."""
        return gradient.sign()

    def project(self, x: Points, center: Points, eps: float | Values) -> Points:
        """Clip to the cube and to the box: the exact Euclidean projection."""
        return torch.clamp(x, *walls(center, eps))

    def widest(self, pixels: int) -> float:
        """Return 1."""
        return 1.0


class Euclid(Norm):
    """l2."""

    name = "l2"
    order = 2.0

    def size(self, d: Tensor) -> Tensor:
        """Return the Euclidean length along the last dimension."""
        length: Tensor = torch.linalg.vector_norm(d, dim=-1)
        return length

    def direction(self, gradient: Points) -> Points:
        """Return gradient / ||gradient||_2: the steepest step of length 1."""
        return unit(gradient)

    def project(self, x: Points, center: Points, eps: float | Values) -> Points:
        """Shorten the difference to `eps` where it is longer, then clip to the box.

        Feasible and idempotent, but where the box cuts it is not the Euclidean projection on the
        intersection: that would need an iteration, and no attack is stronger for it.
        """
        delta = wide(x) - wide(center)
        length = torch.linalg.vector_norm(delta.flatten(1), dim=1)
        large = isinstance(eps, Tensor) or eps > 0.5
        if delta.dtype == torch.float32 and large and delta[:1].numel() > MANY:
            length = _by_parts(delta, length, eps)
        factor = per_example(torch.where(length > eps, eps / length, 1.0), x)
        if isinstance(eps, Tensor):  # rounded once: attacks with radii of their own measure lengths
            return torch.addcmul(wide(center), delta, factor).clamp_(0.0, 1.0).to(x.dtype)
        return delta.mul_(factor).add_(center).clamp_(0.0, 1.0).to(x.dtype)

    def widest(self, pixels: int) -> float:
        """Return the root of the number of pixels."""
        return math.sqrt(pixels)


class Sum(Norm):
    """l1."""

    name = "l1"
    order = 1.0

    def size(self, d: Tensor) -> Tensor:
        """Return the sum of |entries| along the last dimension."""
        return d.abs().sum(dim=-1)

    def direction(self, gradient: Points) -> Points:
        """Return a step of l2 length 1 along sign(g) * g^2: large entries are cheapest in l1.

        The steepest step moves one pixel, and a walk of such steps one pixel after another.
        """
        scaled = unit(gradient)  # so that squares do not underflow
        return unit(scaled * scaled.abs())

    def project(self, x: Points, center: Points, eps: float | Values) -> Points:
        """Return the exact Euclidean projection on the intersection of ball and box.

        It has the form sign(d) * clip(|d| - t, 0, room) with d = x - center, `room` the distance
        to the wall of the box, and t >= 0 the smallest `threshold` for which the sum fits.
        """
        most = eps[:, None] if isinstance(eps, Tensor) else eps
        start = wide(center).flatten(1)
        d = wide(x).flatten(1) - start
        size, room = d.abs(), torch.where(d > 0, 1.0 - start, start)
        moved = shrunk(size, room, threshold(size, room, most))
        total = moved.sum(dim=1, keepdim=True)  # far points lose digits in size - threshold
        moved *= torch.where(total > most, most / total, 1.0)
        found = _rounded_inside(moved.copysign(d).add_(start).clamp_(0.0, 1.0), start, most)
        slack = 4 * torch.finfo(d.dtype).eps * most  # of a sum in this precision
        inside = size.minimum(room).sum(dim=1, keepdim=True) <= most + slack
        return torch.where(inside, x.flatten(1).clamp(0.0, 1.0), found).view_as(x).to(x.dtype)

    def widest(self, pixels: int) -> float:
        """Return the number of pixels."""
        return float(pixels)


NORMS: dict[str, Norm] = {norm.name: norm for norm in (Max(), Euclid(), Sum())}
"""The norms by the names a command line uses."""


def walls(center: Points, eps: float | Values) -> tuple[Points, Points]:
    """Return the least and the greatest value that every pixel of an l-inf ball may have."""
    size = per_example(eps, center) if isinstance(eps, Tensor) else eps
    return (center - size).clamp_min_(0.0), (center + size).clamp_max_(1.0)


def shrunk(size: Tensor, room: Tensor, by: Tensor) -> Tensor:
    """Return |changes| (b, d) less a threshold (b, 1), each from 0 to the room it has."""
    return (size - by).clamp_min_(0.0).minimum(room)


def threshold(size: Tensor, room: Tensor, eps: float | Tensor) -> Tensor:
    """Return per row the least t >= 0 with sum(clip(size - t, 0, room)) <= eps, as (b, 1).

    The sum falls with t and is piecewise linear, with a kink at each size and each size - room.
    One radius for all: the kinks are sorted, which is exact to the last digit, for in l1 a walk of
    sparse steps turns on which pixels tie. Radii (b, 1) of minimum-norm attacks, which do not
    walk so: halving to the digits of the numbers, in a third to a sixteenth of the time.
    """
    return _halved(size, room, eps) if isinstance(eps, Tensor) else _sorted(size, room, eps)


def _sorted(size: Tensor, room: Tensor, eps: float) -> Tensor:
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


def _halved(size: Tensor, room: Tensor, eps: Tensor) -> Tensor:
    low, high = torch.zeros_like(eps), size.amax(dim=1, keepdim=True)
    fits = shrunk(size, room, low).sum(dim=1, keepdim=True) <= eps
    for _ in range(1 - round(math.log2(torch.finfo(size.dtype).eps))):
        middle = (low + high) / 2
        enough = shrunk(size, room, middle).sum(dim=1, keepdim=True) <= eps
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    moved = shrunk(size, room, high)  # from here the line on to eps
    slope = ((size > high) & (moved < room)).sum(dim=1, keepdim=True).clamp_min(1)
    exact = high - (eps - moved.sum(dim=1, keepdim=True)) / slope
    return torch.where(fits, 0.0, exact.maximum(low))


def _by_parts(delta: Points, length: Values, eps: float | Values) -> Values:
    """Return l2 lengths, summed again row by row of pixels where they are too short for `eps`."""
    tolerance = (
        (8e-7 / eps).clamp_min(8e-7) if isinstance(eps, Tensor) else 8e-7 * max(1.0, 1 / eps)
    )
    rows = torch.linalg.vector_norm(delta, dim=-1).flatten(1)
    better = torch.linalg.vector_norm(rows, dim=1)
    return torch.where(length < (1 - tolerance) * better, better, length)


def _rounded_inside(points: Tensor, start: Tensor, eps: float | Tensor) -> Tensor:
    """Return rows whose l1 distance from `start` exceeds eps by rounding, brought back to eps.

    Numbers are rounded as they are stored, and the errors of many pixels add up. As many pixels
    as the excess asks for, from the first, go to the next number on the way to `start`.
    """
    excess = (points - start).abs_().sum(dim=1, keepdim=True) - eps
    nearer = torch.nextafter(points, start)
    saved = (points - nearer).abs_()
    before = saved.cumsum(dim=1).sub_(saved)
    return torch.where(before < excess, nearer, points)


def _rescued(length: Values, flat: Tensor, order: float) -> Values:
    """Return lengths of rows; where squares or sums leave the range of floats, measured in units.

    The unit is the largest entry of a row. A length above the largest float becomes that one.
    """
    info = torch.finfo(flat.dtype)
    odd = ~((length > math.sqrt(info.tiny) / info.eps) & (length < torch.inf))
    if odd.device.type == "cpu" and not odd.any():  # a look costs nothing here, and saves a pass
        return length
    largest = flat.abs().amax(dim=1, keepdim=True).clamp_min(info.tiny)
    again: Tensor = torch.linalg.vector_norm(flat / largest, ord=order, dim=1)
    return torch.where(odd, (again * largest[:, 0]).clamp_max(info.max), length)
