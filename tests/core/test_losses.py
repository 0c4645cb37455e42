import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, ndtri, softmax
from torch import Tensor, nn

from robustlens.attacks import bind, pgd, pgd_kl
from robustlens.balls import L2
from robustlens.errors import InputError
from robustlens.losses import (
    NOISY,
    adversarial,
    consistency,
    denoise,
    describe,
    gaussian_noise,
    macer,
    smoothadv,
    standard,
    trades,
)
from robustlens.nets import Denoised
from robustlens.recipes import LOSSES as NAMED
from robustlens.streams import Shared, normal, stream

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


def behind_its_norm(model: nn.Module, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
    """The loss of a net that takes its own norm for a denoiser."""
    return denoise(0.25)(Denoised(model.norm, model), x, y, generator)


LOSSES = {
    "standard": standard,
    "adversarial": adversarial(bind(pgd, L2(0.5), steps=3)),
    "trades": trades(bind(pgd_kl, L2(0.5), steps=3)),
    "noise": gaussian_noise(0.25),
    "smoothadv": smoothadv(bind(pgd, L2(0.5), steps=3), 0.25),
    "macer": macer(0.25, m=4),
    "consistency": consistency(0.25),
    "denoise": behind_its_norm,
}


def copies(x: Tensor, sigma: float, m: int) -> Tensor:
    """The noisy copies that a loss makes of x with this stream, an image's together."""
    drawn = normal(x[:, None].expand(-1, m, *x.shape[1:]), stream(0, "copies"))
    return (x[:, None] + sigma * drawn).flatten(0, 1)


def of_copies(net: Net, x: Tensor, m: int) -> tuple[Any, Any]:
    """Softmax and its log at copies, (b, m, k)."""
    p, log_p = probabilities(net, x)
    return p.reshape(-1, m, 3), log_p.reshape(-1, m, 3)


ROWS = np.arange(4)


def test_smoothadv_attacks_the_mean_and_trains_on_the_same_noise(net: Net, x: Tensor) -> None:
    m, sigma = 3, 0.5
    seen: list[Any] = []

    def attack(model: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        seen.append(model(x).detach().double().numpy())
        return shift(model, x, y, generator)

    p = of_copies(net.eval(), copies(x, sigma, m), m)[0]
    found = smoothadv(attack, sigma, m=m)(net.train(), x, Y, stream(0, "copies"))
    assert seen[0] == pytest.approx(np.log(p.mean(axis=1)), rel=1e-4)
    log_p = of_copies(net, copies(shift(net, x, Y, stream(0)), sigma, m), m)[1]
    assert found.item() == pytest.approx(-log_p[ROWS, :, Y.numpy()].mean(), rel=1e-4)


def test_smoothadv_raises_what_it_says(net: Net, x: Tensor) -> None:
    """Its attack makes -log of the mean probability larger than no attack does."""
    net.eval()
    attacked, plain = (
        smoothadv(attack, 0.25, m=4)(net, x, Y, stream(0, "copies")).item()
        for attack in (bind(pgd, L2(0.5), steps=5), lambda model, x, y, generator: x)
    )
    assert attacked > plain + 0.01


def test_an_attack_that_drops_images_is_refused_by_name(net: Net, x: Tensor) -> None:
    def drops(model: Any, x: Tensor, y: Tensor, generator: torch.Generator) -> Tensor:
        model(x[:2])
        return x

    with pytest.raises(InputError, match="2 images for the noise of 4"):
        smoothadv(drops, 0.25)(net, x, Y, stream(0))


@pytest.mark.parametrize("gamma", [0.5, 8.0])
def test_macer_is_error_plus_a_hinge_on_the_radius(gamma: float, net: Net, x: Tensor) -> None:
    m, sigma, weight, beta = 4, 0.5, 12.0, 2.0
    p, log_p = of_copies(net, copies(x, sigma, m), m)
    error = -np.log(p.mean(axis=1))[ROWS, Y.numpy()].mean()
    sharp = softmax(beta * log_p, axis=2).mean(axis=1)
    hinge = []
    for row, label in zip(sharp, Y.tolist(), strict=True):
        other = max(value for place, value in enumerate(row) if place != label)
        right = row[label] > other
        hinge.append(right * max(0.0, gamma - (ndtri(row[label]) - ndtri(other))))
    assert 0 < sum(value > 0 for value in hinge) < 4
    expected = error + weight * sigma / 2 * np.mean(hinge)
    loss = macer(sigma, m=m, weight=weight, gamma=gamma, beta=beta)
    assert loss(net, x, Y, stream(0, "copies")).item() == pytest.approx(expected, rel=1e-4)


def test_macer_is_finite_where_a_net_is_sure(net: Net, x: Tensor) -> None:
    with torch.no_grad():
        net.head.weight.mul_(1000)
    found = macer(0.01)(net.eval(), x, Y, stream(0))
    gradients = torch.autograd.grad(found, list(net.parameters()))
    assert found.isfinite()
    assert all(g.isfinite().all() for g in gradients)


def test_consistency_is_error_divergence_and_entropy(net: Net, x: Tensor) -> None:
    m, sigma, weight, entropy = 2, 0.5, 10.0, 0.5
    p, log_p = of_copies(net, copies(x, sigma, m), m)
    mean = p.mean(axis=1)
    error = -log_p[ROWS, :, Y.numpy()].mean()
    apart = (mean[:, None] * (np.log(mean)[:, None] - log_p)).sum(axis=2).mean()
    spread = -(mean * np.log(mean)).sum(axis=1).mean()
    found = consistency(sigma, m=m, weight=weight, entropy=entropy)(net, x, Y, stream(0, "copies"))
    assert found.item() == pytest.approx(error + weight * apart + entropy * spread, rel=1e-4)


def test_denoise_is_two_trainings_that_do_not_meet(net: Net, x: Tensor) -> None:
    """The classifier's error on clean images, and the squared error of the denoiser alone."""
    keep = nn.Conv2d(2, 2, 1)
    model = Denoised(keep, net)
    found = denoise(0.5, weight=3.0)(model, x, Y, stream(0, "copies"))
    noisy = x + 0.5 * normal(x, stream(0, "copies"))
    error = (keep(noisy) - x).square().mean()
    assert found.item() == pytest.approx((standard(net, x, Y, stream(0)) + 3 * error).item())
    mine = torch.autograd.grad(found, list(keep.parameters()), retain_graph=True)
    alone = torch.autograd.grad(3 * error, list(keep.parameters()))
    assert all(torch.allclose(a, b) for a, b in zip(mine, alone, strict=True))
    with pytest.raises(InputError, match="use --net denoised"):
        denoise(0.5)(net, x, Y, stream(0))
    with pytest.raises(InputError, match="weight is -1"):
        denoise(0.5, weight=-1)


@pytest.mark.parametrize("name", sorted(NOISY))
def test_noise_is_new_in_each_step(name: str, net: Net, x: Tensor) -> None:
    net.eval()
    generator = stream(0)
    first, second = (LOSSES[name](net, x, Y, generator).item() for _ in range(2))
    assert first != second
    assert name in NAMED


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


@pytest.mark.parametrize("name", sorted(NOISY - {"smoothadv"}))
def test_processes_that_share_a_batch_share_its_noise(name: str, net: Net, x: Tensor) -> None:
    """Each half of a batch gets the noise that one process would give it."""
    net.eval()
    whole = LOSSES[name](net, x, Y, stream(0)).item()
    parts = []
    for rows in (slice(0, 2), slice(2, 4)):
        generator = Shared.like(stream(0))
        with generator.part(rows, 4):
            parts.append(LOSSES[name](net, x[rows], Y[rows], generator).item())
    assert sum(parts) / 2 == pytest.approx(whole, rel=1e-5)


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
    for make in (macer, consistency, lambda sigma: smoothadv(shift, sigma)):
        with pytest.raises(InputError, match=r"sigma is .*change sigma"):
            make(value)
    for make in (macer, consistency):
        with pytest.raises(InputError, match=r"weight is .*change weight"):
            make(0.25, weight=value)


def test_too_few_copies_are_refused() -> None:
    for make in (lambda: smoothadv(shift, 0.25, m=0), lambda: macer(0.25, m=0)):
        with pytest.raises(InputError, match="at least 1 noisy copies"):
            make()
    with pytest.raises(InputError, match="at least 2 noisy copies"):
        consistency(0.25, m=1)
    for name in ("gamma", "beta"):
        with pytest.raises(InputError, match=f"{name} is 0"):
            macer(0.25, **{name: 0.0})
