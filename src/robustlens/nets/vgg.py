"""Plain convolutional nets, VGG: no shortcuts, and any norm or none.

    net = VGG(depth=11, width=64, norm="none")            # as first published
    net = VGG(depth=16, width=64, norm="batch")

Source: Simonyan & Zisserman 2015, Table 1. Group norm: Wu & He 2018.
"""

import math
from collections.abc import Callable

from torch import Tensor, nn

from robustlens.errors import InputError, UnknownName
from robustlens.nets.normalise import MEAN, STD, Normalise
from robustlens.types import Images, Logits

STAGES = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions in each stage, by the depth in the paper, which counts three linear layers."""
GROUP = 8
"""Channels of a group in group norm, where they divide."""


def _groups(channels: int) -> nn.Module:
    return nn.GroupNorm(math.gcd(channels, max(1, channels // GROUP)), channels)


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "group": _groups,
    "none": lambda channels: nn.Identity(),
}
"""What stands between a convolution and its ReLU, by name."""


class VGG(nn.Module):
    """Five stages of 3x3 convolutions, each ended by pooling; then the mean, and a linear head.

    Takes (b, channels, h, w) in [0, 1] of any size; normalisation is inside. One linear layer
    stands for the paper's three, as usual for small images. Weights begin as in He et al. 2015:
    without a norm, deep plain nets do not learn from torch's own.

    Args:
        depth: 11, 13, 16 or 19, see `STAGES`.
        width: channels of the first stage; the others have two, four, eight and eight times as
            many. 64 in the paper.
        norm: batch, group or none.

    Raises:
        InputError, UnknownName: another depth, another norm.
    """

    def __init__(
        self,
        depth: int = 11,
        width: int = 64,
        norm: str = "none",
        channels: int = 3,
        classes: int = 10,
    ) -> None:
        super().__init__()
        if depth not in STAGES:
            raise InputError(f"depth is {depth}", ", ".join(map(str, STAGES)), "change depth")
        if norm not in NORMS:
            raise UnknownName("norm", norm, NORMS)
        self.normalise = Normalise((MEAN,) * channels, (STD,) * channels)
        inputs, layers = channels, list[nn.Module]()
        for stage, count in enumerate(STAGES[depth]):
            outputs = width * min(2**stage, 8)
            for _ in range(count):
                layers += _layer(inputs, outputs, norm)
                inputs = outputs
            layers.append(nn.MaxPool2d(2, ceil_mode=True))  # so that 1 pixel stays 1 pixel
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Images) -> Logits:
        """Return logits (b, classes)."""
        logits: Tensor = self.head(self.body(self.normalise(x)).mean(dim=(2, 3)))
        return logits


def _layer(inputs: int, outputs: int, norm: str) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=norm == "none")
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return [convolution, NORMS[norm](outputs), nn.ReLU()]
