"""How many votes an image gets, and what they show: `Fixed` here, `Sequential` in `sequential`.

certify(model, data, Gaussian(0.25), Fixed(n=100_000, n0=100))
certify(model, data, Gaussian(0.25), Sequential())
"""

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from robustlens.bounds import lower_bound
from robustlens.errors import InputError

Numbers = NDArray[np.float64]


class Look(NamedTuple):
    """What is known of images after a lot of votes: arrays (b,)."""

    low: Numbers  # a lower bound of the candidate's share, valid now and whenever one stops
    done: NDArray[np.bool_]  # no more votes are asked for


@runtime_checkable
class Plan(Protocol):
    """A rule for asking and stopping; `n` votes at most, `n0` to choose the candidate."""

    @property
    def n(self) -> int:
        """Votes at most that certify."""
        ...

    @property
    def n0(self) -> int:
        """Votes that choose the candidate; 0: the answer without noise does."""
        ...

    def check(self, alpha: float, sigma: float) -> None:
        """Raise `InputError` where no outcome of the votes could certify anything."""
        ...

    def lot(self, n: int) -> int:
        """Return how many votes come next after n; a multiple of `noise.BLOCK` or the last."""
        ...

    def look(self, votes: Numbers, n: Numbers, low: Numbers, alpha: float, sigma: float) -> Look:
        """Return what `votes` of n for the candidate show; `low` is what was known before."""
        ...


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A number of votes settled beforehand, and one look at them (Cohen et al. 2019, CERTIFY).

    Raises `InputError` unless n >= 1 and n0 >= 1.
    """

    n: int = 100_000
    n0: int = 100

    def __post_init__(self) -> None:
        check_counts(self.n, self.n0, least=1)

    def __str__(self) -> str:
        return f"{self.n} votes, {self.n0} to choose the class"

    def check(self, alpha: float, sigma: float) -> None:
        """Raise `InputError` where even n votes for one class do not show a majority."""
        check_alpha(alpha)
        if alpha ** (1 / self.n) <= 0.5:
            least = math.floor(math.log(alpha) / math.log(0.5)) + 1
            raise unreachable(self.n, alpha, least)

    def lot(self, n: int) -> int:
        """Return all votes at once."""
        return self.n - n

    def look(self, votes: Numbers, n: Numbers, low: Numbers, alpha: float, sigma: float) -> Look:
        """Return the bound of Clopper and Pearson; all are done."""
        return Look(lower_bound(votes, n, alpha), n >= self.n)


def check_counts(n: int, n0: int, *, least: int) -> None:
    """Raise `InputError` unless n >= 1 and n0 >= least."""
    if n < 1 or n0 < least:
        change = "change n" if n < 1 else "change n0"
        raise InputError(f"n is {n}, n0 is {n0}", f"n >= 1 and n0 >= {least}", change)


def check_alpha(alpha: float) -> None:
    """Raise `InputError` unless 0 < alpha < 1."""
    if not 0 < alpha < 1:
        raise InputError(
            f"alpha is {alpha}",
            "a number between 0 and 1, the chance of a false certificate: 0.001 in the papers",
            "change alpha",
        )


def unreachable(n: int, alpha: float, least: int) -> InputError:
    """Return the error for so few votes that all of them for one class certify nothing."""
    return InputError(
        f"n = {n} votes at alpha = {alpha:g}, of which even {n} for one class certify nothing",
        f"n >= {least}",
        "raise n or alpha",
    )
