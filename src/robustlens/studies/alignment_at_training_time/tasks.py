"""Data that no net of the study was trained on: drawn digits and letters, and other data sets.

pool = task("digits", (1, 28, 28), per_class=100, seed=0)     # a Dataset, as many of each class
"""

import math

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate

from robustlens.data import Dataset, load
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.streams import stream

DRAWN = {"digits": "0123456789", "letters": "ABCDEFGHIJ"}
"""What is drawn with the font that comes with Pillow, by the name of the task."""
CANVAS = 64


def task(name: str, shape: tuple[int, int, int], per_class: int, seed: int) -> Dataset:
    """Return images of a task in the shape that the nets read, `per_class` of every class.

    Raises:
        InputError: a data set with fewer images of some class, or as `load`.
    """
    if name in DRAWN:
        data = drawn(DRAWN[name], per_class, seed, name)
    else:
        whole = load(name, "all")
        least = int(torch.bincount(whole.labels).min())
        if least < per_class:
            raise InputError(
                f"{least} images of one class of {name}", f"at least {per_class}", "fewer draws"
            )
        data = whole.take(per_class * len(whole.classes))
    return shaped(data, shape)


def drawn(signs: str, per_class: int, seed: int, name: str) -> Dataset:
    """Return signs drawn in white on black, (n, 1, 64, 64), each of its own size, place and turn.

    Turned by up to 20 degrees and slanted by up to a quarter, 26 to 44 points high, 3/5 to all of
    the brightness, with noise of deviation 0.05. All draws come from `seed`.
    """
    generator = stream(seed, "drawn", name)
    u = torch.rand(len(signs) * per_class, 6, generator=generator)
    labels = torch.arange(len(u)) % len(signs)
    rows = zip(labels.tolist(), u.tolist(), strict=True)
    images = torch.stack([_drawn(signs[k], draws) for k, draws in rows])
    noise = torch.randn(images.shape, generator=generator)
    x = (images / 255 * (0.6 + 0.4 * u[:, 5]).view(-1, 1, 1, 1) + 0.05 * noise).clamp(0, 1)
    return Dataset((255 * x).round().to(torch.uint8), labels, tuple(signs), name)


def shaped(data: Dataset, shape: tuple[int, int, int]) -> Dataset:
    """Return images with other channels and another size: the mean of the colours, or grey ones."""
    channels, height, width = shape
    if data.shape == shape:
        return data
    x = unit(data.images)
    if channels != x.shape[1]:
        x = x.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
    x = interpolate(x, (height, width), mode="bilinear", antialias=True, align_corners=False)
    images = (255 * x.clamp(0, 1)).round().to(torch.uint8)
    return Dataset(images, data.labels, data.classes, data.name)


def _drawn(sign: str, u: list[float]) -> Tensor:
    """Return one sign, (1, 64, 64) uint8, from six numbers in [0, 1]."""
    font = ImageFont.load_default(26 + 18 * u[0])
    image = Image.new("L", (CANVAS, CANVAS))
    middle = CANVAS / 2
    ImageDraw.Draw(image).text((middle, middle), sign, 255, font, anchor="mm")
    angle, slant = math.radians(40 * u[1] - 20), u[2] / 2 - 0.25
    cos, sin = math.cos(angle), math.sin(angle)
    across, down = (12 * u[3] - 6, 12 * u[4] - 6)
    a, b, c, d = cos, -sin + slant * cos, sin, cos + slant * sin
    left, top = middle + across, middle + down
    moved = (a, b, middle - a * left - b * top, c, d, middle - c * left - d * top)
    turned = image.transform(image.size, Image.Transform.AFFINE, moved, Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(turned))[None]
