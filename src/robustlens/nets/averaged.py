"""A net whose answer is the mean of its answers at noisy copies.

model = Averaged(net, noise)        # logits (b, k): log of the mean softmax at x + noise
"""

import torch
from torch import Tensor, nn

from robustlens.errors import InputError
from robustlens.types import Images, Logits, Model


class Averaged(nn.Module):
    """The log of the mean softmax of a model at x + noise; noise is (b or 1, m, c, h, w).

    Its softmax is the mean of the softmaxes, so its cross-entropy is -log of the mean probability
    of the label: the objective of SmoothAdv (Salman et al. 2019, equation 10).
    """

    def __init__(self, model: Model, noise: Tensor) -> None:
        super().__init__()
        self.model, self.noise = model, noise

    def forward(self, x: Images) -> Logits:
        """Return log-probabilities (b, k)."""
        if len(self.noise) not in (1, len(x)):
            raise InputError(
                f"{len(x)} images for the noise of {len(self.noise)}",
                "all images at once",
                "take an attack that keeps all images to the end: bind(pgd, ...) does",
            )
        return log_mean_softmax(at_copies(self.model, x, self.noise))


def at_copies(model: Model, x: Images, noise: Tensor) -> Tensor:
    """Return a model's logits (b, m, k) at x + noise, in one forward pass; noise as `Averaged`."""
    copies = x[:, None] + noise
    z = model(copies.flatten(0, 1))
    return z.view(len(x), -1, z.shape[-1])


def log_mean_softmax(z: Tensor) -> Logits:
    """Return the log of the mean of softmaxes, (b, m, k) to (b, k)."""
    mean: Tensor = z.log_softmax(dim=-1).logsumexp(dim=1) - torch.tensor(float(z.shape[1])).log()
    return mean
