"""The shortest step from a point to a hyperplane inside the box [0, 1]^d, in l-inf, l2 or l1.

    gap = (w * z).sum(dim=1) - b               # how far z is from {z: <w, z> = b}
    z_on_plane = z + to_plane_l2(z, w, gap)    # <w, z_on_plane> = b, pixels in [0, 1]

No sorting in any of them. In l-inf and l2 pixel i moves by min(t * u_i, room_i) towards its wall,
u = 1 or |w|, so the plane is reached where a concave piecewise linear function of t meets |gap|:
Newton's method from the left is exact once the right piece is found, most often after 4 to 8
rounds. In l1 the pixels of the largest |w| move to their walls, and bisection finds the threshold.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.linalg import vecdot

from robustlens.norms import NORMS

ToPlane = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""From points, normals, gaps and rounds to the step to the planes."""

FAR = 1e30
"""A multiplier that takes every pixel to its wall, and is finite times 0."""


def to_plane_linf(z: Tensor, w: Tensor, gap: Tensor, rounds: int = 40) -> Tensor:
    """Return the step of least l-inf length from z to the plane, pixels staying in [0, 1].

    Args:
        z: points in [0, 1], (..., d).
        w: normals of the planes, shaped like z or broadcasting to it.
        gap: <w, z> - b, shaped (...).
        rounds: how many Newton steps; with fewer the step can fall short, never go too far.

    Returns:
        d, shaped like z. Where the box does not meet the plane, the corner that comes nearest to
        it; zero where w is zero.
    """
    w, want = _scaled(w, gap)
    slope, room = w.abs(), _room(z, w)
    t = _meeting(room, slope, slope * room, want, rounds)
    return torch.addcmul(z, w.sign_(), t[..., None]).clamp_(0.0, 1.0).sub_(z)


def to_plane_l2(z: Tensor, w: Tensor, gap: Tensor, rounds: int = 40) -> Tensor:
    """Return the step of least l2 length from z to the plane; all else as `to_plane_linf`."""
    w, want = _scaled(w, gap)
    size, room = w.abs(), _room(z, w)
    kink, most = room / size, room.mul_(size)
    t = _meeting(kink, size.square_(), most, want, rounds)
    return torch.addcmul(z, w, t[..., None]).clamp_(0.0, 1.0).sub_(z)


def to_plane_l1(z: Tensor, w: Tensor, gap: Tensor, rounds: int = 40) -> Tensor:
    """Return the step of least l1 length from z to the plane; all else as `to_plane_linf`.

    Whatever `rounds`, the plane is reached: pixels whose |w| the bisection has not told apart, less
    than max |w| / 2**rounds from each other, move by the same share of their room.
    """
    w, want = _scaled(w, gap)
    size, room = w.abs(), _room(z, w)
    gain = size * room
    above, part = torch.empty_like(size), torch.empty_like(size)
    low, high = torch.zeros_like(want), torch.ones_like(want)
    for _ in range(rounds):
        middle = (low + high).mul_(0.5)
        torch.gt(size, middle[..., None], out=above)
        more = torch.mul(above, gain, out=part).sum(dim=-1) > want
        low, high = torch.where(more, middle, low), torch.where(more, high, middle)
    full = torch.gt(size, high[..., None], out=above)
    band = (size > low[..., None]).to(size).sub_(full)
    left, there = want - vecdot(full, gain), vecdot(band, gain)
    share = torch.where(there > 0, left / there, 0.0).clamp_(0.0, 1.0)
    return torch.addcmul(full, band, share[..., None]).mul_(room).mul_(w.sign_())


def _scaled(w: Tensor, gap: Tensor) -> tuple[Tensor, Tensor]:
    """Return the direction to the plane with largest entry 1, and how far it is along it."""
    largest = NORMS["linf"].size(w).clamp_min_(torch.finfo(w.dtype).tiny)
    factor = torch.where(gap > 0, -1.0, 1.0).to(w) / largest
    return w * factor[..., None], (gap * factor).abs_()


def _room(z: Tensor, w: Tensor) -> Tensor:
    """Return how far each pixel can go along w before it meets a wall."""
    return torch.gt(w, 0.0, out=torch.empty_like(w)).sub_(z).abs_()


def _meeting(kink: Tensor, slope: Tensor, most: Tensor, want: Tensor, rounds: int) -> Tensor:
    """Return t with sum_i min(t * slope_i, most_i) = want; pixel i saturates at t = kink_i.

    The sum is concave and grows with t, so Newton's steps from 0 never pass the solution.
    """
    reach = most.sum(dim=-1)
    t = torch.where(want < reach, 0.0, FAR).to(want)
    free, part = torch.empty_like(kink), torch.empty_like(kink)  # memory is what costs here
    for _ in range(rounds):
        torch.gt(kink, t[..., None], out=free)
        rise = torch.mul(free, slope, out=part).sum(dim=-1)
        rest = reach - free.mul_(most).sum(dim=-1)
        t = torch.where(rise > 0, torch.maximum(t, (want - rest) / rise), t).clamp_max_(FAR)
    return t


TO_PLANE: dict[str, tuple[ToPlane, int]] = {
    "linf": (to_plane_linf, 5),
    "l2": (to_plane_l2, 5),
    "l1": (to_plane_l1, 14),
}
"""By the name of a norm; with the rounds that do for a step that overshoots by some per cent."""
