"""Certificates of the smoothed model: one row an image, in any order the same.

for row in certify(model, data, Gaussian(0.25), Fixed(n=1000), indices=range(500)):
    row.predicted, row.radius
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri
from torch import Tensor

from robustlens.answers import Answers, decision
from robustlens.data import Dataset
from robustlens.data.walk import checked_indices, starts_of, walk
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.modes import frozen
from robustlens.progress import Note
from robustlens.smoothing.noise import Noise
from robustlens.smoothing.plan import Fixed, Numbers, Plan
from robustlens.smoothing.records import Certificate
from robustlens.smoothing.under_noise import look_under_noise
from robustlens.smoothing.votes import tally
from robustlens.types import Images, Labels, Model

SELECT, CERTIFY = "select", "certify"
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
    work = Work(model, on_device_of(model, data), noise, plan, alpha, seed, batch_size)
    return work.chosen(set(checked_indices(indices, len(data))))


@dataclass(frozen=True)
class Work:
    """What all images of a certification share; arguments and errors as `certify`."""

    model: Model
    data: Dataset
    noise: Noise
    plan: Plan
    alpha: float
    seed: int
    batch_size: int

    def __post_init__(self) -> None:
        self.plan.check(self.alpha, self.noise.sigma)
        if self.batch_size < 1:
            raise InputError(f"batch size {self.batch_size}", "at least 1", "change batch_size")

    @property
    def together(self) -> int:
        """How many neighbours are asked about together, so that their first votes fill a batch."""
        return max(1, self.batch_size // max(self.plan.lot(0), 1))

    def chosen(self, wanted: set[int]) -> Iterator[Certificate]:
        """Yield the rows of some images, in order."""
        for rows in self.groups(starts_of(wanted, self.together)):
            yield from (row for row in rows if row.index in wanted)

    def groups(
        self, todo: list[int], *, done: int = 0, note: Callable[[], Note] | None = None
    ) -> Iterator[list[Certificate]]:
        """Yield the rows of each group of neighbours; arguments as those of `walk`."""
        look_under_noise(self.model, self.data, self.noise, seed=self.seed)
        for start, x, y in walk(
            self.data, self.together, "certifying", todo=todo, done=done, note=note
        ):
            began, group = time.perf_counter(), range(start, start + len(x))
            with frozen(self.model):
                state = self._certified(x, y, group)
            yield self._written(state, group, (time.perf_counter() - began) / len(group))

    def _certified(self, x: Images, y: Labels, group: Sequence[int]) -> "_State":
        """Ask about a group of images until all are done; those that are done leave."""
        ask = Answers(self.model, y)
        state = _State(x, y, self._candidates(ask, x, group))
        while len(left := np.flatnonzero(~state.done)):
            had = [int(n) for n in state.n[left]]
            lots = [self.plan.lot(n) for n in had]
            new = tally(
                ask,
                x[torch.from_numpy(left).to(x.device)],
                self.noise,
                images=[group[int(row)] for row in left],
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

    def _candidates(self, ask: Answers, x: Images, group: Sequence[int]) -> Tensor:
        """Return the class that each image's votes will be counted for, (b,)."""
        if self.plan.n0 == 0:
            with torch.no_grad():
                return decision(ask(x)).clamp(min=0).cpu()
        counts = tally(
            ask, x, self.noise, images=group, seed=self.seed, purpose=SELECT, n=self.plan.n0,
            batch_size=self.batch_size,
        )  # fmt: skip
        return counts[:, :-1].argmax(dim=1).cpu()

    def _written(self, state: "_State", group: Sequence[int], seconds: float) -> list[Certificate]:
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
