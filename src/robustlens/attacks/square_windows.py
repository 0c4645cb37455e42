"""Squares of pixels, one for each image: where they are, what is in them, and the bumps of l2.

where = cells_of(corners(numbers, 5, x), 5, x)        # numbers (b, 2) in [0, 1)
write(images, where, 1 - values_at(images, where))       # in place, each image in its own window
"""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.types import Images

TINY = 1e-12


class Patch(NamedTuple):
    """Some pixels of each image, what they were, and what is proposed for them."""

    cells: Tensor | None  # int64 (b, c, k), places in (h * w); None for all of them
    old: Tensor  # (b, c, k)
    new: Tensor  # (b, c, k)


def write(images: Images, cells: Tensor | None, values: Tensor) -> None:
    """Write values (b, c, k) into images, in place."""
    pixels = images.flatten(2)
    pixels.copy_(values) if cells is None else pixels.scatter_(2, cells, values)


def values_at(images: Images, cells: Tensor) -> Tensor:
    """Return the values of images at cells, (b, c, k)."""
    return images.flatten(2).gather(2, cells)


def as_signs(numbers: Tensor) -> Tensor:
    """Return -1 and 1 with equal chances, from numbers in [0, 1)."""
    return (numbers >= 0.5).to(numbers.dtype).mul_(2.0).sub_(1.0)


def corners(numbers: Tensor, side: int, x: Images) -> Tensor:
    """Return the upper left corners (b, 2) of squares, all places alike, from numbers (b, 2)."""
    h, w = x.shape[2:]
    rows, columns = numbers.unbind(dim=1)
    top, left = ((part * (n - side + 1)).long().clamp_max_(n - side)
                 for part, n in ((rows, h), (columns, w)))  # fmt: skip
    return torch.stack([top, left], dim=1)


def cells_of(corner: Tensor, side: int, x: Images) -> Tensor:
    """Return the places in (h * w) of squares, (b, c, side * side)."""
    width = x.shape[3]
    places = torch.arange(side, device=x.device)
    square = (places[:, None] * width + places).flatten()
    cells = (corner[:, :1] * width + corner[:, 1:]) + square
    return cells[:, None].expand(-1, x.shape[1], -1)


def apart(corner: Tensor, other: Tensor, side: int) -> Tensor:
    """Say which pixels (b, side * side) of the squares at `corner` are not in those at `other`."""
    places = torch.arange(side, device=corner.device)
    moved = (corner - other)[..., None] + places
    inside = (moved >= 0) & (moved < side)
    return ~(inside[:, 0, :, None] & inside[:, 1, None, :]).flatten(1)


def tile_side(h: int, w: int) -> int:
    """Return the side of the tiles of a first point: a fifth of the image."""
    return max(min(h, w) // 5, 1)


@lru_cache(maxsize=64)
def bump_pair(side: int, power: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the upright and the lying window of norm 1, (2, side * side)."""
    upper, lower = _bump(side // 2, side, power), _bump(side - side // 2, side, power)
    window = torch.cat([upper, -lower])
    window = window / torch.linalg.vector_norm(window, ord=power)
    return torch.stack([window.flatten(), window.T.flatten()]).to(device, dtype)


def _bump(h: int, w: int, power: int) -> Tensor:
    """Return squares around the middle laid on each other, ever wider and thinner, of norm 1.

    The square that reaches k pixels from the middle has height 1 / (k + 1)**2, for l1 to the 4.
    """
    rows, columns = (torch.arange(n, dtype=torch.float64) - n // 2 for n in (h, w))
    reach = torch.maximum(rows.abs()[:, None], columns.abs()[None, :]).long()
    heights = torch.arange(1, max(h, w) // 2 + 2, dtype=torch.float64) ** (-4 if power == 1 else -2)
    hill = heights.flip(0).cumsum(0).flip(0)[reach]
    length: Tensor = torch.linalg.vector_norm(hill, ord=power)
    return hill / length.clamp_min(TINY)
