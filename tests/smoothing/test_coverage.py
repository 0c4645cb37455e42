"""Certificates are false as rarely as they say, by simulated votes; known shortcuts are caught."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from robustlens.bounds import anytime_lower_bound
from robustlens.smoothing import Sequential
from robustlens.smoothing.sequential import GRID

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ALPHA, LENGTH, RUNS = 0.05, 200, 2500  # 500 000 votes at each radius
EDGES = (0.0, *GRID)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("certify_coverage")


@pytest.mark.parametrize("rule", ["fixed", "any time"])
def test_false_certificates_at_the_edge_of_each_radius(rule: str, bench: Any) -> None:
    """Fixed, and at the most adverse stopping time for all radii of the grid jointly."""
    false = 0
    for radius in EDGES:
        found = bench.share(bench.VALID[rule], float(ndtr(radius)), ALPHA, runs=RUNS, length=LENGTH)
        assert not found.exceeds(ALPHA), (radius, str(found))
        false += found.false
    assert false > 0.01 * RUNS * len(EDGES)  # the test has power: they do occur


@pytest.mark.parametrize("rule", ["reused", "two-sided", "frozen"])
def test_shortcuts_are_caught(rule: str, bench: Any) -> None:
    caught = [
        bench.share(bench.SHORTCUTS[rule], float(ndtr(radius)), ALPHA, runs=RUNS, length=LENGTH)
        for radius in EDGES[:3]
    ]
    assert any(found.exceeds(ALPHA) for found in caught)


def test_the_boundary_is_where_the_bound_reaches_the_radius(bench: Any) -> None:
    for p0 in (0.5, float(ndtr(1.0))):
        least = bench.boundary(p0, ALPHA, 120)
        n = np.arange(1, 121)
        some = least <= n
        assert some.any()
        assert not some.all()
        above = anytime_lower_bound(least[some], n[some], ALPHA)
        below = anytime_lower_bound(least[some] - 1, n[some], ALPHA)
        assert (above >= p0 - 1e-12).all()
        assert (below < p0).all()
    apart = [bench.boundary(float(ndtr(r)), ALPHA, 120) for r in EDGES]
    assert (np.diff(apart, axis=0) >= 0).all()  # a radius is never certified before a smaller one


def test_the_plan_itself_stops_honestly(bench: Any) -> None:
    """Votes through `Sequential.look`, lot by lot, until it is done: bounds above p are rare."""
    plan, runs = Sequential(n=2000, beta=0.05), 800
    rng = np.random.default_rng(0)
    for radius in (0.25, 1.0, 2.0):
        p = float(ndtr(radius))
        state = simulate(plan, np.full(runs, p), rng)
        false = bench.Share(int((state["low"] > p).sum()), runs)
        assert not false.exceeds(ALPHA), (radius, str(false))


def simulate(plan: Sequential, p: Any, rng: Any) -> dict[str, Any]:
    k, n, low = np.zeros((3, len(p)))
    left = np.arange(len(p))
    while len(left):
        lots = np.array([plan.lot(int(m)) for m in n[left]])
        k[left] += rng.binomial(lots, p[left])
        n[left] += lots
        low[left], done = plan.look(k[left], n[left], low[left], ALPHA, 1.0)
        left = left[~done]
    return {"low": low, "n": n, "k": k}


def test_giving_up_costs_at_most_beta(bench: Any) -> None:
    """With a radius that just holds, or easily, the other bet wins at most beta of the time."""
    plan, runs = Sequential(n=2000, beta=0.05, radii=(1.0,)), 1000
    rng = np.random.default_rng(1)
    for p in (float(ndtr(1.0)), 0.9):
        state = simulate(plan, np.full(runs, p), rng)
        given_up = (state["low"] < ndtr(1.0)) & (state["n"] < plan.n)
        assert not bench.Share(int(given_up.sum()), runs).exceeds(0.05)
    easy = simulate(plan, np.full(200, 0.99), rng)
    assert (easy["low"] >= ndtr(1.0) - 1e-12).mean() > 0.95
    assert easy["n"].mean() < 100
    hopeless = simulate(plan, np.full(200, 0.3), rng)
    assert hopeless["n"].mean() < 40
    assert (hopeless["low"] < 0.5).all()


def test_the_benchmark_runs(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bench.main(["--votes", "4000", "--length", "40"])
    printed = capsys.readouterr().out
    assert "alpha 0.01; 100 runs of 40 votes" in printed
    assert printed.count("any time") == len(EDGES)
