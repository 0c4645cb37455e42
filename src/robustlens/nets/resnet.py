"""Pre-activation residual nets of any depth and width, for images of 28 to 128 pixels.

    net = preact_resnet(depth=18, width=64)               # the ResNet-18 of CIFAR-10
    net = PreActResNet(blocks=(1, 1, 1), width=16)        # any other shape

Source: He et al. 2016, "Identity mappings in deep residual networks".
"""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from robustlens.errors import InputError
from robustlens.nets.normalise import MEAN, STD, Normalise
from robustlens.types import Images, Logits

Activation = Callable[[], nn.Module]
"""What builds the layer between norm and convolution."""


class PreActBlock(nn.Module):
    """Norm, ReLU, 3x3; norm, ReLU, 3x3; plus the input, or its 1x1 projection where shapes change.

    The projection reads the activated input, as in the original.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, activation: Activation = nn.ReLU
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.relu = activation()
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        )
        self.reads_active = not isinstance(self.shortcut, nn.Identity)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output, (b, outputs, h / stride, w / stride)."""
        active = self.relu(self.norm1(x))
        skip = self.shortcut(active if self.reads_active else x)
        inner = self.conv2(self.relu(self.norm2(self.conv1(active))))
        total: Tensor = skip + inner
        return total


class PreActResNet(nn.Module):
    """A stem, stages of blocks whose width doubles and size halves, a norm, pooling, a head.

    Args:
        blocks: blocks in each stage; (2, 2, 2, 2) with width 64 is the ResNet-18 of CIFAR-10.
        width: channels of the stem and the first stage.
        widen: factor on the width of every stage (Wide-ResNet), the stem excepted.
        stem_stride: 1 for images of 28 to 64 pixels, 2 or 4 above.
        channels, classes: of the images and of the answer.
        activation: in place of ReLU; smooth ones (GELU; Hendrycks & Gimpel 2016) leave every unit
            a gradient, which pictures made by gradient ascent want.
    """

    def __init__(
        self,
        blocks: Sequence[int] = (2, 2, 2, 2),
        width: int = 64,
        widen: int = 1,
        stem_stride: int = 1,
        channels: int = 3,
        classes: int = 10,
        activation: Activation = nn.ReLU,
    ) -> None:
        super().__init__()
        if not blocks or min(blocks) < 1 or width < 1:
            raise InputError(
                f"blocks {tuple(blocks)} and width {width}",
                "at least one block a stage, width >= 1",
            )
        self.normalise = Normalise((MEAN,) * channels, (STD,) * channels)
        self.stem = nn.Conv2d(channels, width, 3, stride=stem_stride, padding=1, bias=False)
        inputs, stages = width, []
        for stage, count in enumerate(blocks):
            outputs = width * widen * 2**stage
            for block in range(count):
                stride = 2 if stage > 0 and block == 0 else 1
                stages.append(PreActBlock(inputs, outputs, stride, activation))
                inputs = outputs
        self.blocks = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(inputs)
        self.relu = activation()
        self.head = nn.Linear(inputs, classes)

    def forward(self, x: Images) -> Logits:
        """Return logits (b, classes)."""
        maps = self.relu(self.norm(self.blocks(self.stem(self.normalise(x)))))
        logits: Tensor = self.head(maps.mean(dim=(2, 3)))
        return logits


def preact_resnet(
    depth: int = 18,
    width: int = 64,
    stem_stride: int = 1,
    channels: int = 3,
    classes: int = 10,
    activation: Activation = nn.ReLU,
) -> PreActResNet:
    """Return the net with `depth` weighted layers: four stages for 8n + 2, three for 6n + 2.

    Raises:
        InputError: depth is neither (10, 18, 26, 34, ... or 8, 14, 20, 32, ...).
    """
    for stages in (4, 3):
        count, rest = divmod(depth - 2, 2 * stages)
        if rest == 0 and count >= 1:
            blocks = (count,) * stages
            return PreActResNet(blocks, width, 1, stem_stride, channels, classes, activation)
    raise InputError(
        f"depth is {depth}", "8n + 2 or 6n + 2: 8, 10, 14, 18, 20, ...", "change depth"
    )
