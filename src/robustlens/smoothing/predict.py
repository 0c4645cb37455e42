"""What the smoothed model answers: the class that most votes are for, or that they do not tell.

for row in predict(model, data, Gaussian(0.25), n=1000):
    row.predicted                          # -1 where it abstains
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from robustlens.answers import Answers
from robustlens.bounds import majority_p_value
from robustlens.data import Dataset
from robustlens.data.walk import checked_indices, starts_of, walk
from robustlens.evaluation import on_device_of
from robustlens.modes import frozen
from robustlens.smoothing.noise import Noise
from robustlens.smoothing.plan import check_alpha, check_counts, unreachable
from robustlens.smoothing.records import ABSTAINED, Prediction
from robustlens.smoothing.votes import tally
from robustlens.types import Images, Labels, Model

PREDICT = "predict"
"""What these votes are for: they are independent of those that certify."""


def predict(
    model: Model,
    data: Dataset,
    noise: Noise,
    *,
    n: int = 1000,
    alpha: float = 0.001,
    seed: int = 0,
    batch_size: int = 256,
    indices: Iterable[int] | None = None,
) -> Iterator[Prediction]:
    """Yield what the smoothed model answers for each image, or that n votes do not tell.

    With probability >= 1 - alpha for each image, the row abstains or its class is the smoothed
    model's. Source: Cohen, Rosenfeld, Kolter 2019, section 3.2.1, PREDICT; a two-sided binomial
    test of the two classes that have most votes. Arguments and errors as `certify`.
    """
    check_alpha(alpha)
    check_counts(n, 1, least=1)
    if 2 * 0.5**n > alpha:
        raise unreachable(n, alpha, math.ceil(math.log2(2 / alpha)))
    data = on_device_of(model, data)
    wanted = checked_indices(indices, len(data))
    return _predictions(model, data, noise, n, alpha, seed, batch_size, wanted)


def _predictions(
    model: Model, data: Dataset, noise: Noise, n: int, alpha: float, seed: int, size: int,
    wanted: list[int],
) -> Iterator[Prediction]:  # fmt: skip
    together, asked = max(1, size // n), set(wanted)
    todo = starts_of(wanted, together)
    for start, x, y in walk(data, together, "predicting under noise", todo=todo):
        began = time.perf_counter()
        group = range(start, start + len(x))
        voted = majority(
            model, x, noise, y=y, images=group, purpose=PREDICT, n=n, alpha=alpha, seed=seed,
            batch_size=size,
        )  # fmt: skip
        seconds = (time.perf_counter() - began) / len(group)
        for row, index in enumerate(group):
            if index in asked:
                yield Prediction(
                    index=index,
                    label=int(y[row]),
                    predicted=voted.classes[row],
                    votes=voted.votes[row],
                    n=n,
                    seconds=seconds,
                )


class Majority(NamedTuple):
    """What n votes say of some images: the class that has most, or -1, and its votes."""

    classes: list[int]
    votes: list[int]


def majority(
    model: Model,
    x: Images,
    noise: Noise,
    *,
    y: Labels | None = None,
    images: Sequence[int],
    purpose: str,
    n: int,
    alpha: float,
    seed: int,
    batch_size: int,
) -> Majority:
    """Return the smoothed model's class at images (b, c, h, w), -1 where n votes do not tell."""
    with frozen(model):
        counts = tally(
            Answers(model, y), x, noise, images=images, seed=seed, purpose=purpose, n=n,
            batch_size=batch_size,
        )  # fmt: skip
    top = counts[:, :-1].topk(2, dim=1)
    first, second = top.values.T.cpu().numpy()
    sure = majority_p_value(first, second) <= alpha
    best = top.indices[:, 0].cpu().numpy()
    return Majority(np.where(sure, best, ABSTAINED).tolist(), first.tolist())
