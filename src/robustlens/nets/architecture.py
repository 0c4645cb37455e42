"""What net a set of weights belongs to: a value that can be written down and built again.

Architecture(net="small", width=16, channels=1, classes=10, size=28).build()
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from robustlens.decoding import encode
from robustlens.errors import InputError, UnknownName
from robustlens.nets.denoiser import Denoised, Denoiser
from robustlens.nets.mlp import MLP
from robustlens.nets.resnet import preact_resnet
from robustlens.nets.small import SmallCNN
from robustlens.nets.vgg import VGG
from robustlens.nets.wide_resnet import wide_resnet


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One of `NETS`, with its width and depth, for images of a size and a number of classes."""

    net: str = "small"
    width: int = 16  # channels of the first layer, units of a layer of an mlp
    depth: int = 0  # weighted layers; 0: the net's own (`DEPTHS`)
    widen: int = 1  # factor on the stages of a wide-resnet
    stem_stride: int = 0  # of a residual net's first convolution; 0: 2 above 64 pixels, else 1
    channels: int = 1
    classes: int = 10
    size: int = 28  # pixels a side

    def __post_init__(self) -> None:
        if self.net not in NETS:
            raise UnknownName("net", self.net, NETS)
        if min(self.width, self.widen, self.channels, self.classes, self.size) < 1:
            raise InputError(
                f"{self}", "width, widen, channels, classes and size of at least 1", "change them"
            )

    @property
    def short(self) -> str:
        """The net in a few words: "resnet-8, width 48"."""
        return f"{self.net}{f'-{self.depth}' if self.depth else ''}, width {self.width}"

    def build(self) -> nn.Module:
        """Return the net with fresh weights (see `streams.initialised` for a seed)."""
        return NETS[self.net](self)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for a JSON file."""
        found: dict[str, Any] = encode(self)
        return found


DEPTHS = {
    "small": 6,
    "resnet": 18,
    "resnet-gelu": 18,
    "wide-resnet": 28,
    "vgg": 11,
    "vgg-bn": 11,
    "vgg-gn": 11,
    "mlp": 3,
    "denoised": 5,
}
"""The depth of each net where none is asked for."""


def _depth(a: Architecture) -> int:
    return a.depth or DEPTHS[a.net]


def _stem(a: Architecture) -> int:
    return a.stem_stride or (2 if a.size > 64 else 1)


def _small(a: Architecture) -> nn.Module:
    if a.depth not in (0, DEPTHS["small"]):
        raise InputError(f"a small net of depth {a.depth}", "depth 0 or 6", "use --net resnet")
    return SmallCNN(a.channels, a.classes, a.width)


def _resnet(activation: Callable[[], nn.Module]) -> Callable[[Architecture], nn.Module]:
    return lambda a: preact_resnet(_depth(a), a.width, _stem(a), a.channels, a.classes, activation)


def _wide_resnet(a: Architecture) -> nn.Module:
    return wide_resnet(_depth(a), a.widen, a.width, _stem(a), a.channels, a.classes)


def _vgg(norm: str) -> Callable[[Architecture], nn.Module]:
    return lambda a: VGG(_depth(a), a.width, norm, a.channels, a.classes)


def _mlp(a: Architecture) -> nn.Module:
    return MLP(a.channels, a.size, a.classes, a.width, _depth(a))


def _denoised(a: Architecture) -> nn.Module:
    return Denoised(
        Denoiser(a.channels, a.width, _depth(a)), SmallCNN(a.channels, a.classes, a.width)
    )


NETS: dict[str, Callable[[Architecture], nn.Module]] = {
    "small": _small,
    "resnet": _resnet(nn.ReLU),
    "resnet-gelu": _resnet(nn.GELU),
    "wide-resnet": _wide_resnet,
    "vgg": _vgg("none"),
    "vgg-bn": _vgg("batch"),
    "vgg-gn": _vgg("group"),
    "mlp": _mlp,
    "denoised": _denoised,
}
"""The nets by name. A vgg and an mlp have no norm; vgg-bn has batch norm, vgg-gn group norm.

A denoised net is a small one behind a denoiser as wide; its depth is the denoiser's.
"""
