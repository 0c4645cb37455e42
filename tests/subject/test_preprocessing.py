"""What a net expects of its pixels, from what comes with it."""

from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

import robustlens as rl
from robustlens.data.framing import Framing
from robustlens.errors import InputError
from robustlens.subject.preprocessing import Preprocessing, of_huggingface, of_timm

HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}


@pytest.mark.parametrize(
    ("config", "framing"),
    [
        ({"size": {"height": 32, "width": 48}}, Framing(32, 48, (32, 48), "bilinear", 3)),
        ({"size": 224, "resample": 3}, Framing(224, 224, (224, 224), "bicubic", 3)),
        (
            {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224},
             "do_center_crop": True, "resample": 3},
            Framing(224, 224, 256, "bicubic", 3),
        ),
        (
            {"size": 256, "crop_size": 224, "do_center_crop": True},
            Framing(224, 224, 256, "bilinear", 3),
        ),
        ({"size": {"shortest_edge": 64}, "crop_pct": 0.875}, Framing(64, 64, 73, "bilinear", 3)),
        (
            {"size": {"shortest_edge": 384}, "crop_pct": 0.875},
            Framing(384, 384, (384, 384), "bilinear", 3),
        ),
        (
            {"size": {"height": 80, "width": 80}, "crop_size": 64, "do_center_crop": True},
            Framing(64, 64, (80, 80), "bilinear", 3),
        ),
        ({"do_resize": False}, None),
        (
            {"feature_extractor_type": "DeiTFeatureExtractor", "size": 80, "crop_size": 64,
             "do_center_crop": True},
            Framing(64, 64, (80, 80), "bilinear", 3),
        ),
        (
            {"image_processor_type": "LevitImageProcessor", "size": {"shortest_edge": 56},
             "crop_size": {"height": 56, "width": 56}, "do_center_crop": True},
            Framing(56, 56, 64, "bilinear", 3),
        ),
        (
            {"size": {"shortest_edge": 90}, "crop_pct": 0.9, "crop_size": 90,
             "do_center_crop": True},
            Framing(90, 90, 100, "bilinear", 3),
        ),
    ],
)  # fmt: skip
def test_size_and_crop(config: dict[str, Any], framing: Framing | None) -> None:
    assert of_huggingface(config).framing == framing


@pytest.mark.parametrize(
    ("config", "value"),
    [
        (HALF, lambda x: (x - 0.5) / 0.5),
        ({**HALF, "do_normalize": False}, lambda x: x),
        ({**HALF, "rescale_factor": 1 / 127.5, "rescale_offset": True, "do_normalize": False},
         lambda x: 2 * x - 1),
        ({"do_rescale": False, "image_mean": [104, 117, 123], "image_std": [1, 1, 1],
          "channels": "bgr"},
         lambda x: 255 * x.flip(1) - torch.tensor([104.0, 117, 123]).view(1, 3, 1, 1)),
    ],
)  # fmt: skip
def test_what_is_moved_inside(config: dict[str, Any], value: Any) -> None:
    x = torch.rand(2, 3, 4, 4)
    found = of_huggingface(config).inside(nn.Identity())(x)
    torch.testing.assert_close(found, value(x), rtol=1e-4, atol=1e-5)


def test_what_cannot_be_read_is_refused() -> None:
    for wrong in ({"size": {"longest_edge": 3}}, {"channels": "hsv"}, {"image_mean": ["x"]}):
        with pytest.raises(InputError, match=r"preprocessor_config\.json"):
            of_huggingface(wrong)


class Config(NamedTuple):
    """A `pretrained_cfg` that is an object."""

    mean: tuple[float, ...] = (0.1, 0.2, 0.3)
    std: tuple[float, ...] = (0.5, 0.5, 0.25)
    input_size: tuple[int, int, int] = (3, 32, 32)
    crop_pct: float | None = 0.5
    interpolation: str = "bilinear"


@pytest.mark.parametrize("config", [Config(), Config()._asdict()])
def test_a_net_with_a_pretrained_cfg_reads_images_in_0_1(config: Any) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
    net.pretrained_cfg = config
    subject = rl.bring(net)
    x = torch.rand(2, 3, 32, 32)
    mean, std = (
        (torch.tensor(v).view(1, 3, 1, 1) for v in (config or Config())[:2])
        if isinstance(config, Config)
        else (torch.tensor(config[k]).view(1, 3, 1, 1) for k in ("mean", "std"))
    )
    torch.testing.assert_close(subject.model(x), net((x - mean) / std))
    assert subject.framing == Framing(32, 32, 64, "bilinear", 3)
    assert "pretrained_cfg" in subject.notes[0]


def test_plain_pixels_stay() -> None:
    net = nn.Identity()
    assert Preprocessing().inside(net) is net
    assert Preprocessing(Framing(3, 3)).plain
    assert not of_timm({}).plain
