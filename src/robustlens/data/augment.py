"""Augmentation: batched tensor code on the device of the images, one draw per image.

    augment = Augmentation(padding=4, flip=True)
    x = augment(x, stream(0, "train", epoch))

The same seed gives the same bits. Everything but `noise` keeps images in [0, 1].
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from robustlens.errors import InputError
from robustlens.streams import noisy, uniform

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the grey level (ITU-R BT.601)."""


def unit(x: Tensor) -> Tensor:
    """Return float32 images in [0, 1] from uint8 ones; others pass unchanged."""
    return x.to(torch.float32).div_(255) if x.dtype == torch.uint8 else x


def crop(x: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """Return images moved by up to `padding` pixels each way, black moving in.

    That is zero padding on every side and a random window of the old size (He et al. 2016,
    section 4.2). Any dtype; (b, c, h, w) to the same.
    """
    b, _, h, w = x.shape
    windows = functional.pad(x, (padding,) * 4).unfold(2, h, 1).unfold(3, w, 1)
    top = _integers(b, 2 * padding + 1, x, generator)
    left = _integers(b, 2 * padding + 1, x, generator)
    # The windows are a view; indexing copies one of them for each image.
    return windows[torch.arange(b, device=x.device), :, top, left]


def flip(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return images of which each is mirrored left to right with probability 1/2; any dtype."""
    mirrored = _integers(len(x), 2, x, generator).bool()
    return torch.where(mirrored[:, None, None, None], x.flip(3), x)


def cutout(x: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Return images with one black square of `size` x `size` pixels each; any dtype.

    Its centre is uniform over the pixels, so part of it may lie outside (DeVries and Taylor 2017,
    who fill with the data set's mean; we, before any normalisation, with zero).
    """
    b, _, h, w = x.shape
    rows = _covered(_integers(b, h, x, generator), h, size)
    columns = _covered(_integers(b, w, x, generator), w, size)
    return x.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0)


def colour_jitter(x: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Return float images with brightness, contrast and saturation changed, in this order.

    Each is scaled by a factor uniform in [1 - strength, 1 + strength] and clamped to [0, 1]; images
    that have not three channels have no saturation.
    """
    factors = 1 + strength * (2 * uniform(x.new_empty(3, len(x), 1, 1, 1), generator) - 1)
    x = (factors[0] * x).clamp(0, 1)
    x = _away_from(_grey(x).mean(dim=(2, 3), keepdim=True), x, factors[1])
    return _away_from(_grey(x), x, factors[2]) if x.shape[1] == 3 else x


def noise(x: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Return float images plus Gaussian noise of standard deviation `sigma`.

    The result is NOT clipped to [0, 1], as randomized smoothing needs (Cohen et al. 2019).
    """
    return noisy(x, sigma, generator)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Crop, flip, colour jitter, cutout, noise, always in this order; the identity by default.

    `padding` and `cutout` are in pixels, `jitter` is a strength in [0, 1], `noise` a standard
    deviation in units of [0, 1]. Raises `InputError` for a value out of range.
    """

    padding: int = 0
    flip: bool = False
    cutout: int = 0
    jitter: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            top = 1 if field.name in ("flip", "jitter") else float("inf")
            # A comparison written this way round refuses NaN too.
            if not 0 <= value <= top or value == float("inf"):
                limit = "a number from 0 to 1" if top == 1 else "a finite number >= 0"
                raise InputError(f"{field.name} is {value}", limit, f"change {field.name}")

    def __call__(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Return float images like `x` (b, c, h, w), which may be float in [0, 1] or uint8.

        Bits do not depend on which: crop and flip only move pixels.
        """
        x = crop(x, self.padding, generator) if self.padding else x
        x = flip(x, generator) if self.flip else x
        x = unit(x)
        x = colour_jitter(x, self.jitter, generator) if self.jitter else x
        x = cutout(x, self.cutout, generator) if self.cutout else x
        return noise(x, self.noise, generator) if self.noise else x


def _integers(n: int, high: int, like: Tensor, generator: torch.Generator) -> Tensor:
    """Return `n` integers uniform in 0..high-1, on the device of `like`."""
    draw = torch.randint(high, (n,), generator=generator, device=generator.device)
    return draw.to(like.device)


def _covered(centre: Tensor, length: int, size: int) -> Tensor:
    """Return a mask (b, length), true in the `size` places about each centre."""
    offset = torch.arange(length, device=centre.device) - (centre[:, None] - size // 2)
    return (offset >= 0) & (offset < size)


def _grey(x: Tensor) -> Tensor:
    """Return the grey level (b, 1, h, w); the plain mean unless there are three channels."""
    if x.shape[1] != 3:
        return x.mean(dim=1, keepdim=True)
    return (x * x.new_tensor(LUMA)[:, None, None]).sum(dim=1, keepdim=True)


def _away_from(centre: Tensor, x: Tensor, factor: Tensor) -> Tensor:
    """Return `x` with its distance to `centre` scaled by `factor`, clamped to [0, 1]."""
    return (centre + factor * (x - centre)).clamp(0, 1)
