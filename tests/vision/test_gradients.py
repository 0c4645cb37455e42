"""Gradients at the pixels: against finite differences, known angles and known spectra."""

import math

import pytest
import torch

from robustlens.data import Dataset
from robustlens.streams import normal, stream
from robustlens.vision import (
    class_means,
    cosine,
    high_frequency_share,
    loss_gradient,
    picture,
    runner_up,
)


def test_loss_gradient_is_the_finite_difference(trained) -> None:
    model, x, y = trained.model.double(), trained.x[:2].double(), trained.y[:2]
    gradient = loss_gradient(model, x, y)
    step = torch.zeros_like(x)
    step[:, 0, 14, 14] = 1e-6
    with torch.no_grad():
        up, down = (
            torch.nn.functional.cross_entropy(model(z), y, reduction="none")
            for z in (x + step, x - step)
        )
    model.float()
    torch.testing.assert_close(gradient[:, 0, 14, 14], (up - down) / 2e-6, rtol=1e-4, atol=1e-7)
    assert all(p.grad is None for p in model.parameters())


def test_cosine_of_known_angles() -> None:
    a = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]).view(3, 1, 1, 2)
    b = torch.tensor([[0.0, 2.0], [-3.0, -3.0], [1.0, 0.0]]).view(3, 1, 1, 2)
    torch.testing.assert_close(cosine(a, b), torch.tensor([0.0, -1.0, 0.0]))


def test_cosine_survives_tiny_gradients() -> None:
    a = torch.full((1, 1, 2, 2), 1e-30)
    torch.testing.assert_close(cosine(a, a), torch.ones(1))


def test_high_frequency_share_of_known_images() -> None:
    rows = torch.arange(32.0)
    slow = torch.sin(2 * math.pi * rows / 16).repeat(32, 1)
    fast = torch.sin(2 * math.pi * rows * 12 / 32).repeat(32, 1)
    x = torch.stack([slow, fast, slow + fast, torch.ones(32, 32)]).unsqueeze(1)
    share = high_frequency_share(x)
    torch.testing.assert_close(share, torch.tensor([0.0, 1.0, 0.5, 0.0]), atol=1e-5, rtol=0)


def test_white_noise_has_the_share_of_the_area() -> None:
    x = normal(torch.empty(200, 3, 32, 32), stream(0, "noise"))
    expected = 1 - math.pi / 16
    assert float(high_frequency_share(x).mean()) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_images_and_zero_is_neutral(channels: int) -> None:
    gradient = normal(torch.empty(2, channels, 8, 8), stream(0, "g"))
    gradient[1] = 0
    shown = picture(gradient)
    assert shown.shape == (2, 3, 8, 8)
    assert 0 <= float(shown.min()) <= float(shown.max()) <= 1
    assert (shown[1] == (1.0 if channels == 1 else 0.5)).all()


def test_a_grey_gradient_is_blue_below_zero_and_red_above() -> None:
    gradient = torch.tensor([[-1.0, 1.0]]).view(1, 1, 1, 2)
    red, _, blue = picture(gradient)[0]
    assert blue[0, 0] > red[0, 0]
    assert red[0, 1] > blue[0, 1]


def test_class_means() -> None:
    images = torch.tensor([0, 100, 50, 255], dtype=torch.uint8).view(4, 1, 1, 1)
    data = Dataset(images, torch.tensor([0, 0, 1, 2]), ("a", "b", "c", "none"), "four")
    means = class_means(data).flatten()
    torch.testing.assert_close(means, torch.tensor([50.0, 50.0, 255.0, 0.0]) / 255)


def test_runner_up_is_the_best_wrong_class() -> None:
    z = torch.tensor([[3.0, 2.0, 1.0], [0.0, 5.0, 6.0]])
    got = runner_up(lambda x: z, torch.zeros(2, 1, 1, 1), torch.tensor([0, 0]))
    assert got.tolist() == [1, 2]
