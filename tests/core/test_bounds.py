import math
from math import inf, nan

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr, ndtri
from scipy.stats import binom, binomtest, norm
from scipy.stats import t as student

from robustlens.bounds import (
    anytime_lower_bound,
    band,
    clopper_pearson,
    least_trials,
    log_wealth,
    lower_bound,
    majority_p_value,
    mean_interval,
    wilson,
)
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


COUNTS = [
    (k, n)
    for n in (1, 7, 100, 1000, 10_000, 100_000)
    for k in sorted({n * i // 299 for i in range(300)})
]


def test_one_sided_bounds_agree_with_scipy() -> None:
    assert len(COUNTS) > 1000
    for alpha in (0.001, 0.05):
        k, n = np.array(COUNTS).T
        expected = np.where(k > 0, stats.beta.ppf(alpha, np.maximum(k, 1), n - k + 1), 0.0)
        assert np.abs(lower_bound(k, n, alpha) - expected).max() < 1e-9


@pytest.mark.parametrize(
    ("n", "once", "any_time"),
    [(100, 1.5005, 1.4221), (1000, 2.4633, 2.4071), (10**4, 3.1986, 3.1534),
     (10**5, 3.8115, 3.7728)],
)  # fmt: skip
def test_the_largest_radii(n: int, once: float, any_time: float) -> None:
    """In sigma, all votes for one class; the first column is that of Cohen et al. 2019."""
    assert ndtri(lower_bound(n, n, 0.001)) == pytest.approx(once, abs=1e-4)
    assert ndtri(anytime_lower_bound(n, n, 0.001)) == pytest.approx(any_time, abs=1e-4)


@pytest.mark.parametrize(
    ("share", "once", "any_time"),
    [(0.99, 2.29, 2.2738), (0.95, 1.6242, 1.6137), (0.9, 1.2648, 1.2559), (0.8, 0.8277, 0.8198)],
)
def test_radii_of_some_shares(share: float, once: float, any_time: float) -> None:
    n, k = 100_000, round(share * 100_000)
    assert ndtri(lower_bound(k, n, 0.001)) == pytest.approx(once, abs=1e-4)
    assert ndtri(anytime_lower_bound(k, n, 0.001)) == pytest.approx(any_time, abs=1e-4)


@pytest.mark.parametrize(("radius", "least"), [(0, 12), (1, 47), (2, 351), (3, 5977)])
def test_the_first_trial_that_can_certify(radius: int, least: int) -> None:
    p0 = float(ndtr(radius))
    assert least_trials(p0, 0.001) == least
    before, after = anytime_lower_bound([least - 1, least], [least - 1, least], 0.001)
    assert before < p0 <= after + 1e-12


def wealth(k: int, n: int, p0: float) -> float:
    """The log of wealth by mpmath, from its definition."""
    with mpmath.workdps(40):
        p, a, b = mpmath.mpf(p0), mpmath.mpf(k) + 0.5, mpmath.mpf(n - k) + 0.5
        mixed = mpmath.log(mpmath.betainc(a, b, p, 1))
        prior = mpmath.log(mpmath.betainc(0.5, 0.5, p, 1))
        return float(mixed - prior - k * mpmath.log(p) - (n - k) * mpmath.log(1 - p))


@pytest.mark.parametrize(
    ("k", "n", "p0"),
    [(47, 47, 0.84), (90, 100, 0.5), (99_000, 100_000, 0.985), (5977, 5977, 0.9987), (3, 5, 0.55)],
)  # fmt: skip
def test_wealth_is_its_integral(k: int, n: int, p0: float) -> None:
    assert float(log_wealth(k, n, p0)) == pytest.approx(wealth(k, n, p0), abs=1e-8)


@given(st.integers(1, 100_000), st.floats(0, 1), st.sampled_from([0.2, 0.05, 0.001, 1e-6]))
def test_wealth_falls_and_the_bound_inverts_it(n: int, share: float, alpha: float) -> None:
    """Strictly down to k / n, at most 1 beyond: so one test for each p0 is one bound."""
    k = round(share * n)
    p0 = np.linspace(0.001, 0.999, 400)
    w = log_wealth(k, n, p0)
    rising = p0 <= k / n
    assert (np.diff(w[rising]) < 1e-7).all()
    assert (w[~rising] <= 1e-7).all()
    low = float(anytime_lower_bound(k, n, alpha))
    assert ((w >= -math.log(alpha) + 1e-8) == (p0 <= low)).all()
    assert low <= lower_bound(k, n, alpha) + 1e-9  # the price of looking at all times


@pytest.mark.parametrize("p0", [0.3, 0.5, 0.8413])
def test_wealth_is_a_martingale_at_the_edge(p0: float) -> None:
    for n in (0, 1, 5, 40):
        k = np.arange(n + 1)
        now = np.exp(log_wealth(k, n, p0))
        then = p0 * np.exp(log_wealth(k + 1, n + 1, p0))
        then += (1 - p0) * np.exp(log_wealth(k, n + 1, p0))
        assert then == pytest.approx(now, rel=1e-9)
    assert log_wealth(0, 0, p0) == pytest.approx(0.0, abs=1e-12)


def test_p_values_of_a_majority_agree_with_scipy() -> None:
    for first, second in [(0, 0), (1, 0), (5, 5), (60, 40), (99, 1), (1000, 900)]:
        n = first + second
        expected = stats.binomtest(first, n, 0.5).pvalue if n else 1.0
        assert float(majority_p_value(first, second)) == pytest.approx(expected, abs=1e-12)


def test_a_band_is_massarts() -> None:
    assert band(500) == pytest.approx(math.sqrt(math.log(40) / 1000))


def test_counts_of_bounds_are_checked() -> None:
    for bound in (lower_bound, anytime_lower_bound):
        with pytest.raises(InputError, match="successes"):
            bound([1, 5], [3, 4], 0.05)
        with pytest.raises(InputError, match="alpha is 1"):
            bound(1, 3, 1.0)
    with pytest.raises(InputError, match="p0 is 1"):
        least_trials(1.0, 0.05)
