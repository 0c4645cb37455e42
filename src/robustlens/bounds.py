"""Every interval in one place: how much a number from n trials can be trusted.

clopper_pearson(78, 100)      # Interval(low=0.686, high=0.857), exact, never too short
wilson(78, 100)               # shorter, approximate
lower_bound([78, 99], 100, 0.001)          # one-sided, of many counts at once
anytime_lower_bound([78, 99], 100, 0.001)  # the same, at whatever n one chose to stop
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv, betaln, ndtri, stdtrit, xlog1py, xlogy

from robustlens.errors import InputError


class Interval(NamedTuple):
    """A two-sided interval, low <= high."""

    low: float
    high: float


def clopper_pearson(successes: int, n: int, alpha: float = 0.05) -> Interval:
    """Return the exact interval for a proportion.

    It covers the true proportion with probability >= 1 - alpha, for every n and proportion.
    Source: Clopper & Pearson 1934; the ends are quantiles of the beta distribution.

    Raises:
        InputError: not 0 <= successes <= n, n < 1, or alpha outside (0, 1).
    """
    _checked(successes, n, alpha)
    low = betaincinv(successes, n - successes + 1, alpha / 2) if successes else 0.0
    high = betaincinv(successes + 1, n - successes, 1 - alpha / 2) if successes < n else 1.0
    return Interval(float(low), float(high))


def wilson(successes: int, n: int, alpha: float = 0.05) -> Interval:
    """Return the score interval for a proportion: covers with probability about 1 - alpha.

    Source: Wilson 1927. Raises as `clopper_pearson`.
    """
    _checked(successes, n, alpha)
    z, p = float(ndtri(1 - alpha / 2)), successes / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def mean_interval(values: Sequence[float], alpha: float = 0.05) -> Interval:
    """Return Student's t interval for a mean: covers with probability about 1 - alpha.

    Exact for independent normal values, good for many independent values of any kind.
    Raises `InputError` for fewer than two values.
    """
    n = len(values)
    if n < 2:
        raise InputError(f"{n} values", "at least two, to see how much they vary")
    _checked(n, n, alpha)
    mean = math.fsum(values) / n
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    half = float(stdtrit(n - 1, 1 - alpha / 2)) * spread
    return Interval(mean - half, mean + half)


def lower_bound(successes: ArrayLike, n: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """Return one-sided exact lower bounds for proportions, of many counts at once.

    Each is at most the true proportion with probability >= 1 - alpha, for an n fixed beforehand.
    Source: Clopper & Pearson 1934. Raises as `clopper_pearson`.
    """
    k, n = _counts(successes, n, alpha)
    low = betaincinv(np.maximum(k, 1), n - np.maximum(k, 1) + 1, alpha)
    return np.where(k > 0, low, 0.0)


def log_wealth(successes: ArrayLike, n: ArrayLike, p0: ArrayLike) -> NDArray[np.float64]:
    """Return the log of what betting against "the proportion is at most p0" has won.

    The bet is a mixture over alternatives p in (p0, 1], drawn from Beta(1/2, 1/2) cut to them:
    W = E[p^k (1 - p)^(n - k)] / (p0^k (1 - p0)^(n - k)). If the proportion is at most p0, W is a
    non-negative supermartingale that begins at 1, so it ever reaches 1 / alpha with probability at
    most alpha (Ville 1939). In p0 it falls strictly up to k / n, and from there it is below 1
    (proofs in docs/smoothing.md). Shapes broadcast; p0 lies in (0, 1).
    """
    k, n, p0 = (np.asarray(value, dtype=np.float64) for value in (successes, n, p0))
    a, b = k + 0.5, n - k + 0.5
    with np.errstate(divide="ignore"):  # nothing of the mixture is left above p0: W is 0
        mixture = betaln(a, b) + np.log(betainc(b, a, 1 - p0))
    prior = np.log(2 * np.arcsin(np.sqrt(1 - p0)))  # the uncut Beta(1/2, 1/2) has mass pi
    return np.asarray(mixture - prior - xlogy(k, p0) - xlog1py(n - k, -p0))


def anytime_lower_bound(successes: ArrayLike, n: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """Return lower bounds for proportions that hold at all n at once, of many counts.

    With probability >= 1 - alpha no bound of the whole sequence n = 1, 2, ... is above the true
    proportion, so one may look after each trial and stop when one likes, and the largest of all
    bounds holds too. It is the largest p0 at which `log_wealth` reaches log(1 / alpha): the test
    for every p0 at once, with one alpha (docs/smoothing.md). Raises as `clopper_pearson`.
    """
    k, n = _counts(successes, n, alpha)
    won = reached(alpha)
    low, high = np.zeros_like(k), k / n
    for _ in range(STEPS):
        middle = (low + high) / 2
        inside = middle > 0
        held = inside & (log_wealth(k, n, np.where(inside, middle, 0.5)) >= won)
        low, high = np.where(held, middle, low), np.where(held, high, middle)
    return low


STEPS = 54
"""Halvings of an interval inside [0, 1] that leave nothing of a double."""
ROUNDING = 1e-8
"""By so much must a log of wealth be above its threshold: its own rounding is far smaller."""


def reached(alpha: float) -> float:
    """Return the log of wealth that refutes at level alpha."""
    return -math.log(alpha) + ROUNDING


def least_trials(p0: float, alpha: float) -> int:
    """Return the fewest trials, all successes, that put `anytime_lower_bound` at p0 or above.

    Raises `InputError` unless 0 < p0 < 1 and 0 < alpha < 1.
    """
    _checked(1, 1, alpha)
    if not 0 < p0 < 1:
        raise InputError(f"p0 is {p0}", "a number between 0 and 1", "change p0")
    low, high = 0, 1
    while log_wealth(high, high, p0) < reached(alpha):
        low, high = high, 2 * high
    while high - low > 1:  # wealth grows with each success
        middle = (low + high) // 2
        enough = log_wealth(middle, middle, p0) >= reached(alpha)
        low, high = (low, middle) if enough else (middle, high)
    return high


def band(n: int, alpha: float = 0.05) -> float:
    """Return the half-width of a band around an empirical distribution function of n values.

    The whole true function lies inside with probability >= 1 - alpha, for every n.
    Source: Dvoretzky, Kiefer, Wolfowitz 1956; the constant is Massart's, 1990.
    """
    _checked(n, n, alpha)
    return math.sqrt(math.log(2 / alpha) / (2 * n))


def majority_p_value(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Return two-sided exact p-values of "both are equally likely", for counts first >= second.

    The binomial test of `first` successes in first + second at 1/2, as `scipy.stats.binomtest`.
    """
    k = np.asarray(first, dtype=np.float64)
    n = k + np.asarray(second, dtype=np.float64)
    found = np.minimum(1.0, 2 * betainc(np.maximum(k, 0.5), n - k + 1, 0.5))
    return np.where(k > 0, found, 1.0)


def _counts(
    successes: ArrayLike, n: ArrayLike, alpha: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(n, np.float64))
    bad = ~((n >= 1) & (k >= 0) & (k <= n))
    if bad.any():
        _checked(int(k[bad][0]), int(n[bad][0]), alpha)
    _checked(1, 1, alpha)
    return k, n


def _checked(successes: int, n: int, alpha: float) -> None:
    if not (n >= 1 and 0 <= successes <= n):
        raise InputError(f"{successes} successes of n = {n}", "0 <= successes <= n and n >= 1")
    if not 0 < alpha < 1:
        raise InputError(f"alpha is {alpha}", "a number between 0 and 1", "change alpha")
