from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, rel_entr, softmax
from torch import Tensor, nn

from robustlens.errors import InputError
from robustlens.objectives import (
    activation,
    dlr,
    dlr_targeted,
    expected,
    kl,
    kl_from,
    logit_margin,
    margin,
    match,
    misclassify,
    toward,
    weighted,
)

Y = torch.tensor([2, 0, 1, 1])


class Net(nn.Module):
    """Smooth, in float64, so that finite differences are sharp."""

    def __init__(self) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(0)
        self.a = nn.Parameter(torch.randn(12, 6, generator=g, dtype=torch.float64))
        self.b = nn.Parameter(torch.randn(6, 4, generator=g, dtype=torch.float64))

    def layer(self, x: Tensor) -> Tensor:
        return torch.tanh(x.flatten(1) @ self.a)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) @ self.b


@pytest.fixture
def net() -> Net:
    return Net()


@pytest.fixture
def x() -> Tensor:
    g = torch.Generator().manual_seed(1)
    return torch.rand(4, 3, 2, 2, generator=g, dtype=torch.float64)


MAKERS = {
    "misclassify": lambda n, x: misclassify(n, Y),
    "toward": lambda n, x: toward(n, Y),
    "margin": lambda n, x: margin(n, Y),
    "dlr": lambda n, x: dlr(n, Y),
    "dlr_targeted": lambda n, x: dlr_targeted(n, torch.stack([Y, (Y + 1) % 4], dim=1)),
    "kl_from": lambda n, x: kl_from(n, x.flip(0)),
    "activation": lambda n, x: activation(n.layer, 3),
    "match": lambda n, x: match(n.layer, n.layer(x.flip(0)).detach()),
    "weighted": lambda n, x: weighted((2.0, misclassify(n, Y)), (-0.5, activation(n.layer, 1))),
}


@pytest.mark.parametrize("name", MAKERS)
def test_gradients_match_finite_differences(name: str, net: Net, x: Tensor) -> None:
    objective: Callable[[Tensor], Tensor] = MAKERS[name](net, x)
    assert objective(x).shape == (4,)
    assert torch.autograd.gradcheck(objective, x.clone().requires_grad_(True))


def test_closed_forms(net: Net, x: Tensor) -> None:
    z = net(x).detach().numpy()
    p, rows, y = softmax(z, axis=1), np.arange(4), Y.numpy()
    entropy = -log_softmax(z, axis=1)[rows, y]
    others = np.where(np.eye(4, dtype=bool)[y], -np.inf, z)
    gap = others.max(axis=1) - z[rows, y]
    top = np.sort(z, axis=1)[:, ::-1]
    with torch.no_grad():
        assert misclassify(net, Y)(x).numpy() == pytest.approx(entropy)
        assert toward(net, Y)(x).numpy() == pytest.approx(-entropy)
        assert margin(net, Y)(x).numpy() == pytest.approx(gap)
        assert dlr(net, Y)(x).numpy() == pytest.approx(gap / (top[:, 0] - top[:, 2]))
        q = softmax(net(x.flip(0)).numpy(), axis=1)
        assert kl_from(net, x)(x.flip(0)).numpy() == pytest.approx(rel_entr(p, q).sum(axis=1))
        both = weighted((2.0, toward(net, Y)), (3.0, margin(net, Y)))(x)
        assert both.numpy() == pytest.approx(-2 * entropy + 3 * gap)
    assert ((margin(net, Y)(x) > 0) == (net(x).argmax(dim=1) != Y)).all()


@pytest.mark.parametrize("label", [0, 1, 2])
def test_dlr_ignores_shift_and_scale(label: int) -> None:
    z, y = torch.tensor([[3.0, 1.0, -2.0]], dtype=torch.float64), torch.tensor([label])
    value = dlr(lambda x: x, y)(z)
    assert torch.allclose(dlr(lambda x: 7 * x - 5, y)(z), value)
    assert value.item() == pytest.approx([-0.4, 0.4, 1.0][label])


@pytest.mark.parametrize("classes", [4, 5, 9])
def test_the_targeted_ratio_is_equation_7(classes: int) -> None:
    z = torch.tensor([[5.0, 3.0, -1.0, 1.0, 0.5, -2.0, -3.0, 0.0, -4.0]])[:, :classes]
    top = sorted(z[0].tolist(), reverse=True)
    for true, target in ((0, 1), (2, 0), (3, 2)):
        value = dlr_targeted(lambda x: x, torch.tensor([[true, target]]))(z)
        gap = (z[0, target] - z[0, true]).item()
        assert value.item() == pytest.approx(gap / (top[0] - (top[2] + top[3]) / 2))
        double = dlr_targeted(lambda x: 3 * x + 7, torch.tensor([[true, target]]))(z)
        assert double.item() == pytest.approx(value.item(), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_with_few_classes_the_targeted_ratio_is_a_difference(classes: int) -> None:
    z = torch.tensor([[4.0, 1.5, -2.0], [0.0, 1.0, 2.0]])[:, :classes]
    value = dlr_targeted(lambda x: x, torch.tensor([[0, 1], [1, 0]]))(z)
    assert value.tolist() == [-2.5, -1.0]


def test_ratios_of_equal_logits_are_zero_not_nan() -> None:
    z, pairs = torch.ones(1, 5), torch.tensor([[0, 1]])
    assert dlr(lambda x: x, torch.tensor([0]))(z).item() == 0
    assert dlr_targeted(lambda x: x, pairs)(z).item() == 0


def test_an_objective_of_a_random_model_is_averaged() -> None:
    noise = iter([1.0, 2.0, 6.0])
    y = torch.tensor([0, 1])
    often = expected(margin, 3)(lambda x: x + next(noise) * torch.tensor([0.0, 1.0]), y)
    z = torch.tensor([[0.0, 0.0], [5.0, 0.0]])
    assert often(z).tolist() == [3.0, 2.0]
    assert next(noise, None) is None
    assert expected(margin, 3).__name__ == "margin x3"


def test_dlr_needs_three_classes() -> None:
    with pytest.raises(InputError, match=r"dlr with 2 classes.*use margin"):
        dlr(lambda x: x, torch.tensor([0]))(torch.zeros(1, 2))


def test_kl_is_zero_with_zero_gradient_at_x_and_non_negative_elsewhere(net: Net, x: Tensor) -> None:
    objective = kl_from(net, x)
    at = x.clone().requires_grad_(True)
    value = objective(at)
    (gradient,) = torch.autograd.grad(value.sum(), at)
    assert value.detach().numpy() == pytest.approx(0, abs=1e-12)
    assert gradient.abs().max() < 1e-12
    assert (objective(x + 0.3 * torch.sin(9 * x)) > 0).all()


def test_kl_stays_finite_for_certain_predictions() -> None:
    sure = torch.tensor([[300.0, 0.0], [0.0, 300.0]])
    assert kl(sure.log_softmax(dim=1), sure).tolist() == [0, 0]
    assert kl(sure.log_softmax(dim=1), -sure).tolist() == pytest.approx([300, 300])


def test_match_is_zero_at_the_target_and_relative(net: Net, x: Tensor) -> None:
    target = net.layer(x).detach()
    with torch.no_grad():
        assert match(net.layer, target)(x).tolist() == [0] * 4
        assert match(net.layer, -target)(x).tolist() == pytest.approx([-2] * 4)


def test_activation_of_units_and_of_maps() -> None:
    flat, maps = torch.rand(3, 5), torch.rand(3, 5, 2, 2)
    assert torch.equal(activation(lambda x: flat, 2)(flat), flat[:, 2])
    assert torch.allclose(activation(lambda x: maps, 2)(flat), maps[:, 2].mean(dim=(1, 2)))
    assert activation(lambda x: x, 2)(torch.empty(0, 5, 2, 2)).shape == (0,)


def test_margins_are_positive_where_the_decision_is_wrong() -> None:
    z = torch.tensor([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]])
    assert logit_margin(z, torch.tensor([1, 2])).tolist() == [-1, 1]


@pytest.mark.parametrize("lowest", [-torch.inf, torch.finfo(torch.float32).min])
def test_ratios_leave_out_classes_that_are_ruled_out(lowest: float) -> None:
    """With two classes in play the ratio would be 1 or -1 for ever: there it is the margin."""
    z = torch.tensor([[2.0, 0.5, lowest, lowest], [2.0, 1.0, 0.0, lowest], [4.0, 3.0, 2.0, 1.0]])
    y = torch.tensor([0, 0, 1])
    logits = z.clone().requires_grad_(True)
    value = dlr(lambda x: x, y)(logits)
    assert value.tolist() == pytest.approx([-1.5, -0.5, 0.5])
    (slope,) = torch.autograd.grad(value.sum(), logits)
    assert slope.isfinite().all()
    assert (slope.abs().amax(dim=1) > 0.1).all()
    pairs = torch.tensor([[0, 1], [0, 2], [1, 0]])
    value = dlr_targeted(lambda x: x, pairs)(logits)
    assert value.tolist() == pytest.approx([-1.5, -2.0, 1.0 / 2.5])
    towards = dlr_targeted(lambda x: x, torch.tensor([[0, 2], [0, 3], [1, 0]]))(logits)
    assert towards.tolist() == pytest.approx([-1.5, -1.0, 1.0 / 2.5])
    (slope,) = torch.autograd.grad(towards.sum(), logits)
    assert slope.isfinite().all()
