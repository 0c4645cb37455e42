"""A model under Gaussian noise, as randomized smoothing uses it."""

from torch import nn

from robustlens.streams import Draws, noisy, stream
from robustlens.types import Images, Logits


class Noisy(nn.Module):
    """A model behind noise that belongs to the image, whatever its batch."""

    def __init__(self, model: nn.Module, sigma: float, seed: int) -> None:
        super().__init__()
        self.model, self.sigma, self.seed = model, sigma, seed

    def forward(self, x: Images) -> Logits:
        """Return the logits of x under its own draw of noise."""
        draws = Draws.of(x, stream(self.seed, "noise"))
        z: Logits = self.model(noisy(x, self.sigma, draws))
        return z
