"""The measuring part of the study `smoothing-as-prior`: what noise leaves of features."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.balls import Ball
from robustlens.bounds import mean_interval
from robustlens.data import Dataset, batches
from robustlens.evaluation import on_device_of
from robustlens.result import Number
from robustlens.streams import stream
from robustlens.theory.usefulness import Kind, kind
from robustlens.usefulness import Probes, noise, represented, scores
from robustlens.vision import cosine, loss_gradient, runner_up


class Kept(NamedTuple):
    """How useful features are under growing noise: a row a level of noise, the first without."""

    rho: Tensor  # (levels, k)

    def mean(self, level: int) -> Number:
        """Return mean rho at a level, over features."""
        return _mean(self.rho[level])

    def share(self, level: int) -> Number:
        """Return which share of their usefulness without noise features keep.

        A ratio of means over features, with the interval of its linearisation (delta method).
        """
        now, before = self.rho[level].double(), self.rho[0].double()
        value = float(now.mean() / before.mean())
        spread = (now - value * before) / before.mean()
        low, high = mean_interval((spread + value).tolist())
        return Number(value, min(low, value), max(high, value), len(now))


def _mean(values: Tensor) -> Number:
    listed = values.double().tolist()
    value = sum(listed) / len(listed)
    low, high = mean_interval(listed)
    return Number(value, min(low, value), max(high, value), len(listed))


def of_kind(
    model: nn.Module,
    train: Dataset,
    test: Dataset,
    wanted: Kind,
    within: Ball,
    units: int,
    images: int,
    steps: int,
    seed: int,
) -> Tensor:
    """Return which units of a net are of a kind: their places, of `units` drawn at random."""
    r = represented(model, train)
    every = Probes.fit(r, train.labels, len(train.classes))
    drawn = torch.randperm(len(every), generator=stream(seed, "units"))[:units]
    found = scores(
        model, every[drawn.to(r.device)], test, within, images=images, steps=steps, seed=seed
    )
    return drawn[torch.tensor([kind(score) is wanted for score in found], dtype=torch.bool)]


def units_under_noise(
    model: nn.Module,
    train: Dataset,
    test: Dataset,
    units: Tensor,
    sigmas: tuple[float, ...],
    seed: int,
) -> Kept:
    """Return rho of some units at each sigma, scaled anew on noisy training images.

    Each unit goes on facing the class that it faces without noise.
    """
    rho, positive = [], None
    for sigma in sigmas:
        r, real = (
            represented(model, data, change=noise(sigma, seed))[:, units.to(_device(model))]
            for data in (train, test)
        )
        probes = Probes.fit(r, train.labels, len(train.classes), positive=positive)
        positive = probes.positive if positive is None else positive
        rho.append(torch.tensor([u.value for u in probes.usefulness(real, test.labels)]))
    return Kept(torch.stack(rho))


def labels_under_noise(
    model: nn.Module, data: Dataset, sigmas: tuple[float, ...], seed: int
) -> Kept:
    """Return rho of a net's logits for the labels of a set, one a class, at each sigma.

    Logits are scaled on one half of the set and measured on the other.
    """
    half = torch.arange(len(data)) % 2 == 0
    fitted, asked = (data.subset(torch.nonzero(side).flatten()) for side in (half, ~half))
    classes = torch.arange(len(data.classes))
    rho = []
    for sigma in sigmas:
        z, real = (_logits(model, part, sigma, seed) for part in (fitted, asked))
        probes = Probes.fit(z, fitted.labels, len(classes), positive=classes.to(z.device))
        rho.append(torch.tensor([u.value for u in probes.usefulness(real, asked.labels)]))
    return Kept(torch.stack(rho))


def _logits(model: nn.Module, data: Dataset, sigma: float, seed: int) -> Tensor:
    change, found = noise(sigma, seed), []
    with torch.no_grad():
        for x, _ in batches(on_device_of(model, data), 250):
            found.append(model(change(x)))
    return torch.cat(found)


def alignment(model: nn.Module, data: Dataset, means: Tensor) -> Tensor:
    """Return per image the cosine of the loss gradient to (mean of the other class - own mean)."""
    found = []
    for x, y in batches(on_device_of(model, data), 250):
        across = means.to(x.device)
        other = runner_up(model, x, y)
        found.append(cosine(loss_gradient(model, x, y), across[other] - across[y]))
    return torch.cat(found).cpu()


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def shortened(data: Dataset, count: int) -> Dataset:
    """Return as many images, alike from every class; all for 0."""
    return data.take(count) if count else data
