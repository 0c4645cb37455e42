"""The smoothed model as a Model: its values, its gradients, attacks inside certificates."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from robustlens.errors import InputError
from robustlens.nets import Averaged
from robustlens.smoothing import (
    Certificate,
    Fixed,
    Gaussian,
    Noise,
    Rounded,
    certify,
    challenge,
    denoised,
    smoothed,
)
from robustlens.streams import normal, stream
from toys import data, plane


def test_a_smoothed_model_is_the_log_of_the_mean_softmax(trained: Any) -> None:
    x = trained.x[:3]
    soft = smoothed(trained.model, 0.25, m=5, seed=3)
    noise = 0.25 * normal(x.new_empty(1, 5, *x.shape[1:]), stream(3, "smoothed"))
    with torch.no_grad():
        each = torch.stack([trained.model(x + one).softmax(dim=1) for one in noise[0]])
        assert soft(x).exp() == pytest.approx(each.mean(dim=0), abs=1e-6)
        assert torch.equal(soft(x), soft(x))
        assert soft(x[:1]) == pytest.approx(soft(x)[:1], abs=1e-5)


def test_its_gradient_is_that_of_finite_differences() -> None:
    model, images = plane(1)
    x = (images.images / 255).double()
    model = model.double()
    model.w = model.w.double()
    soft = Averaged(model, 0.25 * torch.randn(1, 4, 1, 4, 4, generator=stream(0)).double())
    point = x.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(soft(point)[0, 1], point)
    step = torch.zeros_like(x)
    step[0, 0, 1, 2] = 1e-5
    with torch.no_grad():
        expected = (soft(x + step) - soft(x - step))[0, 1] / 2e-5
    assert slope[0, 0, 1, 2].item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("noise", [Gaussian(0.25), Rounded(0.25)], ids=str)
def test_no_certificate_breaks_and_a_false_one_does(noise: Noise) -> None:
    """An attack inside a certificate that finds another class is a bug; far outside it should."""
    model, images = plane(3)
    rows = list(certify(model, images, noise, Fixed(n=2000), batch_size=2048))
    assert sum(row.predicted >= 0 for row in rows) >= 2
    held = challenge(model, images, rows, noise, batch_size=2048)
    assert not any(found.broken for found in held)
    assert all(found.distance <= found.radius for found in held)
    far = model.distance(images.images / 255)
    false = [
        Certificate(**row.as_dict() | {"radius": 1.5 * float(distance) + 0.2})
        for row, distance in zip(rows, far, strict=True)
        if row.predicted >= 0
    ]
    assert all(found.broken for found in challenge(model, images, false, noise, batch_size=2048))


def test_a_certified_net_resists_attacks_inside_its_radii(trained: Any) -> None:
    images = data((trained.x[:4] * 255).round(), trained.y[:4], 10)
    noise = Gaussian(0.1)
    rows = list(certify(trained.model, images, noise, Fixed(n=200, n0=20), alpha=0.01))
    assert sum(row.predicted >= 0 for row in rows) >= 2
    found = challenge(trained.model, images, rows, noise, m=4, steps=5, n=100)
    assert len(found) >= 2
    assert not any(one.broken for one in found)


def test_a_denoiser_comes_first() -> None:
    model, images = plane(2)

    class Half(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x / 2

    x = images.images / 255
    assert torch.equal(denoised(Half(), model)(x), model(x / 2))
    with pytest.raises(InputError, match="a denoiser that makes"):
        denoised(nn.Flatten(), model)(x)


def test_a_smoothed_model_needs_noise() -> None:
    model, _ = plane(1)
    with pytest.raises(InputError, match="m is 0"):
        smoothed(model, 0.25, m=0)
    with pytest.raises(InputError, match="sigma is 0"):
        smoothed(model, 0.0)
