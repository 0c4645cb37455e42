"""Certificates together: curves, shares, averages."""

import math

import numpy as np
import pytest

from robustlens.bounds import clopper_pearson
from robustlens.errors import InputError
from robustlens.smoothing import (
    Certificate,
    average_radius,
    certified_accuracy,
    vote_shares,
)


def row(index: int, radius: float, *, right: bool = True, votes: int = 90) -> Certificate:
    low = 0.9 if radius else 0.4
    label = 1 if right else 0
    return Certificate(
        index=index, label=label, candidate=1, votes=votes, label_votes=votes if right else 5,
        n=100, n0=10, low=low, radius=radius,
    )  # fmt: skip


ROWS = [row(0, 0.5), row(1, 0.25), row(2, 0.0), row(3, 1.0, right=False), row(4, 0.75, votes=99)]


def test_the_curve_counts_right_certificates_at_or_above_a_radius() -> None:
    curve = certified_accuracy(ROWS, [0.0, 0.25, 0.5, 0.75, 1.0])
    assert [rate.value for rate in curve.rates] == [0.6, 0.6, 0.4, 0.2, 0.0]
    exact = clopper_pearson(2, 5)
    assert (curve.rates[2].low, curve.rates[2].high) == pytest.approx(exact)
    width = math.sqrt(math.log(2 / 0.05) / 10)
    assert curve.low == pytest.approx([max(0, r.value - width) for r in curve.rates])
    assert curve.high == pytest.approx([min(1, r.value + width) for r in curve.rates])
    with pytest.raises(InputError, match="no certificates"):
        certified_accuracy([], [0.5])


def test_the_band_holds_at_all_radii_at_once() -> None:
    rng = np.random.default_rng(0)
    radii = np.linspace(0.02, 0.98, 25)
    missed = 0
    for _ in range(150):
        some = [row(i, float(r)) for i, r in enumerate(rng.random(40))]
        curve = certified_accuracy(some, radii.tolist(), alpha=0.2)
        true = 1 - radii
        missed += bool(((true < curve.low) | (true > curve.high)).any())
    assert clopper_pearson(missed, 150, 0.002).low <= 0.2


def test_shares_are_those_of_the_label() -> None:
    found = vote_shares(ROWS)
    assert found.shares == (0.05, 0.9, 0.9, 0.9, 0.99)
    assert found.cumulative == pytest.approx((0.2, 0.4, 0.6, 0.8, 1.0))


def test_the_average_comes_with_its_caution() -> None:
    found = average_radius(ROWS)
    assert found.value == pytest.approx(0.3)
    assert found.interval.low < 0.3 < found.interval.high
    assert "giving up hard images raises it" in found.caution
