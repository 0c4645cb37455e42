"""Input normalisation as a layer, so that images stay in [0, 1] and eps keeps its unit.

model = normalised(their_net, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from robustlens.types import Images

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


def normalised(model: nn.Module, mean: Sequence[float], std: Sequence[float]) -> nn.Sequential:
    """Return a model for images in [0, 1] from one that expects normalised images."""
    return nn.Sequential(Normalise(mean, std), model)
