"""Warps and changes of colour as threats: differentiable in what the adversary chooses.

Spatial(degrees=30, shift=0.1).apply(x, theta)         # theta (b, 3) in [0, 1], 0.5 is neutral
Colour(brightness=0.2, contrast=0.3, saturation=0).apply(x, theta)          # theta (b, 2)
warped(x, angle, shift), turned(x - grey, hue)         # what they are made of
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from robustlens.errors import InputError, UnknownName
from robustlens.norms import per_example
from robustlens.threats.family import Family
from robustlens.types import Images, Values

PADDINGS = ("zeros", "reflection", "border")
"""What stands outside an image: black, its mirror, or its last pixels."""


@dataclass(frozen=True)
class Spatial(Family):
    """Rotation by at most `degrees` about the middle, then a shift of at most `shift` sides.

    theta is (rotation, right, down), each from one end at 0 to the other at 1, without those whose
    range is 0; 0.5 changes nothing. Images are resampled bilinearly. Outside them is black with
    `padding` "zeros" (as in the paper); "reflection" and "border" continue them.
    Source: Engstrom et al. 2019, "Exploring the landscape of spatial robustness":
    30 degrees and about a tenth of the side.
    """

    degrees: float = 30.0
    shift: float = 0.1
    padding: str = "zeros"

    def __post_init__(self) -> None:
        _within("degrees", self.degrees, 180)
        _within("shift", self.shift, 1)
        if self.padding not in PADDINGS:
            raise UnknownName("padding", self.padding, PADDINGS)

    def __str__(self) -> str:
        around = "" if self.padding == "zeros" else f", {self.padding}"
        return f"spatial {self.degrees:g} degrees, shift {self.shift:g}{around}"

    @property
    def parameters(self) -> int:
        """Up to three: rotation, right, down."""
        return _used(self._ranges)

    def changed(self, x: Images, theta: Tensor) -> Images:
        """Return rotated and shifted images."""
        angle, right, down = _offsets(self._ranges, theta)
        return warped(x, angle, torch.stack([right, down], dim=1), self.padding)

    @property
    def _ranges(self) -> tuple[float, ...]:
        return math.radians(self.degrees), self.shift, self.shift


@dataclass(frozen=True)
class Colour(Family):
    """Changes of colour that leave the shape: brightness, contrast, saturation, hue.

    theta is (brightness, contrast, saturation, hue), without those whose range is 0; 0.5 changes
    nothing. Brightness is added, at most `brightness` of the range of pixels; contrast about the
    image's own mean and saturation about each pixel's mean are multiplied by 1 - range to
    1 + range; hue turns by at most `hue` degrees about the grey axis. With one channel there is
    neither saturation nor hue: set their ranges to 0 and save the search. The ranges are ours.
    """

    brightness: float = 0.2
    contrast: float = 0.3
    saturation: float = 0.5
    hue: float = 0.0

    def __post_init__(self) -> None:
        for name, most in (("brightness", 1), ("contrast", 1), ("saturation", 1), ("hue", 180)):
            _within(name, getattr(self, name), most)

    def __str__(self) -> str:
        named = ("brightness", "contrast", "saturation", "hue")
        words = [f"{name} {getattr(self, name):g}" for name in named if getattr(self, name)]
        return f"colour {', '.join(words) or 'unchanged'}"

    @property
    def parameters(self) -> int:
        """Up to four: brightness, contrast, saturation, hue."""
        return _used(self._ranges)

    def changed(self, x: Images, theta: Tensor) -> Images:
        """Return recoloured images; raise `InputError` unless they have one or three channels."""
        if x.shape[1] not in (1, 3):
            raise InputError(f"images with {x.shape[1]} channels", "one or three", "change x")
        brightness, contrast, saturation, hue = (
            per_example(offset, x) for offset in _offsets(self._ranges, theta)
        )
        grey = x.mean(dim=1, keepdim=True)
        mean = grey.mean(dim=(2, 3), keepdim=True)
        colour = (1 + saturation) * (turned(x - grey, hue) if self.hue else x - grey)
        return mean + (1 + contrast) * (grey - mean + colour) + brightness

    @property
    def _ranges(self) -> tuple[float, ...]:
        return self.brightness, self.contrast, self.saturation, math.radians(self.hue)


def warped(x: Images, angle: Values, shift: Tensor, padding: str = "zeros") -> Images:
    """Return images turned counterclockwise by `angle` (b,) in radians, then moved.

    `shift` is (b, 2): to the right and down, as shares of the width and the height. Bilinear, in
    pixel coordinates, so that images that are not square keep their angles.
    """
    h, w = x.shape[2:]
    side = x.new_tensor([w, h])
    across = torch.arange(w, dtype=x.dtype, device=x.device) - (w - 1) / 2
    along = torch.arange(h, dtype=x.dtype, device=x.device) - (h - 1) / 2
    move = shift * side
    right = across[None, None, :] - move[:, 0, None, None]
    down = along[None, :, None] - move[:, 1, None, None]
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    source = torch.stack([cos * right - sin * down, sin * right + cos * down], dim=3)
    return grid_sample(x, 2 * source / side, padding_mode=padding, align_corners=False)


def turned(colour: Images, angle: Tensor) -> Images:
    """Return three-channel differences from grey, turned by `angle` about the grey axis.

    `angle` broadcasts, (b, 1, 1, 1) in radians. The mean of the channels stays 0 and the length of
    each pixel's difference stays what it is. One channel has no hue and comes back as it is.
    """
    if colour.shape[1] == 1:
        return colour
    ahead, behind = colour.roll(1, dims=1), colour.roll(-1, dims=1)
    return angle.cos() * colour + angle.sin() * (ahead - behind) / math.sqrt(3)


def _offsets(ranges: Sequence[float], theta: Tensor) -> list[Values]:
    """Return (b,) offsets from -range to range; 0 for a range of 0, which has no column."""
    columns = iter((2 * theta - 1).unbind(dim=1))
    zero = theta.new_zeros(len(theta))
    return [most * next(columns) if most else zero for most in ranges]


def _used(ranges: Sequence[float]) -> int:
    return sum(most > 0 for most in ranges)


def _within(name: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise InputError(f"{name} is {value!r}", f"a number from 0 to {most}", f"change {name}")
