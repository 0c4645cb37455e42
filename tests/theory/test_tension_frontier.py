"""The frontier of linear rules: none above it, attained by weights, not always by the slider."""

import math

import pytest
import torch
from scipy.optimize import brentq, minimize

from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.theory.tension import StrongAndWeak
from robustlens.theory.tension_frontier import most_robust

TALK = StrongAndWeak(0.95, 1000, 3 / math.sqrt(1000))


def setting(seed: int) -> tuple[StrongAndWeak, torch.Tensor, float]:
    """A random distribution, rule and radius; a third of the rules of each kind of signs."""
    g = stream(seed, "frontier")
    draw = torch.rand(4, generator=g, dtype=torch.float64).tolist()
    d = 1 + int(30 * draw[0])
    law = StrongAndWeak(0.5 + 0.5 * draw[1], d, draw[2])
    w = torch.randn(d + 1, generator=g, dtype=torch.float64)
    w *= torch.rand(d + 1, generator=g, dtype=torch.float64) ** 3
    w = w.abs() if seed % 3 else w
    if seed % 3 == 1:
        w[1:] = w[1:].mean()
    return law, w, 1.5 * draw[3]


def no_better(law: StrongAndWeak, w: torch.Tensor, eps: float) -> None:
    standard = law.accuracy(w)
    if standard > 1 - 1e-9:  # too few digits left
        return
    found = most_robust(law, standard, eps)
    assert law.accuracy(w, eps) <= found.robust + 1e-6
    assert found.standard >= standard - 1e-9
    assert found.robust == law.accuracy(found.w, eps)  # attained, by weights


@pytest.mark.parametrize("seed", range(30))
def test_no_random_linear_rule_is_above_the_frontier(seed: int) -> None:
    no_better(*setting(seed))


@pytest.mark.slow
def test_nor_is_one_of_two_hundred_more() -> None:
    for seed in range(30, 230):
        no_better(*setting(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_generic_optimiser_finds_nothing_better(seed: int) -> None:
    """Over all d + 1 weights, from the best rule and from random ones."""
    g = stream(seed, "generic")
    eta, radius, level = torch.rand(3, generator=g, dtype=torch.float64).tolist()
    law, eps = StrongAndWeak(0.9, 6, 0.3 + eta), 0.9 * radius
    standard = law.p + level * (law.accuracy(law.likeliest()) - law.p)
    found = most_robust(law, standard, eps)
    enough = {"type": "ineq", "fun": lambda w: law.accuracy(torch.tensor(w)) - standard}
    starts = [found.w, *torch.rand(6, 7, generator=g, dtype=torch.float64)]
    for start in starts:
        best = minimize(
            lambda w: -law.accuracy(torch.tensor(w), eps),
            start.numpy(),
            constraints=[enough],
            method="SLSQP",
        )
        if law.accuracy(torch.tensor(best.x)) >= standard - 1e-9:
            assert -best.fun <= found.robust + 1e-6


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_against_a_weak_adversary_the_slider_is_the_frontier(level: float) -> None:
    law, eps = StrongAndWeak(0.9, 20, 0.5), 0.3  # eps < eta
    standard = law.p + level * (law.accuracy(law.likeliest()) - law.p)
    found = most_robust(law, standard, eps)
    weak = found.w[1:]
    assert torch.allclose(weak, weak.mean().expand(20), rtol=1e-6)


def test_beyond_eta_fewer_weak_features_are_more_robust_than_the_slider() -> None:
    """Same standard accuracy 96 %: 57.5 % against 38.1 % of the slider, under the bound of 76 %."""
    top = math.atan2(TALK.signal, math.log(19) / 2)  # the likeliest label: from there it falls
    t = brentq(lambda a: TALK.accuracy(TALK.slider(a)) - 0.96, 1e-3, top)
    found = most_robust(TALK, 0.96, 0.2)
    assert TALK.accuracy(TALK.slider(t), 0.2) == pytest.approx(0.38077, abs=1e-5)
    assert found.robust == pytest.approx(0.57474, abs=1e-5)
    assert found.robust < TALK.robust_bound(0.96, 0.2) == pytest.approx(0.76)


def test_up_to_p_the_strong_feature_alone_is_best() -> None:
    for standard in (0.0, 0.9, 0.95):
        found = most_robust(TALK, standard, 0.2)
        assert found.standard == found.robust == 0.95
        assert not found.w[1:].any()


@pytest.mark.parametrize("seed", range(10))
def test_the_frontier_is_under_the_bound(seed: int) -> None:
    law, _, more = setting(seed)
    if law.p == 1:
        return
    eps, most = 2 * law.eta + more, law.accuracy(law.likeliest())
    for level in (0.0, 0.3, 0.8, 1.0):
        standard = law.p + level * (most - law.p)
        found = most_robust(law, min(standard, most), eps)
        assert found.robust <= law.robust_bound(found.standard, eps) + 1e-9


def test_a_perfect_strong_feature_leaves_nothing_to_trade() -> None:
    assert most_robust(StrongAndWeak(1.0, 4, 0.1), 1.0, 0.5).robust == 1


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(InputError, match="change standard"):
        most_robust(TALK, 0.99999, 0.2)
    with pytest.raises(InputError, match="change eps"):
        most_robust(TALK, 0.96, -1)
