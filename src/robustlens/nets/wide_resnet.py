"""Wide residual nets, WRN-depth-widen: three stages of (depth - 4) / 6 blocks.

    net = wide_resnet(depth=28, widen=10)

Source: Zagoruyko & Komodakis 2016.
"""

from robustlens.errors import InputError
from robustlens.nets.resnet import PreActResNet


def wide_resnet(
    depth: int = 28,
    widen: int = 10,
    width: int = 16,
    stem_stride: int = 1,
    channels: int = 3,
    classes: int = 10,
) -> PreActResNet:
    """Return WRN-depth-widen; raise `InputError` unless depth = 6 n + 4 with n >= 1."""
    if depth < 10 or (depth - 4) % 6:
        raise InputError(f"depth is {depth}", "6 n + 4: 10, 16, 22, 28, 34, ...", "change depth")
    blocks = ((depth - 4) // 6,) * 3
    return PreActResNet(blocks, width, widen, stem_stride, channels, classes)
