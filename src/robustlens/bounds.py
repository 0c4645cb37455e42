"""Every interval in one place: how much a number from n trials can be trusted.

clopper_pearson(78, 100)      # Interval(low=0.686, high=0.857), exact, never too short
wilson(78, 100)               # shorter, approximate
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.special import betaincinv, ndtri, stdtrit

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


def _checked(successes: int, n: int, alpha: float) -> None:
    if not (n >= 1 and 0 <= successes <= n):
        raise InputError(f"{successes} successes of n = {n}", "0 <= successes <= n and n >= 1")
    if not 0 < alpha < 1:
        raise InputError(f"alpha is {alpha}", "a number between 0 and 1", "change alpha")
