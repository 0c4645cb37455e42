"""Explanations: against closed forms, the completeness axiom, and known spectra."""

import math

import pytest
import torch
from torch import Tensor

from robustlens.ascend import value_and_gradient
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.objectives import misclassify
from robustlens.streams import normal, stream
from robustlens.vision.explain import (
    blurred,
    blurred_gradient,
    gradient_times_input,
    integrated_gradients,
    smooth_gradient,
)


def points(n: int = 3) -> Tensor:
    return normal(torch.empty(n, 1, 4, 4, dtype=torch.float64), stream(0, "x"))


def weights() -> Tensor:
    return normal(torch.empty(16, dtype=torch.float64), stream(0, "w"))


def affine(x: Tensor) -> Tensor:
    return x.flatten(1) @ weights() + 3.0


def sines(x: Tensor) -> Tensor:
    return x.flatten(1).sin().sum(dim=1)


def test_all_are_exact_on_a_linear_function() -> None:
    x, w = points(), weights().view(1, 1, 4, 4)
    whole = w.expand_as(x)
    torch.testing.assert_close(smooth_gradient(affine, x, samples=2, generator=stream(0)), whole)
    torch.testing.assert_close(gradient_times_input(affine, x), whole * x)
    torch.testing.assert_close(integrated_gradients(affine, x, steps=1), whole * x)
    torch.testing.assert_close(blurred_gradient(affine, x), blurred(w, 1.0).expand_as(x))


def test_integrated_gradients_of_a_separable_function() -> None:
    """Of a sum over pixels, each pixel gets its own difference."""
    x = points()
    base = torch.full_like(x, 0.3)
    found = integrated_gradients(sines, x, baseline=base, steps=400)
    torch.testing.assert_close(found, x.sin() - base.sin(), rtol=0, atol=1e-5)


def test_integrated_gradients_share_a_product_in_halves() -> None:
    """The gradient of x1 x2 is linear on the way, so that one step is exact."""
    x = torch.tensor([[2.0, 5.0]]).view(1, 1, 1, 2)
    found = integrated_gradients(lambda z: z.flatten(1).prod(dim=1), x, steps=1)
    assert found.flatten().tolist() == [5.0, 5.0]


def smooth(x: Tensor) -> Tensor:
    return (affine(x) / 4).tanh() * sines(x)


def test_integrated_gradients_are_complete_with_an_error_of_second_order() -> None:
    x = points(20)
    change = smooth(x) - smooth(torch.zeros_like(x))
    errors = [
        float((integrated_gradients(smooth, x, steps=n).flatten(1).sum(1) - change).abs().max())
        for n in (100, 200)
    ]
    assert errors[0] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_integrated_gradients_of_a_net_are_complete(trained) -> None:
    x, objective = trained.x[:10], misclassify(trained.model, trained.y[:10])
    with frozen(trained.model), torch.no_grad():
        change = objective(x) - objective(torch.zeros_like(x))
    with frozen(trained.model):
        found = integrated_gradients(objective, x, steps=300).flatten(1).sum(dim=1)
    torch.testing.assert_close(found, change, rtol=0.05, atol=0.02)


def test_smooth_gradient_is_the_gradient_of_the_average() -> None:
    """E sin(x + N(0, s^2)) = exp(-s^2 / 2) sin(x)."""
    x = points(2)
    found = smooth_gradient(sines, x, sigma=0.5, samples=2000, generator=stream(0, "smooth"))
    torch.testing.assert_close(found, math.exp(-0.125) * x.cos(), rtol=0, atol=0.05)


def test_noise_belongs_to_the_images_and_the_generator() -> None:
    x = points()
    one, again, other = (smooth_gradient(sines, x, generator=stream(seed)) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(smooth_gradient(sines, x[1:2], generator=stream(0)), one[1:2])


def test_no_noise_and_no_blur_give_the_gradient() -> None:
    x = points()
    gradient = value_and_gradient(sines, x)[1]
    none = smooth_gradient(sines, x, sigma=0, samples=3, generator=stream(0))
    torch.testing.assert_close(none, gradient)
    torch.testing.assert_close(blurred_gradient(sines, x, sigma=0), gradient)


def test_blurring_damps_waves_by_their_frequency_and_keeps_the_mean() -> None:
    wave = torch.sin(2 * math.pi * torch.arange(32.0) / 8).repeat(32, 1)[None, None]
    kept = math.exp(-2 * math.pi**2 * 1.5**2 / 8**2)
    torch.testing.assert_close(blurred(wave + 0.5, 1.5), kept * wave + 0.5, rtol=0, atol=1e-5)


def test_the_blurred_gradient_is_the_blurred_gradient_at_the_blurred_image() -> None:
    x = points()
    inner = value_and_gradient(sines, blurred(x, 0.7))[1]
    torch.testing.assert_close(blurred_gradient(sines, x, sigma=0.7), blurred(inner, 0.7))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: smooth_gradient(sines, x, sigma=-1, generator=stream(0)),
        lambda x: smooth_gradient(sines, x, samples=0, generator=stream(0)),
        lambda x: integrated_gradients(sines, x, steps=0),
        lambda x: blurred_gradient(sines, x, sigma=-1),
    ],
)
def test_values_out_of_range_are_refused(call) -> None:
    with pytest.raises(InputError):
        call(points())
