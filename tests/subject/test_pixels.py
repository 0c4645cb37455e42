"""A model that reads other pixels than it is given is noticed, with the numbers."""

import warnings

import pytest
import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.errors import Doubtful
from robustlens.nets import normalised
from robustlens.streams import stream
from robustlens.subject.pixels import MEAN, STD, check_pixels

LEVELS = 64


class Nearest(nn.Module):
    """Class of the nearest of the prototypes, exactly: other pixels lead to other classes."""

    def __init__(self, prototypes: Tensor) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(prototypes)

    def forward(self, x: Tensor) -> Tensor:
        return -torch.cdist(x.flatten(1), self.prototypes.flatten(1))


class Of(nn.Module):
    """A net shown pixels in a way of its own."""

    def __init__(self, net: nn.Module, way: str) -> None:
        super().__init__()
        self.net, self.way = net, way

    def forward(self, x: Tensor) -> Tensor:
        ways = {"255": x / 255, "-1": (x + 1) / 2, "bgr": x.flip(1), "255 bgr": x.flip(1) / 255}
        return self.net(ways.get(self.way, x))


def images(channels: int) -> Dataset:
    pixels = torch.randint(0, 256, (LEVELS, channels, 4, 4), generator=stream(0, "x"))
    if channels == 3:  # each of one colour, told apart by the colour alone
        pixels[:] = pixels[:, :, :1, :1]
    names = tuple(f"class {k}" for k in range(LEVELS))
    return Dataset(pixels.to(torch.uint8), torch.arange(LEVELS), names, "toy")


def said(model: nn.Module, data: Dataset) -> str:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        check_pixels(model, data)
    assert all(w.category is Doubtful for w in found)
    return "; ".join(str(w.message) for w in found)


@pytest.mark.parametrize("channels", [1, 3])
def test_right_pixels_are_no_doubt(channels: int) -> None:
    data = images(channels)
    assert said(Nearest(data.images.float() / 255), data) == ""


@pytest.mark.parametrize(
    ("way", "channels", "words"),
    [
        ("255", 1, "with pixels from 0 to 255"),
        ("255", 3, "with pixels from 0 to 255"),
        ("-1", 1, "with pixels from -1 to 1"),
        ("bgr", 3, "with channels as BGR"),
        ("255 bgr", 3, "with pixels from 0 to 255, channels as BGR"),
    ],
)
def test_other_pixels_are_said_with_the_numbers(way: str, channels: int, words: str) -> None:
    data = images(channels)
    found = said(Of(Nearest(data.images.float() / 255), way), data)
    assert f"and on 64 (100%) {words}:" in found
    assert "of 64 images the model is right on" in found


def test_a_missing_and_a_double_normalisation_are_told_apart() -> None:
    data = images(3)
    x = data.images.float() / 255
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (MEAN, STD))
    raw = Nearest((x - mean) / std)  # it was trained on normalised images
    assert "with ImageNet's mean and deviation" in said(raw, data)
    assert said(normalised(raw, MEAN, STD), data) == ""
    twice = normalised(normalised(raw, MEAN, STD), MEAN, STD)
    assert "with a normalisation less, by ImageNet's mean and deviation" in said(twice, data)


def test_nothing_is_said_by_chance_or_changed() -> None:
    data = images(3)
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(48), nn.Dropout(), nn.Linear(48, LEVELS))
    state = {k: v.clone() for k, v in net.state_dict().items()}
    torch.random.set_rng_state(before)
    assert said(net, data) == ""
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    assert net.training
