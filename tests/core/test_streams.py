import itertools
import math
import struct

import pytest
import torch
from scipy.stats import kstest
from torch import nn

from robustlens.streams import Draws, Shared, initialised, normal, stream, uniform


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


def lowbias32(x: int) -> int:
    """C. Wellons 2018, "Prospecting for hash functions", on whole numbers below 2**32."""
    x = (x ^ (x >> 16)) * 0x7FEB352D % 2**32
    x = (x ^ (x >> 15)) * 0x846CA68B % 2**32
    return x ^ (x >> 16)


def key_of(pixels: list[float], seed: int, before: int) -> int:
    """The key of an image of which `before` equal ones came earlier in the batch."""
    bits = [struct.unpack("<I", struct.pack("<f", p))[0] for p in pixels]
    content = sum(b * (lowbias32(place) | 1) for place, b in enumerate(bits)) % 2**32
    return lowbias32((lowbias32(content ^ seed) + before) % 2**32)


def drawn_bits(key: int, calls: int, place: int) -> int:
    """Draw number `place` of an image, after so many calls: 24 bits."""
    counter = (lowbias32(place) + calls * 0x9E3779B9) % 2**32
    return lowbias32(key ^ lowbias32(counter)) >> 8


PIXELS = [[0.25, 0.5, 1.0], [0.0, 0.0, 0.125], [0.25, 0.5, 1.0], [0.25, 0.5, 1.0]]


def keys_of_pixels() -> list[int]:
    seed = int(torch.randint(2**31, (), generator=stream(0, "draws")))
    return [key_of(row, seed, before) for row, before in zip(PIXELS, (0, 0, 1, 2), strict=True)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_are_a_hash_of_pixels_seed_and_counter(dtype: torch.dtype) -> None:
    draws = Draws.of(torch.tensor(PIXELS, dtype=dtype).view(4, 1, 1, 3), stream(0, "draws"))
    for calls in range(3):
        got = draws.uniform(2, 3)
        assert got.dtype == dtype
        for row, key in zip(got, keys_of_pixels(), strict=True):
            expected = [drawn_bits(key, calls, place) / 2**24 for place in range(6)]
            assert row.flatten().tolist() == expected


def test_normal_draws_are_of_box_and_muller() -> None:
    draws = Draws.of(torch.tensor(PIXELS), stream(0, "draws"))
    draws.uniform()
    for row, key in zip(draws.normal(5), keys_of_pixels(), strict=True):
        pairs = [(drawn_bits(key, 1, k), drawn_bits(key, 2, k)) for k in range(5)]
        expected = [
            math.sqrt(-2 * math.log((one + 1) / 2**24)) * math.cos(2 * math.pi * other / 2**24)
            for one, other in pairs
        ]
        assert row.tolist() == pytest.approx(expected, abs=2e-5)


def test_some_rows_draw_on_where_all_would() -> None:
    whole, part = (Draws.of(torch.tensor(PIXELS), stream(0, "draws")) for _ in range(2))
    assert torch.equal(whole.uniform(4), part.uniform(4))
    rows = torch.tensor([3, 1])
    assert torch.equal(part[rows].uniform(4), whole.uniform(4)[rows])


def test_draws_of_no_images_are_none() -> None:
    assert Draws.of(torch.empty(0, 3), stream(0)).normal(2).shape == (0, 2)
    assert Draws.of(torch.zeros(2, 3), stream(0)).uniform().shape == (2,)


def test_the_draws_of_many_images_follow_their_law() -> None:
    draws = Draws.of(torch.arange(400.0)[:, None] / 400, stream(0, "law"))
    flat, bell = draws.uniform(50), draws.normal(50)
    assert flat.min() >= 0
    assert flat.max() < 1
    assert kstest(flat.flatten(), "uniform").pvalue > 1e-3
    assert kstest(bell.flatten(), "norm").pvalue > 1e-3


def test_a_shared_generator_outside_a_part_draws_as_any_other() -> None:
    generator, like = Shared.like(stream(0, "batch")), torch.zeros(4, 2)
    with generator.part(slice(1, 3), whole=4):
        uniform(like[1:3], generator)
    plain = stream(0, "batch")
    uniform(like, plain)
    assert torch.equal(normal(like, generator), normal(like, plain))
    assert torch.equal(uniform(torch.zeros(()), generator), uniform(torch.zeros(()), plain))


def test_a_part_is_left_after_an_error() -> None:
    generator = Shared.like(stream(0))
    with pytest.raises(KeyError), generator.part(slice(0, 1), whole=4):
        raise KeyError
    assert uniform(torch.zeros(2), generator).shape == (2,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_draws_for_half_precision_stay_below_one(dtype: torch.dtype) -> None:
    x = torch.rand(3, 1, 4, 4, generator=stream(0)).to(dtype)
    drawn = Draws.of(x, stream(1)).uniform(10000)
    assert drawn.dtype == torch.float32
    assert drawn.isfinite().all()
    assert drawn.max() < 1
    assert torch.equal(drawn, Draws.of(x.float(), stream(1)).uniform(10000))
