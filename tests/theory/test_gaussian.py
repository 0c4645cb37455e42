"""Theorems 1, 2 and 3 of Ilyas et al. 2019: closed forms against samples and generic optimisers."""

import math

import pytest
import torch
from scipy.optimize import minimize
from torch import Tensor

from robustlens.errors import InputError, UnknownName
from robustlens.streams import stream
from robustlens.theory.alignment import (
    alignment,
    least_aligned_mean,
    least_alignment,
    searched_alignment,
)
from robustlens.theory.gaussian import (
    best_change,
    eigenvalues,
    likelihood_rule,
    on_eigenvalues,
    robust_gaussian,
    vulnerability,
)
from robustlens.theory.sampling import average
from robustlens.theory.two_gaussians import TwoGaussians

# Variances, eps, lambda, eigenvalues of Sigma_r, least cosine; to the digits of methods.md.
ROWS = [
    ((4.0, 1.0), 0.1, "10.40664", (4.18998, 1.18439), 0.82900),
    ((4.0, 1.0), 1.0, "0.673414", (6.63773, 3.30215), 0.94201),
    ((4.0, 1.0), 10.0, "0.0165322", (78.17105, 68.78164), 0.99796),
    ((40.0, 1.0, 0.1), 1.0, "1.104912", (41.79050, 2.47978, 1.26002), 0.33712),
]


def setting(seed: int) -> tuple[TwoGaussians, float]:
    """Two random classes, a covariance of one of three shapes, and an eps from 0.01 to 30."""
    g = stream(seed, "gaussian")
    d = int(torch.randint(1, 9, (), generator=g))
    mean = torch.randn(d, generator=g, dtype=torch.float64)
    root = torch.randn(d, d, generator=g, dtype=torch.float64)
    full = root @ root.T + 0.1 * torch.eye(d)
    eps = 10 ** (3.5 * float(torch.rand((), generator=g)) - 2)
    return TwoGaussians(mean, (full, full.diagonal(), full[0, 0])[seed % 3]), eps


def matrix(covariance: Tensor, d: int) -> Tensor:
    return covariance if covariance.dim() == 2 else torch.diag(covariance.expand(d))


def strength_for(classes: TwoGaussians, factor: float) -> float:
    return factor / float(eigenvalues(classes).min())


def squared(classes: TwoGaussians, v: Tensor) -> Tensor:
    precision = torch.linalg.inv(matrix(classes.covariance, classes.dimension))
    off = v - classes.mean
    return ((off @ precision) * off).sum(dim=1)


@pytest.mark.parametrize("seed", range(6))
def test_no_rule_is_more_accurate_than_maximum_likelihood(seed: int) -> None:
    classes, _ = setting(seed)
    best = classes.accuracy(likelihood_rule(classes))
    others = torch.randn(200, classes.dimension, generator=stream(seed, "w"), dtype=torch.float64)
    assert all(classes.accuracy(w) <= best + 1e-12 for w in others)


# Theorem 1


def test_theorem_1_reference() -> None:
    classes = TwoGaussians(torch.ones(3), torch.tensor([1.0, 2.0, 5.0]))
    assert round(vulnerability(classes, 1.7), 3) == 6.189
    assert vulnerability(classes, 0.85, "nll") == pytest.approx(6.189348 / 2, abs=1e-6)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("loss", ["distance", "nll"])
def test_the_best_change_is_the_one_an_optimiser_finds(seed: int, loss: str) -> None:
    classes, _ = setting(seed)
    strength = strength_for(classes, 1.6)
    v = classes.mean + torch.randn(1, classes.dimension, generator=stream(seed, "v")).double()
    half = 2.0 if loss == "nll" else 1.0

    def descend(delta: list[float]) -> tuple[float, object]:
        change = torch.tensor(delta, dtype=torch.float64, requires_grad=True)
        gain = squared(classes, v + change).sum() / half - strength * change.square().sum()
        (slope,) = torch.autograd.grad(-gain, change)
        return -float(gain.detach()), slope.numpy()

    start, options = torch.zeros(classes.dimension).numpy(), {"ftol": 1e-15, "gtol": 1e-10}
    found = minimize(descend, start, jac=True, method="L-BFGS-B", options=options).x
    assert best_change(classes, strength, v, loss)[0].tolist() == pytest.approx(found, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_theorem_1_agrees_with_a_million_samples(seed: int) -> None:
    classes, _ = setting(seed)
    loss, strength = ("distance", "nll")[seed % 2], strength_for(classes, 1.3 + seed / 10)
    g = stream(seed, "theorem 1")

    def gain(n: int) -> Tensor:
        x, y = classes.sample(n, g)
        v = y[:, None] * x
        moved = v + best_change(classes, strength, v, loss)
        return (squared(classes, moved) - squared(classes, v)) / (2 if loss == "nll" else 1)

    assert average(gain, 1_000_000).agrees(vulnerability(classes, strength, loss))


def test_theorem_1_reference_by_a_million_samples() -> None:
    classes = TwoGaussians(torch.ones(3), torch.tensor([1.0, 2.0, 5.0]))
    g = stream(0, "reference")

    def gain(n: int) -> Tensor:
        x, y = classes.sample(n, g)
        v = y[:, None] * x
        moved = v + best_change(classes, 1.7, v)
        return squared(classes, moved) - squared(classes, v)

    assert average(gain, 1_000_000).agrees(6.189348)


def test_the_multiple_of_i_is_the_least_vulnerable_of_its_trace() -> None:
    for seed in range(1000):
        g = stream(seed, "trace")
        d = int(torch.randint(2, 9, (), generator=g))
        variances = torch.rand(d, generator=g, dtype=torch.float64) + 1e-3
        classes = TwoGaussians(torch.ones(d), variances)
        strength = strength_for(classes, 1.01 + 3 * float(torch.rand((), generator=g)))
        flat = TwoGaussians(torch.ones(d), variances.mean())
        assert vulnerability(flat, strength) <= vulnerability(classes, strength) * (1 + 1e-12)


@pytest.mark.parametrize(("loss", "least"), [("distance", 1.0), ("nll", 0.5)])
def test_a_tether_too_weak_is_refused_at_equality_too(loss: str, least: float) -> None:
    classes = TwoGaussians(torch.ones(2), torch.tensor([1.0, 4.0]))
    assert vulnerability(classes, 1.001 * least, loss) > 0
    for strength in (least, 0.5 * least, math.inf):
        with pytest.raises(InputError, match="sigma_min"):
            vulnerability(classes, strength, loss)
        with pytest.raises(InputError, match="change strength"):
            best_change(classes, strength, torch.ones(1, 2), loss)


# Theorem 2


@pytest.mark.parametrize(("variances", "eps", "price", "fitted", "cosine"), ROWS)
def test_theorem_2_and_3_references(
    variances: tuple[float, ...],
    eps: float,
    price: str,
    fitted: tuple[float, ...],
    cosine: float,
) -> None:
    robust = robust_gaussian(TwoGaussians(torch.ones(len(variances)), torch.tensor(variances)), eps)
    digits = len(price.lstrip("0.").replace(".", ""))
    assert f"{robust.price:.{digits}g}" == price
    assert [round(s, 5) for s in robust.classes.covariance.tolist()] == list(fitted)
    assert round(least_alignment(robust.classes), 5) == cosine


def test_without_an_adversary_it_is_maximum_likelihood() -> None:
    classes = TwoGaussians(torch.ones(2), torch.tensor([4.0, 1.0]))
    robust = robust_gaussian(classes, 0.0)
    assert torch.equal(robust.classes.covariance, classes.covariance)
    assert torch.equal(robust.rule, likelihood_rule(classes))
    assert robust.price == math.inf
    assert not robust.adversary.any()
    assert least_alignment(classes) == pytest.approx(0.8, abs=1e-12)


@pytest.mark.parametrize("seed", range(36))
def test_theorem_2_identities(seed: int) -> None:
    classes, eps = setting(seed)
    d, robust = classes.dimension, robust_gaussian(classes, eps)
    sigma, fitted = matrix(classes.covariance, d), matrix(robust.classes.covariance, d)
    push, one = matrix(robust.adversary, d), torch.eye(d, dtype=torch.float64)
    price = robust.price

    def close(a: Tensor, b: Tensor) -> bool:
        return torch.allclose(a, b, rtol=1e-8, atol=1e-9 * float(b.abs().max()))

    assert float((push @ sigma @ push).trace()) == pytest.approx(eps**2, rel=1e-9)
    root = on_eigenvalues(sigma, lambda s: (s / price + s.square() / 4).sqrt())
    assert close(fitted, sigma / 2 + one / price + root)
    assert close(fitted, (one + push) @ sigma @ (one + push))
    assert close(push @ (price * fitted - one), one)
    assert float(torch.linalg.eigvalsh(price * fitted).min()) > 1
    assert torch.equal(robust.classes.mean, classes.mean)


@pytest.mark.parametrize("seed", range(12))
def test_no_linear_adversary_and_no_covariance_gains(seed: int) -> None:
    """Theorem 2 is a saddle: random moves of either side alone do not help it."""
    classes, eps = setting(seed)
    d, robust = classes.dimension, robust_gaussian(classes, eps)
    sigma, fitted = matrix(classes.covariance, d), matrix(robust.classes.covariance, d)
    push, one = matrix(robust.adversary, d), torch.eye(d, dtype=torch.float64)

    def loss(learned: Tensor, m: Tensor) -> float:
        spread = (one + m) @ sigma @ (one + m).T
        return float(torch.linalg.solve(learned, spread).trace() + torch.logdet(learned)) / 2

    value, g = loss(fitted, push), stream(seed, "moves")
    for size in (1e-3, 0.1, 1.0):
        for _ in range(20):
            turn = torch.randn(d, d, generator=g, dtype=torch.float64)
            other = push + size * turn * float(push.norm())
            other *= eps / float((other @ sigma @ other.T).trace().sqrt())
            assert loss(fitted, other) <= value + 1e-9
            root = torch.linalg.cholesky(fitted) @ (one + size * turn / d)
            assert loss(root @ root.T, push) >= value - 1e-9


def test_robust_parameters_turn_with_the_coordinates() -> None:
    variances = torch.tensor([4.0, 1.0, 0.2])
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=stream(0, "q"), dtype=torch.float64))
    covariance = turn * variances @ turn.T
    turned = TwoGaussians(torch.ones(3), (covariance + covariance.T) / 2)
    plain = robust_gaussian(TwoGaussians(torch.ones(3), variances), 1.0)
    found = robust_gaussian(turned, 1.0)
    assert found.price == pytest.approx(plain.price, rel=1e-10)
    expected = turn * plain.classes.covariance @ turn.T
    assert torch.allclose(found.classes.covariance, expected, atol=1e-10)


@pytest.mark.parametrize("eps", [1e-8, 1e-3, 1e4])
def test_extreme_radii(eps: float) -> None:
    variances = torch.tensor([1e4, 1.0, 1e-4])
    robust = robust_gaussian(TwoGaussians(torch.ones(3), variances), eps)
    moved = variances.double() * robust.adversary.square()
    assert float(moved.sum()) == pytest.approx(eps**2, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_accuracies_of_both_rules_agree_with_a_million_samples(seed: int) -> None:
    classes, _ = setting(seed)
    eps = 0.5 * float(torch.linalg.vector_norm(classes.mean))
    w = robust_gaussian(classes, eps).rule if seed % 2 else likelihood_rule(classes)
    for radius in (0.0, eps):
        g = stream(seed, "accuracy", str(radius))
        found = classes.sampled_accuracy(w, "l2", radius, generator=g)
        assert found.agrees(classes.accuracy(w, "l2", radius))


def test_nothing_is_gained_where_all_directions_are_alike() -> None:
    classes = TwoGaussians(torch.tensor([1.0, 2.0, 3.0]), torch.tensor(2.5))
    for eps in (0.1, 1.0, 10.0):
        robust = robust_gaussian(classes, eps)
        for radius in (0.0, eps):
            here = classes.accuracy(robust.rule, "l2", radius)
            there = classes.accuracy(likelihood_rule(classes), "l2", radius)
            assert here == pytest.approx(there, abs=1e-12)
        assert least_alignment(robust.classes) == 1


# Theorem 3


@pytest.mark.parametrize("seed", range(30))
def test_the_least_cosine_is_what_a_search_over_means_finds(seed: int) -> None:
    classes, eps = setting(seed)
    for law in (classes, robust_gaussian(classes, eps).classes):
        closed = least_alignment(law)
        worst = TwoGaussians(least_aligned_mean(law), law.covariance)
        assert alignment(worst) == pytest.approx(closed, abs=1e-9)
        covariance = matrix(law.covariance, law.dimension)
        found = searched_alignment(covariance, 3, stream(seed, "search"))
        assert found == pytest.approx(closed, abs=1e-6)
        assert found >= closed - 1e-9


@pytest.mark.slow
def test_theorem_3_on_a_thousand_settings() -> None:
    for seed in range(1000):
        classes, eps = setting(seed)
        robust = robust_gaussian(classes, eps).classes
        assert least_alignment(robust) >= least_alignment(classes) - 1e-12
        assert alignment(classes) >= least_alignment(classes) - 1e-9


# Wrong questions


def test_wrong_questions_are_refused() -> None:
    classes = TwoGaussians(torch.ones(2), torch.tensor([1.0, 4.0]))
    for eps in (-1.0, math.inf, math.nan):
        with pytest.raises(InputError, match="change eps"):
            robust_gaussian(classes, eps)
    with pytest.raises(UnknownName, match="hinge"):
        vulnerability(classes, 2, "hinge")
    with pytest.raises(InputError, match="change v"):
        best_change(classes, 2, torch.ones(3))
    with pytest.raises(InputError, match="change mean"):
        alignment(TwoGaussians(torch.zeros(2), torch.tensor(1.0)))
