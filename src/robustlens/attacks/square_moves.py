"""How the Square Attack changes an image: windows of one colour, or windows that take over length.

    move = MOVES[Linf]()
    best = move.start(x, ball, numbers)                        # x (b, c, h, w), best the same
    patches = move.propose(best, x, ball, side, numbers)       # what to write, and what was there

Every image has its own windows, made of its own numbers in [0, 1). A proposal touches nothing
outside its patches, so no image is copied to try one.
"""

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import pad

from robustlens.attacks.square_windows import (
    TINY,
    Patch,
    apart,
    as_signs,
    bump_pair,
    cells_of,
    corners,
    tile_side,
    values_at,
    write,
)
from robustlens.balls import L1, L2, Ball, Linf, radius
from robustlens.norms import per_example, shrunk
from robustlens.types import Images

HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""After how many proposals the share of changed pixels halves, whatever the number of queries."""
ROOT_STEPS = 8


@runtime_checkable
class Move(Protocol):
    """The first point and the proposals of one norm."""

    def to_start(self, c: int, h: int, w: int) -> int:
        """Return how many numbers the first point of an image takes."""
        ...

    def to_propose(self, c: int) -> int:
        """Return how many numbers a proposal takes."""
        ...

    def side(self, share: float, h: int, w: int) -> int:
        """Return the side of a square of `share` of the pixels."""
        ...

    def start(self, x: Images, ball: Ball, numbers: Tensor) -> Images:
        """Return the first point."""
        ...

    def propose(
        self, best: Images, x: Images, ball: Ball, side: int, numbers: Tensor
    ) -> list[Patch]:
        """Return the patches of a proposal, the last written on top."""
        ...


class Corners:
    """l-inf: every pixel is at +eps or -eps, and a square takes one sign in each channel.

    A square that would change nothing takes the opposite signs.
    """

    def to_start(self, c: int, h: int, w: int) -> int:
        """A sign for each column and channel."""
        return c * w

    def to_propose(self, c: int) -> int:
        """A place, and a sign for each channel."""
        return 2 + c

    def side(self, share: float, h: int, w: int) -> int:
        """At least one pixel."""
        return min(max(round(math.sqrt(share * h * w)), 1), h, w)

    def start(self, x: Images, ball: Ball, numbers: Tensor) -> Images:
        """Return vertical stripes."""
        stripes = as_signs(numbers).view(-1, x.shape[1], 1, x.shape[3])
        return (x + radius(ball) * stripes).clamp_(0.0, 1.0)

    def propose(
        self, best: Images, x: Images, ball: Ball, side: int, numbers: Tensor
    ) -> list[Patch]:
        """Return a square of one colour."""
        cells = cells_of(corners(numbers[:, :2], side, x), side, x)
        old, center = values_at(best, cells), values_at(x, cells)
        shift = radius(ball) * as_signs(numbers[:, 2:, None])
        new = (center + shift).clamp_(0.0, 1.0)
        same = (new == old).flatten(1).all(dim=1)[:, None, None]
        return [Patch(cells, old, torch.where(same, (center - shift).clamp_(0.0, 1.0), new))]


class Bumps:
    """l2: one window takes over the length of another, and what the box has left of the budget.

    A window holds two bumps of opposite sign, upright or lying, added to what was there.
    """

    power = 2

    def to_start(self, c: int, h: int, w: int) -> int:
        """For each tile a direction, and a sign for each channel."""
        size = tile_side(h, w)
        return (c + 1) * (h // size) * (w // size)

    def to_propose(self, c: int) -> int:
        """Two places, a direction, and a sign for each channel."""
        return 5 + c

    def side(self, share: float, h: int, w: int) -> int:
        """At least three pixels, and odd."""
        return min(max(round(math.sqrt(share * h * w)), 3) // 2 * 2 + 1, h, w)

    def start(self, x: Images, ball: Ball, numbers: Tensor) -> Images:
        """Return x with bumps on five by five tiles, of the length of the ball."""
        c, h, w = x.shape[1:]
        size = tile_side(h, w)
        rows, columns = h // size, w // size
        lying, signs = numbers[:, : rows * columns], numbers[:, rows * columns :]
        bumps = self.bumps(size, lying, x).view(-1, 1, rows, columns, size, size)
        tiles = bumps * as_signs(signs).view(-1, c, rows, columns, 1, 1)
        tiled = tiles.transpose(3, 4).reshape(-1, c, rows * size, columns * size)
        below, right = h - rows * size, w - columns * size
        delta = pad(tiled, (right // 2, right - right // 2, below // 2, below - below // 2))
        return self.fit(x, delta, ball)

    def fit(self, x: Images, delta: Images, ball: Ball) -> Images:
        """Return x + delta, with the length of the ball before the box cuts."""
        length = ball.distance(x + delta, x).clamp_min(TINY)
        return (x + delta * per_example(radius(ball) / length, x)).clamp_(0.0, 1.0)

    def propose(
        self, best: Images, x: Images, ball: Ball, side: int, numbers: Tensor
    ) -> list[Patch]:
        """Return a window that is x again, and a window that gets its length."""
        emptied, filled = self.exchange(best, x, ball, side, numbers)
        return [emptied, filled._replace(new=filled.new.clamp_(0.0, 1.0))]

    def exchange(
        self, best: Images, x: Images, ball: Ball, side: int, numbers: Tensor
    ) -> tuple[Patch, Patch]:
        """Return a window that is x again and one that gets its length, not cut by the box."""
        corner, other = (corners(numbers[:, k : k + 2], side, x) for k in (0, 2))
        here, there = cells_of(corner, side, x), cells_of(other, side, x)
        old, center = values_at(best, here), values_at(x, here)
        emptied = Patch(there, values_at(best, there), values_at(x, there))
        delta = old - center
        own = self.size(delta).sum(dim=2)
        lost = self.size(emptied.old - emptied.new)
        lost = (lost * apart(other, corner, side)[:, None]).sum(dim=2)
        bumps = self.bumps(side, numbers[:, 4:5], x) * as_signs(numbers[:, 5:, None])
        fresh = bumps + delta / (own ** (1 / self.power) + TINY)[..., None]
        length = self.length(own + lost, self.size(best - x).sum(dim=(1, 2, 3)), ball)
        length = length / (self.size(fresh).sum(dim=2) ** (1 / self.power) + TINY)
        return emptied, Patch(here, old, center + fresh * length[..., None])

    def size(self, delta: Tensor) -> Tensor:
        """Return what sums to the budget of the ball."""
        return delta.square()

    def length(self, window: Tensor, total: Tensor, ball: Ball) -> Tensor:
        """Return the length (b, c) of a window that takes over `window` and what is not used."""
        unused = (radius(ball) ** 2 - total)[:, None] / window.shape[1]
        return (window + unused).clamp_min_(0.0).sqrt_()

    def bumps(self, side: int, lying: Tensor, x: Images) -> Tensor:
        """Return windows (b, k, side * side), upright or lying by the numbers (b, k)."""
        return bump_pair(side, self.power, x.dtype, x.device)[(lying < 0.5).long()]


class SparseBumps(Bumps):
    """l1: windows as in l2, and then the projection on ball and box, which makes zeros."""

    power = 1

    def fit(self, x: Images, delta: Images, ball: Ball) -> Images:
        """Return x + delta, its pixels shrunk by one threshold until it is in the ball.

        That is the form of the exact projection, with a threshold found by a few steps of false
        position: they come near where the point is near the ball, as here (elsewhere they need
        not), in a third of the passes of `norms.threshold`. What they are off is made up by scale.
        """
        flat, eps = delta.flatten(1), radius(ball) * (1 - 1e-6)  # sums of rounded pixels fit
        sign, size = flat.sign(), flat.abs()
        room = 0.5 + sign * (0.5 - x.flatten(1))

        def excess(by: Tensor) -> Tensor:
            return shrunk(size, room, by).sum(dim=1, keepdim=True) - eps

        moved = shrunk(size, room, _root(excess, size.amax(dim=1, keepdim=True)))
        total = moved.sum(dim=1, keepdim=True)
        moved.mul_(sign).mul_((eps / total.clamp_min(TINY)).clamp_(max=1.0))
        return (x + moved.view_as(x)).clamp_(0.0, 1.0)

    def propose(
        self, best: Images, x: Images, ball: Ball, side: int, numbers: Tensor
    ) -> list[Patch]:
        """Return one patch, of all pixels."""
        moved = best.clone()
        for patch in self.exchange(best, x, ball, side, numbers):
            write(moved, patch.cells, patch.new)
        new = self.fit(x, moved.sub_(x), ball)
        return [Patch(None, best.flatten(2).clone(), new.flatten(2))]

    def size(self, delta: Tensor) -> Tensor:
        """Return what sums to the budget of the ball."""
        return delta.abs()

    def length(self, window: Tensor, total: Tensor, ball: Ball) -> Tensor:
        """Return a length that overspends with several channels: the projection takes it back."""
        unused = (radius(ball) - total).clamp_min(0.0)[:, None]
        return window * window.shape[1] + unused


MOVES: dict[type, Move] = {Linf: Corners(), L2: Bumps(), L1: SparseBumps()}
"""The moves of each norm."""


def side_share(p_init: float, proposals: int) -> float:
    """Return the share of pixels in a square after so many proposals."""
    return p_init / float(2 ** sum(proposals > mark for mark in HALVINGS))


def _root(falling: Callable[[Tensor], Tensor], high: Tensor) -> Tensor:
    """Return where a function of each row falls to 0 in [0, high], from below; 0 if it is not > 0.

    False position, where the value at an end that stays counts half from then on.
    """
    low = torch.zeros_like(high)
    above, below = falling(low), falling(high)
    for _ in range(ROOT_STEPS):
        middle = low + (high - low) * (above / (above - below).clamp_min(TINY)).clamp(0.0, 1.0)
        value = falling(middle)
        up = value > 0
        low, high = torch.where(up, middle, low), torch.where(up, high, middle)
        above, below = torch.where(up, value, above / 2), torch.where(up, below / 2, value)
    return low
