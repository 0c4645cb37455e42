"""Data on the corners of a cube: linear rules need many samples, a threshold needs one.

    model = BernoulliModel(d=10_000, tau=0.12)      # x_i = y theta_i with probability 1/2 + tau
    model.accuracy(1, eps=0.1)                      # sign(w . x), w the mean of y x over n = 1
    model.threshold_accuracy(1, eps=0.9)            # sign(w . sign(x)): the change is undone

As theta is a vector of signs and all signs are alike, an agreement b_i = y theta_i x_i is +1 with
probability 1/2 + tau, and w_i theta_i = v_i / n with votes v_i = (right minus wrong samples). A
rule is right where the sum of v_i b_i exceeds eps times the sum of |v_i|: sums of whole numbers,
whose law one Fourier transform gives. A tie counts as wrong.
Source: Schmidt, Santurkar, Tsipras, Talwar, Madry 2018, sections 2 and B. Their bounds are in
`bernoulli_bounds`.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import ndtr
from scipy.stats import binom
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.inversion import Dice, lattice_share
from robustlens.theory.sampling import Sampled, average

FINEST = 1000
"""The largest denominator of an eps, where an exact accuracy needs whole numbers."""


class Approximate(NamedTuple):
    """A value, and a proved bound on how far it is from the truth."""

    value: float
    error: float


@dataclass(frozen=True)
class BernoulliModel:
    """y uniform on {+1, -1}; x_i = y theta_i with probability 1/2 + tau, else -y theta_i.

    theta is in {-1, +1}^d; which signs makes no difference to any number here.

    Raises:
        InputError: d < 1 or tau outside (0, 1/2].
    """

    d: int
    tau: float

    def __post_init__(self) -> None:
        if self.d < 1 or not 0 < self.tau <= 0.5:
            raise InputError(
                f"d is {self.d} and tau {self.tau}", "d >= 1, 0 < tau <= 1/2", "change d or tau"
            )

    def accuracy(self, n: int, eps: float = 0.0) -> float:
        """Return the exact expected accuracy of the averaging rule after the worst l-inf change.

        The mean over the training set and over x. n = 1 is a binomial tail; larger n a transform,
        for which eps must be a fraction with a denominator up to 1000, such as 0.125 or 0.07.

        Raises:
            InputError: n < 1, eps < 0, an eps that is no such fraction, or a case too large for
                the transform (take `normal_accuracy` there).
        """
        _check(n, eps)
        if n == 1:
            return _binomial_above(self.d, 0.5 + 2 * self.tau**2, eps)
        exact = Fraction(eps).limit_denominator(FINEST)
        if abs(float(exact) - eps) > 1e-12:
            raise InputError(
                f"eps is {eps}", f"a fraction with a denominator up to {FINEST}", "change eps"
            )
        values, shares = self._coordinate(n, exact)
        return lattice_share([Dice(values, shares, self.d)], above=0)

    def limit_accuracy(self, eps: float = 0.0) -> float:
        """Return what `accuracy` tends to for many samples: the accuracy of w = theta."""
        _check(1, eps)
        return _binomial_above(self.d, 0.5 + self.tau, eps)

    def threshold_accuracy(self, n: int, eps: float = 0.0) -> float:
        """Return the exact expected accuracy of sign(w . sign(x)) after the worst l-inf change.

        A change of less than 1 turns no sign of a corner, so up to eps < 1 it is the standard
        accuracy; from 1 on every coordinate can be erased and it is 0. (Theorem 10.)

        Raises:
            InputError: n < 1 or eps < 0.
        """
        _check(n, eps)
        return self.accuracy(n) if eps < 1 else 0.0

    def accuracy_of(self, votes: Tensor, eps: float = 0.0) -> float:
        """Return the exact accuracy, over x, of the rule whose n w_i theta_i are `votes`.

        `votes` are whole numbers (d,); a vector of ones is w = theta. Any eps >= 0.

        Raises:
            InputError: another shape, votes that are not whole, eps < 0.
        """
        _check(1, eps)
        if votes.shape != (self.d,) or not bool((votes == votes.round()).all()):
            raise InputError(
                f"votes of shape {tuple(votes.shape)}", f"({self.d},) whole numbers", "change votes"
            )
        sizes, counts = np.unique(votes.long().numpy(), return_counts=True)
        right = (0.5 + self.tau, 0.5 - self.tau)
        pairs = zip(sizes.tolist(), counts.tolist(), strict=True)
        dice = [Dice((k, -k), right, m) for k, m in pairs if k]
        total = float(votes.abs().sum())
        return lattice_share(dice, _tie(eps * total)) if dice else 0.0

    def normal_accuracy(self, n: int, eps: float = 0.0) -> Approximate:
        """Return `accuracy` by the normal law, for any d and eps, with its proved error.

        The error is Berry and Esseen's, with Shevtsova's constant 0.4748 (2011): it falls with
        sqrt(d). Takes n up to some thousands.

        Raises:
            InputError: n < 1 or eps < 0.
        """
        _check(n, eps)
        exact = Fraction(eps)
        values, shares = self._coordinate(n, exact)
        scaled = torch.tensor([float(Fraction(v, n * exact.denominator)) for v in values]).double()
        weight = torch.tensor(shares, dtype=torch.float64)
        mean = float(weight @ scaled)
        spread = math.sqrt(float(weight @ (scaled - mean).square()))
        third = float(weight @ (scaled - mean).abs().pow(3))
        error = 0.4748 * third / (spread**3 * math.sqrt(self.d))
        return Approximate(float(ndtr(math.sqrt(self.d) * mean / spread)), error)

    def draw(self, n: int, count: int, generator: torch.Generator) -> Tensor:
        """Return votes (count, d) of `count` training sets of n samples, every sample drawn."""
        _check(n, 0.0)
        votes = torch.zeros(count, self.d, dtype=torch.float64)
        for _ in range(n):
            votes += self._agreements(count, generator)
        return votes

    def sampled_accuracy(
        self, n: int, eps: float = 0.0, *, generator: torch.Generator, count: int
    ) -> Sampled:
        """Return `accuracy` by sampling: `count` training sets, and a moved point for each."""

        def right(draws: int) -> Tensor:
            votes = self.draw(n, draws, generator)
            moved = self._agreements(draws, generator) - eps * votes.sign()
            return (votes * moved).sum(dim=1) > 1e-9 * self.d * n

        return average(right, count, width=2 * self.d)

    def sampled_threshold_accuracy(
        self, n: int, eps: float = 0.0, *, generator: torch.Generator, count: int
    ) -> Sampled:
        """Return `threshold_accuracy` by sampling: each x is moved against w and its signs read."""

        def right(draws: int) -> Tensor:
            votes = self.draw(n, draws, generator)
            moved = self._agreements(draws, generator) - eps * votes.sign()
            return (votes * moved.sign()).sum(dim=1) > 0

        return average(right, count, width=2 * self.d)

    def _agreements(self, count: int, generator: torch.Generator) -> Tensor:
        draws = torch.rand(count, self.d, generator=generator, dtype=torch.float64)
        return torch.where(draws < 0.5 + self.tau, 1.0, -1.0).double()

    def _coordinate(self, n: int, eps: Fraction) -> tuple[list[int], list[float]]:
        """Return the values and probabilities of q (v b - eps |v|), q the denominator of eps."""
        q, a, p = eps.denominator, eps.numerator, 0.5 + self.tau
        votes = range(-n, n + 1, 2)
        likely = binom.pmf(range(n + 1), n, p).tolist()
        values = [q * v * b - a * abs(v) for v in votes for b in (1, -1)]
        return values, [k * s for k in likely for s in (p, 1 - p)]


def _binomial_above(d: int, p: float, eps: float) -> float:
    """Return P(a sum of d signs, +1 with probability p, exceeds eps d)."""
    return float(binom.sf(math.floor(_tie(d * (1 + eps) / 2)), d, p))


def _tie(value: float) -> float:
    """Return a whole number where rounding alone keeps the value from it: a tie counts as one."""
    near = round(value)
    return near if abs(value - near) <= 1e-9 * max(1.0, abs(value)) else value


def _check(n: int, eps: float) -> None:
    if n < 1 or not 0 <= eps < math.inf:
        raise InputError(f"n is {n} and eps {eps}", "n >= 1 and eps >= 0", "change n or eps")
