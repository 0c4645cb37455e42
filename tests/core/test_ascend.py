import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.ascend import Stay, ascend, value_and_gradient
from robustlens.balls import L1, L2, Ball, Box, Linf, Masked
from robustlens.errors import InputError
from robustlens.objectives import misclassify
from robustlens.rules import Adam, AutoStep, Momentum, Steepest
from robustlens.sparse import SparseAutoStep, SparseSteepest

DUAL = {Linf: 1.0, L2: 2.0, L1: math.inf}
RULES = [Steepest(0.03), Momentum(0.03), Adam(0.02), AutoStep(), SparseSteepest(0.03),
         SparseAutoStep()]  # fmt: skip


def start_and_weights(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(0)
    x = 0.45 + 0.1 * torch.rand(3, 2, 4, 4, generator=g, dtype=dtype)
    return x, torch.randn(32, generator=g, dtype=dtype)


@pytest.mark.parametrize(("dtype", "accuracy"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
@pytest.mark.parametrize("kind", [Linf, L2, L1])
@pytest.mark.parametrize("masked", [False, True])
def test_the_gain_on_a_linear_score_is_eps_times_the_dual_norm(
    kind: type, masked: bool, dtype: torch.dtype, accuracy: float
) -> None:
    x, w = start_and_weights(dtype)
    eps = 0.2 if kind is not Linf else 0.1
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[1:3] = True
    ball: Ball = Masked(kind(eps), mask) if masked else kind(eps)
    # from every point of the ball there is room for another eps before the walls
    seen = torch.where(mask, w.view(2, 4, 4), 0.0).flatten() if masked else w
    found = ascend(lambda z: z.flatten(1) @ w, x, ball, Steepest(2.5 * eps / 20), steps=20)
    gain = found.value - x.flatten(1) @ w
    expected = eps * torch.linalg.vector_norm(seen, ord=DUAL[kind])
    assert gain.numpy() == pytest.approx(expected.item(), abs=accuracy)
    assert torch.equal(found.value, found.best.flatten(1) @ w)
    assert (ball.distance(found.best, x) <= eps + 1e-6).all()
    if masked:
        assert torch.equal(found.best[..., ~mask], x[..., ~mask])


def test_auto_step_reaches_the_linear_optimum_too() -> None:
    x, w = start_and_weights(torch.float64)
    for kind, eps in ((Linf, 0.1), (L2, 0.3)):
        found = ascend(lambda z: z.flatten(1) @ w, x, kind(eps), AutoStep(), steps=30)
        expected = eps * torch.linalg.vector_norm(w, ord=DUAL[kind]).item()
        assert (found.value - x.flatten(1) @ w).numpy() == pytest.approx(expected, abs=1e-6)


def test_steps_plus_one_points_are_scored_and_the_last_counts() -> None:
    scored: list[Tensor] = []

    def objective(x: Tensor) -> Tensor:
        scored.append(x.detach())
        return x.sum(dim=1)

    x = torch.full((2, 3), 0.1)
    found = ascend(objective, x, Box(), Steepest(0.01), steps=7)
    assert len(scored) == 8
    assert torch.equal(scored[0], x)
    assert torch.equal(scored[-1], found.last)
    assert torch.equal(found.best, found.last)
    assert torch.equal(found.value, found.last.sum(dim=1))
    assert torch.equal(found.trace, torch.stack([z.sum(dim=1) for z in scored]))


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("ball", [Linf(0.2), L2(0.4), L1(0.6)], ids=str)
def test_best_is_the_largest_value_met_and_never_below_the_start(rule: Any, ball: Ball) -> None:
    x = torch.rand(5, 4, generator=torch.Generator().manual_seed(0))

    def bumpy(z: Tensor) -> Tensor:
        return torch.sin(20 * z).sum(dim=1)

    values = []
    for steps in range(9):
        found = ascend(bumpy, x, ball, rule, steps=steps)
        assert torch.equal(found.value, found.trace.amax(dim=0))
        assert torch.allclose(bumpy(found.best), found.value, atol=1e-6)
        assert (found.value >= bumpy(x)).all()
        values.append(found.value)
    if not isinstance(rule, AutoStep | SparseAutoStep):  # whose checks depend on `steps`
        assert (torch.stack(values).diff(dim=0) >= 0).all()


def test_nan_never_wins() -> None:
    def objective(x: Tensor) -> Tensor:
        value = x.sum(dim=1)
        return torch.where(value > 0.5, torch.nan, value)

    found = ascend(objective, torch.full((1, 1), 0.35), Box(), Steepest(0.1), steps=4)
    assert found.value.item() == pytest.approx(0.45)
    assert found.trace.isnan().any()
    never = ascend(
        lambda x: x.sum(dim=1) * torch.nan, torch.ones(1, 1), Box(), Steepest(1.0), steps=1
    )
    assert never.value.item() == -math.inf
    assert torch.equal(never.best, torch.ones(1, 1))


def test_the_first_of_equal_points_is_the_best() -> None:
    """The value stays, the gradient does not vanish: the point moves on, the best one stays."""
    x = torch.full((2, 3), 0.5)
    found = ascend(lambda z: (z - z.detach()).sum(dim=1) + 1, x, Box(), Steepest(0.1), steps=3)
    assert (found.last > x).all()
    assert torch.equal(found.best, x)
    assert torch.equal(found.trace, torch.ones(4, 2))


def test_who_leaves_stays_where_it_is_and_the_others_walk_on() -> None:
    """Rows 1 and 3 leave after step 2, row 0 of the rest after step 3; the last walks alone."""
    x = torch.arange(4.0).view(4, 1) / 16
    mask = torch.ones(4, 1, 1, 1) > 0

    def rising(z: Tensor) -> Tensor:
        return z.flatten(1).sum(dim=1)

    def leave(step: int) -> Stay | None:
        left = {2: [0, 2], 3: [1]}.get(step)
        return None if left is None else Stay(torch.tensor(left), rising)

    found = ascend(rising, x.view(4, 1, 1, 1), Masked(Box(), mask), Steepest(0.125), steps=4,
                   leave=leave)  # fmt: skip
    last = x.flatten() + torch.tensor([3, 2, 4, 2]) / 8
    assert torch.equal(found.last.flatten(), last)
    nan = torch.nan
    expected = x.flatten() + torch.arange(5)[:, None] / 8
    expected[2:, [1, 3]], expected[3:, 0] = nan, nan
    assert torch.equal(found.trace.nan_to_num(-1), expected.nan_to_num(-1))
    scored = torch.tensor([2, 1, 4, 1]) / 8  # the point after the last step was never looked at
    assert torch.equal(found.best.flatten(), x.flatten() + scored)
    assert torch.equal(found.value, x.flatten() + scored)


class Counting:
    """A step to the right, and a state of numbers beside one row an example."""

    def init(self, x: Tensor, ball: Ball, steps: int) -> Any:
        return torch.tensor(0.125), (steps, torch.arange(len(x), dtype=x.dtype))

    def update(
        self, x: Tensor, gradient: Tensor, value: Tensor, state: Any, project: Any, ball: Ball
    ) -> tuple[Tensor, Any]:
        size, (left, rows) = state
        return x + size * rows[:, None], (size, (left - 1, rows))


def test_the_state_of_a_rule_is_cut_where_it_has_a_row_an_example() -> None:
    def first(z: Tensor) -> Tensor:
        return z[:, 0]

    def leave(step: int) -> Stay | None:
        return Stay(torch.tensor([1, 2]), first) if step == 1 else None

    x = torch.zeros(3, 2)
    found = ascend(first, x, Box(), Counting(), steps=2, leave=leave)
    assert found.last[:, 0].tolist() == [0.0, 0.25, 0.5]


def test_when_all_have_left_nothing_more_is_looked_at() -> None:
    looks = []

    def rising(z: Tensor) -> Tensor:
        looks.append(len(z))
        return z.sum(dim=1)

    def leave(step: int) -> Stay | None:
        return Stay(torch.arange(0), rising) if step == 2 else None

    x = torch.zeros(2, 1)
    found = ascend(rising, x, Box(), Momentum(0.25), steps=9, leave=leave)
    assert looks == [2, 2]
    assert torch.equal(found.last, x + 0.5)
    assert torch.equal(found.best, x + 0.25)
    assert found.trace.isnan().sum() == 16


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("ball", [Linf(0.2), L2(0.4), L1(0.6)], ids=str)
def test_an_example_does_not_depend_on_its_neighbours(rule: Any, ball: Ball) -> None:
    g = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    x, y = torch.rand(6, 3, 2, 2, generator=g, dtype=torch.float64), torch.tensor([0, 1, 2] * 2)
    whole = ascend(misclassify(net, y), x, ball, rule, steps=12)
    alone = [
        ascend(misclassify(net, y[i : i + 1]), x[i : i + 1], ball, rule, steps=12).best
        for i in range(6)
    ]
    assert torch.allclose(whole.best, torch.cat(alone), atol=1e-9)


def test_the_same_call_gives_the_same_bits() -> None:
    x, w = start_and_weights(torch.float32)
    runs = [
        ascend(lambda z: (z.flatten(1) @ w).sin(), x, L2(1.0), AutoStep(), steps=20)
        for _ in range(2)
    ]
    assert torch.equal(runs[0].best, runs[1].best)
    assert torch.equal(runs[0].trace, runs[1].trace)


def test_the_start_is_projected() -> None:
    x = torch.full((1, 2), 0.5)
    found = ascend(lambda z: z.sum(dim=1), x, Linf(0.1), Steepest(1.0), steps=0, start=x + 3)
    assert torch.allclose(found.last, torch.full((1, 2), 0.6))
    assert found.trace.shape == (1, 1)


def test_inputs_and_parameters_are_left_alone() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    x, y = torch.rand(2, 1, 2, 2).requires_grad_(True), torch.tensor([0, 1])
    before = x.detach().clone()
    with torch.no_grad():  # the engine needs gradients whatever the caller's mode
        found = ascend(misclassify(net, y), x, L2(1.0), Steepest(0.1), steps=3)
    assert torch.equal(x.detach(), before)
    assert x.grad is None
    assert all(p.grad is None for p in net.parameters())
    assert not found.best.requires_grad
    assert not found.trace.requires_grad


def test_an_empty_batch() -> None:
    found = ascend(lambda z: z.sum(dim=1), torch.empty(0, 3), L2(1.0), AutoStep(), steps=30)
    assert found.best.shape == (0, 3)
    assert found.trace.shape == (31, 0)


def test_values_and_gradients() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    value, gradient = value_and_gradient(lambda z: z.square().sum(dim=1), x)
    assert torch.equal(value, torch.tensor([5.0, 25.0]))
    assert torch.equal(gradient, 2 * x)
    assert not value.requires_grad


@pytest.mark.parametrize("objective", [lambda x: x.sum(), lambda x: x], ids=["mean", "image"])
@pytest.mark.parametrize("steps", [0, 1])
def test_one_value_per_example_is_required(objective: Any, steps: int) -> None:
    with pytest.raises(InputError, match=r"one value per example, shape \(2,\)"):
        ascend(objective, torch.rand(2, 3), Box(), Steepest(1.0), steps=steps)


def test_negative_steps_are_refused() -> None:
    with pytest.raises(InputError, match="steps is -1"):
        ascend(lambda x: x.sum(dim=1), torch.rand(2, 3), Box(), Steepest(1.0), steps=-1)


def test_an_error_of_a_backward_pass_keeps_its_type() -> None:
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum(dim=1)

        @staticmethod
        def backward(ctx, gradient):
            raise RuntimeError("in my backward")

    with pytest.raises(RuntimeError, match="in my backward"):
        value_and_gradient(Broken.apply, torch.ones(2, 3))
