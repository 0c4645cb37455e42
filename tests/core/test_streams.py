import itertools

import pytest
import torch
from scipy.stats import kstest
from torch import nn

from robustlens.streams import Shared, initialised, normal, stream, uniform


def test_the_same_name_gives_the_same_bits_here_and_everywhere() -> None:
    like = torch.zeros(1000)
    assert torch.equal(uniform(like, stream(3, "a", 1)), uniform(like, stream(3, "a", 1)))
    assert stream(0, "train", 0).initial_seed() == 6194124178013417047


def test_names_and_seeds_are_independent() -> None:
    like = torch.zeros(2000, dtype=torch.float64)
    names = [(0, "a"), (0, "b"), (1, "a"), (0, "a", 0), (0, "a", 1), (0,)]
    draws = [normal(like, stream(seed, *path)) for seed, *path in names]  # type: ignore[misc]
    for one, other in itertools.combinations(draws, 2):
        assert abs(torch.corrcoef(torch.stack([one, other]))[0, 1]) < 0.1


def test_another_draw_does_not_move_other_streams() -> None:
    first, second = stream(0, "first"), stream(0, "second")
    expected = uniform(torch.zeros(5), stream(0, "second"))
    uniform(torch.zeros(99), first)
    assert torch.equal(uniform(torch.zeros(5), second), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_follow_their_law(dtype: torch.dtype) -> None:
    like = torch.zeros(50, 40, dtype=dtype)
    flat, bell = uniform(like, stream(0, "u")), normal(like, stream(0, "n"))
    assert flat.dtype == bell.dtype == dtype
    assert flat.shape == bell.shape == like.shape
    assert kstest(flat.flatten(), "uniform").pvalue > 1e-3
    assert kstest(bell.flatten(), "norm").pvalue > 1e-3


def test_initialisation_has_a_seed_and_leaves_the_global_state() -> None:
    before = torch.get_rng_state()
    one, two, other = (initialised(seed, lambda: nn.Linear(4, 4)).weight for seed in (0, 0, 1))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ZeroDivisionError):
        initialised(0, lambda: 1 / 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_processes_that_share_a_generator_draw_what_one_would() -> None:
    whole = uniform(torch.zeros(5, 3), stream(0, "batch"))
    for rows in (slice(0, 2), slice(2, 5)):
        generator = Shared.like(stream(0, "batch"))
        with generator.part(rows, whole=5):
            mine = uniform(torch.zeros(rows.stop - rows.start, 3), generator)
        assert torch.equal(mine, whole[rows])
        after = Shared.like(stream(0, "batch"))
        uniform(torch.zeros(5, 3), after)
        assert torch.equal(normal(torch.zeros(4), generator), normal(torch.zeros(4), after))
