"""The noise that certificates are drawn with, and what may be said of it.

    Gaussian(0.25)       # x + N(0, 0.25^2), as floating point gives it: the field's custom
    Rounded(0.25)        # the same rounded to the pixel grid, drawn exactly: nothing left to doubt

Sigma is in units of [0, 1] pixels; noise goes in before the model's own normalisation and is not
clipped (`Rounded` clips far outside, as part of what is certified). An image gets its noise in
blocks of `BLOCK` draws, each of a generator named by seed, purpose, image and block, so it is the
same in any order and any batch, on one kind of device.

Which draws. Keyed draws (`streams.Draws`) and `torch.randn` in float32 have 24 random bits on the
CPU and end at 5.8 sigma; 10^5 draws for 3072 pixels lie beyond that two or three times. `Gaussian`
has 40 bits for the length and 23 for the angle of each pair (Box & Muller 1958): it ends at 7.5
sigma, and is within 1e-5 sigma of a true normal draw coupled to it, except for a share of 1e-8 of
the pairs, those beyond 6 sigma. What no number of bits mends is that x + noise is rounded to
floats, whose low bits say what x was: a net that reads them gets false certificates (Jin et al.
2022; Voracek & Hein 2023; a test shows one). `Rounded` draws what the theorem is about
(docs/smoothing.md).
"""

import math
import sys
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from robustlens.errors import InputError
from robustlens.smoothing.thresholds import REST_BITS, UNSETTLED, Table, rounded_normal
from robustlens.streams import stream
from robustlens.types import Images

Rows = Int[Tensor, " m"]
"""Places in a batch of images, one for each copy."""
Bits = Int[Tensor, "m width"]
"""Random numbers, a row for each copy."""

BLOCK = 16
"""Noisy copies of an image that one generator draws."""
RANDOM_BITS = 63
"""Of a draw of int64 numbers >= 0."""
LENGTH_BITS = 40
"""Of the 63 random bits of a pair of normal draws, those that say how long it is."""
PIXELS = 3
"""First looks of `Rounded` noise in one random number: 16 of its bits for each pixel."""
LEVELS = 255
"""Steps of the pixel grid between 0 and 1."""


class Noisy(NamedTuple):
    """Noisy copies of an image, and which of them were drawn with certainty."""

    images: Float[Tensor, "m c h w"]
    sure: Bool[Tensor, " m"]  # a copy that is not sure must count against what is to be shown


@runtime_checkable
class Noise(Protocol):
    """How copies of an image are drawn; `sigma` is the standard deviation, in [0, 1] pixels."""

    @property
    def sigma(self) -> float:
        """The standard deviation."""
        ...

    def width(self, pixels: int) -> int:
        """Return how many random numbers a copy of an image takes."""
        ...

    def copies(self, x: Images, rows: Rows, bits: Bits) -> Noisy:
        """Return noisy copies of x[rows], from `RANDOM_BITS` random bits in each number."""
        ...


def fill(bits: Bits, seed: int, purpose: str, image: int, block: int) -> None:
    """Write the random numbers of one block of copies of an image: from 0 to 2^63 - 1."""
    generator = stream(seed, "smoothing", purpose, image, block)
    if bits.device.type != "cpu":
        generator = torch.Generator(bits.device).manual_seed(generator.initial_seed())
    bits.random_(generator=generator)


@dataclass(frozen=True)
class Gaussian:
    """Normal noise in floating point, not clipped. Raises `InputError` unless sigma > 0."""

    sigma: float

    def __post_init__(self) -> None:
        _checked(self.sigma)

    def __str__(self) -> str:
        return f"gaussian noise, sigma {self.sigma:g}"

    def width(self, pixels: int) -> int:
        """Return one random number for two pixels."""
        return (pixels + 1) // 2

    def copies(self, x: Images, rows: Rows, bits: Bits) -> Noisy:
        """Return x[rows] + sigma * normal."""
        z = normal_of(bits, x[0].numel()).view(-1, *x.shape[1:]).to(x.dtype)
        return Noisy(z.mul_(self.sigma).add_(x[rows]), torch.ones_like(rows, dtype=torch.bool))


@dataclass(frozen=True)
class Rounded:
    """Normal noise rounded with the image to the grid of 1/255, drawn exactly, clipped far out.

    A pixel gets 16 random bits. They settle 99 draws of 100; the rest get 46 more, from numbers
    that each copy has for it. Where those do not suffice, the copy is unsure as well.

    Copies are clip(round(255 (x + sigma Z)) / 255, -reach, reach + 1) with reach = max(1, floor(6
    sigma)), which is what is certified: the model behind rounding and clipping. A draw whose
    random bits do not settle on which side of a threshold it lies makes its copy unsure.
    Source: Voracek & Hein 2023, section 4, and their published sampler.

    Raises:
        InputError: sigma <= 0; or, when asked for copies, an image off the grid.
    """

    sigma: float

    def __post_init__(self) -> None:
        _checked(self.sigma)

    def __str__(self) -> str:
        return f"rounded gaussian noise, sigma {self.sigma:g}"

    @property
    def reach(self) -> int:
        """How far beyond [0, 1] pixels may go."""
        return max(1, math.floor(6 * self.sigma))

    def seen(self, x: Images) -> Images:
        """Return what the model gets of noisy images: rounded to the grid and clipped."""
        levels = (x * LEVELS).round().clamp(-LEVELS * self.reach, LEVELS * (self.reach + 1))
        return levels / LEVELS

    @property
    def table(self) -> Table:
        """The exact distribution of the rounded noise, made once for each sigma."""
        return rounded_normal(self.sigma * LEVELS, LEVELS * (self.reach + 1))

    def width(self, pixels: int) -> int:
        """Return one random number for three pixels, and those for a closer look."""
        return -(-pixels // PIXELS) + self.closer(pixels)

    def closer(self, pixels: int) -> int:
        """Return how many pixels of a copy may take a closer look: never too few in practice.

        Twelve deviations above their mean, and twelve: the chance of more is below 1e-20.
        """
        mean = self.table.unsettled * pixels
        return math.ceil(mean + 12 * math.sqrt(mean) + 12)

    def copies(self, x: Images, rows: Rows, bits: Bits) -> Noisy:
        """Return copies of x[rows], multiples of 1/255."""
        levels, pixels = grid(x), x[0].numel()
        table, spare = self.table.on(x.device), self.closer(pixels)
        leading = _sixteens(bits[:, :-spare])[:, :pixels]
        moved = table.first(leading)
        sure = torch.ones_like(rows, dtype=torch.bool)
        (rest,) = torch.nonzero(moved.flatten() == UNSETTLED, as_tuple=True)
        copy = rest // pixels
        place = torch.arange(len(rest), device=x.device) - torch.searchsorted(copy, copy)
        more = bits[copy, place.clamp(max=spare - 1) - spare] & (2**REST_BITS - 1)
        begun = leading.flatten()[rest].long() << REST_BITS
        found = table.closer(begun | more)
        moved.view(-1)[rest] = found.values
        sure[copy[~found.sure | (place >= spare)]] = False
        moved = moved.view(-1, *x.shape[1:]).to(x.dtype)
        moved += levels[rows]
        moved.clamp_(-LEVELS * self.reach, LEVELS * (self.reach + 1))
        return Noisy(moved.div_(LEVELS), sure)


def _sixteens(bits: Bits) -> Tensor:
    """Return three whole numbers below 2^16 of each of 63 random bits, (m, 3 width) int32."""
    parts = bits.contiguous().view(torch.int16).view(*bits.shape, 4)
    whole = parts[..., :PIXELS] if sys.byteorder == "little" else parts[..., -PIXELS:]
    return whole.to(torch.int32).bitwise_and_(0xFFFF).flatten(1)


def grid(x: Tensor) -> Tensor:
    """Return images in [0, 1] as whole numbers of 1/255, in floats; refuse what is off the grid."""
    levels = (x * LEVELS).round()
    if not (torch.equal(levels / LEVELS, x) and bool(((levels >= 0) & (levels <= LEVELS)).all())):
        raise InputError(
            "images that are no multiples of 1/255 in [0, 1]",
            "pixels as 8-bit files have them",
            "give uint8 images divided by 255, or take Gaussian noise",
        )
    return levels


def normal_of(bits: Bits, count: int) -> Float[Tensor, "m count"]:
    """Return float32 normal draws, two from each of m rows of 63 random bits."""
    length = (bits & (2**LENGTH_BITS - 1)).double().add_(0.5).mul_(2.0**-LENGTH_BITS)
    length = length.log_().mul_(-2).float().sqrt_()
    angle = (bits >> LENGTH_BITS).float().mul_(math.pi * 2.0 ** (LENGTH_BITS + 1 - RANDOM_BITS))
    drawn = torch.cat([length * angle.cos(), length.mul_(angle.sin_())], dim=1)
    return drawn[:, :count]


def _checked(sigma: float) -> None:
    if not 0 < sigma < math.inf:
        raise InputError(
            f"sigma is {sigma}",
            "a number > 0 in units of [0, 1] pixels, such as 0.25 or 64 / 255",
            "change sigma",
        )
