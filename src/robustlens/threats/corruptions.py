"""Common corruptions: what happens to images without any adversary, in five severities.

    corrupted(x, "fog", 3, stream(0, "fog"))       # images
    threat = Corruption("fog", 3)                  # a Threat: theta is how much of it
    bind(transform_search, threat, grid=2, tries=0, steps=0)   # all of it or nothing

Source: Hendrycks & Dietterich 2019, with the constants that made CIFAR-10-C (32 pixels). Each
function says where it is ours instead. Not here: glass and zoom blur, snow, frost, elastic.
"""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from robustlens.errors import InputError, UnknownName
from robustlens.norms import per_example
from robustlens.streams import Draws, noisy, stream
from robustlens.threats.family import Family
from robustlens.threats.transforms import warped
from robustlens.types import Images

Levels = npt.NDArray[np.uint8]
Corrupt = Callable[..., Images]


def corrupted(x: Images, name: str, severity: int, generator: torch.Generator) -> Images:
    """Return corrupted images in [0, 1]; the draws belong to the images, whatever their batch.

    Raises:
        UnknownName, InputError: the name is not in `CORRUPTIONS`, or severity is not 1 to 5.
    """
    _checked(name, severity)
    function, constants = CORRUPTIONS[name]
    if not len(x):
        return x
    draws = Draws.of(x, generator)
    return function(x.detach(), draws, *constants[severity - 1]).clamp(0.0, 1.0)


@dataclass(frozen=True)
class Corruption(Family):
    """One corruption of one severity, mixed with the image: theta is the share, 0 is none.

    At theta 1 it is `corrupted` with draws that depend on the image and on `seed`, so that the
    threat is a function. The mixing is ours: it makes the strength a parameter, with a gradient.
    """

    name: str
    severity: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        _checked(self.name, self.severity)

    def __str__(self) -> str:
        return f"{self.name} severity {self.severity}"

    @property
    def parameters(self) -> int:
        """One: how much of it."""
        return 1

    @property
    def neutral(self) -> tuple[float, ...]:
        """None of it."""
        return (0.0,)

    def changed(self, x: Images, theta: Tensor) -> Images:
        """Return x + theta * (corrupted x - x)."""
        generator = stream(self.seed, "corruption", self.name, self.severity)
        return torch.lerp(
            x, corrupted(x, self.name, self.severity, generator), per_example(theta[:, 0], x)
        )


def _gaussian_noise(x: Images, draws: Draws, sigma: float) -> Images:
    return noisy(x, sigma, draws)


def _shot_noise(x: Images, draws: Draws, photons: float) -> Images:
    """Counts of a Poisson law with mean photons * x, by bisection of its distribution function."""
    mean, u = (photons * x).double(), draws.uniform(*x.shape[1:]).double()
    most = photons + 12 * math.sqrt(photons) + 24
    low, high = torch.full_like(mean, -1.0), torch.full_like(mean, most)
    for _ in range(math.ceil(math.log2(most + 1))):
        middle = ((low + high) / 2).floor()
        enough = torch.special.gammaincc(middle + 1, mean) > u  # P(count <= middle)
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    return (high / photons).to(x.dtype)


def _impulse_noise(x: Images, draws: Draws, amount: float) -> Images:
    """Each value becomes 0 or 1, with probability amount / 2 each."""
    u = draws.uniform(*x.shape[1:])
    salted = torch.where(u < amount / 2, 1.0, x)
    return torch.where(u > 1 - amount / 2, 0.0, salted).to(x.dtype)


def _gaussian_blur(x: Images, draws: Draws, sigma: float) -> Images:
    reach = max(1, math.ceil(4 * sigma))
    kernel = _gaussian(reach, sigma, x)
    return _filtered(x, kernel[:, None] * kernel)


def _defocus_blur(x: Images, draws: Draws, radius: float, alias: float) -> Images:
    """A disk, smoothed a little: the pixels of a 17 x 17 square, then a 3 x 3 Gaussian."""
    places = torch.arange(-8, 9, dtype=x.dtype, device=x.device).square()
    disk = (places[:, None] + places <= radius**2).to(x.dtype)
    soft = _gaussian(1, alias, x)
    smooth = functional.conv2d(
        (disk / disk.sum())[None, None], (soft[:, None] * soft)[None, None], padding=1
    )[0, 0]
    return _filtered(x, smooth[6:-6, 6:-6])


def _motion_blur(x: Images, draws: Draws, radius: float, sigma: float) -> Images:
    """A one-sided Gaussian trail at an angle of -45 to 45 degrees, each image its own.

    The paper lets ImageMagick do it; ours moves bilinearly instead of by whole pixels.
    """
    angle = (draws.uniform() - 0.5) * (math.pi / 2)
    direction = torch.stack([angle.cos(), angle.sin()], dim=1)
    steps = torch.arange(2 * int(radius) + 1, dtype=x.dtype, device=x.device)
    weights = torch.exp(-steps.square() / (2 * sigma**2))
    weights = weights / weights.sum()
    moved = [w * _moved(x, s * direction) for w, s in zip(weights, steps, strict=True)]
    return torch.stack(moved).sum(dim=0)


def _brightness(x: Images, draws: Draws, amount: float) -> Images:
    """Add to the value of hue, saturation and value, as in the paper."""
    value = x.amax(dim=1, keepdim=True)
    raised = (value + amount).clamp(0.0, 1.0)
    return torch.where(value > 0, x * (raised / torch.where(value > 0, value, 1.0)), raised)


def _contrast(x: Images, draws: Draws, factor: float) -> Images:
    mean = x.mean(dim=(2, 3), keepdim=True)
    return mean + factor * (x - mean)


def _fog(x: Images, draws: Draws, thickness: float, decay: float) -> Images:
    """A cloudy grey is added, then all is scaled to the image's brightest value.

    The paper makes its clouds by the diamond-square method; ours are octaves of interpolated
    noise whose amplitudes fall by the same factor.
    """
    clouds = torch.zeros_like(x[:, :1])
    size, amplitude = 2, 1.0
    while size < max(x.shape[2:]):
        noise = draws.uniform(1, size + 1, size + 1)
        smooth = functional.interpolate(noise, x.shape[2:], mode="bilinear", align_corners=True)
        clouds = clouds + amplitude * smooth
        size, amplitude = 2 * size, amplitude / decay
    low, high = (end(clouds, dim=(1, 2, 3), keepdim=True) for end in (torch.amin, torch.amax))
    clouds = (clouds - low) / (high - low).clamp_min(torch.finfo(x.dtype).tiny)
    brightest = x.amax(dim=(1, 2, 3), keepdim=True)
    return (x + thickness * clouds) * brightest / (brightest + thickness)


def _pixelate(x: Images, draws: Draws, scale: float) -> Images:
    """Shrink by means of boxes and enlarge again; the paper's boxes are those of Pillow."""
    small = [max(1, int(side * scale)) for side in x.shape[2:]]
    return functional.interpolate(
        functional.interpolate(x, small, mode="area"), x.shape[2:], mode="nearest-exact"
    )


def _jpeg(x: Images, draws: Draws, quality: float) -> Images:
    """Through Pillow's JPEG, 8 bits a value; one or three channels."""
    if x.shape[1] not in (1, 3):
        raise InputError(f"JPEG of {x.shape[1]} channels", "one or three", "change x")
    levels = (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    coded = [_coded(image.squeeze(2) if x.shape[1] == 1 else image, quality) for image in levels]
    decoded = torch.from_numpy(np.stack(coded)).view(len(x), *x.shape[2:], -1)
    return decoded.permute(0, 3, 1, 2).to(x) / 255


def _coded(image: Levels, quality: float) -> Levels:
    stored = io.BytesIO()
    Image.fromarray(image).save(stored, "JPEG", quality=int(quality))
    return np.asarray(Image.open(stored))


def _gaussian(reach: int, sigma: float, like: Tensor) -> Tensor:
    """Return weights of sum 1 at -reach to reach."""
    places = torch.arange(-reach, reach + 1, dtype=like.dtype, device=like.device)
    weights = torch.exp(-places.square() / (2 * sigma**2))
    return weights / weights.sum()


def _filtered(x: Images, kernel: Tensor) -> Images:
    """Return every channel filtered by a square kernel; the last pixels continue outside."""
    reach = kernel.shape[0] // 2
    padded = functional.pad(x, (reach,) * 4, mode="replicate")
    one = kernel.expand(x.shape[1], 1, *kernel.shape)
    return functional.conv2d(padded, one, groups=x.shape[1])


def _moved(x: Images, pixels: Tensor) -> Images:
    """Return images moved by (b, 2) pixels, to the right and down; the last pixels follow."""
    h, w = x.shape[2:]
    angle = torch.zeros_like(pixels[:, 0])
    return warped(x, angle, pixels / x.new_tensor([w, h]), "border")


CORRUPTIONS: dict[str, tuple[Corrupt, tuple[tuple[float, ...], ...]]] = {
    "gaussian_noise": (_gaussian_noise, ((0.04,), (0.06,), (0.08,), (0.09,), (0.10,))),
    "shot_noise": (_shot_noise, ((500,), (250,), (100,), (75,), (50,))),
    "impulse_noise": (_impulse_noise, ((0.01,), (0.02,), (0.03,), (0.05,), (0.07,))),
    "gaussian_blur": (_gaussian_blur, ((0.4,), (0.6,), (0.7,), (0.8,), (1.0,))),
    "defocus_blur": (_defocus_blur, ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1))),
    "motion_blur": (_motion_blur, ((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5))),
    "fog": (_fog, ((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75))),
    "brightness": (_brightness, ((0.05,), (0.1,), (0.15,), (0.2,), (0.3,))),
    "contrast": (_contrast, ((0.75,), (0.5,), (0.4,), (0.3,), (0.15,))),
    "pixelate": (_pixelate, ((0.95,), (0.9,), (0.85,), (0.75,), (0.65,))),
    "jpeg": (_jpeg, ((80,), (65,), (58,), (50,), (40,))),
}
"""Corruptions by name: what makes them, and its constants at severity 1 to 5."""


def _checked(name: str, severity: int) -> None:
    if name not in CORRUPTIONS:
        raise UnknownName("corruption", name, CORRUPTIONS)
    if severity not in range(1, 6):
        raise InputError(f"severity is {severity!r}", "a whole number from 1 to 5")
