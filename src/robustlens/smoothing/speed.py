"""How many votes a time allows, and how far so many can certify.

rate = votes_per_second(model, data, Gaussian(0.25))
n = votes_for(rate * 600, images=500, n0=100)
largest_radius(Fixed(n=n), alpha=0.001, sigma=0.25)
"""

import math
import time

import numpy as np
import torch
from scipy.special import ndtri

from robustlens.answers import Answers
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.evaluation import on_device_of
from robustlens.modes import frozen
from robustlens.processes import gathered
from robustlens.smoothing.noise import Noise
from robustlens.smoothing.plan import Plan
from robustlens.smoothing.votes import tally
from robustlens.types import Model

MOST = 100_000
"""Votes of an image that are enough: those of the published tables."""
SHARE = 0.9
"""Of the time, what votes may take: the rest is for reading, looking and writing."""


def votes_per_second(
    model: Model, data: Dataset, noise: Noise, *, batch_size: int = 256, seconds: float = 3.0
) -> float:
    """Return how many votes on noisy copies are cast in a second, by all processes together.

    They are drawn, asked and counted as `certify` does it, and are used for nothing else. A first
    batch warms up; it takes about `seconds`.
    """
    data = on_device_of(model, data)
    x, ask, cast = unit(data.images[:1]), Answers(model), 0
    with frozen(model), torch.no_grad():
        began = time.perf_counter()
        while cast <= batch_size or time.perf_counter() - began < seconds:
            tally(
                ask, x, noise, images=[0], seed=0, purpose="speed", n=batch_size,
                batch_size=batch_size,
            ).cpu()  # fmt: skip
            if not cast:
                began = time.perf_counter()
            cast += batch_size
    mine = (cast - batch_size) / (time.perf_counter() - began)
    return math.fsum(map(float, gathered(repr(mine))))


def votes_for(total: float, *, images: int, n0: int) -> int:
    """Return the n that `total` votes allow each image, beside n0 for the choice; 0 if none.

    A share of `SHARE` is spent, two digits are kept, and no more than `MOST` are asked for.
    """
    n = math.floor(SHARE * total / images) - n0
    if n < 1:
        return 0
    digits = int(10 ** max(0, len(str(n)) - 2))
    return min(MOST, n // digits * digits)


def largest_radius(plan: Plan, *, alpha: float, sigma: float) -> float:
    """Return the radius that a plan certifies where all its votes are for one class."""
    n = np.array([float(plan.n)])
    low = plan.look(n, n, np.zeros(1), alpha, sigma).low
    return max(0.0, float(sigma * ndtri(low[0])))
