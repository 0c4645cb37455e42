"""What training minimises: makers of losses, each a scalar.

    train(model, data, adversarial(bind(pgd, L2(1.5), steps=7)), config, seed=0)

An attack inside a loss sees the model in evaluation mode and leaves no gradient in it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, nll_loss

from robustlens.attacks import Bound
from robustlens.describe import shown
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.nets import Averaged, at_copies, log_mean_softmax
from robustlens.objectives import kl
from robustlens.streams import noisy, normal
from robustlens.types import Attack, Images, Labels, Loss

NOISY = {"noise", "smoothadv", "macer", "consistency", "denoise"}
"""The losses that train under noise, by the names that recipes have for them."""


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
        return cross_entropy(model(noisy(x, sigma, generator)), y)

    return _Named(f"gaussian noise (sigma {sigma:g})", loss)


def smoothadv(attack: Attack, sigma: float, *, m: int = 2) -> Loss:
    """Mean cross-entropy on attacked images + noise, the attack made on the smoothed model.

    Each image has m draws of noise. The attack sees the log of the mean softmax over them, so
    that `pgd` raises -log of the mean probability of the label; the same noise is added to what it
    returns, and the loss is the mean cross-entropy of the m copies, not clipped. With l2 balls of
    64 to 512 / 255, m from 1 to 8 and 2 to 10 steps in the paper, which starts at x; an attack
    made by `bind` starts where it does by itself.
    Source: Salman et al. 2019, section 3. Raises `InputError` for sigma <= 0 or m < 1.
    """
    _positive("sigma", sigma)
    _draws(m)
    worst = attack.worst() if isinstance(attack, Bound) else attack

    def loss(model: nn.Module, x: Images, y: Labels, generator: torch.Generator) -> Tensor:
        noise = _noise(x, sigma, m, generator)
        with frozen(model):
            attacked = worst(Averaged(model, noise), x, y, generator)
        return cross_entropy(at_copies(model, attacked, noise).flatten(0, 1), _each(y, m))

    return _Named(f"smoothadv (sigma {sigma:g}, m {m}, {shown(attack)})", loss)


def macer(
    sigma: float, *, m: int = 16, weight: float = 12.0, gamma: float = 8.0, beta: float = 16.0
) -> Loss:
    """Cross-entropy of the smoothed model plus weight * a hinge on its radius, without an attack.

    The smoothed model is the mean softmax over m draws of noise. On images that it gets right
    with logits times beta, the hinge is sigma / 2 * max(0, gamma - (Phi^-1(p) - Phi^-1(q))) for
    the means p of the label and q of the best other class, 0 elsewhere; the mean is over all.
    Where p and q round to 1 or 0 the radius is beyond the hinge and adds nothing.
    Source: Zhai et al. 2020, equation 12 and Algorithm 1; defaults are theirs for CIFAR-10 at 0.25.
    Raises `InputError` for sigma, gamma or beta <= 0, weight < 0 or m < 1.
    """
    for name, value in (("sigma", sigma), ("gamma", gamma), ("beta", beta)):
        _positive(name, value)
    _weighty("weight", weight)
    _draws(m)

    def loss(model: nn.Module, x: Images, y: Labels, generator: torch.Generator) -> Tensor:
        z = at_copies(model, x, _noise(x, sigma, m, generator))
        error = nll_loss(log_mean_softmax(z), y)
        p = (beta * z).softmax(dim=2).mean(dim=1)
        mine = p.gather(1, y[:, None])[:, 0]
        other = p.scatter(1, y[:, None], -torch.inf).amax(dim=1)
        inside = (mine > other) & (mine < 1) & (other > 0)  # Phi^-1 is finite, and so its slope
        apart = _quantile(mine, inside) - _quantile(other, inside)
        hinge = torch.where(inside, (gamma - apart).clamp(min=0), 0.0)
        return error + weight * sigma / 2 * hinge.mean()

    return _Named(
        f"macer (sigma {sigma:g}, m {m}, weight {weight:g}, gamma {gamma:g}, beta {beta:g})", loss
    )


def consistency(sigma: float, *, m: int = 2, weight: float = 20.0, entropy: float = 0.5) -> Loss:
    """Cross-entropy under noise, plus what keeps the answers of m noisy copies together.

    The mean cross-entropy of the copies + weight * the mean KL from the mean softmax of an image's
    copies to the softmax of each + entropy * the entropy of that mean.
    Source: Jeong & Shin 2020, equation 8; two copies, weight 20 (or 10) and entropy 0.5 are theirs.
    Raises `InputError` for sigma <= 0, a negative weight or entropy, or m < 2.
    """
    _positive("sigma", sigma)
    _weighty("weight", weight)
    _weighty("entropy", entropy)
    _draws(m, least=2)

    def loss(model: nn.Module, x: Images, y: Labels, generator: torch.Generator) -> Tensor:
        z = at_copies(model, x, _noise(x, sigma, m, generator))
        error = cross_entropy(z.flatten(0, 1), _each(y, m))
        mean = log_mean_softmax(z)
        apart = kl(mean.repeat_interleave(m, dim=0), z.flatten(0, 1)).mean()
        spread = -(mean.exp() * mean).sum(dim=1).mean()
        return error + weight * apart + entropy * spread

    return _Named(
        f"consistency (sigma {sigma:g}, m {m}, weight {weight:g}, entropy {entropy:g})", loss
    )


def denoise(sigma: float, *, weight: float = 1.0) -> Loss:
    """Two trainings side by side, for a `Denoised` net: its denoiser and its classifier.

    The mean cross-entropy of the classifier on the images as they are + weight * the mean squared
    error of what the denoiser makes of x + N(0, sigma^2), not clipped. Neither term has a gradient
    in the other's part: the classifier never sees noise, as in denoised smoothing with query
    access. `weight` sets the denoiser's learning rate beside the classifier's, nothing else.
    Source: Salman et al. 2020, equation 2 (the objective MSE).
    Raises `InputError` for sigma <= 0 or a negative weight, and for a net that is not `Denoised`.
    """
    _positive("sigma", sigma)
    _weighty("weight", weight)

    def loss(model: nn.Module, x: Images, y: Labels, generator: torch.Generator) -> Tensor:
        denoiser, classifier = (getattr(model, part, None) for part in ("denoiser", "model"))
        if denoiser is None or classifier is None:
            raise InputError(
                f"the loss denoise for a {type(model).__name__}",
                "a net with a denoiser before it, `nets.Denoised`",
                "use --net denoised",
            )
        error = cross_entropy(classifier(x), y)
        return error + weight * mse_loss(denoiser(noisy(x, sigma, generator)), x)

    return _Named(f"denoise (sigma {sigma:g}, weight {weight:g})", loss)


def _noise(x: Images, sigma: float, m: int, generator: torch.Generator) -> Tensor:
    """Return m draws of noise for each image, (b, m, c, h, w)."""
    like = x.detach()[:, None].expand(-1, m, *x.shape[1:])
    return sigma * normal(like, generator)


def _each(y: Labels, m: int) -> Tensor:
    """Return the labels of m copies of each image, an image's together."""
    return y.repeat_interleave(m)


def _quantile(p: Tensor, inside: Tensor) -> Tensor:
    """Return Phi^-1(p) where `inside`, else 0; its gradient is finite everywhere."""
    found: Tensor = torch.special.ndtri(torch.where(inside, p, 0.5))
    return found


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise InputError(f"{name} is {value}", "a number > 0", f"change {name}")


def _weighty(name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise InputError(f"{name} is {value}", "a number >= 0", f"change {name}")


def _draws(m: int, least: int = 1) -> None:
    if m < least:
        raise InputError(f"m is {m}", f"at least {least} noisy copies of an image", "change m")


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
