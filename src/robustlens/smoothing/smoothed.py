"""The smoothed model as a Model, for attacks and pictures; a denoiser before a model.

soft = smoothed(model, 0.25, m=32)          # differentiable, the same answer each time
model = denoised(denoiser, classifier)      # certify this
found = challenge(model, data, rows, Gaussian(0.25))
assert not any(row.broken for row in found)
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.attacks import pgd
from robustlens.balls import L2
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.nets import Averaged, Denoised
from robustlens.smoothing.noise import Gaussian, Noise, Rounded
from robustlens.smoothing.predict import majority
from robustlens.smoothing.records import ABSTAINED, Certificate
from robustlens.streams import normal, stream
from robustlens.types import Images, Logits, Model


class Smoothed(nn.Module):
    """Log of a model's mean softmax over m fixed draws of noise, the same for all images.

    An estimate of the soft smoothed classifier, not the one that is certified, which votes; its
    gradient is that of a deterministic function. The input is not clipped after the noise.
    """

    def __init__(self, model: Model, sigma: float, m: int, seed: int) -> None:
        super().__init__()
        self.model, self.noise, self.m, self.seed = model, Gaussian(sigma), m, seed

    def forward(self, x: Images) -> Logits:
        """Return log-probabilities (b, k)."""
        like = x.detach().new_empty(1, self.m, *x.shape[1:])
        drawn = self.noise.sigma * normal(like, stream(self.seed, "smoothed"))
        log_p: Tensor = Averaged(self.model, drawn)(x)
        return log_p


def smoothed(model: Model, sigma: float, m: int = 32, *, seed: int = 0) -> Smoothed:
    """Return the smoothed model as any other: images in [0, 1] to logits, with gradients.

    Source: Salman et al. 2019, section 3 (the soft smoothed classifier).
    Raises `InputError` for sigma <= 0 or m < 1.
    """
    if m < 1:
        raise InputError(f"m is {m}", "at least one draw of noise", "change m")
    return Smoothed(model, sigma, m, seed)


class Behind(nn.Module):
    """A model behind the rounding and clipping of `Rounded` noise: what its certificates are of."""

    def __init__(self, model: Model, noise: Rounded) -> None:
        super().__init__()
        self.model, self.noise = model, noise

    def forward(self, x: Images) -> Logits:
        """Return the model's logits at the rounded images."""
        z: Logits = self.model(self.noise.seen(x))
        return z


def denoised(denoiser: nn.Module, model: nn.Module) -> Denoised:
    """Return a model to certify: the denoiser first, then a classifier that needs no change.

    Both work in [0, 1] pixels, and the denoiser gets x + noise, not clipped.
    Source: Salman et al. 2020 (denoised smoothing).
    """
    return Denoised(denoiser, model)


def in_floats(model: Model, noise: Noise) -> tuple[Model, Noise]:
    """Return what to ask, and under which noise, at points that may be off the pixel grid.

    Of `Rounded` noise that is the model behind rounding, under normal noise in floats.
    """
    if isinstance(noise, Rounded):
        return Behind(model, noise), Gaussian(noise.sigma)
    return model, noise


class Challenge(NamedTuple):
    """A certificate and what an attack on the smoothed model made of it."""

    image: int  # its index
    radius: float
    distance: float  # of the attacked image, below the radius
    certified: int
    found: int  # the smoothed model's class there, by fresh votes; -1: they do not tell

    @property
    def broken(self) -> bool:
        """Whether another class was found: with probability <= 2 alpha; else it is a bug."""
        return self.found not in (ABSTAINED, self.certified)


def challenge(
    model: Model,
    data: Dataset,
    rows: Iterable[Certificate],
    noise: Noise,
    *,
    factor: float = 0.999,
    m: int = 16,
    steps: int = 20,
    n: int = 1000,
    alpha: float = 0.001,
    seed: int = 0,
    batch_size: int = 256,
) -> list[Challenge]:
    """Attack the smoothed model inside each certificate, and ask it there by fresh votes.

    PGD in l2 at `factor` times the radius goes away from the certified class on `smoothed(model,
    sigma, m)`; then n votes decide as `predict` does. A certificate that breaks at a factor <= 1
    is a bug, up to the chance of 2 alpha each. With a factor above 1 it says how tight
    certificates are (Cohen et al. 2019, section 4.2): radii that attacks break are an upper bound.
    Of `Rounded` noise the model behind rounding is asked, under normal noise in floats, for
    attacked images are off the grid.
    """
    data = on_device_of(model, data)
    soft, found = smoothed(model, noise.sigma, m, seed=seed), []
    asked, drawn = in_floats(model, noise)
    for row in rows:
        if row.predicted == ABSTAINED:
            continue
        x, y = unit(data.images[row.index])[None], torch.tensor([row.predicted])
        ball = L2(factor * row.radius)
        away = pgd(
            soft, x, y.to(x.device), ball, steps=steps, failed="worst",
            generator=stream(seed, "challenge", row.index),
        )  # fmt: skip
        answer = majority(
            asked, away, drawn, images=[row.index], purpose="challenge", n=n, alpha=alpha,
            seed=seed, batch_size=batch_size,
        )  # fmt: skip
        distance = float(ball.distance(away, x))
        found.append(Challenge(row.index, row.radius, distance, row.predicted, answer.classes[0]))
    return found
