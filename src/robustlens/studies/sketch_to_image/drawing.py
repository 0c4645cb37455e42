"""Crude sketches out of polygons and ellipses of one colour, drawn at any size.

    sketch = Sketch(SKY, (polygon(GREY, (0.1, 0.5), (0.9, 0.5), (0.5, 0.7)),))
    x = drawn(sketch, (3, 32, 32), Placed())                # (3, 32, 32) in [0, 1]

Coordinates are shares of the image: (0, 0) is its upper left corner, (1, 1) its lower right.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from robustlens.streams import stream

FINE = 4
"""Points of a pixel along each side that are inside a part or not: edges get shades."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601)."""
Colour = tuple[float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """A filled polygon, or the ellipse in the box that two points span."""

    colour: Colour
    points: tuple[Point, ...]
    round: bool = False


@dataclass(frozen=True)
class Sketch:
    """Parts on a background of one colour, the later ones in front."""

    background: Colour
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Placed:
    """How a sketch is varied: about its middle, moved, scaled, and made brighter."""

    right: float = 0.0
    down: float = 0.0
    scale: float = 1.0
    light: float = 0.0

    @classmethod
    def at_random(cls, seed: int, name: str, k: int) -> "Placed":
        """Return the k-th variation of the sketch of that name: the same for the same seed."""
        u = torch.rand(4, generator=stream(seed, "sketch", name, k)).tolist()
        return cls(0.1 * u[0] - 0.05, 0.1 * u[1] - 0.05, 0.85 + 0.25 * u[2], 0.2 * u[3] - 0.1)


def polygon(colour: Colour, *points: Point) -> Part:
    """Return a filled polygon."""
    return Part(colour, points)


def box(colour: Colour, left: float, top: float, right: float, bottom: float) -> Part:
    """Return a filled rectangle."""
    return Part(colour, ((left, top), (right, top), (right, bottom), (left, bottom)))


def oval(colour: Colour, left: float, top: float, right: float, bottom: float) -> Part:
    """Return the ellipse in a rectangle."""
    return Part(colour, ((left, top), (right, bottom)), round=True)


def drawn(sketch: Sketch, shape: tuple[int, int, int], placed: Placed) -> Tensor:
    """Return a sketch as an image (c, h, w) in [0, 1]; in grey where there is one channel."""
    channels, h, w = shape
    rows, columns = (
        ((torch.arange(FINE * side) + 0.5) / (FINE * side) - 0.5 - moved) / placed.scale + 0.5
        for side, moved in ((h, placed.down), (w, placed.right))
    )
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    image = _tone(sketch.background, 0.0, channels).view(-1, 1, 1).repeat(1, *x.shape)
    for part in sketch.parts:
        colour = _tone(part.colour, placed.light, channels).view(-1, 1, 1)
        image = torch.where(_inside(part, x, y), colour, image)
    return avg_pool2d(image[None], FINE)[0]


def _tone(colour: Colour, light: float, channels: int) -> Tensor:
    """Return a colour with as many channels, brighter by `light`."""
    rgb = (torch.tensor(colour) + light).clamp(0.0, 1.0)
    return rgb if channels == 3 else (rgb * torch.tensor(LUMA)).sum().repeat(channels)


def _inside(part: Part, x: Tensor, y: Tensor) -> Tensor:
    """Say which points lie in a part; of a polygon by the number of its sides to the right."""
    if part.round:
        (left, top), (right, bottom) = part.points
        across = (2 * x - left - right) / (right - left)
        down = (2 * y - top - bottom) / (bottom - top)
        return across.square() + down.square() <= 1
    inside = torch.zeros_like(x, dtype=torch.bool)
    for (ax, ay), (bx, by) in zip(part.points, part.points[1:] + part.points[:1], strict=True):
        if ay != by:
            crosses = (y < ay) != (y < by)
            inside ^= crosses & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return inside
