from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm
from scipy.stats import t as student

from robustlens.bounds import clopper_pearson, mean_interval, wilson
from robustlens.errors import InputError

counts = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.sampled_from([0.001, 0.01, 0.05, 0.3])


@pytest.mark.parametrize(("bound", "method"), [(clopper_pearson, "exact"), (wilson, "wilson")])
@given(count=counts, alpha=levels)
def test_bounds_equal_scipy(bound: type, method: str, count: tuple[int, int], alpha: float) -> None:
    k, n = count
    expected = binomtest(k, n).proportion_ci(1 - alpha, method)
    found = bound(k, n, alpha)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= found.low <= k / n + 1e-12
    assert k / n - 1e-12 <= found.high <= 1


@pytest.mark.parametrize("n", [1, 7, 40])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_clopper_pearson_covers_every_proportion(n: int, alpha: float) -> None:
    intervals = [clopper_pearson(k, n, alpha) for k in range(n + 1)]
    for p in np.linspace(0, 1, 201):
        covered = [k for k, (low, high) in enumerate(intervals) if low <= p <= high]
        assert binom.pmf(covered, n, p).sum() >= 1 - alpha - 1e-9


def test_wilson_covers_on_average() -> None:
    n, ps = 60, np.linspace(0.01, 0.99, 99)
    intervals = [wilson(k, n) for k in range(n + 1)]
    coverage = [
        sum(binom.pmf(k, n, p) for k, (low, high) in enumerate(intervals) if low <= p <= high)
        for p in ps
    ]
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.01)


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30), levels)
def test_mean_intervals_equal_scipy(values: list[float], alpha: float) -> None:
    n, mean = len(values), np.mean(values)
    half = student.ppf(1 - alpha / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    assert mean_interval(values, alpha) == pytest.approx((mean - half, mean + half), abs=1e-6)


def test_mean_intervals_cover() -> None:
    draws = norm.rvs(3, 2, size=(2000, 6), random_state=0)
    hits = [low <= 3 <= high for low, high in map(mean_interval, draws.tolist())]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("bound", [clopper_pearson, wilson])
@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0), (0, -1)])
def test_impossible_counts_are_refused(bound: type, k: int, n: int) -> None:
    with pytest.raises(InputError, match=f"{k} successes of n = {n}"):
        bound(k, n)


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 2, nan, inf])
def test_impossible_levels_are_refused(alpha: float) -> None:
    with pytest.raises(InputError, match=r"alpha is .*change alpha"):
        clopper_pearson(1, 2, alpha)
    with pytest.raises(InputError, match=r"alpha is .*change alpha"):
        mean_interval([1, 2], alpha)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_one_value_has_no_spread(values: list[float]) -> None:
    with pytest.raises(InputError, match=f"{len(values)} values; expected at least two"):
        mean_interval(values)
