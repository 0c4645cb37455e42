"""Two Gaussian classes: the closed form of a linear rule's accuracy, and its sampling."""

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm as standard_normal

from robustlens.errors import InputError, UnknownName
from robustlens.streams import stream
from robustlens.theory import TwoGaussians, average, dual_norm, worst_change

NORMS = ("linf", "l2", "l1")


def setting(seed: int) -> tuple[TwoGaussians, torch.Tensor, str, float]:
    """A random mean, covariance of one of three shapes, rule, norm and radius."""
    g = stream(seed, "setting")
    d = int(torch.randint(1, 9, (), generator=g))
    mean, w = torch.randn(2, d, generator=g, dtype=torch.float64)
    root = torch.randn(d, d, generator=g, dtype=torch.float64)
    full = root @ root.T + 0.1 * torch.eye(d)
    covariance = (full, full.diagonal(), full[0, 0])[seed % 3]
    eps = 0.5 * float(torch.rand((), generator=g))
    return TwoGaussians(mean, covariance), w, NORMS[seed // 3 % 3], eps


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(36))
def test_closed_form_agrees_with_a_million_samples(seed: int) -> None:
    classes, w, norm, eps = setting(seed)
    for radius in (0.0, eps):
        found = classes.sampled_accuracy(w, norm, radius, generator=stream(seed, "x"))
        assert found.n == 1_000_000
        assert found.agrees(classes.accuracy(w, norm, radius)), (classes, w, norm, radius)


@pytest.mark.parametrize("seed", range(9))
def test_closed_form_agrees_with_quadrature(seed: int) -> None:
    classes, w, norm, eps = setting(seed)
    law = standard_normal(float(w @ classes.mean), classes.spread(w))
    found, _ = quad(law.pdf, eps * dual_norm(w, norm), law.mean() + 12 * law.std())
    assert found == pytest.approx(classes.accuracy(w, norm, eps), abs=1e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_the_worst_change_has_length_one_and_attains_the_dual_norm(norm: str) -> None:
    w = torch.tensor([0.5, -3.0, 2.0])
    change = worst_change(w, norm)
    order = {"linf": math.inf, "l2": 2, "l1": 1}[norm]
    assert float(torch.linalg.vector_norm(change, order)) == pytest.approx(1)
    assert float(change @ w.double()) == pytest.approx(dual_norm(w, norm))
    assert not worst_change(torch.zeros(3), norm).any() or norm == "l1"


def test_samples_have_the_mean_and_covariance_asked_for() -> None:
    classes, *_ = setting(0)
    x, y = classes.sample(400_000, stream(0, "x"))
    assert set(y.tolist()) == {-1.0, 1.0}
    centred = y[:, None] * x - classes.mean
    assert torch.allclose(centred.mean(dim=0), torch.zeros_like(classes.mean), atol=0.03)
    assert torch.allclose(centred.T @ centred / len(x), classes.covariance, rtol=0.02, atol=0.03)


def test_a_rule_of_zeros_decides_nothing() -> None:
    assert TwoGaussians(torch.ones(3), torch.tensor(1.0)).accuracy(torch.zeros(3)) == 0


@pytest.mark.parametrize(
    ("mean", "covariance", "message"),
    [
        (torch.ones(2, 2), torch.tensor(1.0), "change mean or covariance"),
        (torch.ones(2), torch.ones(3), "change mean or covariance"),
        (torch.ones(2), torch.tensor(0.0), "positive definite"),
        (torch.ones(2), torch.tensor([[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (torch.ones(2), torch.tensor([[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (torch.ones(2), torch.tensor([1.0, math.inf]), "infinite"),
        (torch.tensor([math.nan]), torch.tensor(1.0), "finite"),
    ],
)
def test_what_is_no_gaussian_is_refused(
    mean: torch.Tensor, covariance: torch.Tensor, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        TwoGaussians(mean, covariance)


def test_wrong_questions_are_refused() -> None:
    classes = TwoGaussians(torch.ones(2), torch.tensor(1.0))
    with pytest.raises(InputError, match="change w"):
        classes.accuracy(torch.ones(3))
    with pytest.raises(InputError, match="change eps"):
        classes.accuracy(torch.ones(2), eps=-1)
    with pytest.raises(UnknownName, match="l7"):
        classes.accuracy(torch.ones(2), "l7", 1)
    with pytest.raises(UnknownName, match="l7"):
        worst_change(torch.ones(2), "l7")


def test_average_is_the_mean_and_its_error_in_any_chunks() -> None:
    values = torch.randn(1000, generator=stream(0, "v"), dtype=torch.float64) + 1e6
    left = values.clone()

    def draw(n: int) -> torch.Tensor:
        nonlocal left
        taken, left = left[:n], left[n:]
        return taken

    found = average(draw, 1000, width=66_666)  # chunks of 300
    assert found.value == pytest.approx(float(values.mean()), rel=1e-12)
    assert found.error == pytest.approx(float(values.std()) / math.sqrt(1000), rel=1e-6)
    assert found.agrees(1e6)
    assert not found.agrees(1e6 + 1)
    with pytest.raises(InputError, match="count"):
        average(draw, 1)
    with pytest.raises(InputError, match="width"):
        average(draw, 1000, width=0)
