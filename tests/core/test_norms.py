"""The three norms: known lengths, projections with a radius an image, the threshold of l1."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from robustlens.balls import L1, L2, Ball, Box, Linf, Masked, norm_of
from robustlens.errors import InputError
from robustlens.norms import NORMS, Norm, shrunk, threshold
from robustlens.streams import stream

KINDS = [Linf, L2, L1]
every = pytest.mark.parametrize("norm", NORMS.values(), ids=list(NORMS))


@every
def test_lengths_are_those_of_torch_along_the_last_dimension(norm: Norm) -> None:
    d = torch.randn(2, 3, 7, generator=stream(0), dtype=torch.float64)
    expected = torch.linalg.vector_norm(d, ord=norm.order, dim=-1)
    assert torch.allclose(norm.size(d), expected)
    x, center = (torch.randn(3, 2, 4, generator=stream(i)) for i in (1, 2))
    expected = torch.linalg.vector_norm((x - center).flatten(1), ord=norm.order, dim=1)
    assert torch.allclose(norm.length(x, center), expected)


@every
def test_a_direction_climbs_and_the_dual_is_its_best_gain(norm: Norm) -> None:
    g = torch.randn(5, 3, 4, generator=stream(3), dtype=torch.float64)
    step = norm.direction(g)
    gain = (g * step).flatten(1).sum(dim=1) / norm.length(step, torch.zeros_like(step))
    assert (gain > 0).all()
    assert (gain <= norm.dual(g) + 1e-12).all()
    if norm.name != "l1":  # where the best step would be one pixel
        assert torch.allclose(gain, norm.dual(g))
    assert not norm.direction(torch.zeros(1, 3, 4)).any()


@every
def test_the_widest_ball_holds_every_image_and_no_smaller_one_does(norm: Norm) -> None:
    black = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    white = torch.ones_like(black)
    widest = norm.widest(192)
    assert widest == norm.length(white, black).item()
    assert torch.equal(norm.project(white, black, widest), white)
    assert not torch.equal(norm.project(white, black, 0.99 * widest), white)
    assert norm.corner(torch.full_like(black, 0.25)).item() == pytest.approx(0.75 * widest)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_projection_with_radii_is_that_of_each_ball(kind: Any, dtype: torch.dtype) -> None:
    center = torch.rand(5, 3, 4, 4, generator=stream(4), dtype=dtype)
    x = torch.randn(5, 3, 4, 4, generator=stream(5), dtype=dtype)
    radii = torch.tensor([0.0, 0.01, 0.3, 1.0, 100.0], dtype=dtype)
    got = kind.norm.project(x, center, radii)
    for row, eps in enumerate(radii.tolist()):
        rows = slice(row, row + 1)
        expected = kind(eps).project(x[rows], center[rows])
        assert torch.allclose(got[rows], expected, atol=1e-6 if dtype == torch.float32 else 1e-12)


def test_many_pixels_are_shortened_to_radii_of_their_own() -> None:
    """In float32 one sum of 150 528 squares is too short: the length is summed again in parts."""
    center = torch.full((2, 3, 224, 224), 0.5)
    x = center + 0.01 * torch.randn(2, 3, 224, 224, generator=stream(6))
    radii = torch.tensor([0.25, 2.0])
    got = NORMS["l2"].project(x, center, radii)
    length = torch.linalg.vector_norm((got.double() - 0.5).flatten(1), dim=1)
    assert (length <= radii + 1e-6 * radii.clamp_min(1.0)).all()
    assert length.tolist() == pytest.approx(radii.tolist(), abs=2e-6)


def by_sorting(size: Tensor, room: Tensor, eps: float) -> float:
    """The threshold of one row from its sorted kinks, between two of which the sum is a line."""
    kinks = sorted({0.0, *size.tolist(), *(k for k in (size - room).tolist() if k > 0)})
    sums = [float(shrunk(size, room, size.new_tensor(k)).sum()) for k in kinks]
    if sums[0] <= eps:
        return 0.0
    last = max(k for k, total in enumerate(sums) if total > eps)
    slope = (sums[last] - sums[last + 1]) / (kinks[last + 1] - kinks[last])
    return kinks[last] + (sums[last] - eps) / slope


@pytest.mark.parametrize("spread", [1e-3, 0.3, 3.0, 100.0])
@pytest.mark.parametrize("eps", [1e-6, 0.03, 3.0, 12.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_threshold_of_l1_is_that_of_sorted_kinks(
    spread: float, eps: float, dtype: torch.dtype
) -> None:
    g = stream(7)
    size = spread * torch.randn(6, 50, generator=g, dtype=torch.float64).abs()
    size[3:] *= torch.rand(3, 50, generator=g) < 0.1  # a few pixels, and many ties at 0
    room = torch.rand(6, 50, generator=g, dtype=torch.float64)
    room[::2] = room[::2].round()
    digits = 4 * torch.finfo(dtype).eps * float(size.max())
    expected = [by_sorting(size[row], room[row], eps) for row in range(len(size))]
    for radius in (eps, torch.full((6, 1), eps, dtype=dtype)):
        got = threshold(size.to(dtype), room.to(dtype), radius)
        assert got[:, 0].tolist() == pytest.approx(expected, abs=digits, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_norm_of_a_ball(kind: Any) -> None:
    assert norm_of(kind(0.5), KINDS) is kind.norm is NORMS[str(kind(0.5)).split()[0]]
    with pytest.raises(InputError, match="one of Box"):
        norm_of(kind(0.5), (Box,))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("ball", [Box(), Masked(L2(0.5), torch.ones(2, 2) > 0)], ids=str)
def test_a_ball_without_a_norm_is_refused(ball: Ball) -> None:
    for known in (KINDS, (Box, Masked)):
        with pytest.raises(InputError, match="change the ball"):
            norm_of(ball, known)


def test_orders() -> None:
    assert [norm.order for norm in NORMS.values()] == [math.inf, 2.0, 1.0]


@pytest.mark.parametrize("kind", [L1, L2, Linf])
@pytest.mark.parametrize("scale", [1e-42, 1e-30, 1e-20, 1.0, 1e25, 1e37])
def test_a_dual_length_is_right_where_its_squares_leave_the_range_of_floats(
    kind: type[Ball], scale: float
) -> None:
    norm = norm_of(kind(1.0), (L1, L2, Linf))  # type: ignore[call-arg]
    x = torch.rand(3, 1, 4, 4, generator=stream(0, "length")) * scale
    exact = norm.dual(x.double())
    torch.testing.assert_close(norm.dual(x).double(), exact, rtol=2e-6, atol=3e-45)


def test_a_dual_length_above_the_largest_float_is_that_float() -> None:
    x = torch.full((1, 1, 4, 4), torch.finfo(torch.float32).max)
    norm = norm_of(L2(1.0), (L2,))
    assert norm.dual(x).item() == torch.finfo(torch.float32).max
