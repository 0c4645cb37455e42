"""A denoiser of images, and a classifier that sees what a denoiser makes of them.

model = Denoised(Denoiser(channels=1, width=16), classifier)      # images + noise to logits
"""

from torch import Tensor, nn

from robustlens.errors import InputError
from robustlens.nets.normalise import MEAN, STD, Normalise
from robustlens.types import Images, Logits


class Denoiser(nn.Module):
    """Convolutions in a row that say what to take away from a noisy image (b, channels, h, w).

    A 4x4 convolution with stride 2, `depth` - 2 at half the size with batch norm, and one that
    goes back to pixels; what comes out is the image minus it, not clipped. After DnCNN (Zhang,
    Zuo, Chen, Meng, Zhang 2017), which stays at full size and is 17 layers deep. Sides are even.
    """

    def __init__(self, channels: int = 1, width: int = 32, depth: int = 5) -> None:
        super().__init__()
        if depth < 2:
            raise InputError(f"a denoiser of depth {depth}", "at least 2 layers", "change depth")
        self.normalise = Normalise((MEAN,) * channels, (STD,) * channels)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers += [
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        self.body = nn.Sequential(*layers)
        self.out = nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1)

    def forward(self, x: Images) -> Images:
        """Return images of the same shape."""
        if x.shape[-1] % 2 or x.shape[-2] % 2:
            raise InputError(
                f"images of {x.shape[-2]} x {x.shape[-1]} pixels", "even sides", "crop or pad them"
            )
        clean: Tensor = x - self.out(self.body(self.normalise(x)))
        return clean


class Denoised(nn.Module):
    """A classifier that sees what a denoiser makes of its images."""

    def __init__(self, denoiser: nn.Module, model: nn.Module) -> None:
        super().__init__()
        self.denoiser, self.model = denoiser, model

    def forward(self, x: Images) -> Logits:
        """Return the classifier's logits at the denoised images."""
        clean = self.denoiser(x)
        if clean.shape != x.shape:
            raise InputError(
                f"a denoiser that makes {tuple(clean.shape)} of {tuple(x.shape)}",
                "images of the same shape, in [0, 1] pixels",
                "wrap the denoiser",
            )
        z: Logits = self.model(clean)
        return z
