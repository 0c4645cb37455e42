"""Classifiers whose smoothed answer is known, on images of a few pixels."""

import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.streams import stream


class Halfspace(nn.Module):
    """Class 1 where w.x > b: smoothed by any Gaussian it decides the same."""

    def __init__(self, w: Tensor, b: float) -> None:
        super().__init__()
        self.w, self.b = w, b

    def forward(self, x: Tensor) -> Tensor:
        score = x.flatten(1) @ self.w - self.b
        return torch.stack([-score, score], dim=1)

    def distance(self, x: Tensor) -> Tensor:
        """Return how far images are from the hyperplane."""
        return (x.flatten(1) @ self.w - self.b).abs() / self.w.norm()


class LowBits(nn.Module):
    """Class 0 where the first pixel is a multiple of 2^-24: it reads what rounding left."""

    def forward(self, x: Tensor) -> Tensor:
        levels = x.flatten(1)[:, 0].double() * 2**24
        fine = (levels != levels.round()).float()
        return torch.stack([-fine, fine], dim=1)


def data(pixels: Tensor, labels: Tensor, classes: int = 2) -> Dataset:
    """Return uint8 images (b, c, h, w) as a data set."""
    names = tuple(f"class {number}" for number in range(classes))
    return Dataset(pixels.to(torch.uint8), labels, names, "toy")


def plane(images: int = 4) -> tuple[Halfspace, Dataset]:
    """Return a half-space in 16 dimensions and images on both sides of it."""
    w = torch.randn(16, generator=stream(0, "w"))
    pixels = torch.randint(0, 256, (images, 1, 4, 4), generator=stream(0, "x"))
    x = pixels.float() / 255
    model = Halfspace(w, float((x.flatten(1) @ w).median()) + 0.3)
    return model, data(pixels, model(x).argmax(dim=1))
