from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from robustlens.ascend import ascend
from robustlens.balls import L2, Box, Linf
from robustlens.errors import InputError
from robustlens.rules import Adam, AutoStep, Momentum, Steepest, checkpoints
from robustlens.sparse import SparseAutoStep, SparseSteepest

Array = np.ndarray[Any, Any]
Project = Callable[[Array], Array]
Unit = Callable[[Array], Array]


def ripples(x: Tensor) -> Tensor:
    """Smooth, with many maxima."""
    k = torch.arange(1, x.shape[1] + 1, dtype=x.dtype)
    return torch.sin(2 * k * x).sum(dim=1) + torch.cos(5 * x[:, 0] * x[:, 1])


def value_and_slope(row: Array) -> tuple[float, Array]:
    x = torch.tensor(row)[None].requires_grad_(True)
    value = ripples(x)
    (slope,) = torch.autograd.grad(value.sum(), x)
    return float(value.detach()), slope[0].numpy()


def project_linf(z: Array, center: Array, eps: float) -> Array:
    return np.clip(np.clip(z, center - eps, center + eps), 0, 1)


def project_l2(z: Array, center: Array, eps: float) -> Array:
    d = z - center
    return np.clip(center + d * min(1, eps / max(np.linalg.norm(d), 1e-300)), 0, 1)


def auto_pgd(
    start: Array, eps: float, steps: int, project: Project, unit: Unit
) -> tuple[Array, list[float], int]:
    """Croce & Hein 2020, Algorithm 1, for one example: the last point, every f, the returns.

    As in the authors' code, a checkpoint decides once its own point is scored.
    """
    w, p = [0], [Fraction(0), Fraction(22, 100)]
    while p[-1] <= 1:
        w.append(ceil(p[-1] * steps))
        p.append(p[-1] + max(p[-1] - p[-2] - Fraction(3, 100), Fraction(6, 100)))
    x, eta, f_max, returns = start, 2 * eps, -inf, 0
    x_before, x_max = start, start
    f: list[float] = []
    eta_at: dict[int, float] = {}
    f_max_at: dict[int, float] = {}
    for k in range(steps):
        f.append(value_and_slope(x)[0])
        if f[k] > f_max:
            f_max, x_max = f[k], x
        eta_at[k], f_max_at[k] = eta, f_max
        if k > 0 and k in w:
            since = w[w.index(k) - 1]
            rises = sum(f[i + 1] > f[i] for i in range(since, k))
            condition_1 = rises < 0.75 * (k - since)
            condition_2 = eta_at[since] == eta_at[k] and f_max_at[since] == f_max_at[k]
            if condition_1 or condition_2:
                eta, x, returns = eta / 2, x_max, returns + 1
        z = project(x + eta * unit(value_and_slope(x)[1]))
        if k > 0:
            z = project(x + 0.75 * (z - x) + 0.25 * (x - x_before))
        x_before, x = x, z
    return x, [*f, value_and_slope(x)[0]], returns


@pytest.mark.parametrize(
    ("ball", "project", "unit"),
    [
        (Linf(0.3), project_linf, np.sign),
        (L2(0.5), project_l2, lambda g: g / np.linalg.norm(g)),
    ],
    ids=("linf", "l2"),
)
def test_auto_step_walks_as_the_paper_says(ball: Linf | L2, project: Any, unit: Unit) -> None:
    steps = 100
    x = torch.rand(12, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = ascend(ripples, x, ball, AutoStep(), steps=steps)
    returns = []
    for i, row in enumerate(x.numpy()):
        last, values, returned = auto_pgd(
            row, ball.eps, steps, lambda z, c=row: project(z, c, ball.eps), unit
        )
        assert found.trace[:, i].numpy() == pytest.approx(np.array(values), abs=1e-9)
        assert found.last[i].numpy() == pytest.approx(last, abs=1e-9)
        assert found.value[i].item() == pytest.approx(max(values))
        returns.append(returned)
    assert min(returns) >= 1
    assert len(set(returns)) > 1  # each example decides for itself


def test_auto_step_returns_at_the_first_checkpoint_when_nothing_beat_the_start() -> None:
    """Condition 2 with j = 1: the first step falls, all others rise, none above the start."""
    start, ball, rule = torch.full((1, 1), 0.5), Linf(0.1), AutoStep()
    x, state, sizes = start, rule.init(start, ball, 100), []
    for step in range(24):
        value = torch.tensor([100.0 if step == 0 else float(step)])
        x, state = rule.update(
            x, torch.ones(1, 1), value, state, lambda z: ball.project(z, start), ball
        )
        sizes.append(state.step_size.item())
    assert sizes == pytest.approx([0.2] * 22 + [0.1] * 2)


def step_sizes(values: list[float]) -> list[float]:
    """The step sizes of Auto-PGD of 100 steps, 0.2 at first, where these are the values met."""
    start, ball, rule = torch.full((1, 1), 0.5), Linf(0.1), AutoStep()
    x, state, sizes = start, rule.init(start, ball, 100), []
    for value in values:
        x, state = rule.update(
            x, torch.ones(1, 1), torch.tensor([value]), state, lambda z: z.clamp(0.4, 0.6), ball
        )
        sizes.append(state.step_size.item())
    return sizes


def test_auto_step_does_not_halve_twice_for_the_same_stall() -> None:
    """All steps but the first rise, none above the start, so condition 2 alone decides.

    It wants the step size unchanged since the last checkpoint: it holds at every other one.
    """
    sizes = step_sizes([1000.0, *(float(step) for step in range(1, 100))])
    expected = [0.2] * 22 + [0.1] * (57 - 22) + [0.05] * (80 - 57) + [0.025] * (93 - 80)
    assert sizes == pytest.approx(expected + [0.0125] * (100 - 93))


@pytest.mark.parametrize(
    ("first", "checkpoint", "falls", "after"),
    [(41, 57, 4, 0.2), (41, 57, 5, 0.1), (0, 22, 5, 0.2), (0, 22, 6, 0.1)],
)
def test_auto_step_halves_below_three_quarters_of_rises_not_at_it(
    first: int, checkpoint: int, falls: int, after: float
) -> None:
    """From 41 to 57 there are 16 steps, of which 12 are three quarters; 22 need 17."""
    values = [float(step) for step in range(checkpoint + 3)]
    for k in range(falls):
        values[first + 2 + 2 * k] -= 1.5
    assert step_sizes(values) == pytest.approx([0.2] * checkpoint + [after] * 3)


def test_auto_step_compares_with_the_best_at_the_last_checkpoint() -> None:
    """After 22 all steps rise but none gets above what was met before: at 41 that is a stall."""
    values = [float(step) for step in range(23)] + [-100.0 + step for step in range(20)]
    assert step_sizes(values) == pytest.approx([0.2] * 41 + [0.1] * 2)


def test_auto_step_goes_back_to_the_first_of_equal_points() -> None:
    """The best point of a plateau is the first one met there: ties do not move it."""
    start, ball, rule = torch.full((1, 1), 0.5), Linf(0.1), AutoStep()
    state = rule.init(start, ball, 100)
    x, states = start, []
    for value in (0.0, 1.0, 1.0, 1.0):
        states.append(x)
        x, state = rule.update(x, torch.ones(1, 1), torch.tensor([value]), state, torch.abs, ball)
    assert torch.equal(state.best, states[1])
    assert state.rises.item() == 1


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 37, 100, 1000])
def test_checkpoints_follow_the_recursion(steps: int) -> None:
    p = [Fraction(0), Fraction(22, 100)]
    while p[-1] <= 1:
        p.append(p[-1] + max(p[-1] - p[-2] - Fraction(3, 100), Fraction(6, 100)))
    expected = sorted({ceil(q * steps) for q in p[1:-1]})
    assert list(checkpoints(steps)) == expected


def test_checkpoints_of_a_hundred_steps() -> None:
    assert checkpoints(100) == (22, 41, 57, 70, 80, 87, 93, 99)


def test_auto_step_needs_a_radius() -> None:
    with pytest.raises(InputError, match="a ball with a radius"):
        ascend(ripples, torch.rand(1, 4), Box(), AutoStep(), steps=1)


def test_adam_matches_numpy() -> None:
    x = torch.rand(3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = ascend(ripples, x, Box(), Adam(0.03, 0.8, 0.95, 1e-6), steps=25)
    for i, row in enumerate(x.numpy()):
        point, m, v = row, np.zeros(4), np.zeros(4)
        for t in range(1, 26):
            g = value_and_slope(point)[1]
            m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
            m_hat, v_hat = m / (1 - 0.8**t), v / (1 - 0.95**t)
            point = np.clip(point + 0.03 * m_hat / (np.sqrt(v_hat) + 1e-6), 0, 1)
        assert found.last[i].numpy() == pytest.approx(point, abs=1e-10)


@pytest.mark.parametrize("ball", [Linf(0.2), L2(0.3)], ids=str)
def test_momentum_matches_numpy(ball: Linf | L2) -> None:
    x = torch.rand(3, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = ascend(ripples, x, ball, Momentum(0.02, decay=0.9), steps=25)
    for i, row in enumerate(x.numpy()):
        point, velocity = row, np.zeros(4)
        for _ in range(25):
            g = value_and_slope(point)[1]
            velocity = 0.9 * velocity + g / np.abs(g).mean()
            if isinstance(ball, Linf):
                point = project_linf(point + 0.02 * np.sign(velocity), row, ball.eps)
            else:
                unit = velocity / np.linalg.norm(velocity)
                point = project_l2(point + 0.02 * unit, row, ball.eps)
        assert found.last[i].numpy() == pytest.approx(point, abs=1e-10)


@dataclass(frozen=True)
class Outward(L2):
    """A ball whose steepest step depends on where one stands: away from zero."""

    def steepest(self, gradient: Tensor, x: Tensor) -> Tensor:
        return x.sign()


@pytest.mark.parametrize(
    ("rule", "size"), [(Steepest(0.1875), 0.1875), (Momentum(0.1875), 0.1875), (AutoStep(), 0.5)]
)
def test_a_step_has_its_length_and_knows_where_it_stands(rule: Any, size: float) -> None:
    x, gradient, ball = torch.tensor([[0.875, -0.5, 0.0]]), torch.ones(1, 3), Outward(0.25)
    state = rule.init(x, ball, 30)
    moved, _ = rule.update(x, gradient, torch.zeros(1), state, lambda z: z, ball)
    assert torch.equal(moved, x + size * torch.tensor([[1.0, -1.0, 0.0]]))


@pytest.mark.parametrize(
    "rule",
    [Steepest(0.1), Momentum(0.1), Adam(0.1), AutoStep(), SparseSteepest(0.1), SparseAutoStep()],
    ids=repr,
)
def test_a_zero_gradient_moves_nothing(rule: Any) -> None:
    x = torch.rand(2, 4, generator=torch.Generator().manual_seed(0))
    found = ascend(lambda z: (z * 0).sum(dim=1), x, L2(0.5), rule, steps=5)
    assert torch.equal(found.last, x)


@pytest.mark.parametrize(
    ("make", "name"), [(Steepest, "step_size"), (Momentum, "step_size"), (Adam, "lr")]
)
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_steps_must_be_positive(make: Any, name: str, value: float) -> None:
    with pytest.raises(InputError, match=f"{name} is .*; expected a number > 0 .change {name}"):
        make(value)
