"""What training minimises: makers of losses, each a scalar.

    train(model, data, adversarial(bind(pgd, L2(1.5), steps=7)), config, seed=0)

An attack inside a loss sees the model in evaluation mode and leaves no gradient in it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from robustlens.attacks import Bound
from robustlens.describe import shown
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.objectives import kl
from robustlens.streams import normal
from robustlens.types import Attack, Images, Labels, Loss


def standard(model: nn.Module, x: Images, y: Labels, generator: torch.Generator) -> Tensor:
    """Mean cross-entropy on the images as they are."""
    return cross_entropy(model(x), y)


def adversarial(attack: Attack) -> Loss:
    """Mean cross-entropy on attacked images: min-max training.

    An attack made by `bind` is asked for the worst point it met, also where it fools nobody.
    The gradient at the inner maximiser is a descent direction of the maximum (Danskin).
    Source: Madry et al. 2018, section 2.1.
    """
    worst = attack.worst() if isinstance(attack, Bound) else attack

    def loss(model: nn.Module, x: Images, y: Labels, generator: torch.Generator) -> Tensor:
        with frozen(model):
            attacked = worst(model, x, y, generator)
        return cross_entropy(model(attacked), y)

    return _Named(f"adversarial ({shown(attack)})", loss)


def trades(attack: Attack, beta: float = 6.0) -> Loss:
    """Mean cross-entropy on clean images plus beta * KL(clean || attacked) predictions.

    `attack` should raise the KL term, as `pgd_kl` does. Source: Zhang et al. 2019, equation 5.
    Raises `InputError` for beta < 0.
    """
    if not beta >= 0:
        raise InputError(f"beta is {beta}", "a number >= 0, 6 in the paper", "change beta")

    def loss(model: nn.Module, x: Images, y: Labels, generator: torch.Generator) -> Tensor:
        with frozen(model):
            attacked = attack(model, x, y, generator)
        clean = model(x)
        moved = kl(clean.log_softmax(dim=1), model(attacked)).mean()
        return cross_entropy(clean, y) + beta * moved

    return _Named(f"trades (beta {beta:g}, {shown(attack)})", loss)


def gaussian_noise(sigma: float) -> Loss:
    """Mean cross-entropy on x + N(0, sigma^2), not clipped (sigma in [0, 1] pixel units).

    Source: Cohen, Rosenfeld, Kolter 2019, section 3.3. Raises `InputError` for sigma < 0.
    """
    if not sigma >= 0:
        raise InputError(f"sigma is {sigma}", "a number >= 0 such as 0.25", "change sigma")

    def loss(model: nn.Module, x: Images, y: Labels, generator: torch.Generator) -> Tensor:
        return cross_entropy(model(x + sigma * normal(x, generator)), y)

    return _Named(f"gaussian noise (sigma {sigma:g})", loss)


def describe(loss: Loss) -> str:
    """Return words for a loss, its settings among them where it is one of ours."""
    return str(loss) if isinstance(loss, _Named) else getattr(loss, "__qualname__", shown(loss))


@dataclass(frozen=True)
class _Named:
    """A loss that says what it is when printed."""

    name: str
    function: Loss

    def __call__(
        self, model: nn.Module, x: Images, y: Labels, generator: torch.Generator
    ) -> Tensor:
        return self.function(model, x, y, generator)

    def __str__(self) -> str:
        return self.name
