"""Small words that studies share: what a model says of an image, and numbers of many images."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from robustlens.bounds import mean_interval
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.evaluation import Rate
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.pictures import Series
from robustlens.result import Number
from robustlens.theory.sampling import Sampled
from robustlens.types import Images, Labels, Model


class Guess(NamedTuple):
    """A predicted class, and words for it with the softmax confidence: "Bag 97 %"."""

    label: int
    text: str


def says(model: Model, x: Images, classes: tuple[str, ...]) -> list[Guess]:
    """Return what the model says of each image."""
    with frozen(model), torch.no_grad():
        confidence, guess = logits(model, x).softmax(dim=1).max(dim=1)
    pairs = zip(guess.tolist(), confidence.tolist(), strict=True)
    return [Guess(k, f"{classes[k]} {p:.0%}") for k, p in pairs]


def first_of_each(labels: Labels, among: Tensor, count: int) -> Tensor:
    """Return the positions of the first image of each class for which `among` holds.

    At most `count` of them, in the order of the classes: chosen by position, not by looks.
    """
    found = []
    for k in sorted(set(labels.tolist())):
        hits = torch.nonzero((labels == k) & among).flatten()
        found += hits[:1].tolist()
    return torch.tensor(found[:count], dtype=torch.int64)


def mean(values: Tensor, published: str | None = None, source: str | None = None) -> Number:
    """Return the mean over images with Student's 95 % interval."""
    listed = values.double().tolist()
    low, high = mean_interval(listed)
    return Number(math.fsum(listed) / len(listed), low, high, len(listed), published, source)


SHARE = (0.0, 1.0)
"""Where a share can be."""


def sampled(found: Sampled, lowest: float = -math.inf, highest: float = math.inf) -> Number:
    """Return a mean of samples with its normal 95 % interval, cut to where it can be.

    Where all samples are alike the error counts as one in n.
    """
    half = 1.96 * max(found.error, 1 / found.n)
    low, high = max(lowest, found.value - half), min(highest, found.value + half)
    return Number(found.value, low, high, found.n)


def band(
    name: str, x: Sequence[float], found: Sequence[Number | Rate], tone: str = "plain"
) -> Series:
    """Return numbers or rates as a curve with their intervals around it."""
    values, low, high = zip(*((n.value, n.low, n.high) for n in found), strict=True)
    return Series(name, x, values, low, high, tone)


def dots(
    name: str, x: Sequence[float], found: Sequence[Number | Rate], tone: str = "plain"
) -> Series:
    """Return numbers or rates as points with their intervals, to stand beside a curve."""
    return replace(band(name, x, found, tone), line=False)


def images_at(data: Dataset, at: Tensor) -> tuple[Images, Labels]:
    """Return some images as floats in [0, 1], with their labels."""
    part = data.subset(at)
    return unit(part.images), part.labels


def above(a: Number, b: Number) -> bool:
    """Say whether `a` is larger than `b` with intervals that do not meet."""
    return a.low > b.high


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Return the least-squares slope of log y over log x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])
