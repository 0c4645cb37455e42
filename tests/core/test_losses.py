import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from torch import Tensor, nn

from robustlens.attacks import bind, pgd, pgd_kl
from robustlens.balls import L2
from robustlens.errors import InputError
from robustlens.losses import adversarial, describe, gaussian_noise, standard, trades
from robustlens.streams import normal, stream

Y = torch.tensor([0, 2, 1, 0])


class Net(nn.Module):
    """Linear, with batch norm, so that the mode matters."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.head = nn.BatchNorm2d(2), nn.Linear(18, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm(x).flatten(1))
        return logits


@pytest.fixture
def net() -> Net:
    from robustlens.streams import initialised

    return initialised(0, Net)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(4, 2, 3, 3, generator=stream(0, "x"))


def shift(model: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """An attack that is known in advance."""
    return (x + 0.1).clamp(0, 1)


def probabilities(net: Net, x: Tensor) -> tuple[Any, Any]:
    """Softmax and log-softmax by scipy, of the net in training mode, on a copy of its buffers."""
    before = {key: t.clone() for key, t in net.state_dict().items()}
    z = net(x).detach().double().numpy()
    net.load_state_dict(before)
    return softmax(z, axis=1), log_softmax(z, axis=1)


def cross_entropy(log_p: Any) -> float:
    return float(-np.mean(log_p[np.arange(4), Y.numpy()]))


def test_standard_is_cross_entropy(net: Net, x: Tensor) -> None:
    expected = cross_entropy(probabilities(net, x)[1])
    assert standard(net, x, Y, stream(0)).item() == pytest.approx(expected, rel=1e-5)


def test_adversarial_is_cross_entropy_on_attacked_images(net: Net, x: Tensor) -> None:
    expected = cross_entropy(probabilities(net, shift(net, x, Y, stream(0)))[1])
    assert adversarial(shift)(net, x, Y, stream(0)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("beta", [0.0, 1.0, 6.0])
def test_trades_adds_the_divergence_of_each_example(beta: float, net: Net, x: Tensor) -> None:
    p, log_p = probabilities(net, x)
    log_q = probabilities(net, shift(net, x, Y, stream(0)))[1]
    each = (p * (log_p - log_q)).sum(axis=1)  # not folded over the batch
    expected = cross_entropy(log_p) + beta * each.mean()
    found = trades(shift, beta)(net, x, Y, stream(0))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_trades_does_not_depend_on_how_a_batch_is_cut(net: Net, x: Tensor) -> None:
    net.eval()
    loss = trades(shift)
    whole = loss(net, x, Y, stream(0))
    halves = [loss(net, x[i : i + 2], Y[i : i + 2], stream(0)) for i in (0, 2)]
    assert whole.item() == pytest.approx(torch.stack(halves).mean().item(), rel=1e-5)


def test_trades_trains_through_both_terms(net: Net, x: Tensor) -> None:
    parameters = list(net.parameters())
    clean, both = (
        torch.autograd.grad(trades(shift, beta)(net, x, Y, stream(0)), parameters)
        for beta in (0.0, 6.0)
    )
    assert not torch.allclose(clean[2], both[2])


def test_noise_is_added_and_not_clipped(net: Net, x: Tensor) -> None:
    noisy = x + 2.0 * normal(x, stream(0, "noise"))
    assert noisy.min() < 0
    expected = cross_entropy(probabilities(net, noisy)[1])
    found = gaussian_noise(2.0)(net, x, Y, stream(0, "noise"))
    assert found.item() == pytest.approx(expected, rel=1e-5)
    assert gaussian_noise(0.0)(net, x, Y, stream(0)).item() == pytest.approx(
        standard(net, x, Y, stream(0)).item()
    )


LOSSES = {
    "standard": standard,
    "adversarial": adversarial(bind(pgd, L2(0.5), steps=3)),
    "trades": trades(bind(pgd_kl, L2(0.5), steps=3)),
    "noise": gaussian_noise(0.25),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_leave_no_gradient_and_no_mode_behind(name: str, net: Net, x: Tensor) -> None:
    loss = LOSSES[name](net, x, Y, stream(0))
    assert loss.shape == ()
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert all(module.training for module in net.modules())
    loss.backward()
    assert all(p.grad is not None for p in net.parameters())


@pytest.mark.parametrize("name", ["adversarial", "trades"])
def test_the_gradient_is_that_of_the_attacked_images_alone(name: str, net: Net, x: Tensor) -> None:
    """What the attack computed on the way adds nothing to the parameters' gradient."""
    seen: list[Tensor] = []
    attack = {"adversarial": bind(pgd, L2(0.5), steps=3), "trades": bind(pgd_kl, L2(0.5), steps=3)}

    def recorded(model: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        assert not model.training
        seen.append(attack[name](model, x, y, generator))
        return seen[-1]

    make = {"adversarial": adversarial, "trades": trades}[name]
    parameters = list(net.parameters())
    found = torch.autograd.grad(make(recorded)(net, x, Y, stream(0)), parameters)
    replay = make(lambda model, x, y, generator: seen[0])(net, x, Y, stream(0))
    expected = torch.autograd.grad(replay, parameters)
    assert all(map(torch.equal, found, expected))


def test_attacks_raise_the_loss_they_are_trained_on(net: Net, x: Tensor) -> None:
    net.eval()
    assert LOSSES["adversarial"](net, x, Y, stream(0)) > standard(net, x, Y, stream(0))
    assert LOSSES["trades"](net, x, Y, stream(0)) > standard(net, x, Y, stream(0))


def test_losses_say_what_they_are() -> None:
    attack = bind(pgd, L2(0.5), steps=3)
    words = [describe(f) for f in (standard, adversarial(attack), trades(attack), LOSSES["noise"])]
    assert len(set(words)) == 4
    assert words[0] == "standard"
    assert "pgd l2 eps 0.5, steps 3, restarts 1" in words[1]
    assert words[3] == "gaussian noise (sigma 0.25)"
    assert describe(trades(attack, 1.0)) != describe(trades(attack, 6.0))


@pytest.mark.parametrize("value", [-0.1, math.nan])
def test_negative_weights_and_noise_are_refused(value: float) -> None:
    with pytest.raises(InputError, match=r"beta is .*change beta"):
        trades(shift, value)
    with pytest.raises(InputError, match=r"sigma is .*change sigma"):
        gaussian_noise(value)
