"""Distances between sets: against scipy, closed forms, and where there is nothing to tell."""

import pytest
import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.shift import (
    DISTANCES,
    away,
    own_distance,
    permutation_test,
    scaled,
    told_apart,
)
from robustlens.streams import stream
from robustlens.vision.measures import frechet_distance, kernel_distance


def normal(n: int, f: int, seed: int, mean: float = 0.0) -> Tensor:
    x = torch.randn(n, f, generator=stream(seed, "x"), dtype=torch.float64)
    x[:, 0] += mean
    return x


def test_scaled_counts_from_the_first_set_in_one_unit() -> None:
    a, b = normal(50, 3, 0) * 7 + 2, normal(40, 3, 1) * 7 + 2
    p, q = scaled(a.float(), b.float())
    torch.testing.assert_close(p.mean(dim=0), torch.zeros(3).double(), atol=1e-6, rtol=0)
    assert float(p.square().mean()) == pytest.approx(1)
    torch.testing.assert_close(scaled(1000 * a, 1000 * b)[1], scaled(a, b)[1])
    torch.testing.assert_close(p[0] - q[0], (a[0] - b[0]) / (a - a.mean(dim=0)).std(correction=0),
                               atol=1e-5, rtol=1e-4)  # fmt: skip


@pytest.mark.parametrize(
    "pair",
    [
        (torch.zeros(5, 3), torch.ones(5, 3)),
        (torch.rand(5, 3), torch.rand(5, 4)),
        (torch.rand(5, 3), torch.full((5, 3), torch.nan)),
        (torch.rand(5), torch.rand(5)),
        (torch.rand(5, 3), torch.rand(0, 3)),
    ],
)
def test_what_cannot_be_scaled_is_refused(pair: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(InputError):
        scaled(*pair)


@pytest.mark.parametrize("f", [3, 300])
def test_a_two_sample_classifier_guesses_where_the_distributions_are_one(f: int) -> None:
    seen = [
        told_apart(normal(60, f, k), normal(80, f, k + 100), generator=stream(k, "g"))
        for k in range(20)
    ]
    assert {rate.n for rate in seen} == {60}  # half of the smaller set, from both
    assert sum(rate.value for rate in seen) / 20 == pytest.approx(0.5, abs=0.05)
    assert sum(rate.low <= 0.5 <= rate.high for rate in seen) >= 17


def test_a_two_sample_classifier_reaches_the_best_that_there_is() -> None:
    """Unit Gaussians d apart are told apart with probability Phi(d / 2)."""
    a, b = normal(4000, 2, 0), normal(4000, 2, 1, mean=2.0)
    found = told_apart(a, b, generator=stream(0, "g"))
    assert found.low <= 0.8413 <= found.high
    assert told_apart(a, b + 20, generator=stream(0, "g")).value == 1
    with pytest.raises(InputError, match="at least 4"):
        told_apart(a[:3], b, generator=stream(0, "g"))


def test_the_permutation_test_counts_what_kernel_distance_measures() -> None:
    a, b = normal(6, 2, 0), normal(5, 2, 1, mean=1.5)
    found = permutation_test(a, b, permutations=400, generator=stream(0, "p"))
    assert found.distance == kernel_distance(a, b)
    both, hits = torch.cat([a, b]), 1
    generator = stream(0, "p")
    for _ in range(400):
        order = torch.randperm(11, generator=generator)
        again = kernel_distance(both[order[:6]], both[order[6:]]).value
        hits += again >= found.distance.value - 1e-9
    assert found.p == pytest.approx(hits / 401)


def test_p_values_are_uniform_without_a_shift_and_small_with_one() -> None:
    seen = [
        permutation_test(
            normal(30, 4, k), normal(30, 4, k + 500), permutations=99, generator=stream(k, "p")
        ).p
        for k in range(60)
    ]
    assert sum(p <= 0.1 for p in seen) <= 12  # 6 in the mean
    assert 0.35 < sum(seen) / 60 < 0.65
    moved = permutation_test(normal(30, 4, 0), normal(30, 4, 1, mean=3.0), permutations=99,
                             generator=stream(0, "p"))  # fmt: skip
    assert moved.p == 0.01
    with pytest.raises(InputError, match="permutations is 0"):
        permutation_test(normal(9, 2, 0), normal(9, 2, 1), permutations=0, generator=stream(0, "p"))


@pytest.mark.parametrize("f", [2, 50])
def test_nearest_distances_are_those_of_all_pairs(f: int) -> None:
    a, b = normal(12, f, 0), normal(9, f, 1)
    apart = (b[:, None] - a).square().sum(dim=2).sqrt()
    torch.testing.assert_close(away(a, b), apart.amin(dim=1))
    among = (a[:, None] - a).square().sum(dim=2).sqrt().fill_diagonal_(torch.inf)
    torch.testing.assert_close(own_distance(a), among.amin(dim=1))
    twice = torch.cat([a, a[:2]])
    assert own_distance(twice)[[0, 1, 12, 13]].tolist() == [0, 0, 0, 0]
    with pytest.raises(InputError, match="at least two"):
        own_distance(a[:1])


def test_turning_more_units_than_images_changes_no_distance() -> None:
    a, b = normal(20, 200, 0), normal(30, 200, 1, mean=4.0)
    assert DISTANCES["Frechet distance"](a, b) == pytest.approx(frechet_distance(a, b), rel=1e-6)


@pytest.mark.parametrize("name", DISTANCES)
def test_every_distance_grows_with_the_shift_and_is_repeatable(name: str) -> None:
    a, measure = normal(80, 5, 0), DISTANCES[name]
    seen = [measure(a, normal(80, 5, 1, mean=shift)) for shift in (0.0, 1.5, 4.0)]
    assert seen[0] < seen[1] < seen[2]
    assert measure(a, normal(80, 5, 1)) == measure(a, normal(80, 5, 1))
