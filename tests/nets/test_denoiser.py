"""A denoiser, and a classifier behind one."""

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss

from robustlens.errors import InputError
from robustlens.nets import Architecture, Denoised, Denoiser
from robustlens.streams import initialised, stream


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 32, 48)])
def test_images_keep_their_shape(channels: int, height: int, width: int) -> None:
    model = initialised(0, lambda: Denoiser(channels, 4)).eval()
    x = torch.rand(2, channels, height, width, generator=stream(0))
    assert model(x).shape == x.shape
    with pytest.raises(InputError, match="even sides"):
        model(x[..., :-1])
    with pytest.raises(InputError, match="depth 1"):
        Denoiser(1, 4, 1)


def test_it_learns_to_take_noise_away_from_flat_images() -> None:
    """Of images of one colour the mean is the best guess, and far better than the image."""
    model = initialised(0, lambda: Denoiser(1, 8, 3)).train()
    steps = torch.optim.Adam(model.parameters(), 0.01)
    g = stream(0, "flat")
    for _ in range(60):
        x = torch.rand(32, 1, 1, 1, generator=g).expand(-1, -1, 8, 8)
        noisy = x + 0.5 * torch.randn(x.shape, generator=g)
        loss = mse_loss(model(noisy), x)
        steps.zero_grad()
        loss.backward()
        steps.step()
    assert loss.item() < 0.6 * 0.25


def test_a_denoised_net_is_a_small_one_behind_a_denoiser() -> None:
    model = initialised(0, Architecture(net="denoised", width=4, depth=3).build).eval()
    assert isinstance(model, Denoised)
    x = torch.rand(2, 1, 28, 28, generator=stream(0))
    assert torch.equal(model(x), model.model(model.denoiser(x)))
    wrong = Denoised(nn.AvgPool2d(2), model.model)
    with pytest.raises(InputError, match=r"makes \(2, 1, 14, 14\) of \(2, 1, 28, 28\)"):
        wrong(x)
