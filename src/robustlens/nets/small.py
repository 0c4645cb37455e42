"""A small convolutional net that trains in minutes on a CPU.

net = SmallCNN(channels=1, classes=10, width=16)      # Fashion-MNIST
"""

from torch import Tensor, nn

from robustlens.nets.normalise import MEAN, STD, Normalise
from robustlens.types import Images, Logits


def _layer(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class SmallCNN(nn.Module):
    """Five 3x3 convolutions at three sizes, batch norm, pooling to 2x2, a linear head.

    Takes (b, channels, h, w) in [0, 1] for any h, w >= 8; normalisation is inside. `width` is
    the number of channels of the first layer; the others have two and four times as many.
    """

    def __init__(self, channels: int = 1, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.normalise = Normalise((MEAN,) * channels, (STD,) * channels)
        self.body = nn.Sequential(
            _layer(channels, width, 1),
            _layer(width, 2 * width, 2),
            _layer(2 * width, 2 * width, 1),
            _layer(2 * width, 4 * width, 2),
            _layer(4 * width, 4 * width, 1),
        )
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(16 * width, classes)

    def forward(self, x: Images) -> Logits:
        """Return logits (b, classes)."""
        logits: Tensor = self.head(self.pool(self.body(self.normalise(x))).flatten(1))
        return logits
