"""The tension theorem: closed forms against sampling, bounds never violated, zeros found."""

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.stats import norm as standard_normal

from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.theory.tension import StrongAndWeak
from robustlens.theory.tension_svm import (
    hinge_risk,
    minimise_hinge,
    theorem_2_2,
    theorem_2_2_fails,
)


def setting(seed: int) -> tuple[StrongAndWeak, torch.Tensor, float]:
    """A random distribution, rule and radius."""
    g = stream(seed, "tension")
    draw = torch.rand(4, generator=g, dtype=torch.float64).tolist()
    d = 1 + int(40 * draw[0] ** 2)
    law = StrongAndWeak(0.5 + 0.49 * draw[1], d, 2 * draw[2] / math.sqrt(d))
    w = torch.randn(d + 1, generator=g, dtype=torch.float64)
    w[0] *= 2
    return law, w, 0.5 * draw[3]


def test_the_reference_values() -> None:
    law = StrongAndWeak(0.95, 1000, 3 / math.sqrt(1000))
    assert law.averaging_accuracy() == pytest.approx(0.99865, abs=5e-6)
    assert law.averaging_accuracy(2 * law.eta) == pytest.approx(0.00135, abs=5e-6)
    assert law.robust_bound(0.99, 2 * law.eta) == pytest.approx(19 * 0.01)
    assert law.robust_bound(0.95, 2 * law.eta) == pytest.approx(0.95)
    strong = law.slider(0.0)
    assert law.accuracy(strong) == law.accuracy(strong, 0.99) == 0.95


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(32))
def test_closed_form_agrees_with_a_million_samples(seed: int) -> None:
    law, w, eps = setting(seed)
    for radius in (0.0, eps):
        closed = law.accuracy(w, radius)
        by_margin = law.sampled_by_margin(w, radius, generator=stream(seed, "margin"))
        assert by_margin.n == 1_000_000
        assert by_margin.agrees(closed)
        if seed < 8:  # every coordinate drawn, moved and judged
            assert law.sampled_accuracy(w, radius, generator=stream(seed, "x")).agrees(closed)


@pytest.mark.parametrize("seed", range(20))
def test_the_hinge_risk_agrees_with_quadrature(seed: int) -> None:
    law, w, eps = setting(seed)
    spread = float(w[1:].norm())
    total = 0.0
    for share, side in ((law.p, 1), (1 - law.p, -1)):
        mean = law.eta * float(w[1:].sum()) + side * float(w[0]) - eps * float(w.abs().sum())
        density = standard_normal(mean, spread).pdf
        total += share * quad(lambda m, f=density: (1 - m) * f(m), mean - 12 * spread, 1)[0]
    assert hinge_risk(law, w, eps) == pytest.approx(total, rel=1e-6, abs=1e-7)


def test_no_linear_rule_passes_the_bound_in_a_thousand_settings() -> None:
    checked = 0
    for seed in range(1000):
        law, w, _ = setting(seed)
        eps = 2 * law.eta * (1 + float(torch.rand((), generator=stream(seed, "eps"))))
        assert law.accuracy(w, eps) <= law.robust_bound(law.accuracy(w), eps) + 1e-12
        checked += 1
    assert checked == 1000


def test_on_the_slider_equal_weak_weights_are_the_best_ones() -> None:
    law = StrongAndWeak(0.9, 12, 0.4)
    for seed in range(200):
        g = stream(seed, "weights")
        weak = torch.randn(12, generator=g, dtype=torch.float64).abs()
        strong = float(torch.rand((), generator=g)) * 2
        uneven = torch.cat([torch.tensor([strong], dtype=torch.float64), weak])
        even = uneven.clone()
        even[1:] = weak.norm() / math.sqrt(12)  # as long, and all the same
        assert law.accuracy(uneven) <= law.accuracy(even) + 1e-12


def test_the_likeliest_rule_is_the_most_accurate() -> None:
    law = StrongAndWeak(0.8, 5, 0.5)
    best = law.accuracy(law.likeliest())
    for seed in range(300):
        w = torch.randn(6, generator=stream(seed, "w"), dtype=torch.float64)
        assert law.accuracy(w) <= best + 1e-12
    with pytest.raises(InputError, match="p < 1"):
        StrongAndWeak(1.0, 5, 0.5).likeliest()


@pytest.mark.parametrize(
    ("p", "d", "signal"), [(0.95, 100, 4.0), (0.9, 400, 5.0), (0.975, 1000, 4.0)]
)
def test_theorem_2_2_is_found_by_the_optimiser(p: float, d: int, signal: float) -> None:
    law = StrongAndWeak(p, d, signal / math.sqrt(d))
    svm, held, eps = theorem_2_2(law, 2 * law.eta, generator=stream(0, "svm"))
    assert law.accuracy(svm.w) > 0.99
    assert law.accuracy(svm.w, eps) < 0.01
    assert not held.w[1:].any()  # exactly zero
    assert law.accuracy(held.w) == law.accuracy(held.w, eps) == pytest.approx(p)
    assert max(svm.gap, held.gap) <= 1e-8
    assert float(svm.w.norm()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("eps", [0.0, 0.1, 0.5])
def test_a_generic_optimiser_finds_the_same_risk(eps: float) -> None:
    law = StrongAndWeak(0.9, 3, 0.6)
    ours = minimise_hinge(law, eps, generator=stream(0, "svm"))

    def risk(w):
        w = torch.as_tensor(w, dtype=torch.float64)
        return hinge_risk(law, w, eps)

    ball = {"type": "ineq", "fun": lambda w: 1 - float((w * w).sum())}
    starts = (torch.randn(4, generator=stream(k, "s"), dtype=torch.float64) / 4 for k in range(6))
    found = min(minimize(risk, s.numpy(), constraints=[ball], method="SLSQP").fun for s in starts)
    assert ours.risk <= found + 1e-7
    assert ours.risk == pytest.approx(found, abs=2e-4)


def test_the_closed_form_is_the_risk_of_samples() -> None:
    law = StrongAndWeak(0.9, 30, 0.3)
    w = minimise_hinge(law, 0.1, generator=stream(0, "svm")).w
    x, y = law.sample(200_000, stream(0, "x"))
    margin = y * (x @ w) - 0.1 * w.abs().sum()
    hinge = (1 - margin).clamp_min(0)
    error = float(hinge.std()) / math.sqrt(len(hinge))
    assert abs(float(hinge.mean()) - hinge_risk(law, w, 0.1)) < 4 * error


@pytest.mark.parametrize(
    ("law", "eps", "words"),
    [
        (StrongAndWeak(0.95, 100, 0.3), 0.7, "eta >= 4"),
        (StrongAndWeak(0.98, 100, 0.4), 0.85, "p <= 0.975"),
        (StrongAndWeak(0.95, 100, 0.4), 0.7, "eps >= 2 eta"),
        (StrongAndWeak(0.95, 100, 0.4), 1.0, "eps < 1"),
        (StrongAndWeak(0.9, 100, 0.4), 0.85, "eps < 2 p - 1"),
    ],
)
def test_outside_theorem_2_2_the_condition_is_named(
    law: StrongAndWeak, eps: float, words: str
) -> None:
    assert words in theorem_2_2_fails(law, eps)
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        theorem_2_2(law, eps, generator=stream(0, "svm"))


def test_wrong_questions_are_refused() -> None:
    law = StrongAndWeak(0.9, 10, 0.1)
    for p, d, eta, words in ((0.4, 1, 0, "change p"), (0.9, 0, 0, "change d"), (0.9, 1, -1, "eta")):
        with pytest.raises(InputError, match=words):
            StrongAndWeak(p, d, eta)
    with pytest.raises(InputError, match="change w"):
        law.accuracy(torch.ones(3))
    with pytest.raises(InputError, match="change eps"):
        law.accuracy(torch.ones(11), -0.1)
    with pytest.raises(InputError, match="2 eta"):
        law.robust_bound(0.9, 0.1)
    with pytest.raises(InputError, match="accuracy from 0 to 1"):
        law.robust_bound(1.1, 0.3)
    with pytest.raises(InputError, match="p < 1"):
        StrongAndWeak(1.0, 10, 0.1).robust_bound(0.9, 0.3)
    with pytest.raises(InputError, match="change eps"):
        minimise_hinge(law, -1, generator=stream(0, "svm"))
    with pytest.raises(InputError, match="gap"):
        minimise_hinge(law, gap=0, generator=stream(0, "svm"))
