"""The best linear feature and rule against a generic optimiser; the worst change in a box."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize

from robustlens.errors import InputError, UnknownName
from robustlens.streams import stream
from robustlens.theory import TwoGaussians, dual_norm
from robustlens.theory.best_features import best_feature, equivalent_noise, robust_rule
from robustlens.theory.boxed import worst_in_box
from robustlens.theory.linear_features import LinearFeatures, exact_usefulness, with_noise

NORMS = ("linf", "l2", "l1")
PRIMAL = {"linf": math.inf, "l2": 2.0, "l1": 1.0}


def setting(seed: int) -> tuple[TwoGaussians, str, float]:
    """A random mean, covariance of one of three shapes, norm, and a radius below the mean's."""
    g = stream(seed, "best")
    d = int(torch.randint(1, 6, (), generator=g))
    mean = torch.randn(d, generator=g, dtype=torch.float64)
    root = torch.randn(d, d, generator=g, dtype=torch.float64)
    full = root @ root.T + 0.1 * torch.eye(d)
    classes = TwoGaussians(mean, (full, full.diagonal(), full[0, 0])[seed // 3 % 3])
    norm = NORMS[seed % 3]
    size = float(torch.linalg.vector_norm(mean, PRIMAL[norm]))
    return classes, norm, 0.95 * size * float(torch.rand((), generator=g))


def gamma_of(classes: TwoGaussians, a: torch.Tensor, norm: str, eps: float) -> float:
    features = LinearFeatures.of_gaussians(classes, a[None])
    return float(exact_usefulness(classes, features, norm, eps))


def climb(value: Callable[[torch.Tensor], float], starts: list[torch.Tensor]) -> float:
    """Return the largest value that Nelder and Mead's simplex finds."""
    options = {"maxiter": 20_000, "maxfev": 20_000, "xatol": 1e-10, "fatol": 1e-13}
    found = [
        minimize(
            lambda v: -value(torch.from_numpy(v)), s, method="Nelder-Mead", options=options
        ).fun
        for s in starts
    ]
    return -min(found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(36))
def test_a_generic_optimiser_finds_the_same_best_and_no_better(seed: int) -> None:
    classes, norm, eps = setting(seed)
    a, w = best_feature(classes, norm, eps), robust_rule(classes, norm, eps)
    g = stream(seed, "start")
    aside = 0.3 * torch.randn(a.shape, generator=g, dtype=torch.float64)
    top = gamma_of(classes, a, norm, eps)
    found = climb(lambda v: gamma_of(classes, v, norm, eps), [classes.mean, a + aside])
    assert found <= top + 1e-8
    assert found == pytest.approx(top, abs=2e-3)  # the simplex may stop early on a kink
    best = classes.accuracy(w, norm, eps)
    found = climb(lambda v: classes.accuracy(v, norm, eps), [classes.mean, w + aside])
    assert found <= best + 1e-8
    assert found == pytest.approx(best, abs=2e-3)


@pytest.mark.slow
def test_no_direction_beats_the_best_in_a_thousand_settings() -> None:
    for seed in range(1000):
        classes, norm, eps = setting(seed)
        a, w = best_feature(classes, norm, eps), robust_rule(classes, norm, eps)
        g = stream(seed, "rival")
        for size in (0.01, 3.0):
            aside = size * torch.randn(a.shape, generator=g, dtype=torch.float64)
            near, top = gamma_of(classes, a + aside, norm, eps), gamma_of(classes, a, norm, eps)
            assert near <= top + 1e-9, (seed, norm)
            assert classes.accuracy(w + aside, norm, eps) <= classes.accuracy(w, norm, eps) + 1e-9


@pytest.mark.parametrize("seed", range(36))
def test_strong_duality(seed: int) -> None:
    """The feature's gamma is the Mahalanobis distance of a point of the ball from the mean."""
    classes, norm, eps = setting(seed)
    a = best_feature(classes, norm, eps)
    gamma = gamma_of(classes, a, norm, eps)
    covariance = classes.covariance
    if covariance.dim() < 2:
        covariance = torch.diag(covariance.expand(classes.dimension))
    mixture = covariance + torch.outer(classes.mean, classes.mean)
    change = classes.mean - gamma * (mixture @ a)
    assert float(torch.linalg.vector_norm(change, PRIMAL[norm])) <= eps * (1 + 1e-7)
    rest = classes.mean - change
    dual = math.sqrt(float(rest @ torch.linalg.solve(mixture, rest)))
    assert dual == pytest.approx(gamma, rel=1e-6)


@pytest.mark.parametrize("seed", range(18))
def test_the_best_feature_is_the_robust_rule_of_a_larger_radius(seed: int) -> None:
    classes, norm, eps = setting(seed)
    a = best_feature(classes, norm, eps)
    rho, gamma = (gamma_of(classes, a, norm, size) for size in (0.0, eps))
    w = robust_rule(classes, norm, eps / (1 - rho * gamma))
    assert torch.allclose(a / a.norm(), w / w.norm(), atol=1e-5)


def test_without_an_adversary_both_are_maximum_likelihood() -> None:
    classes, *_ = setting(4)
    for norm in NORMS:
        a, w = best_feature(classes, norm, 0.0), robust_rule(classes, norm, 0.0)
        assert torch.allclose(a / a.norm(), w / w.norm())
        assert classes.spread(w) == pytest.approx(1)
        d = float(classes.mean @ w)
        assert gamma_of(classes, a, norm, 0.0) == pytest.approx(d / math.sqrt(1 + d * d))


@pytest.mark.parametrize("seed", range(9))
def test_the_robust_l2_rule_is_maximum_likelihood_on_noisy_data(seed: int) -> None:
    classes, _, _ = setting(seed)
    eps = 0.6 * float(classes.mean.norm())
    noisy = with_noise(classes, equivalent_noise(classes, eps))
    w, v = robust_rule(classes, "l2", eps), robust_rule(noisy, "l2", 0.0)
    assert torch.allclose(w / w.norm(), v / v.norm())
    assert equivalent_noise(classes, 0.0) == 0


def test_the_robust_linf_rule_drops_what_is_not_robust() -> None:
    classes = TwoGaussians(
        torch.tensor([2.0, 0.4, -0.6, 0.1]), torch.tensor([4.0, 0.1, 0.2, 0.001])
    )
    w = robust_rule(classes, "linf", 0.5)
    kept = torch.tensor([1.5 / 4, 0, -0.1 / 0.2, 0]).double()
    assert torch.allclose(w, kept / classes.spread(kept))
    assert int((w == 0).sum()) == 2
    assert robust_rule(classes, "linf", 0.0).all()


def test_radii_without_a_robust_feature_are_refused() -> None:
    classes = TwoGaussians(torch.tensor([3.0, 4.0]), torch.tensor(1.0))
    for norm, size in (("linf", 4.0), ("l2", 5.0), ("l1", 7.0)):
        assert gamma_of(classes, best_feature(classes, norm, 0.99 * size), norm, 0.99 * size) > 0
        for ask in (best_feature, robust_rule):
            with pytest.raises(InputError, match="no linear feature is robustly useful"):
                ask(classes, norm, size)
    with pytest.raises(InputError, match="change eps"):
        equivalent_noise(classes, -1)
    with pytest.raises(UnknownName, match="l7"):
        best_feature(classes, "l7", 1)


def images(seed: int, d: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]:
    g = stream(seed, "box")
    a = torch.randn(d, generator=g, dtype=torch.float64)
    a[0] = 0
    x = (2 * torch.rand(20, d, generator=g, dtype=torch.float64) - 0.5).clamp(0, 1)
    return a, x, torch.tensor([1.0, -1.0]).double().repeat(10), float(torch.rand((), generator=g))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("seed", range(4))
def test_the_worst_change_in_a_box_is_what_scipy_finds(norm: str, seed: int) -> None:
    a, x, y, eps = images(seed)
    moved = worst_in_box(a, x, y, norm, eps)
    lengths = torch.linalg.vector_norm(moved - x, PRIMAL[norm], dim=1)
    assert bool(((moved >= 0) & (moved <= 1)).all())
    assert float(lengths.max()) <= eps * (1 + 1e-9)
    lost = (y * ((x - moved) @ a)).tolist()
    assert min(lost) >= 0
    assert max(lost) <= eps * dual_norm(a, norm) + 1e-9
    for i in range(4):
        assert lost[i] == pytest.approx(by_scipy(a * y[i], x[i], norm, eps), abs=1e-6)


def by_scipy(a: torch.Tensor, x: torch.Tensor, norm: str, eps: float) -> float:
    """The most that a . x can fall, by a linear program or sequential quadratic programming."""
    slope, room = a.numpy(), list(zip((-x).tolist(), (1 - x).tolist(), strict=True))
    if norm == "linf":
        return -float(linprog(slope, bounds=[(max(p, -eps), min(q, eps)) for p, q in room]).fun)
    if norm == "l1":  # change = up - down
        both = np.concatenate([slope, -slope])
        bounds = [(0, q) for _, q in room] + [(0, -p) for p, _ in room]
        found = linprog(both, A_ub=np.ones((1, len(both))), b_ub=[eps], bounds=bounds)
        return -float(found.fun)
    ball = {"type": "ineq", "fun": lambda v: eps**2 - v @ v}
    start = np.zeros(len(slope))
    found = minimize(
        lambda v: slope @ v, start, method="SLSQP", bounds=room, constraints=[ball],
        options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    return -float(found.fun)


@pytest.mark.parametrize("norm", NORMS)
def test_far_from_the_walls_the_box_changes_nothing(norm: str) -> None:
    a, x, y, _ = images(0)
    lost = y * ((x * 0.1 + 0.45 - worst_in_box(a, x * 0.1 + 0.45, y, norm, 0.3)) @ a)
    assert torch.allclose(lost, torch.full_like(lost, 0.3 * dual_norm(a, norm)))


def test_boxes_without_room_and_wrong_questions() -> None:
    a, x, y, _ = images(1)
    for norm in NORMS:
        assert torch.equal(worst_in_box(a, x, y, norm, 0.0), x)
        assert torch.equal(worst_in_box(0 * a, x, y, norm, 0.5), x)
    with pytest.raises(InputError, match="change a, x or y"):
        worst_in_box(a[:2], x, y, "l2", 0.1)
    with pytest.raises(InputError, match="change eps or x"):
        worst_in_box(a, x + 1, y, "l2", 0.1)
    with pytest.raises(UnknownName, match="l7"):
        worst_in_box(a, x, y, "l7", 0.1)
