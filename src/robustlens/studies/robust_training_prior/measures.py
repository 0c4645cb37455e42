"""The measuring part of the study `robust-training-prior`: the units of one net."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from scipy.special import stdtrit
from torch import Tensor, nn

from robustlens.balls import ball
from robustlens.bounds import mean_interval
from robustlens.data import Dataset
from robustlens.evaluation import Rate
from robustlens.result import Number
from robustlens.streams import stream
from robustlens.studies.kit.made import right
from robustlens.studies.kit.words import mean
from robustlens.theory.usefulness import Kind, Score, kind
from robustlens.usefulness import Probes, margin_shares, noise, represented, scores, table


@dataclass(frozen=True, kw_only=True)
class Look:
    """How units are measured; see the config of the study."""

    norm: str
    eps: float
    units: int
    images: int
    steps: int
    radii: tuple[float, ...]
    followed: int
    noise: tuple[float, ...]
    permutations: int
    seed: int


class Seen(NamedTuple):
    """What was found of one net.

    Attributes:
        scores: rho and gamma of the drawn units.
        shares: of the mean margin, of the same units.
        curve: mean gamma of the followed units at each radius, 0 and the whole one included.
        swamped: mean rho of all units at each sigma, scaled anew on noisy training images.
        permuted: share of units that look useful under permuted labels, over permutations.
        accuracy: on test images.
    """

    scores: list[Score]
    shares: Tensor
    curve: list[tuple[float, Number]]
    swamped: list[tuple[float, Number]]
    permuted: Number
    accuracy: Rate

    def of(self, wanted: Kind) -> list[int]:
        """Return which units are of a kind."""
        return [i for i, score in enumerate(self.scores) if kind(score) == wanted]

    def share(self, wanted: Kind) -> Number:
        """Return which share of the units is of a kind, as draws from many like them."""
        return Number.of(table(self.scores)[wanted])

    def mean(self, which: Literal["rho", "gamma"]) -> Number:
        """Return the mean rho or gamma of the units; an interval over units."""
        return mean(torch.tensor([getattr(score, which).value for score in self.scores]))

    def margin(self, wanted: Kind) -> Number:
        """Return which share of the margin given by all drawn units those of a kind give.

        A ratio of means over units, with the interval of its linearisation (delta method); where
        all units or none are of the kind, with the interval of their share of the units.
        """
        rate = self.share(wanted)
        if rate.value in (0, 1):
            return rate
        hits = torch.zeros_like(self.shares)
        hits[self.of(wanted)] = 1
        n, whole = len(hits), float(self.shares.mean())
        value = float((hits * self.shares).mean()) / whole
        error = float((self.shares * (hits - value)).std()) / (abs(whole) * n**0.5)
        half = float(stdtrit(n - 1, 0.975)) * error
        return Number(value, value - half, value + half, n)


def look(model: nn.Module, train: Dataset, test: Dataset, how: Look) -> Seen:
    """Fit units on training images, draw some of them, and measure these on test images."""
    classes = len(train.classes)
    every = Probes.fit(represented(model, train), train.labels, classes)
    drawn = torch.randperm(len(every), generator=stream(how.seed, "units"))
    drawn = drawn[: how.units] if how.units else drawn
    probes = every[drawn.to(every.weights.device)]
    found = _scored(model, probes, test, how.eps, how)
    few = torch.arange(min(how.followed, len(probes)))
    return Seen(
        found,
        margin_shares(model, test)[drawn],
        _curve(model, probes[few], test, found[: len(few)], how),
        [(sigma, _under_noise(model, train, test, sigma, how.seed)) for sigma in how.noise],
        _permuted(probes, represented(model, test), test.labels, how),
        Rate.of(right(model, test)),
    )


def _scored(model: nn.Module, probes: Probes, test: Dataset, eps: float, how: Look) -> list[Score]:
    within = ball(how.norm, eps)
    return scores(model, probes, test, within, images=how.images, steps=how.steps, seed=how.seed)


def _curve(
    model: nn.Module, probes: Probes, test: Dataset, whole: Sequence[Score], how: Look
) -> list[tuple[float, Number]]:
    """Return mean gamma over the radius; the first and the last point are those of `whole`."""
    points = [(0.0, [score.rho.value for score in whole])]
    for eps in how.radii:
        part = _scored(model, probes, test, eps, how)
        points.append((eps, [score.gamma.value for score in part]))
    points.append((how.eps, [score.gamma.value for score in whole]))
    return [(eps, mean(torch.tensor(values))) for eps, values in points]


def _under_noise(
    model: nn.Module, train: Dataset, test: Dataset, sigma: float, seed: int
) -> Number:
    """Return mean rho of all units under noise, fitted on noisy training images."""
    change = noise(sigma, seed)
    r, real = (represented(model, data, change=change) for data in (train, test))
    probes = Probes.fit(r, train.labels, len(train.classes))
    return mean(torch.tensor([u.value for u in probes.usefulness(real, test.labels)]))


def _permuted(probes: Probes, r: Tensor, labels: Tensor, how: Look) -> Number:
    """Return the share of units that look useful under permuted labels, over permutations."""
    found = []
    for i in range(how.permutations):
        order = torch.randperm(len(labels), generator=stream(how.seed, "permute", i))
        useful = [u.low > 0 for u in probes.usefulness(r, labels[order.to(labels.device)])]
        found.append(sum(useful) / len(useful))
    low, high = mean_interval(found)
    value = sum(found) / len(found)
    return Number(value, min(max(low, 0.0), value), max(min(high, 1.0), value), len(found))
