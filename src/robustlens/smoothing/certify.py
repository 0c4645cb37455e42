"""Certificates of the smoothed model: one row an image, in any order the same.

for row in certify(model, data, Gaussian(0.25), Fixed(n=1000), indices=range(500)):
    row.predicted, row.radius
"""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from robustlens.answers import Answers, decision
from robustlens.bounds import majority_p_value
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.modes import frozen
from robustlens.progress import bar
from robustlens.smoothing.noise import Noise
from robustlens.smoothing.plan import Fixed, Numbers, Plan, check_alpha, check_counts, unreachable
from robustlens.smoothing.records import ABSTAINED, Certificate, Prediction
from robustlens.smoothing.under_noise import look_under_noise
from robustlens.smoothing.votes import tally
from robustlens.types import Images, Labels, Model

SELECT, CERTIFY, PREDICT = "select", "certify", "predict"
"""What votes are for; those for one purpose are independent of those for another."""


def certify(
    model: Model,
    data: Dataset,
    noise: Noise,
    plan: Plan | None = None,
    *,
    alpha: float = 0.001,
    seed: int = 0,
    batch_size: int = 256,
    indices: Iterable[int] | None = None,
) -> Iterator[Certificate]:
    """Yield for each image the class that the smoothed model holds to, and how far.

    The smoothed model answers the class that `model` answers most often at x + noise. For each
    row, with probability >= 1 - alpha over the votes: if `predicted` is a class, the smoothed
    model answers it at every image at an l2 distance below `radius` = sigma Phi^-1(low), where low
    bounds the class's share of votes from below. The candidate is chosen by votes of its own. What
    is certified is `model` at the precision it computes in; a vote that is no answer counts
    against the candidate.

    An image's row depends on the seed, its index and the plan. Images are asked about in groups
    of neighbours, so that it is the same to the bit also where rounding depends on the batch:
    one `batch_size` and any `indices` give the same rows.

    Source: Cohen, Rosenfeld, Kolter 2019, section 3.2.2 and theorem 1 with pB = 1 - pA.

    Args:
        model: images in [0, 1] to logits; its own normalisation comes after the noise.
        noise: `Gaussian(sigma)` or `Rounded(sigma)`.
        plan: `Fixed(n=100_000, n0=100)` by default, or `Sequential(...)`.
        alpha: the chance of a false certificate, for each image.
        batch_size: noisy copies in one forward pass; memory is that of these, whatever n.
        indices: the images to certify, all by default; one that goes on leaves out those done.

    Warns:
        Doubtful: the model is right much less often under this noise than without it.

    Raises:
        InputError: alpha outside (0, 1), a plan that cannot certify anything, indices outside
            the data, labels that are none of the model's classes, or as `Answers`.
    """
    plan = Fixed() if plan is None else plan
    plan.check(alpha, noise.sigma)
    work = _Work(model, on_device_of(model, data), noise, plan, alpha, seed, batch_size)
    wanted = _wanted(indices, len(data))
    return work.rows(wanted)


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
    wanted = _wanted(indices, len(data))
    return _predictions(model, data, noise, n, alpha, seed, batch_size, wanted)


def _predictions(
    model: Model, data: Dataset, noise: Noise, n: int, alpha: float, seed: int, size: int,
    wanted: list[int],
) -> Iterator[Prediction]:  # fmt: skip
    with bar("predicting under noise", len(wanted)) as advance:
        for group, chosen in _groups(wanted, max(1, size // n), len(data)):
            began = time.perf_counter()
            x, y = _images(data, group)
            voted = majority(
                model, x, noise, y=y, images=group, purpose=PREDICT, n=n, alpha=alpha, seed=seed,
                batch_size=size,
            )  # fmt: skip
            seconds = (time.perf_counter() - began) / len(group)
            for row, index in enumerate(group):
                if index in chosen:
                    yield Prediction(
                        index=index,
                        label=int(y[row]),
                        predicted=voted.classes[row],
                        votes=voted.votes[row],
                        n=n,
                        seconds=seconds,
                    )
            advance(len(chosen))


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


@dataclass(frozen=True)
class _Work:
    """What all images of a certification share."""

    model: Model
    data: Dataset
    noise: Noise
    plan: Plan
    alpha: float
    seed: int
    batch_size: int

    def rows(self, wanted: list[int]) -> Iterator[Certificate]:
        """Yield the rows of some images, group by group of neighbours."""
        look_under_noise(self.model, self.data, self.noise, seed=self.seed)
        together = max(1, self.batch_size // max(self.plan.lot(0), 1))
        with bar("certifying", len(wanted)) as advance:
            for group, chosen in _groups(wanted, together, len(self.data)):
                began = time.perf_counter()
                with frozen(self.model):
                    state = self._certified(group)
                seconds = (time.perf_counter() - began) / len(group)
                found = self._written(state, group, seconds)
                yield from (row for row in found if row.index in chosen)
                advance(len(chosen))

    def _certified(self, group: list[int]) -> "_State":
        """Ask about a group of images until all are done; those that are done leave."""
        x, y = _images(self.data, group)
        ask = Answers(self.model, y)
        state = _State(x, y, self._candidates(ask, x, group))
        while len(left := np.flatnonzero(~state.done)):
            had = [int(n) for n in state.n[left]]
            lots = [self.plan.lot(n) for n in had]
            new = tally(
                ask,
                x[torch.from_numpy(left).to(x.device)],
                self.noise,
                images=[group[row] for row in left],
                seed=self.seed,
                purpose=CERTIFY,
                first=had,
                n=lots,
                batch_size=self.batch_size,
            ).cpu()
            state.count(left, new, lots)
            looked = self.plan.look(
                state.votes[left], state.n[left], state.low[left], self.alpha, self.noise.sigma
            )
            state.low[left], state.done[left] = looked
        return state

    def _candidates(self, ask: Answers, x: Images, group: list[int]) -> Tensor:
        """Return the class that each image's votes will be counted for, (b,)."""
        if self.plan.n0 == 0:
            with torch.no_grad():
                return decision(ask(x)).clamp(min=0).cpu()
        counts = tally(
            ask, x, self.noise, images=group, seed=self.seed, purpose=SELECT, n=self.plan.n0,
            batch_size=self.batch_size,
        )  # fmt: skip
        return counts[:, :-1].argmax(dim=1).cpu()

    def _written(self, state: "_State", group: list[int], seconds: float) -> list[Certificate]:
        radii = np.where(state.low > 0.5, self.noise.sigma * ndtri(state.low), 0.0)
        return [
            Certificate(
                index=index,
                label=int(state.y[row]),
                candidate=int(state.candidate[row]),
                votes=int(state.votes[row]),
                label_votes=int(state.label_votes[row]),
                n=int(state.n[row]),
                n0=self.plan.n0,
                low=float(state.low[row]),
                radius=float(radii[row]),
                seconds=seconds,
            )
            for row, index in enumerate(group)
        ]


@dataclass
class _State:
    """Votes of a group of images so far."""

    x: Images
    y: Tensor
    candidate: Tensor
    votes: Numbers = field(init=False)
    label_votes: Numbers = field(init=False)
    n: Numbers = field(init=False)
    low: Numbers = field(init=False)
    done: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.votes, self.label_votes, self.n, self.low = np.zeros((4, len(self.x)))
        self.done = np.zeros(len(self.x), dtype=bool)

    def count(self, rows: NDArray[np.intp], new: Tensor, lots: list[int]) -> None:
        """Add the counts of some rows."""
        mine = torch.from_numpy(rows)
        for total, classes in ((self.votes, self.candidate), (self.label_votes, self.y.cpu())):
            total[rows] += new.gather(1, classes[mine, None])[:, 0].numpy()
        self.n[rows] += lots


def _images(data: Dataset, group: list[int]) -> tuple[Images, Tensor]:
    chosen = torch.tensor(group, device=data.images.device)
    return unit(data.images[chosen]), data.labels[chosen]


def _wanted(indices: Iterable[int] | None, n: int) -> list[int]:
    wanted = list(range(n)) if indices is None else sorted({int(index) for index in indices})
    outside = [index for index in wanted if not 0 <= index < n]
    if outside:
        raise InputError(f"index {outside[0]} for {n} images", f"0 to {n - 1}", "change indices")
    return wanted


def _groups(wanted: list[int], size: int, n: int) -> Iterator[tuple[list[int], set[int]]]:
    """Yield whole groups of neighbours that hold a wanted image, and which of them are wanted."""
    for number in sorted({index // size for index in wanted}):
        group = list(range(number * size, min((number + 1) * size, n)))
        yield group, set(group) & set(wanted)
