"""A multilayer perceptron: no convolution, no norm, nothing that knows of images.

net = MLP(channels=1, size=28, classes=10, width=256, depth=3)
"""

from itertools import pairwise

from torch import Tensor, nn

from robustlens.errors import InputError
from robustlens.nets.normalise import MEAN, STD, Normalise
from robustlens.types import Images, Logits


class MLP(nn.Module):
    """`depth` linear layers with ReLUs between them, on the pixels of an image.

    Takes (b, channels, h, w) in [0, 1]; normalisation is inside. It is built for `size` x `size`
    pixels, and images of other sides are averaged or repeated to that. `width` is the number of
    hidden units of each layer.

    Raises:
        InputError: a depth under 2.
    """

    def __init__(
        self,
        channels: int = 1,
        size: int = 28,
        classes: int = 10,
        width: int = 256,
        depth: int = 3,
    ) -> None:
        super().__init__()
        if depth < 2:
            raise InputError(f"depth is {depth}", "at least 2 layers", "change depth")
        self.normalise = Normalise((MEAN,) * channels, (STD,) * channels)
        self.fit = nn.AdaptiveAvgPool2d(size)
        sizes = [channels * size**2, *(width,) * (depth - 1)]
        layers = list[nn.Module]()
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Images) -> Logits:
        """Return logits (b, classes)."""
        pixels = self.fit(self.normalise(x)).flatten(1)
        logits: Tensor = self.head(self.body(pixels))
        return logits
