"""Steps for l1: against numpy, one example at a time; which pixels move, and when it returns."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from robustlens.ascend import ascend
from robustlens.balls import L1, Box, Masked
from robustlens.errors import InputError
from robustlens.sparse import SparseAutoStep, SparseSteepest, sparse_step

Array = NDArray[np.float64]


def ripples(x: Tensor) -> Tensor:
    """Smooth, with many maxima, and every pixel of a slope of its own."""
    k = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)
    return (torch.sin(2 * k * x) / k.sqrt()).sum(dim=1) + torch.cos(5 * x[:, 0] * x[:, 1])


def value_and_slope(row: Array) -> tuple[float, Array]:
    x = torch.tensor(row)[None].requires_grad_(True)
    value = ripples(x)
    (slope,) = torch.autograd.grad(value.sum(), x)
    return float(value.detach()), slope[0].numpy()


def project(z: Array, center: Array, eps: float) -> Array:
    """Euclid's projection on ball and box, its threshold by bisection."""
    d = z - center
    room = np.where(d > 0, 1 - center, center)
    low, high = 0.0, float(np.abs(d).max()) + 1.0

    def kept(t: float) -> Array:
        return np.minimum(np.maximum(np.abs(d) - t, 0), room)

    if kept(0).sum() <= eps:
        return center + np.sign(d) * kept(0)
    for _ in range(200):
        t = (low + high) / 2
        low, high = (t, high) if kept(t).sum() > eps else (low, t)
    return center + np.sign(d) * kept(high)


def signs(g: Array, x: Array, count: int) -> Array:
    g = np.where((g > 0) & (x >= 1 - 1e-6) | (g < 0) & (x <= 1e-6), 0, g)
    least = np.sort(np.abs(g))[::-1][max(count, 1) - 1]
    step = np.sign(g) * (np.abs(g) >= least)
    return step / max(np.abs(step).sum(), 1)


def auto(start: Array, center: Array, eps: float, steps: int) -> tuple[list[float], int, int]:
    """Croce & Hein 2021, Algorithm 1, for one example: values, returns, times the step shrank."""
    x, d = start, len(center)
    changed = int((x != center).sum())
    support, count = (changed, changed / 1.5) if changed else (d, 0.2 * d)
    eta, values, returns, shorter = eps, [], 0, 0
    best, best_value = x, -np.inf
    for k in range(steps):
        value, g = value_and_slope(x)
        values.append(value)
        if value > best_value:
            best, best_value = x, value
        if k > 0 and k % max(int(0.04 * steps), 1) == 0:
            now = int((best != center).sum())
            if now < 0.95 * support:
                eta, x, returns = eps, best, returns + 1
                g = value_and_slope(x)[1]
            else:
                eta, shorter = max(eta / 1.5, eps / 10), shorter + 1
            support, count = now, now / 1.5
        x = project(x + eta * signs(g, x, int(count)), center, eps)
    return [*values, value_and_slope(x)[0]], returns, shorter


@pytest.mark.parametrize("steps", [30, 60])
@pytest.mark.parametrize("at_center", [True, False])
def test_l1_auto_step_walks_as_the_paper_says(steps: int, at_center: bool) -> None:
    g = torch.Generator().manual_seed(6)
    x, eps = torch.rand(10, 12, generator=g, dtype=torch.float64), 0.8
    x[:, :3] = x[:, :3].round()  # pixels at the walls
    start = L1(eps).project(x + torch.randn(x.shape, generator=g, dtype=x.dtype), x)
    start = x if at_center else start
    found = ascend(ripples, x, L1(eps), SparseAutoStep(), steps=steps, start=start)
    returns = []
    for i in range(len(x)):
        values, back, shorter = auto(start[i].numpy(), x[i].numpy(), eps, steps)
        assert found.trace[:, i].numpy() == pytest.approx(np.array(values), abs=1e-8)
        returns.append(back)
        assert shorter
    assert max(returns) > 0
    assert len(set(returns)) > 1  # each example decides for itself


def test_sparse_steepest_matches_numpy() -> None:
    g = torch.Generator().manual_seed(5)
    x, eps = torch.rand(4, 12, generator=g, dtype=torch.float64), 0.5
    found = ascend(ripples, x, L1(eps), SparseSteepest(0.07, share=0.2), steps=20)
    for i, row in enumerate(x.numpy()):
        point = row
        for _ in range(20):
            point = project(point + 0.07 * signs(value_and_slope(point)[1], point, 3), row, eps)
        assert found.last[i].numpy() == pytest.approx(point, abs=1e-8)


def test_the_largest_slopes_that_are_free_move_alike() -> None:
    x = torch.tensor([[0.0, 1.0, 0.5, 0.5, 0.5, 0.0]]).expand(4, 6)
    slopes = torch.tensor([[-9.0, 8.0, -4.0, 2.0, 1.0, 7.0]]).expand(4, 6)
    step = sparse_step(slopes, x, torch.tensor([0.0, 1.0, 2.9, 99.0]))
    one = [0, 0, 0, 0, 0, 1.0]
    assert step[0].tolist() == one  # at least one, and none that the box holds back
    assert step[1].tolist() == one
    assert step[2].tolist() == [0, 0, -0.5, 0, 0, 0.5]
    assert step[3].tolist() == [0, 0, -0.25, 0.25, 0.25, 0.25]
    ties = sparse_step(torch.ones(1, 4), torch.full((1, 4), 0.5), torch.ones(1))
    assert ties.tolist() == [[0.25] * 4]
    assert not sparse_step(torch.zeros(1, 4), torch.rand(1, 4), torch.ones(1)).any()


@pytest.mark.parametrize("rule", [SparseSteepest(0.3), SparseAutoStep()], ids=repr)
def test_pixels_outside_a_mask_take_no_part_of_the_step(rule: Any) -> None:
    mask = torch.tensor([True, False, True, False])
    x = torch.full((1, 4), 0.5)
    slope = torch.tensor([1.0, 100.0, 2.0, 50.0])
    found = ascend(lambda z: (z * slope).sum(dim=1), x, Masked(L1(0.3), mask), rule, steps=20)
    assert found.best[0].tolist() == pytest.approx([0.5, 0.5, 0.8, 0.5], abs=1e-5)


def test_bad_settings_are_refused() -> None:
    for settings, name in (({"step_size": 0.0}, "step_size"), ({"share": -1.0}, "share")):
        with pytest.raises(InputError, match=f"{name} is"):
            SparseSteepest(**{"step_size": 1.0, **settings})
    with pytest.raises(InputError, match="a ball with a radius"):
        ascend(ripples, torch.rand(1, 4), Box(), SparseAutoStep(), steps=1)
