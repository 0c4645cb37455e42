import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from scipy.stats import kstest
from torch import Tensor

from robustlens.balls import L1, L2, Ball, Box, Linf, Masked, around, ball, radius, rows_of
from robustlens.errors import InputError, UnknownName
from robustlens.norms import per_example
from robustlens.radii import parse_eps, written
from robustlens.streams import Draws

NORMS = [Linf, L2, L1]
ORDER = {Linf: math.inf, L2: 2.0, L1: 1.0}


def norm(delta: Tensor, kind: type) -> Tensor:
    return torch.linalg.vector_norm(delta.double().flatten(1), ord=ORDER[kind], dim=1)


@st.composite
def problems(draw: Any) -> tuple[Tensor, Tensor, float]:
    """Points, centers (often at walls) and a radius: 0, tiny, usual or huge."""
    shape = draw(st.sampled_from([(1, 1), (3, 7), (2, 1, 4, 5), (2, 3, 8, 8), (1, 3, 32, 32)]))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    g = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    center = torch.rand(shape, generator=g, dtype=dtype)
    walls = torch.rand(shape, generator=g) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    center = torch.where(walls, center.round(), center)
    spread = draw(st.sampled_from([0.0, 1e-3, 0.3, 3.0, 100.0]))
    x = center + spread * torch.randn(shape, generator=g, dtype=dtype)
    return x, center, draw(st.sampled_from([0.0, 1e-6, 8 / 255, 0.5, 3.0, 1e4]))


@pytest.mark.parametrize("kind", NORMS)
@given(problem=problems())
def test_projection_is_feasible_and_idempotent(kind: type, problem: Any) -> None:
    x, center, eps = problem
    inside = kind(eps).project(x, center)
    assert inside.shape == x.shape
    assert inside.dtype == x.dtype
    assert inside.min() >= 0
    assert inside.max() <= 1
    slack = 1e-6 * max(1.0, eps)
    assert (norm(inside.double() - center.double(), kind) <= eps + slack).all()
    assert torch.allclose(kind(eps).project(inside, center), inside, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", NORMS)
@given(problem=problems())
def test_the_projection_around_a_center_is_that_of_the_ball(kind: type, problem: Any) -> None:
    x, center, eps = problem
    for held in (kind(eps), Masked(kind(eps), center > 0.5)):
        assert torch.equal(around(held, center)(x), held.project(x, center))


@pytest.mark.parametrize("kind", NORMS)
@given(problem=problems())
def test_projection_keeps_members_and_pixels_outside_a_mask(kind: type, problem: Any) -> None:
    x, center, eps = problem
    inside = (center + (x - center) * (eps / norm(x - center, kind).clamp_min(1e-30)).clamp_max(1)
              .view(-1, *(1,) * (x.dim() - 1)).to(x)).clamp(0, 1)  # fmt: skip
    assert torch.allclose(kind(eps).project(inside, center), inside, rtol=0, atol=1e-6)
    mask = torch.rand(x.shape[1:], generator=torch.Generator().manual_seed(0)) < 0.5
    masked = Masked(kind(eps), mask)
    moved = masked.project(x, center)
    assert torch.equal(torch.where(mask, 0, moved), torch.where(mask, 0, center))
    assert (norm(moved - center, kind) <= eps + 1e-6 * max(1.0, eps)).all()
    g = torch.Generator().manual_seed(1)
    drawn = masked.sample(center, g)
    assert torch.equal(torch.where(mask, 0, drawn), torch.where(mask, 0, center))


@given(problem=problems())
def test_linf_projection_is_the_nearest_point(problem: Any) -> None:
    x, center, eps = problem
    low, high = (center - eps).numpy().clip(0, 1), (center + eps).numpy().clip(0, 1)
    assert np.array_equal(Linf(eps).project(x, center), x.numpy().clip(low, high))


def test_l2_projection_inside_the_box_is_the_nearest_point() -> None:
    center = torch.full((1, 6), 0.5, dtype=torch.float64)
    x = center + torch.tensor([[3.0, -4.0, 0, 0, 0, 0]])
    expected = center + 0.1 * torch.tensor([[0.6, -0.8, 0, 0, 0, 0]])
    assert torch.allclose(L2(0.1).project(x, center), expected, atol=1e-15)


def bisected(x: np.ndarray, center: np.ndarray, eps: float) -> np.ndarray:
    """The projection on {|z - center|_1 <= eps} and the box, by bisection on its multiplier."""

    def at(multiplier: float) -> np.ndarray:
        d = x - center
        return np.clip(center + np.sign(d) * np.maximum(np.abs(d) - multiplier, 0), 0, 1)

    low, high = 0.0, float(np.abs(x - center).max())
    if np.abs(at(0.0) - center).sum() <= eps:
        return at(0.0)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (low, middle) if np.abs(at(middle) - center).sum() <= eps else (middle, high)
    return at(high)


@given(problem=problems())
def test_l1_projection_equals_bisection(problem: Any) -> None:
    x, center, eps = problem
    found = L1(eps).project(x, center)
    for row, start, got in zip(x, center, found, strict=True):
        expected = bisected(row.double().numpy(), start.double().numpy(), eps)
        tolerance = 1e-9 if x.dtype == torch.float64 else 3e-6 * max(1.0, float(row.abs().max()))
        assert np.abs(got.double().numpy() - expected).max() <= tolerance


def test_l1_projection_equals_a_constrained_optimum() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        center, d, eps = rng.random(4), rng.normal(size=4), 0.7
        # z = center + p - q with p, q >= 0 makes the constraints linear
        found = minimize(
            lambda v, c=center, d=d: ((v[:4] - v[4:] - d) ** 2).sum(),
            np.zeros(8),
            bounds=[*((0, 1 - c) for c in center), *((0, c) for c in center)],
            constraints={"type": "ineq", "fun": lambda v, eps=eps: eps - v.sum()},
            options={"ftol": 1e-14, "maxiter": 500},
        )
        expected = center + found.x[:4] - found.x[4:]
        row = torch.tensor(center)[None]
        assert np.allclose(L1(eps).project(row + torch.tensor(d), row)[0], expected, atol=1e-5)


@given(seed=st.integers(0, 1000), eps=st.sampled_from([1e-3, 0.3, 1.0, 2.5, 50.0]))
def test_l1_steepest_solves_the_linear_program(seed: int, eps: float) -> None:
    rng = np.random.default_rng(seed)
    x, g = rng.random(6), rng.normal(size=6)
    x[rng.random(6) < 0.3] = rng.integers(0, 2)
    g[rng.random(6) < 0.2] = 0
    solved = linprog(
        -np.concatenate([g, -g]),
        A_ub=np.ones((1, 12)),
        b_ub=[eps],
        bounds=[*((0, 1 - v) for v in x), *((0, v) for v in x)],
    )
    step = L1(eps).steepest(torch.tensor(g)[None], torch.tensor(x)[None])[0].numpy() * eps
    assert np.abs(step).sum() <= eps * (1 + 1e-9)
    assert (x + step).min() >= -1e-9
    assert (x + step).max() <= 1 + 1e-9
    assert g @ step == pytest.approx(-solved.fun, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("kind", [*NORMS, Box])
def test_steps_have_unit_length_whatever_the_gradient(
    kind: type, size: float, dtype: torch.dtype
) -> None:
    g = torch.Generator().manual_seed(3)
    gradient = torch.randn(4, 3, 8, 8, generator=g, dtype=dtype) * size
    gradient[2] = 0
    inner: Ball = kind() if kind is Box else kind(0.1)
    step = inner.steepest(gradient, torch.full_like(gradient, 0.5))
    length = norm(step, L2 if kind is Box else kind)
    assert length[[0, 1, 3]].numpy() == pytest.approx(1, abs=1e-5)
    assert (step[2] == 0).all()
    score = (step * gradient / size).flatten(1).sum(dim=1)
    dual = {Linf: 1.0, L2: 2.0, L1: math.inf, Box: 2.0}[kind]
    expected = torch.linalg.vector_norm((gradient / size).flatten(1), ord=dual, dim=1)
    assert torch.allclose(score, expected, rtol=1e-5)


def test_masked_steps_ignore_the_gradient_outside() -> None:
    gradient = torch.tensor([[1.0, -5.0, torch.inf, 2.0]])
    mask = torch.tensor([True, False, False, True])
    step = Masked(L2(1.0), mask).steepest(gradient, torch.full_like(gradient, 0.5))
    assert torch.allclose(step, torch.tensor([[1.0, 0, 0, 2.0]]) / math.sqrt(5))


@pytest.mark.parametrize("kind", NORMS)
def test_samples_are_uniform_in_the_ball(kind: type, generator: torch.Generator) -> None:
    center = torch.full((4000, 5), 0.5, dtype=torch.float64)
    eps = 0.4
    offset = kind(eps).sample(center, generator) - center
    length = norm(offset, kind) / eps
    assert kstest(length**5, "uniform").pvalue > 1e-3  # the volume within r grows as r^d
    mean = offset.mean(dim=0).abs().max()
    assert mean < 5 * eps / math.sqrt(4000)
    direction = offset[:, 0].sign()
    assert abs(direction.mean()) < 5 / math.sqrt(4000)
    # coordinates are exchangeable: the first and the last have one distribution
    assert kstest(offset[:, 0], offset[:, 4]).pvalue > 1e-3


@pytest.mark.parametrize("kind", NORMS)
def test_samples_are_feasible_at_the_walls(kind: type, generator: torch.Generator) -> None:
    center = torch.rand(50, 3, 4, 4, generator=generator).round()
    drawn = kind(0.7).sample(center, generator)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    assert (norm(drawn - center, kind) <= 0.7 + 1e-6).all()


def test_the_box_holds_every_image(generator: torch.Generator) -> None:
    center = torch.zeros(3000, 1)
    drawn = Box().sample(center, generator)
    assert kstest(drawn.flatten(), "uniform").pvalue > 1e-3
    assert torch.equal(Box().project(drawn * 3 - 1, center), (drawn * 3 - 1).clip(0, 1))
    assert torch.allclose(Box().distance(drawn, center), drawn.flatten())


@pytest.mark.parametrize("kind", [Linf, L2, L1])
def test_an_empty_batch_stays_empty(kind: type, generator: torch.Generator) -> None:
    empty = torch.empty(0, 3, 4, 4)
    inner = kind(0.5)
    for found in (
        inner.project(empty, empty),
        inner.steepest(empty, empty),
        inner.sample(empty, generator),
    ):
        assert found.shape == empty.shape
    assert inner.distance(empty, empty).shape == (0,)


def test_distances() -> None:
    x, center = torch.tensor([[0.3, 0.0, 0.4]]), torch.zeros(1, 3)
    mask = torch.tensor([True, True, True])
    assert Linf(1.0).distance(x, center).item() == pytest.approx(0.4)
    assert L2(1.0).distance(x, center).item() == pytest.approx(0.5)
    assert Masked(L1(1.0), mask).distance(x, center).item() == pytest.approx(0.7)


def test_values_broadcast_per_example() -> None:
    assert per_example(torch.zeros(3), torch.zeros(3, 1, 2, 2)).shape == (3, 1, 1, 1)


def test_balls_say_what_they_are() -> None:
    mask = torch.tensor([True, False])
    assert [str(b) for b in (Linf(8 / 255), L2(0.5), L1(12.0), Box(), Masked(L2(1.0), mask))] == [
        "linf eps 8/255", "l2 eps 0.5", "l1 eps 12", "box", "l2 eps 1 on 1 masked pixels",
    ]  # fmt: skip
    assert all(
        isinstance(b, Ball) for b in (Linf(1.0), L2(1.0), L1(1.0), Box(), Masked(L2(1.0), mask))
    )


def test_radius_looks_under_masks() -> None:
    mask = torch.tensor([True])
    assert radius(Masked(Masked(L2(0.5), mask), mask)) == 0.5
    with pytest.raises(InputError, match="box has no eps; expected a ball with a radius"):
        radius(Box())


def test_names_and_radii_from_text() -> None:
    assert ball("linf", "8/255") == Linf(8 / 255)
    assert ball("l1", 3) == L1(3.0)
    assert parse_eps(" 1e-3 ") == 1e-3
    with pytest.raises(UnknownName, match="unknown norm 'l3'; expected one of l1, l2, linf"):
        ball("l3", 1)


@pytest.mark.parametrize("text", ["", "8/", "/255", "a", "1/0", "-1", "nan", "inf", "1/2/3"])
def test_bad_radii_in_text_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="change eps"):
        parse_eps(text)


@pytest.mark.parametrize("eps", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("kind", NORMS)
def test_bad_radii_are_refused(kind: type, eps: float) -> None:
    with pytest.raises(InputError, match="a finite number >= 0"):
        kind(eps)


def test_masks_must_be_boolean() -> None:
    with pytest.raises(InputError, match=r"mask of torch\.uint8"):
        Masked(L2(1.0), torch.ones(2, dtype=torch.uint8))


@pytest.mark.parametrize("text", ["8/255", "0.5", "1.5", "0", "1/255", "0.03", "12", "0.12345"])
def test_a_radius_is_written_as_it_was_typed(text: str) -> None:
    assert written(parse_eps(text)) == text
    assert str(L2(parse_eps(text))) == f"l2 eps {text}"


@pytest.mark.parametrize("kind", NORMS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (3, 224, 224)])
@pytest.mark.parametrize("where", ["anywhere", "at the walls", "near 0", "grey"])
def test_no_point_is_further_out_than_promised(
    kind: type, shape: tuple[int, ...], where: str, generator: torch.Generator
) -> None:
    center = torch.rand(1 if shape[1] > 64 else 3, *shape, generator=generator)
    center = {
        "anywhere": center,
        "at the walls": center.round(),
        "near 0": 1e-3 * center,
        "grey": torch.full_like(center, 0.5),
    }[where]
    noise = torch.randn(center.shape, generator=generator)
    for eps in (0.0, 0.03, 1.0) if kind is Linf else (0.03, 1.0, 3.0, 12.0):
        for size in (1e-6, 1e-2) if shape[1] > 64 else (1e-6, 1e-2, 1.0):
            inside = kind(eps).project(center + size * noise, center)
            assert inside.min() >= 0
            assert inside.max() <= 1
            far = norm(inside.double() - center.double(), kind)
            assert (far <= eps + 1e-6 * max(1.0, eps)).all()
            masked = Masked(kind(eps), noise > 0).project(center + size * noise, center)
            far = norm(masked.double() - center.double(), kind)
            assert (far <= eps + 1e-6 * max(1.0, eps)).all()
            again = kind(eps).project(inside, center)
            assert torch.allclose(again, inside, rtol=0, atol=1e-6)
            assert kind is L2 or torch.equal(again, inside)
            if kind is not Linf and float(norm(size * noise[:1], kind)) < eps:
                assert torch.equal(inside[0], (center + size * noise).clamp(0, 1)[0])


def test_a_point_of_the_l1_ball_that_is_brought_back_spends_its_budget(
    generator: torch.Generator,
) -> None:
    center = torch.rand(2, 3, 224, 224, generator=generator)
    x = center + 0.1 * torch.randn(center.shape, generator=generator)
    far = norm(L1(12.0).project(x, center).double() - center.double(), L1)
    assert far.numpy() == pytest.approx(12, rel=2e-6)


RADII = [
    *(kind(0.5) for kind in (np.float16, np.float32, np.float64, np.longdouble)),
    *(torch.tensor(0.5, dtype=kind) for kind in (torch.float16, torch.bfloat16, torch.float64)),
    *(np.array(0.5), np.array([0.5]), torch.tensor([[0.5]])),
    *(torch.tensor(0.5, requires_grad=True), Fraction(1, 2)),
]


@pytest.mark.parametrize("eps", RADII, ids=lambda eps: f"{type(eps).__name__} {eps!r}")
@pytest.mark.parametrize("kind", NORMS)
def test_a_radius_is_any_real_number(kind: type, eps: Any) -> None:
    assert type(kind(eps).eps) is float
    assert kind(eps) == kind(0.5)
    assert parse_eps(eps) == 0.5


@pytest.mark.parametrize("eps", [1, np.int8(1), np.uint64(1), torch.tensor(1), np.array([1])])
def test_a_radius_may_be_a_whole_number(eps: Any) -> None:
    assert type(L2(eps).eps) is float
    assert str(ball("l2", eps)) == "l2 eps 1"


NO_RADII = [
    *(True, np.True_, torch.tensor(True), None, "0.5", 0.5j, np.complex64(0.5), [0.5], (0.5,)),
    *(torch.tensor(0.5j), torch.tensor([0.1, 0.2]), np.array([0.1, 0.2]), np.array([])),
    *(torch.tensor([]), torch.empty(1, device="meta"), np.float32("nan"), torch.tensor(math.inf)),
    *(np.int64(-1), Fraction(-1, 2), 10**400, np.datetime64("2020-01-01"), np.array(["0.5"])),
]


@pytest.mark.parametrize("eps", NO_RADII, ids=lambda eps: f"{type(eps).__name__} {str(eps)[:20]}")
def test_what_is_no_radius_is_refused_in_words(unchecked: None, eps: Any) -> None:
    with pytest.raises(InputError, match="expected a finite number >= 0 such as"):
        L2(eps)


@pytest.mark.parametrize("rows", [[0], [2, 0], [1, 2]])
def test_the_mask_of_an_image_goes_with_its_row(rows: list[int]) -> None:
    mask = torch.eye(3, dtype=torch.bool).view(3, 1, 3, 1).expand(3, 1, 3, 2)
    center, x = torch.full((3, 2, 3, 2), 0.5), torch.ones(3, 2, 3, 2)
    for whole in (Masked(Linf(0.25), mask), Masked(Masked(L2(0.25), ~mask.roll(1, 0)), mask)):
        part = rows_of(whole, torch.tensor(rows))
        assert torch.equal(part.project(x[rows], center[rows]), whole.project(x, center)[rows])
        assert part.project(x[rows], center[rows]).ne(0.5).any()


@pytest.mark.parametrize("shape", [(3, 2), (1, 3, 2), (1, 1, 3, 2), (1, 2, 3, 2)])
def test_a_mask_for_all_images_stays_for_any_rows(shape: tuple[int, ...]) -> None:
    mask = torch.arange(math.prod(shape)).view(shape) % 2 > 0
    whole = Masked(Linf(0.25), mask)
    center, x = torch.full((3, 2, 3, 2), 0.5), torch.ones(3, 2, 3, 2)
    for rows in ([1], [0, 2]):
        part = rows_of(whole, torch.tensor(rows))
        assert torch.equal(part.project(x[rows], center[rows]), whole.project(x, center)[rows])


def test_a_bare_ball_is_the_same_for_any_rows() -> None:
    assert rows_of(L2(0.5), torch.tensor([1])) == L2(0.5)


def test_distances_are_from_the_center() -> None:
    x, center = torch.tensor([[0.5, 1.0, 0.25]]), torch.tensor([[0.875, 0.5, 0.25]])
    assert Linf(1.0).distance(x, center).item() == 0.5
    assert L2(1.0).distance(x, center).item() == Box().distance(x, center).item() == 0.625
    assert L1(1.0).distance(x, center).item() == 0.875


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_are_made_of_the_draws_of_each_image(dtype: torch.dtype) -> None:
    center = 0.3 + 0.4 * torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(1)).to(
        dtype
    )

    def generator() -> torch.Generator:
        return torch.Generator().manual_seed(0)

    cube = Draws.of(center, generator()).uniform(1, 2, 2)
    assert torch.allclose(Linf(0.25).sample(center, generator()), center + 0.25 * (2 * cube - 1))
    draws = Draws.of(center, generator())
    length, way = draws.uniform() ** 0.25, draws.normal(1, 2, 2)
    way = way / way.flatten(1).norm(dim=1).view(3, 1, 1, 1)
    expected = center + 0.25 * length.view(3, 1, 1, 1) * way
    assert torch.allclose(L2(0.25).sample(center, generator()), expected)
    draws = Draws.of(center, generator())
    waits = -(1 - draws.uniform(5)).log()
    share = waits[:, :4] / waits.sum(dim=1, keepdim=True)
    sign = torch.where(draws.uniform(4) < 0.5, -1.0, 1.0)
    expected = center + (0.25 * share * sign).view(3, 1, 2, 2)
    assert torch.allclose(L1(0.25).sample(center, generator()), expected, atol=1e-6)
    assert torch.equal(
        Box().sample(center, generator()), Draws.of(center, generator()).uniform(1, 2, 2)
    )


def test_a_step_under_a_mask_knows_where_it_stands() -> None:
    """The first pixel has room for half of the budget only, the second may not change."""
    x, gradient = torch.tensor([[0.75, 0.5, 0.5]]), torch.tensor([[1.0, -4.0, -0.5]])
    step = Masked(L1(0.5), torch.tensor([True, False, True])).steepest(gradient, x)
    assert step.tolist() == [[0.5, 0.0, -0.5]]


def test_the_mask_of_two_images_is_cut_too() -> None:
    mask = torch.tensor([True, False, False, True]).view(2, 1, 1, 2)
    part = rows_of(Masked(Linf(0.25), mask), torch.tensor([1]))
    moved = part.project(torch.ones(1, 1, 1, 2), torch.full((1, 1, 1, 2), 0.5))
    assert moved.flatten().tolist() == [0.5, 0.75]


@pytest.mark.parametrize("eps", ["8", 1.5, 2, "300/255"])
def test_a_linf_radius_above_one_is_taken_for_levels(eps: float | str) -> None:
    with pytest.raises(InputError, match=r"did you mean .*/255"):
        ball("linf", eps)
    assert ball("linf", 1) == Linf(1.0)
    assert ball("l2", eps) == L2(parse_eps(eps))


def test_a_wider_ball_keeps_its_mask() -> None:
    from robustlens.balls import widened

    mask = torch.eye(3) > 0
    wider = widened(Masked(L1(2.0), mask), 3.0)
    assert isinstance(wider, Masked)
    assert wider.ball == L1(6.0)
    assert wider.mask is mask


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    "ball", [Linf(0.1), Linf(1e6), L2(0.7), L2(1e6), L1(3.0), L1(1e9), Box()], ids=str
)
def test_half_precision_is_measured_in_float32(ball: Any, dtype: torch.dtype) -> None:
    center, other = torch.rand(2, 5, 3, 40, 40, generator=torch.Generator().manual_seed(0)).to(
        dtype
    )
    d = center[0].numel()
    rounded = {Linf: 1.0, L2: d**0.5, L1: d}.get(type(ball), 0.0) * torch.finfo(dtype).eps
    eps = getattr(ball, "eps", torch.inf)
    for point in (
        ball.sample(center, torch.Generator().manual_seed(1)),
        ball.project(other, center),
        ball.project(center + 100 * ball.steepest(center - 0.5, center), center),
    ):
        assert point.dtype == dtype
        assert point.min() >= 0
        assert point.max() <= 1
        far = ball.distance(point, center)
        assert far.dtype == torch.float32
        assert torch.allclose(far, ball.distance(point.float(), center.float()))
        assert (far <= eps * (1 + 1e-5) + rounded).all()
