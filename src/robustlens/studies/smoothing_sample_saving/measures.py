"""The measuring part of the study `smoothing-sample-saving`: two plans on the same votes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from robustlens.bounds import lower_bound
from robustlens.data import Dataset
from robustlens.result import Number
from robustlens.smoothing import Certificate, Fixed, Gaussian, Sequential, certify
from robustlens.smoothing.sequential import GRID
from robustlens.streams import stream
from robustlens.studies.kit.words import mean

Doubles = NDArray[np.float64]
MANY, ONE = "a grid of radii to 3 sigma", "one radius, sigma"
"""What is to be decided."""


class Compared(NamedTuple):
    """Both plans on the same votes: arrays (b,)."""

    votes: Doubles  # of the sequential plan, selection included
    steps: Doubles  # of the grid of radii that it certifies
    fixed_steps: Doubles  # and the fixed plan

    @property
    def near(self) -> NDArray[np.bool_]:
        """Where the plans certify the same radius up to one step."""
        found: NDArray[np.bool_] = np.abs(self.steps - self.fixed_steps) <= 1
        return found


class Plans(NamedTuple):
    """What is compared."""

    sequential: Sequential
    fixed: Fixed
    alpha: float

    @property
    def shares(self) -> Doubles:
        """Return what share of votes each radius of the grid needs; sigma is 1 here."""
        return self.sequential.shares(1.0)


def likely_shares(rows: Sequence[Certificate], draws: int, seed: int) -> Doubles:
    """Return shares of votes for each image's best class (b, draws), as its votes leave likely.

    Drawn from Beta(k + 1/2, n - k + 1/2), so that an image whose n votes agree is not taken for
    one whose votes always do. A best class of less than half the votes has a share of less.
    """
    k, n = (np.array([getattr(row, name) for row in rows])[:, None] for name in ("votes", "n"))
    return _random(seed, "shares").beta(k + 0.5, n - k + 0.5, size=(len(rows), draws))


def compared(shares: Doubles, plans: Plans, seed: int) -> Compared:
    """Return what both plans make of votes that are 1 with these probabilities, any shape.

    The fixed plan goes on with the votes of the sequential one, as `certify` does. A class that
    the selection misses is certified by neither; its votes are those for the rest. Exact: votes
    of a net at one image are such draws.
    """
    p = shares.ravel()
    random = _random(seed, "votes", len(plans.shares))
    sequential, fixed = plans.sequential, plans.fixed
    leads = p > 0.5  # else no plan certifies it, whichever class was selected
    missed = leads & (random.binomial(sequential.n0, p) * 2 < sequential.n0)
    k, n, low = np.zeros((3, len(p)))
    done = np.zeros(len(p), dtype=bool)
    while len(left := np.flatnonzero(~done)):
        had = int(n[left[0]])
        lot = sequential.lot(had)
        q = np.where(missed[left], 1 - p[left], p[left])
        k[left] += random.binomial(lot, q)
        n[left] += lot
        low[left], done[left] = sequential.look(k[left], n[left], low[left], plans.alpha, 1.0)
    mine = np.where(missed, n - k, k)  # votes for the best class, whatever was selected
    total = mine + random.binomial((fixed.n - n).astype(np.int64), p)
    lost = leads & (random.binomial(fixed.n0, p) * 2 < fixed.n0)
    bound = lower_bound(np.where(lost, fixed.n - total, total), fixed.n, plans.alpha)
    found = (n + sequential.n0, _steps(low, plans), _steps(bound, plans))
    return Compared(*(column.reshape(shares.shape) for column in found))


def _steps(low: Doubles, plans: Plans) -> Doubles:
    """Return how many radii of the grid a lower bound certifies."""
    found: Doubles = (low[:, None] >= plans.shares - 1e-12).sum(axis=1).astype(np.float64)
    return found


def _random(seed: int, *names: str | int) -> np.random.Generator:
    return np.random.default_rng(stream(seed, "sample saving", *names).initial_seed())


class Asked(NamedTuple):
    """What the net itself answered."""

    votes: Number  # of the sequential plan, a mean over images
    expected: float  # by draws for the same images
    apart: list[float]  # steps of the grid between the plans, where both were asked


def ask(
    model: nn.Module, data: Dataset, sigma: float, plans: Plans, count: int, whole: int, seed: int
) -> Asked:
    """Ask the net for all votes of the sequential plan, and for some images of the fixed one."""
    noise, count = Gaussian(sigma), min(count, len(data))
    every = len(data) // count  # from all classes: images of a class lie together or in turn
    chosen = [place * every for place in range(count)]
    grid = replace(plans.sequential, radii=tuple(sigma * r for r in GRID))
    how = {"alpha": plans.alpha, "seed": seed}
    found = list(certify(model, data, noise, grid, indices=chosen, **how))  # type: ignore[arg-type]
    few = chosen[:: max(1, count // whole)][:whole]
    again = list(certify(model, data, noise, plans.fixed, indices=few, **how))  # type: ignore[arg-type]
    rows = {row.index: row for row in found}
    apart = [
        float(np.ptp(_steps(np.array([row.low, rows[row.index].low]), plans))) for row in again
    ]
    votes = mean(torch.tensor([float(row.n + row.n0) for row in found]))
    drawn = compared(likely_shares(found, 200, seed), plans, seed)
    return Asked(votes, float(drawn.votes.mean()), apart)
