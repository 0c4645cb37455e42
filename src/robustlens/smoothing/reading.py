"""What certificates say together: the curve over the radius, and the shares of votes under it.

curve = certified_accuracy(rows, [0.25, 0.5, 0.75])
curve.rates[1]                     # certified accuracy at 0.5, with its own exact interval
curve.low, curve.high              # a band that holds at all radii at once
vote_shares(rows)                  # how sure the votes are of the label
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from robustlens.bounds import Interval, band, mean_interval
from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.smoothing.records import Certificate

ABOUT_THE_AVERAGE = (
    "The average certified radius says little by itself: a classifier that knows one class can "
    "make it as large as one likes, easy images and the number of votes drive it, and giving up "
    "hard images raises it (Sun, Mao, Mueller, Vechev 2025). Read the curve and the vote shares."
)
ROUNDING = 1e-9
"""A radius that was asked for comes back through Phi and its inverse short by less than this."""


class CertifiedCurve(NamedTuple):
    """Certified accuracy at growing radii: the share of images certified for their label there."""

    radii: tuple[float, ...]
    rates: tuple[Rate, ...]  # each with its own 95 % interval
    low: tuple[float, ...]  # a band that holds at all radii at once, 95 %
    high: tuple[float, ...]


def certified_accuracy(
    rows: Iterable[Certificate], radii: Sequence[float], *, alpha: float = 0.05
) -> CertifiedCurve:
    """Return certified accuracy over the radius, abstentions counted as wrong.

    The band is that of Dvoretzky, Kiefer and Wolfowitz for the distribution of certified radii, so
    it covers the curve that infinitely many such images would give at all radii at once with
    probability >= 1 - alpha. Each certificate may itself be false with the alpha it was made with.
    Raises `InputError` without rows.
    """
    certified = np.array([row.certified for row in _some(rows)])
    hits = [int((certified >= radius - ROUNDING).sum()) for radius in radii]
    n, width = len(certified), band(len(certified), alpha)
    return CertifiedCurve(
        tuple(radii),
        tuple(Rate.share(count, n) for count in hits),
        tuple(max(0.0, count / n - width) for count in hits),
        tuple(min(1.0, count / n + width) for count in hits),
    )


class Distribution(NamedTuple):
    """An empirical distribution function: `shares` in order, `cumulative` up to each, a band."""

    shares: tuple[float, ...]
    cumulative: tuple[float, ...]
    width: float  # the whole true function lies within +- width, with probability >= 95 %


def vote_shares(rows: Iterable[Certificate], *, alpha: float = 0.05) -> Distribution:
    """Return how the share of votes for the label is distributed over images.

    What Sun et al. 2025 propose in the place of an average. Of a sequential plan the shares are
    coarse, of few votes, and lean a little outward, for it stops when it is sure.
    Raises `InputError` without rows.
    """
    shares = sorted(row.label_votes / row.n for row in _some(rows))
    n = len(shares)
    up_to = tuple((place + 1) / n for place in range(n))
    return Distribution(tuple(shares), up_to, band(n, alpha))


class Average(NamedTuple):
    """The average certified radius, its 95 % interval, and what to think of it."""

    value: float
    interval: Interval
    caution: str = ABOUT_THE_AVERAGE


def average_radius(rows: Iterable[Certificate]) -> Average:
    """Return the average certified radius, 0 where the label is not certified (Zhai et al. 2020).

    Raises `InputError` for fewer than two rows.
    """
    radii = [max(row.certified, 0.0) for row in rows]
    interval = mean_interval(radii)
    return Average(sum(radii) / len(radii), interval)


def _some(rows: Iterable[Certificate]) -> list[Certificate]:
    listed = list(rows)
    if not listed:
        raise InputError("no certificates", "at least one row", "certify some images first")
    return listed
