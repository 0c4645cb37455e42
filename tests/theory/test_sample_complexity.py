"""The Gaussian model: exact accuracy over training sets, and the bounds around it."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import dblquad
from scipy.special import ndtr

from robustlens.errors import InputError, UnknownName
from robustlens.streams import stream
from robustlens.theory import average, inversion
from robustlens.theory.inversion import Complex, Real, positive_share
from robustlens.theory.sample_bounds import (
    corollary22_samples,
    corollary23_samples,
    one_sample_sigma,
    theorem11_error,
    theorem11_samples,
    theorem21_confidence,
    theorem21_eps,
    theorem21_error,
    theorem21_samples,
)
from robustlens.theory.sample_complexity import GaussianModel, averaging_accuracy, mean_l1


def uniform(seed: int, name: str, low: float, high: float, count: int = 1) -> list[float]:
    draws = torch.rand(count, generator=stream(seed, name), dtype=torch.float64)
    return (low + (high - low) * draws).tolist()


def setting(seed: int, most: int = 40) -> tuple[GaussianModel, int, float]:
    """A random model, number of samples and radius."""
    d, n = round(uniform(seed, "d", 1, most)[0]), round(uniform(seed, "n", 1, 20)[0])
    sigma, eps = uniform(seed, "sigma", 0.2, 3)[0], uniform(seed, "eps", 0, 0.9)[0]
    return GaussianModel(d, sigma, ("signs", "normal")[seed % 2]), n, eps


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(36))
def test_the_integral_agrees_with_a_million_training_sets(seed: int) -> None:
    """Every coordinate of theta, w and x is drawn; x is moved by the worst change."""
    model, n, eps = setting(seed, 12)
    g = stream(seed, "all")

    def right(count: int) -> torch.Tensor:
        shape = (3, count, model.d)
        first, second, third = torch.randn(shape, generator=g, dtype=torch.float64)
        theta = first if model.prior == "normal" else torch.ones(1, model.d, dtype=torch.float64)
        w = theta + model.sigma / math.sqrt(n) * second
        moved = theta + model.sigma * third - eps * w.sign()
        return torch.sum(w * moved, dim=1) > 0

    found = average(right, 1_000_000)
    assert found.agrees(model.accuracy(n, eps)), (model, n, eps)


@pytest.mark.parametrize("seed", range(12))
def test_the_integral_agrees_with_exact_accuracies_of_drawn_rules(seed: int) -> None:
    model, n, eps = setting(seed, 300)
    for radius in (0.0, eps):
        found = model.sampled_accuracy(n, radius, generator=stream(seed, "w"), count=300)
        assert found.agrees(model.accuracy(n, radius)), (model, n, radius)


@pytest.mark.slow
@pytest.mark.parametrize(("sigma", "n", "eps"), [(1.0, 1, 0.0), (0.7, 3, 0.3), (2.0, 2, 0.8)])
def test_the_integral_agrees_with_quadrature_over_the_rule(
    sigma: float, n: int, eps: float
) -> None:
    """In one and two dimensions the mean over w is an ordinary integral."""
    spread = sigma / math.sqrt(n)

    def weighted(b: float, a: float) -> float:
        w = np.array([1 + spread * a, 1 + spread * b])
        margin = w.sum() - eps * np.abs(w).sum()
        density = math.exp(-(a * a + b * b) / 2) / (2 * math.pi)
        return float(ndtr(margin / (sigma * np.linalg.norm(w))) * density)

    found = 0.0
    corner = -1 / spread  # where a coordinate of w changes its sign
    ends = [-9.0, max(corner, -8.9), 9.0]
    for a in range(2):
        for b in range(2):
            part, _ = dblquad(weighted, ends[a], ends[a + 1], ends[b], ends[b + 1], epsabs=1e-8)
            found += part
    assert GaussianModel(2, sigma).accuracy(n, eps) == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_thresholding_agrees_with_sampling(seed: int) -> None:
    model, n, eps = setting(2 * seed)
    g = stream(seed, "threshold")
    found = model.sampled_threshold_accuracy(n, eps, generator=g, count=4000)
    assert found.agrees(model.threshold_accuracy(n, eps)), (model, n, eps)


@pytest.mark.parametrize("seed", range(4))
def test_any_theta_agrees_with_sampling(seed: int) -> None:
    g = stream(seed, "theta")
    theta = 2 * torch.randn(30, generator=g, dtype=torch.float64)
    model = GaussianModel(30, 1.5)
    classes = model.classes(theta)

    def shares(count: int) -> torch.Tensor:
        w = theta + 1.5 / 2 * torch.randn(count, 30, generator=g, dtype=torch.float64)
        return torch.tensor([classes.accuracy(row, "linf", 0.4) for row in w])

    assert average(shares, 1000).agrees(averaging_accuracy(theta, 1.5, 4, 0.4))


def test_a_vector_of_signs_is_the_model_of_signs() -> None:
    signs = torch.tensor([1.0, -1.0, -1.0, 1.0, 1.0])
    exact = GaussianModel(5, 1.2).accuracy(3, 0.4)
    assert averaging_accuracy(signs, 1.2, 3, 0.4) == pytest.approx(exact, abs=1e-12)


def normals(d: int, mean: float) -> Callable[[Real], Complex]:
    return lambda t: d * (1j * t * mean - t**2 / 2)


@pytest.mark.parametrize("d", [1, 10, 10_000, 10**8])
def test_the_inversion_of_a_normal_law(d: int) -> None:
    """S of d normals: P(S > 0) = Phi(mean sqrt(d)), however it is split."""
    for z in (-9.0, -3.0, -0.01, 0.0, 1.0, 4.0, 30.0):
        mean = z / math.sqrt(d)
        found = positive_share(normals(d, mean))
        assert found == pytest.approx(ndtr(z), abs=1e-10)


@pytest.mark.parametrize("seed", range(8))
def test_both_ways_to_take_the_integral_agree(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model, n, eps = setting(seed, 2000)
    even = model.accuracy(n, eps)
    monkeypatch.setattr(inversion, "FAR", 1e9)  # so many even points that log t is chosen
    assert model.accuracy(n, eps) == pytest.approx(even, abs=1e-10)


def test_endless_samples_give_the_rule_theta() -> None:
    model = GaussianModel(100, 4.0)
    theta = torch.ones(100)
    best = model.classes(theta).accuracy(theta, "linf", 0.5)
    assert model.accuracy(1e14, 0.5) == pytest.approx(best, abs=1e-6)
    assert best == pytest.approx(ndtr(0.5 * 10 / 4))


def test_the_mean_l1_norm_is_a_sum_of_folded_normals() -> None:
    theta = torch.tensor([0.0, 0.5, -2.0, 3.0])
    g = stream(0, "l1")

    def lengths(count: int) -> torch.Tensor:
        noise = torch.randn(count, 4, generator=g, dtype=torch.float64)
        return (theta + 0.8 * noise).abs().sum(dim=1)

    assert average(lengths, 200_000).agrees(mean_l1(theta, 0.8))
    assert mean_l1(torch.zeros(1), 1.0) == pytest.approx(math.sqrt(2 / math.pi))


def test_more_samples_help_and_a_wider_ball_hurts() -> None:
    model = GaussianModel(1000, 4.0)
    grown = [model.accuracy(n, 0.5) for n in range(1, 40)]
    assert all(a < b for a, b in pairwise(grown))
    fallen = [model.accuracy(5, eps / 10) for eps in range(12)]
    assert all(a > b for a, b in pairwise(fallen))


def test_samples_needed_is_where_the_share_is_reached() -> None:
    model = GaussianModel(1000, 4.0)
    need = math.ceil(model.samples_needed(0.9, 0.5))
    assert model.accuracy(need - 1, 0.5) < 0.9 <= model.accuracy(need, 0.5)
    assert model.samples_needed(0.9) <= 1
    through = model.threshold_samples_needed(0.9, 0.5)
    assert model.threshold_accuracy(through, 0.5) == pytest.approx(0.9, abs=1e-4)
    assert through > model.samples_needed(0.9, 0.5)


def test_samples_grow_with_the_root_of_the_dimension() -> None:
    """At sigma = c d^(1/4); for a share near 1/2 the slope is 1/2 from d = 100 on."""
    d = [10.0**k for k in range(2, 6)]
    need = [GaussianModel(round(x), 0.3 * x**0.25).samples_needed(0.55, 0.5) for x in d]
    assert np.polyfit(np.log(d), np.log(need), 1)[0] == pytest.approx(0.5, abs=0.02)


def test_the_bounds_have_the_constants_of_the_paper() -> None:
    assert theorem21_confidence(1000, 2) == pytest.approx(1 - 2 * math.exp(-25))
    price = 2 * math.sqrt(2 * math.log(100)) / math.sqrt(1000)
    assert theorem21_eps(1000, 2, 9, 0.01) == pytest.approx(5 / 14 - price)
    assert theorem21_error(1000, 2, 9, theorem21_eps(1000, 2, 9, 0.01)) == pytest.approx(0.01)
    assert corollary22_samples(10_000, 10 / 32, 0.25) == pytest.approx(400)
    assert corollary22_samples(10_000, 0.1, 0.025) == 1
    assert corollary23_samples(1000, 8, 0.5) == pytest.approx(16 / (8 * math.log(1000)))
    one = math.erf(0.5 * math.sqrt(13 / 8))
    assert theorem11_error(7, 3, 4, 0.5) == pytest.approx(one**7 / 2)
    assert theorem11_error(5, 1, 0, 0.1) == 0.5
    assert theorem11_error(5, 1, 3, 0) == 0
    largest = one_sample_sigma(10_000)
    assert theorem21_error(10_000, largest, 1) == pytest.approx(0.01)
    assert one_sample_sigma(10**12) / 1000 == pytest.approx(0.287, abs=1e-3)
    assert min(one_sample_sigma(d) / d**0.25 for d in range(1, 200)) > 0.13


def test_inverses_of_the_bounds() -> None:
    n = theorem21_samples(10_000, 3, 0.25, 0.05)
    assert theorem21_error(10_000, 3, n, 0.25) == pytest.approx(0.05)
    n = theorem11_samples(10_000, 10, 0.75, 0.1)
    assert theorem11_error(10_000, 10, n, 0.75) == pytest.approx(0.1)


@pytest.mark.slow
def test_no_learner_beats_theorem_11() -> None:
    """1,000 settings with theta ~ N(0, I), and the corollary inside the theorem."""
    for u, v, w, z in zip(*(uniform(i, "11", 0, 1, 1000) for i in range(4)), strict=True):
        d, n = round(10 ** (5 * u)), round(10 ** (3 * v))
        sigma, eps = 10 ** (2 * w - 0.5), z
        error = 1 - GaussianModel(d, sigma, "normal").accuracy(n, eps)
        assert error >= theorem11_error(d, sigma, n, eps) - 1e-9, (d, sigma, n, eps)
        few = corollary23_samples(d + 1, sigma, eps)
        if few:
            assert theorem11_error(d + 1, sigma, few, eps) >= (1 - 1 / (d + 1)) / 2


@pytest.mark.slow
def test_theorem_21_is_kept_by_drawn_rules() -> None:
    """1,000 settings: the share of rules with a larger error is within the confidence."""
    checked, failed, allowed = 0, 0.0, 0.0
    for seed in range(1000):
        d = round(10 ** uniform(seed, "d", 1, 4)[0])
        sigma = 10 ** uniform(seed, "sigma", -1, 0.4)[0]
        n = round(10 ** uniform(seed, "n", 0, 3)[0])
        eps = theorem21_eps(d, sigma, n, 0.999) * uniform(seed, "eps", 0, 1)[0]
        if eps <= 0:
            continue
        beta = theorem21_error(d, sigma, n, eps)
        model = GaussianModel(d, sigma)
        theta, w = model.draw(n, stream(seed, "w"))
        failed += 1 - model.classes(theta).accuracy(w, "linf", eps) > beta + 1e-12
        allowed += 1 - theorem21_confidence(d, sigma)
        checked += 1
        mean = 1 - model.accuracy(n, eps)
        assert mean <= beta + 1 - theorem21_confidence(d, sigma) + 1e-9
    assert checked > 700
    assert failed <= allowed + 4 * math.sqrt(allowed)


def test_corollary_22_follows_from_theorem_21() -> None:
    for u, v, w in zip(*(uniform(i, "22", 0, 1, 1000) for i in range(3)), strict=True):
        d = round(10 ** (8 * u))
        sigma, eps = max(v, 1e-6) * d**0.25 / 32, w / 4
        n = corollary22_samples(d, sigma, eps)
        if n >= 1:
            assert theorem21_error(d, sigma, n, eps) <= 0.01 * (1 + 1e-9), (d, sigma, eps)


def test_what_is_out_of_range_is_refused() -> None:
    for d, sigma in ((0, 1.0), (3, 0.0), (3, math.nan)):
        with pytest.raises(InputError, match="change d or sigma"):
            GaussianModel(d, sigma)
    with pytest.raises(UnknownName, match="prior"):
        GaussianModel(3, 1.0, "sign")
    model = GaussianModel(100, 3.0)
    for n, eps in ((0, 0.1), (1, -0.1), (math.inf, 0.1)):
        with pytest.raises(InputError, match="change n or eps"):
            model.accuracy(n, eps)
    with pytest.raises(InputError, match="change share"):
        model.samples_needed(0.5)
    with pytest.raises(InputError, match="the limit for large n"):
        model.samples_needed(0.9, 0.9)
    with pytest.raises(InputError, match="change prior"):
        GaussianModel(10, 1.0, "normal").threshold_accuracy(1)
    with pytest.raises(InputError, match="does not decay"):
        positive_share(lambda t: 0j * t)


def test_bounds_refuse_what_their_theorem_does_not_cover() -> None:
    with pytest.raises(InputError, match="n >= 1"):
        theorem21_error(100, 1, 0.5, 0.1)
    with pytest.raises(InputError, match="Theorem 21 needs eps <="):
        theorem21_error(100, 1, 1, 0.9)
    with pytest.raises(InputError, match="more than any n"):
        theorem21_samples(10, 10, 0.5)
    with pytest.raises(InputError, match="as Corollary 22 asks"):
        corollary22_samples(10_000, 1, 0.1)
    with pytest.raises(InputError, match="eps <= 1/4"):
        corollary22_samples(10_000, 0.1, 0.3)
    with pytest.raises(InputError, match="d >= 2"):
        corollary23_samples(1, 1, 0.1)
    with pytest.raises(InputError, match="beta"):
        theorem21_eps(100, 1, 1, 1.5)
    with pytest.raises(InputError, match="n >= 0"):
        theorem11_error(10, 1, -1, 0.1)
    with pytest.raises(InputError, match="no n lets"):
        theorem11_samples(10, 1, 9.0)
    with pytest.raises(InputError, match="between 0 and 1/2"):
        theorem11_samples(10, 1, 0.5, 0.6)
