"""Votes until the certificate is settled: bet against each radius, and stop when one likes.

Theorem. Let X_1, X_2, ... be votes for a class fixed beforehand, independent, each for it with
probability p. Let L_n be `anytime_lower_bound` of the first n. Then, for one alpha and all n
together, P(there is an n with L_n > p) <= alpha. So sigma Phi^-1(max of all L_n seen) is a valid
radius at any stopping time, however chosen, for all radii at once. Proof: docs/smoothing.md.

    certify(model, data, Gaussian(0.25), Sequential())                        # a grid of radii
    certify(model, data, Gaussian(0.25), Sequential(radii=(0.25,), n=10_000))   # one radius
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from robustlens.bounds import anytime_lower_bound, least_trials, log_wealth, reached
from robustlens.errors import InputError
from robustlens.smoothing.noise import BLOCK
from robustlens.smoothing.plan import Look, Numbers, check_alpha, check_counts, unreachable

GRID = tuple(step / 4 for step in range(1, 13))
"""The radii that are decided where none are given, in units of sigma."""
PATIENCE = 8
"""A lot is a `PATIENCE`-th of the votes before it, and `BLOCK` at least."""


@dataclass(frozen=True, kw_only=True)
class Sequential:
    """Ask until the radii are decided, at most n votes (closed form of betting; Ville 1939).

    A radius is decided when it is certified, or when the opposite bet, that the candidate's share
    is at least what the radius needs, is refuted at level beta. An image is done when at most
    `spare` radii are undecided. Giving up costs at most beta: the probability that any radius
    that holds is ever given up is at most beta. It costs power, never validity.

    Args:
        n: votes at most.
        n0: votes to choose the candidate, or 0 for the answer without noise. A wrong candidate
            costs power, never validity, so a hundred would be waste.
        radii: in [0, 1] pixel units; by default a quarter of sigma to 3 sigma, in quarters.
        beta: what giving up may cost.
        spare: how many radii of a grid may stay undecided: an image whose share lies beside what
            a radius needs is not asked about until n. With one radius none may.

    Raises:
        InputError: n < 1, n0 < 0, radii that are not positive and growing, beta outside (0, 1),
            or spare < 0.
    """

    n: int = 100_000
    n0: int = BLOCK
    radii: tuple[float, ...] = ()
    beta: float = 0.001
    spare: int = 1

    def __post_init__(self) -> None:
        check_counts(self.n, self.n0, least=0)
        growing = list(self.radii) == sorted(set(self.radii))
        if not growing or any(not 0 < radius < math.inf for radius in self.radii):
            raise InputError(f"radii {self.radii}", "growing numbers above 0", "sort them")
        if not 0 < self.beta < 1:
            raise InputError(f"beta is {self.beta}", "a number between 0 and 1", "change beta")
        if self.spare < 0:
            raise InputError(f"spare is {self.spare}", "a number >= 0", "change spare")

    def __str__(self) -> str:
        radii = ", ".join(f"{radius:g}" for radius in self.radii) or "a quarter of sigma to 3 sigma"
        return f"sequential, at most {self.n} votes, {self.n0} to choose the class, radii {radii}"

    def shares(self, sigma: float) -> Numbers:
        """Return what share of votes each radius needs: Phi(radius / sigma), growing."""
        found: Numbers = ndtr(np.array(self.radii) / sigma if self.radii else np.array(GRID))
        return found

    def check(self, alpha: float, sigma: float) -> None:
        """Raise `InputError` where even n votes for one class do not certify the least radius."""
        check_alpha(alpha)
        p0 = float(self.shares(sigma)[0])
        if not p0 < 1:
            raise InputError(
                f"radii from {self.radii[0]:g} with sigma {sigma:g}",
                "radii within about 8 sigma",
                "lower radii: both are in units of [0, 1] pixels",
            )
        if log_wealth(self.n, self.n, p0) < reached(alpha):
            raise unreachable(self.n, alpha, least_trials(p0, alpha))

    def lot(self, n: int) -> int:
        """Return the next votes: `BLOCK` of them, later an eighth of those before."""
        return min(BLOCK * max(1, n // (PATIENCE * BLOCK)), self.n - n)

    def look(self, votes: Numbers, n: Numbers, low: Numbers, alpha: float, sigma: float) -> Look:
        """Return the best bound so far, and which images have their radii decided."""
        p0 = self.shares(sigma)
        p0 = p0[p0 < 1]
        k, m = votes[:, None], n[:, None]
        won = log_wealth(k, m, p0) >= reached(alpha)
        low = np.maximum(low, np.where(won, p0, 0.0).max(axis=1))
        lost = log_wealth(m - k, m, 1 - p0) >= reached(self.beta)
        undecided = ((p0 > low[:, None]) & ~lost).sum(axis=1)
        done = (undecided <= min(self.spare, len(p0) - 1)) | (n >= self.n)
        low[done] = np.maximum(low[done], anytime_lower_bound(votes[done], n[done], alpha))
        return Look(low, done)
