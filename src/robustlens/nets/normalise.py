"""Layers around a person's net: normalisation before it, a second class after one logit.

model = normalised(their_net, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
model = two_classes(their_binary_net)           # one logit; class 1 where it is positive

So images stay in [0, 1], eps keeps its unit, and every model has a score for each class.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from robustlens.types import Images, Logits

MEAN, STD = 0.5, 0.25
"""What our own nets subtract and divide by: close to most images, and batch norm does the rest."""


class Normalise(nn.Module):
    """(x - mean) / std per channel, without clamping (which would hide gradients)."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Images) -> Images:
        """Return the normalised images."""
        return (x - self.mean) / self.std


class TwoClasses(nn.Module):
    """Logits (0, z) of two classes from a net with one logit z: class 1 where it is positive."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Images) -> Logits:
        """Return logits (b, 2) from the net's (b, 1) or (b,)."""
        z: Tensor = self.model(x).reshape(len(x), 1)
        return torch.cat([torch.zeros_like(z), z], dim=1)


def two_classes(model: nn.Module) -> TwoClasses:
    """Return a model of two classes from a net with one logit, as for binary cross-entropy."""
    return TwoClasses(model)


def normalised(model: nn.Module, mean: Sequence[float], std: Sequence[float]) -> nn.Sequential:
    """Return a model for images in [0, 1] from one that expects normalised images."""
    return nn.Sequential(Normalise(mean, std), model)
