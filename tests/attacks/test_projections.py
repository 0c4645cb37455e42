from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.optimize import linprog, minimize
from torch import Tensor

from robustlens.attacks import projections
from robustlens.attacks.projections import to_plane_l1, to_plane_l2, to_plane_linf
from robustlens.norms import NORMS
from robustlens.streams import stream

TO_PLANE = [to_plane_linf, to_plane_l2, to_plane_l1]
Projection = Callable[..., Tensor]


def problems(n: int, d: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Points, some pixels on the walls; normals, some zero or huge; gaps of all difficulties."""
    g = stream(0, "plane", n, d)
    z = torch.rand(n, d, generator=g, dtype=dtype)
    z = torch.where(torch.rand(n, d, generator=g) < 0.3, z.round(), z)
    w = torch.randn(n, d, generator=g, dtype=dtype) * torch.randn(n, d, generator=g).exp()
    w = torch.where(torch.rand(n, d, generator=g) < 0.1, 0.0, w).to(dtype)
    share = torch.rand(n, generator=g, dtype=dtype)
    sign = torch.where(torch.rand(n, generator=g) < 0.5, 1.0, -1.0).to(dtype)
    return z, w, sign * share * reach(z, w, sign)


def reach(z: Tensor, w: Tensor, sign: Tensor) -> Tensor:
    """How far <w, z> can go against the sign of the gap inside the box."""
    v = -w * sign[:, None]
    return torch.where(v > 0, v * (1 - z), -v * z).sum(dim=1)


def by_linprog(z: np.ndarray, w: np.ndarray, gap: float, norm: str) -> float:
    """The least size, from a linear program in d = up - down and, in l-inf, a bound on both."""
    n = len(z)
    bounds = [*((0, 1 - v) for v in z), *((0, v) for v in z)]
    if norm == "l1":
        answer = linprog(np.ones(2 * n), A_eq=[[*w, *-w]], b_eq=[-gap], bounds=bounds)
        return float(answer.fun)
    cap = np.hstack([np.eye(2 * n), -np.ones((2 * n, 1))])
    cost = np.r_[np.zeros(2 * n), 1.0]
    answer = linprog(cost, cap, np.zeros(2 * n), [[*w, *-w, 0]], [-gap], [*bounds, (0, None)])
    return float(answer.fun)


def by_slsqp(z: np.ndarray, w: np.ndarray, gap: float) -> float:
    plane = {"type": "eq", "fun": lambda d: w @ d + gap, "jac": lambda d: w}
    answer = minimize(
        lambda d: d @ d,
        np.zeros_like(z),
        jac=lambda d: 2 * d,
        bounds=list(zip(-z, 1 - z, strict=True)),
        constraints=[plane],
        options={"maxiter": 500, "ftol": 1e-14},
    )
    return float(np.sqrt(answer.fun))


@pytest.mark.parametrize("norm", ["linf", "l1"])
def test_the_step_is_as_short_as_the_linear_program_says(norm: str) -> None:
    to_plane, size = {"linf": to_plane_linf, "l1": to_plane_l1}[norm], NORMS[norm].size
    z, w, gap = problems(40, 12)
    found = size(to_plane(z, w, gap))
    for i in range(len(z)):
        best = by_linprog(z[i].numpy(), w[i].numpy(), float(gap[i]), norm)
        assert float(found[i]) == pytest.approx(best, abs=1e-7)


def test_the_l2_step_is_as_short_as_a_quadratic_solver_finds() -> None:
    z, w, gap = problems(30, 8)
    found = NORMS["l2"].size(to_plane_l2(z, w, gap))
    for i in range(len(z)):
        scale = w[i].abs().max().item()
        best = by_slsqp(z[i].numpy(), w[i].numpy() / scale, float(gap[i]) / scale)
        assert float(found[i]) == pytest.approx(best, abs=2e-5)


@pytest.mark.parametrize("to_plane", TO_PLANE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", [1, 2, 50, 3072])
def test_steps_end_on_the_plane_and_in_the_box(to_plane: Projection, size: int) -> None:
    z, w, gap = problems(60, size)
    d = to_plane(z, w, gap)
    scale = (w.abs() * 1.0).sum(dim=1).clamp_min(1e-300)
    assert (((w * d).sum(dim=1) + gap).abs() <= 1e-9 * scale).all()
    assert ((z + d) >= -1e-12).all()
    assert ((z + d) <= 1 + 1e-12).all()
    assert (d[w == 0] == 0).all()


@pytest.mark.parametrize("to_plane", TO_PLANE, ids=lambda f: f.__name__)
def test_float32_is_as_good_as_its_digits(to_plane: Projection) -> None:
    z, w, gap = problems(40, 784, torch.float32)
    left = (w * to_plane(z, w, gap)).sum(dim=1) + gap
    assert (left.abs() <= 1e-5 * w.abs().sum(dim=1)).all()


@pytest.mark.parametrize("to_plane", TO_PLANE, ids=lambda f: f.__name__)
def test_out_of_reach_it_goes_to_the_nearest_corner(to_plane: Projection) -> None:
    z, w, gap = problems(20, 9)
    far = torch.where(gap > 0, 1.0, -1.0) * (reach(z, w, gap.sign()) + 0.1)
    d = to_plane(z, w, far)
    v = -w * far.sign()[:, None]
    corner = torch.where(v > 0, 1.0, torch.where(v < 0, 0.0, z))
    assert torch.allclose(z + d, corner.to(z), atol=1e-12)


@pytest.mark.parametrize("to_plane", TO_PLANE, ids=lambda f: f.__name__)
@pytest.mark.parametrize("gap", [0.0, 1.0, -1.0, 1e-30, 1e30])
def test_strange_planes_give_finite_steps(to_plane: Projection, gap: float) -> None:
    z = torch.tensor([0.0, 0.3, 1.0]).expand(5, 3)
    w = torch.tensor([[0.0, 0, 0], [1e-30, 0, 1e-38], [1e30, -1e-30, 0], [0, 1, 0], [-1, 1, -1]])
    d = to_plane(z, w, torch.full((5,), gap))
    assert d.isfinite().all()
    assert (d[0] == 0).all()
    assert ((z + d).clamp(0, 1) - (z + d)).abs().max() < 1e-6
    if gap == 0:
        assert (d == 0).all()


def test_ties_share_in_l1_and_the_plane_is_still_reached() -> None:
    z, w = torch.full((1, 10), 0.5), torch.ones(1, 10)
    d = to_plane_l1(z, w, torch.tensor([2.0]))
    assert d.sum().item() == pytest.approx(-2.0)
    assert NORMS["l1"].size(d).item() == pytest.approx(2.0)


@pytest.mark.parametrize("to_plane", TO_PLANE, ids=lambda f: f.__name__)
def test_few_rounds_never_go_past_the_plane(to_plane: Projection) -> None:
    z, w, gap = problems(60, 100)
    for rounds in (1, 2, 5):
        gone = -(w * to_plane(z, w, gap, rounds)).sum(dim=1) * gap.sign()
        assert (gone <= gap.abs() + 1e-9 * w.abs().sum(dim=1)).all()


@pytest.mark.parametrize("to_plane", TO_PLANE, ids=lambda f: f.__name__)
def test_pairs_share_a_normal_and_rows_do_not_meet(to_plane: Projection) -> None:
    z, w, gap = problems(16, 30)
    pair, gaps = torch.stack([z, z.flip(0)]), torch.stack([gap, gap / 2])
    both = to_plane(pair, w, gaps)
    for half, (points, distance) in zip(both, zip(pair, gaps, strict=True), strict=True):
        assert torch.equal(half, to_plane(points, w, distance))
    assert torch.equal(to_plane(z[3:5], w[3:5], gap[3:5]), to_plane(z, w, gap)[3:5])


@pytest.mark.parametrize("to_plane", TO_PLANE, ids=lambda f: f.__name__)
def test_inputs_are_not_written_to(to_plane: Projection) -> None:
    given = problems(5, 6)
    copies = [part.clone() for part in given]
    to_plane(*given)
    for part, copy in zip(given, copies, strict=True):
        assert torch.equal(part, copy)


def test_every_norm_has_its_planes() -> None:
    assert list(projections.TO_PLANE) == list(NORMS)
    assert [to_plane for to_plane, _ in projections.TO_PLANE.values()] == TO_PLANE
