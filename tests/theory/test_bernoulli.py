"""The corners of a cube: exact accuracy of linear rules and of a threshold, and the bounds."""

import itertools
import math

import pytest
import torch
from scipy.stats import binom

from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.theory.bernoulli import BernoulliModel
from robustlens.theory.bernoulli_bounds import (
    corollary28_tau,
    theorem10_error,
    theorem27_confidence,
    theorem27_error,
    theorem31_samples,
)
from robustlens.theory.inversion import Dice, lattice_share


def uniform(seed: int, name: str, count: int = 1) -> list[float]:
    draws = torch.rand(count, generator=stream(seed, name), dtype=torch.float64)
    return [float(u) for u in draws]


def setting(seed: int, most: int) -> tuple[BernoulliModel, int, float]:
    """A random model, number of samples and radius; radii are hundredths."""
    u, v, w, z = uniform(seed, "setting", 4)
    tau = 0.02 + 0.3 * u
    return BernoulliModel(1 + int(most * v), tau), 1 + int(9 * w), round(3 * tau * z, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(36))
def test_exact_accuracy_agrees_with_a_million_training_sets(seed: int) -> None:
    """Every coordinate of every training sample and of x is drawn, and x is moved."""
    model, n, eps = setting(seed, 8)
    found = model.sampled_accuracy(n, eps, generator=stream(seed, "x"), count=1_000_000)
    assert found.agrees(model.accuracy(n, eps)), (model, n, eps)


@pytest.mark.parametrize("seed", range(12))
def test_exact_accuracy_is_the_mean_over_drawn_rules(seed: int) -> None:
    model, n, eps = setting(seed, 100)
    votes = model.draw(n, 300, stream(seed, "votes"))
    shares = torch.tensor([model.accuracy_of(row, eps) for row in votes], dtype=torch.float64)
    error = float(shares.std()) / math.sqrt(300)
    assert abs(float(shares.mean()) - model.accuracy(n, eps)) <= 4 * max(error, 1 / 300)


@pytest.mark.parametrize(("d", "n", "eps"), [(1, 1, 0.0), (2, 2, 0.5), (3, 2, 0.2), (2, 3, 0.25)])
def test_exact_accuracy_agrees_with_counting_every_case(d: int, n: int, eps: float) -> None:
    tau = 0.17
    total = 0.0
    for signs in itertools.product((1, -1), repeat=d * (n + 1)):
        rows = torch.tensor(signs).view(n + 1, d)
        votes, agreements = rows[:n].sum(dim=0), rows[n]
        score = float((votes * agreements).sum() - eps * votes.abs().sum())
        total += (score > 1e-12) * (0.5 + tau) ** signs.count(1) * (0.5 - tau) ** signs.count(-1)
    assert BernoulliModel(d, tau).accuracy(n, eps) == pytest.approx(total, abs=1e-12)


def test_rules_of_signs_are_binomial() -> None:
    model = BernoulliModel(200, 0.1)
    assert model.accuracy(1) == pytest.approx(binom.sf(100, 200, 0.52))
    assert model.accuracy(1, 0.05) == pytest.approx(binom.sf(105, 200, 0.52))
    assert model.limit_accuracy(0.1) == pytest.approx(binom.sf(110, 200, 0.6))
    ones = torch.ones(200)
    assert model.accuracy_of(ones, 0.1) == pytest.approx(binom.sf(110, 200, 0.6), abs=1e-11)
    assert model.accuracy_of(3 * ones, 0.1) == pytest.approx(model.accuracy_of(ones, 0.1))
    assert model.accuracy_of(-ones, 0.0) == pytest.approx(binom.cdf(99, 200, 0.6), abs=1e-11)
    assert model.accuracy_of(0 * ones) == 0


def test_one_sample_by_the_transform_and_by_the_binomial_law() -> None:
    values, shares = (6, -14), (0.52, 0.48)  # 10 b - 4, as at eps 0.4
    found = lattice_share([Dice(values, shares, 50)], above=0)
    assert found == pytest.approx(BernoulliModel(50, 0.1).accuracy(1, 0.4), abs=1e-11)
    assert lattice_share([Dice((1, -1), (0.5, 0.5), 40)], above=38) == pytest.approx(0.5**40)


def test_a_transform_that_does_not_fit_is_refused() -> None:
    dice = Dice((1, 0, -(10**6) + 1), (0.4, 0.3, 0.3), 10**8)
    with pytest.raises(InputError, match="places"):
        lattice_share([dice], above=-3e13)


@pytest.mark.parametrize("n", [1, 3, 4, 25])
@pytest.mark.parametrize("eps", [0.0, 0.05, 0.1])
def test_the_normal_law_is_within_its_proved_error(n: int, eps: float) -> None:
    model = BernoulliModel(900, 0.06)
    near = model.normal_accuracy(n, eps)
    assert abs(near.value - model.accuracy(n, eps)) <= near.error < 0.1


@pytest.mark.parametrize("seed", range(6))
def test_a_threshold_undoes_every_change_below_one(seed: int) -> None:
    model, n, _ = setting(seed, 60)
    for eps in (0.0, 0.5, 0.999):
        g = stream(seed, "threshold")
        found = model.sampled_threshold_accuracy(n, eps, generator=g, count=4000)
        assert found.agrees(model.threshold_accuracy(n, eps)), (model, n, eps)
        assert model.threshold_accuracy(n, eps) == model.accuracy(n)
    for eps in (1.0, 1.5):
        g = stream(seed, "threshold")
        found = model.sampled_threshold_accuracy(n, eps, generator=g, count=1000)
        assert found.value == model.threshold_accuracy(n, eps) == 0


def test_a_single_coordinate_is_a_little_robust_up_to_one() -> None:
    """So the limit 2 tau is that of averages, not of every linear rule."""
    model = BernoulliModel(50, 0.1)
    first = torch.zeros(50)
    first[0] = 1
    assert model.accuracy_of(first, 0.9) == pytest.approx(0.6)
    assert model.limit_accuracy(0.9) < 1e-8


def test_the_bounds_have_the_constants_of_the_paper() -> None:
    assert theorem27_error(10_000, 0.1) == pytest.approx(math.exp(-2))
    assert theorem27_confidence(10_000, 0.1) == pytest.approx(1 - math.exp(-50))
    tau = corollary28_tau(10_000)
    assert tau * 10 == pytest.approx(1.2318, abs=1e-4)
    assert theorem27_error(10_000, tau) == pytest.approx(0.01)
    assert theorem10_error(10_000, tau, 0.99) == pytest.approx(0.01)
    logarithm = math.log(4 * 100 / 0.1)
    exact = 0.02**2 * 0.1**2 / (5000 * 0.01**4 * logarithm)
    assert theorem31_samples(100, 0.01, 0.02, 0.1) == pytest.approx(exact)


def test_theorem_27_holds_exactly() -> None:
    """Over every number of coordinates that the sample has right: 1,000 settings."""
    checked = 0
    for u, v in zip(uniform(0, "27", 1000), uniform(1, "27", 1000), strict=True):
        d, tau = 1 + int(30 * u), 0.01 + 0.49 * v
        model, bound = BernoulliModel(d, tau), theorem27_error(d, tau)
        assert 1 - model.accuracy(1) <= bound + 1 - theorem27_confidence(d, tau) + 1e-12
        if checked % 10 == 0:  # the whole law over samples
            bad = 0.0
            for right in range(d + 1):
                votes = torch.ones(d)
                votes[right:] = -1
                late = 1 - model.accuracy_of(votes) > bound + 1e-10
                bad += late * float(binom.pmf(right, d, 0.5 + tau))
            assert bad <= 1 - theorem27_confidence(d, tau) + 1e-12, (d, tau)
        checked += 1
    assert checked == 1000


def test_averages_keep_theorem_31() -> None:
    """1,000 settings in its range; in most the signal is too weak for standard accuracy too."""
    checked = 0
    for u, v, w, z in zip(*(uniform(i, "31", 1500) for i in range(4)), strict=True):
        d, tau = round(10 ** (1 + 13 * u)), 10 ** (-2 - 4 * v)
        eps, gamma = 3 * tau * w * 0.999, 0.01 + 0.48 * z
        n = int(min(theorem31_samples(d, tau, eps, gamma), 40))
        if n < 1:
            continue
        near = BernoulliModel(d, tau).normal_accuracy(n, eps)
        error = 1 - BernoulliModel(d, tau).accuracy(1, eps) if n == 1 else 1 - near.value
        slack = 0 if n == 1 else near.error
        assert error + slack >= 0.5 - gamma, (d, tau, eps, gamma, n)
        checked += 1
    assert checked > 1000


def test_linear_rules_need_more_samples_in_more_dimensions() -> None:
    few = BernoulliModel(10_000, 0.125)
    many = BernoulliModel(1_000_000, 0.125 / 10**0.5)
    assert few.accuracy(13, 1.5 * 0.125) > 0.9
    assert many.normal_accuracy(13, 1.5 * many.tau).value < 0.01
    assert many.threshold_accuracy(1, 0.99) > 0.99


def test_what_is_out_of_range_is_refused() -> None:
    for d, tau in ((0, 0.1), (5, 0.0), (5, 0.6)):
        with pytest.raises(InputError, match="change d or tau"):
            BernoulliModel(d, tau)
        with pytest.raises(InputError, match="change d or tau"):
            theorem27_error(d, tau)
    model = BernoulliModel(5, 0.1)
    for n, eps in ((0, 0.1), (1, -0.1), (1, math.inf)):
        with pytest.raises(InputError, match="change n or eps"):
            model.accuracy(n, eps)
    with pytest.raises(InputError, match="denominator"):
        model.accuracy(2, math.sqrt(0.1))
    with pytest.raises(InputError, match="change votes"):
        model.accuracy_of(torch.ones(4))
    with pytest.raises(InputError, match="change votes"):
        model.accuracy_of(torch.full((5,), 0.5))
    with pytest.raises(InputError, match="as Theorem 10 asks"):
        theorem10_error(100, 0.1, 1.0)
    with pytest.raises(InputError, match="change d or beta"):
        corollary28_tau(100, 0)
    for tau, eps, gamma, message in (
        (0.3, 0.1, 0.1, "tau <= 1/4, as Theorem 31"),
        (0.1, 0.31, 0.1, "3 tau = 0.3, as Theorem 31"),
        (0.1, 0.1, 0.5, "gamma < 1/2"),
    ):
        with pytest.raises(InputError, match=message):
            theorem31_samples(100, tau, eps, gamma)
