"""A code and a secret: accuracies in closed form, the ceiling of linear rules, the search."""

import math
from itertools import combinations, product

import numpy as np
import pytest
import torch

from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.theory.low_magnitude import CodedParity, parity
from robustlens.theory.parity_search import (
    examples_enough,
    query_signal,
    rules_to_try,
    search,
)


def setting(seed: int) -> tuple[CodedParity, float]:
    """A random number of pixels, secret, amplitude and noise, and a radius."""
    g = np.random.default_rng(seed)
    bits = int(g.integers(2, 12))
    size = int(g.integers(1, bits + 1))
    secret = tuple(int(i) for i in g.choice(bits, size, replace=False))
    world = CodedParity(bits, secret, float(g.uniform(0.01, 0.4)), float(g.uniform(0, 0.4)))
    return world, float(g.uniform(0, 0.7))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_closed_forms_agree_with_samples(seed: int) -> None:
    world, eps = setting(seed)
    other = tuple(i for i in range(world.bits) if i % 2 == 0)
    g = stream(seed, "x")
    code = world.sampled_code_accuracy(eps, generator=g, count=1_000_000)
    assert code.agrees(world.code_accuracy(eps))
    for subset in (world.secret, other, ()):
        found = world.sampled_parity_accuracy(subset, eps, generator=g, count=1_000_000)
        assert found.agrees(world.parity_accuracy(subset, eps)), (world, subset, eps)


@pytest.mark.slow
def test_a_million_samples_agree() -> None:
    world, g = CodedParity(12, (1, 4, 9), noise=0.1), stream(0, "x")
    for eps in (0.0, 0.2, 0.5):
        found = world.sampled_parity_accuracy(world.secret, eps, generator=g)
        assert found.n == 1_000_000
        assert found.agrees(world.parity_accuracy(world.secret, eps))


def test_samples_are_pictures_with_both_labels() -> None:
    world = CodedParity(6, (0, 3), amplitude=0.2, noise=0.25)
    x, y = world.sample(40_000, stream(0, "x"))
    assert x.shape == (40_000, 7)
    assert set(x[:, :6].unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(x[:, 6], 0.5 + 0.2 * y)
    assert float((parity(x, (0, 3)) == y).double().mean()) == pytest.approx(0.75, abs=0.01)
    assert x[:, :6].mean(dim=0).tolist() == pytest.approx([0.5] * 6, abs=0.01)


def test_the_code_is_taken_and_lost_and_the_parity_stands() -> None:
    world = CodedParity(30, (2, 3, 5, 7, 11, 13), noise=0.05)
    assert [world.code_accuracy(eps) for eps in (0, 0.09, 0.1, 0.2)] == [1, 1, 0, 0]
    assert [world.parity_accuracy(world.secret, e) for e in (0, 0.2, 0.49)] == [0.95] * 3
    assert world.parity_accuracy((13, 11, 7, 5, 3, 2)) == 0.95  # a set has no order
    assert world.parity_accuracy((2, 3)) == 0.5
    assert world.parity_accuracy(world.secret, 0.5) == 0
    assert world.parity_accuracy((), 0.9) == 0.5


def half_spaces(k: int, count: int, seed: int) -> np.ndarray:
    """Answers (count, 2^k) of random linear rules with offsets on all pictures of k pixels."""
    g, cube = np.random.default_rng(seed), np.array(list(product((-1, 1), repeat=k)))
    weights = g.normal(size=(count, k)) * g.choice([0.0, 1.0, 1.0, 5.0], size=(count, k))
    weights[: count // 2] = g.choice([-1.0, 1.0], size=(count // 2, k))  # votes
    offsets = g.choice(np.arange(-k, k + 1), size=(count, 1)) + 0.5
    return np.where(weights @ cube.T + offsets > 0, 1, -1)


@pytest.mark.parametrize("k", range(1, 9))
def test_no_linear_rule_is_above_the_ceiling_and_a_vote_attains_it(k: int) -> None:
    cube = np.array(list(product((-1, 1), repeat=k)))
    right = (half_spaces(k, 1000, seed=k) == cube.prod(axis=1)).mean(axis=1)
    ceiling = CodedParity(k, tuple(range(k))).linear_ceiling()
    assert right.max() == pytest.approx(ceiling)
    assert (right <= ceiling + 1e-12).all()


def test_the_ceiling_with_noise() -> None:
    assert CodedParity(5, (2,), noise=0.1).linear_ceiling() == pytest.approx(0.9)
    assert CodedParity(9, (0, 1), noise=0.0).linear_ceiling() == 0.75
    assert CodedParity(9, (0, 1, 2, 3), noise=0.25).linear_ceiling() == 0.5 + 0.25 * 3 / 8


@pytest.mark.parametrize("seed", range(20))
def test_averages_tell_of_all_secrets_together_no_more_than_parseval_allows(seed: int) -> None:
    bits, size = 8, 1 + seed % 7
    cube = torch.tensor(list(product((0.0, 1.0), repeat=bits)), dtype=torch.float64)
    g = stream(seed, "query")
    query = 2 * torch.rand(len(cube), generator=g, dtype=torch.float64) - 1
    query = query.sign() if seed % 2 else query
    subsets = list(combinations(range(bits), size))
    told = torch.stack([(query * parity(cube, s)).mean() for s in subsets])
    assert len(subsets) == rules_to_try(bits, size)
    assert float(told.square().mean().sqrt()) <= query_signal(bits, size) + 1e-12
    best = parity(cube, subsets[0])  # a parity itself attains the bound
    told = torch.stack([(best * parity(cube, s)).mean() for s in subsets])
    assert float(told.square().mean().sqrt()) == pytest.approx(query_signal(bits, size))


@pytest.mark.parametrize("seed", range(20))
def test_enough_examples_single_out_the_secret(seed: int) -> None:
    bits, size, noise = 14, 1 + seed % 5, (0.0, 0.1)[seed % 2]
    secret = tuple(sorted(np.random.default_rng(seed).choice(bits, size, replace=False).tolist()))
    world = CodedParity(bits, secret, noise=noise)
    x, y = world.sample(examples_enough(bits, size, noise, delta=1e-4), stream(seed, "x"))
    found = search(x[:, :-1], y, size)
    assert found.subset == secret
    assert found.tried == math.comb(bits, size)
    assert found.agrees == int((parity(x, secret) == y).sum())


@pytest.mark.slow
def test_the_search_fails_no_more_often_than_promised() -> None:
    bits, size, delta, failed = 8, 3, 0.2, 0
    world = CodedParity(bits, (1, 2, 6), noise=0.1)
    n = examples_enough(bits, size, 0.1, delta)
    for seed in range(1000):
        x, y = world.sample(n, stream(seed, "x"))
        failed += search(x[:, :-1], y, size).subset != world.secret
    assert failed / 1000 <= delta


def test_examples_grow_as_the_logarithm_of_rules() -> None:
    assert examples_enough(40, 6) == math.ceil(math.log2(rules_to_try(40, 6) * 100))
    assert examples_enough(30, 6, 0.05) == 55
    assert examples_enough(40, 6, 0.05) == 60
    assert examples_enough(1000, 6) < 3 * examples_enough(20, 6)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: CodedParity(4, ()), "change secret"),
        (lambda: CodedParity(4, (1, 1)), "change secret"),
        (lambda: CodedParity(4, (4,)), "0 to 3"),
        (lambda: CodedParity(4, (1,), amplitude=0.5), "change amplitude"),
        (lambda: CodedParity(4, (1,), noise=0.5), "change noise"),
        (lambda: CodedParity(4, (1,)).code_accuracy(-1), "change eps"),
        (lambda: CodedParity(4, (1,)).parity_accuracy((7,)), "change subset"),
        (lambda: CodedParity(4, (1,)).parity_accuracy((1,), math.inf), "change eps"),
        (lambda: examples_enough(4, 5), "delta or size"),
        (lambda: examples_enough(4, 2, delta=0), "delta or size"),
        (lambda: query_signal(4, 2, noise=0.7), "change noise"),
        (lambda: search(torch.zeros(0, 3), torch.zeros(0), 1), "change size"),
        (lambda: search(torch.zeros(2, 3), torch.ones(2), 4), "change size"),
    ],
)
def test_wrong_questions_are_refused(ask, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
