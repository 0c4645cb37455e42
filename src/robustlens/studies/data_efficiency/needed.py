"""How many images a training needs, and how far what it learned goes beyond them.

needed([100, 1000, 10000], [0.4, 0.6, 0.7], chance=0.1, share=0.9)      # 2754.2...
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from robustlens.bounds import clopper_pearson
from robustlens.evaluation import Rate
from robustlens.result import Number
from robustlens.streams import stream

SHARE = 0.9
"""Of the final accuracy above chance: what a training needs images for."""
RESAMPLED = 1000
"""Draws of the bootstrap over test images."""


class Needed(NamedTuple):
    """Images that two trainings need for the same share of their final accuracy."""

    robust: Number
    standard: Number
    ratio: Number


def needed(sizes: Sequence[int], accuracy: Sequence[float], chance: float, share: float) -> float:
    """Return the n at which accuracy above chance first reaches `share` of that at the last size.

    Between two sizes the curve is a line over log n. A curve that is there at the first size
    gives the first size: then the answer is "at most".
    """
    target = chance + share * (accuracy[-1] - chance)
    for i, value in enumerate(accuracy):
        if value >= target:
            if i == 0:
                return float(sizes[0])
            below = accuracy[i - 1]
            part = (target - below) / (value - below)
            return math.exp(math.log(sizes[i - 1]) * (1 - part) + math.log(sizes[i]) * part)
    return float(sizes[-1])  # below chance at the last size


def compare(
    sizes: Sequence[int], robust: Tensor, standard: Tensor, chance: float, share: float, seed: int
) -> Needed:
    """Return what both need, from right answers (sizes, images), in [0, 1], on the same images.

    Intervals are the middle 95 % over draws of the test images, with replacement; other training
    images are not drawn.
    """
    n = robust.shape[1]
    rows = torch.randint(n, (RESAMPLED, n), generator=stream(seed, "bootstrap"))
    curves = [
        [[float(v) for v in hits.mean(dim=1)], *_means(hits, rows).tolist()]
        for hits in (robust, standard)
    ]
    a, b = ([needed(sizes, curve, chance, share) for curve in each] for each in curves)
    ratios = [x / y for x, y in zip(a, b, strict=True)]
    return Needed(*(_middle(values, n) for values in (a, b, ratios)))


def _means(hits: Tensor, rows: Tensor) -> Tensor:
    """Return accuracies (draws, sizes) on drawn test images (draws, images)."""
    return torch.stack([one[rows].mean(dim=1) for one in hits], dim=1)


def _middle(values: Sequence[float], n: int) -> Number:
    """Return the first value, with the middle 95 % of the others as its interval."""
    first, *others = values
    low, high = np.quantile(others, [0.025, 0.975])
    return Number(first, min(float(low), first), max(float(high), first), n)


def gap(training: Rate, test: Rate) -> Number:
    """Return how much accuracy is lost from training to test images.

    Each rate has its exact interval at 97.5 %, so that the difference is covered at 95 %.
    """
    a, b = (
        clopper_pearson(round(rate.value * rate.n), rate.n, alpha=0.025)
        for rate in (training, test)
    )
    value = training.value - test.value
    return Number(value, a.low - b.high, a.high - b.low, min(training.n, test.n))
