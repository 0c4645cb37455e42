"""A Hugging Face folder: its pictures are those of transformers, its answers in pixels."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import robustlens as rl
from robustlens.data.dataset import batches
from robustlens.data.framing import Framing, framed
from robustlens.errors import Doubtful, InputError
from robustlens.subject import extras as extras_module
from robustlens.subject import prepare, probe
from robustlens.subject.preprocessing import Preprocessing, of_huggingface

ResNet, ViT = "resnet", "vit"


@pytest.fixture
def transformers() -> Any:
    return pytest.importorskip("transformers", reason="the extra [hub] is not installed")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for k, (name, size) in enumerate({"dog": (50, 70), "cat": (91, 40), "tabby": (64, 64)}.items()):
        (folder / name).mkdir(parents=True)
        pixels = np.random.default_rng(k).integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name / "1.png")
    return folder


def saved(transformers: Any, kind: str, folder: Path) -> Any:
    torch.manual_seed(0)
    names = {0: "cat", 1: "dog", 2: "tabby, tabby cat"}
    if kind == ViT:
        config = transformers.ViTConfig(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            image_size=32, patch_size=8, id2label=names,
        )  # fmt: skip
        net = transformers.ViTForImageClassification(config)
        processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    else:
        config = transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic",
            id2label=names,
        )  # fmt: skip
        net = transformers.ResNetForImageClassification(config)
        processor = transformers.ConvNextImageProcessor(size={"shortest_edge": 48}, crop_pct=0.875)
    net.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return net, processor


@pytest.mark.parametrize("kind", [ViT, ResNet])
def test_its_answers_are_those_of_transformers(
    kind: str, transformers: Any, photos: Path, tmp_path: Path
) -> None:
    net, processor = saved(transformers, kind, tmp_path / "net")
    subject = rl.bring(f"hf:{tmp_path / 'net'}")
    assert subject.classes == ("cat", "dog", "tabby, tabby cat")
    ready = prepare([subject], str(photos))
    assert ready.data.labels.tolist() == [0, 1, 2]
    paths = sorted(photos.rglob("*.png"))
    pictures = []
    for path in paths:
        with Image.open(path) as image:
            pictures.append(image.convert("RGB"))
    wanted = net(**processor(pictures, return_tensors="pt")).logits
    x, _ = next(batches(ready.data, 9))
    torch.testing.assert_close(subject.model(x), wanted, rtol=1e-4, atol=1e-5)
    probe(subject.model, ready.data)
    attacked = rl.pgd_accuracy(subject.model, ready.data, rl.Linf(1 / 255), steps=2)
    assert attacked.rate.n == 3
    assert all(record.distance <= 1 / 255 + 1e-6 for record in attacked.records)


@pytest.mark.parametrize(
    "kind",
    [
        "DeiT",
        "Beit",
        "CLIP",
        "ConvNext",
        "EfficientNet",
        "MobileNetV2",
        "Bit",
        "Levit",
        "PoolFormer",
    ],
)
def test_pictures_are_those_of_transformers(kind: str, transformers: Any, tmp_path: Path) -> None:
    processor = getattr(transformers, f"{kind}ImageProcessor")()
    processor.save_pretrained(tmp_path)
    how = of_huggingface(json.loads(processor.to_json_string()))
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    picture = Image.fromarray(pixels)
    wanted = processor(picture, return_tensors="pt")["pixel_values"]
    assert how.framing is not None
    x = torch.from_numpy(np.asarray(framed(picture, how.framing)).copy()).permute(2, 0, 1) / 255
    found = how.inside(nn.Identity())(x[None])
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_other_pictures_than_those_of_transformers_are_said(
    transformers: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(transformers, ViT, tmp_path)
    wrong = Preprocessing(Framing(32, 32, 64, "bilinear", 3), (0.5,) * 3, (0.5,) * 3)
    monkeypatch.setattr("robustlens.subject.huggingface.of_huggingface", lambda *_: wrong)
    with pytest.warns(Doubtful, match="not read for hf:.* as transformers reads them"):
        rl.bring(f"hf:{tmp_path}")


def test_weights_that_are_made_up_are_refused(transformers: Any, tmp_path: Path) -> None:
    net, _ = saved(transformers, ViT, tmp_path)
    net.vit.save_pretrained(tmp_path)  # without its head
    with pytest.raises(InputError, match="drawn at random"):
        rl.bring(f"hf:{tmp_path}")


def test_folders_that_lack_something_are_refused(transformers: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*config\.json"):
        rl.bring(f"hf:{tmp_path / 'absent'}")
    saved(transformers, ViT, tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(InputError, match=r"has no preprocessor_config\.json"):
        rl.bring(f"hf:{tmp_path}")
    weights = tmp_path / "model.safetensors"
    weights.rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"model\.safetensors"):
        rl.bring(f"hf:{tmp_path}")


def test_a_package_that_is_not_there_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(extras_module.importlib, "import_module", absent)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(InputError, match=r"transformers.*pip install 'robustlens\[hub\]'"):
        rl.bring(f"hf:{tmp_path}")
    with pytest.raises(InputError, match=r"package onnx .*pip install 'robustlens\[onnx\]'"):
        rl.bring(str(tmp_path / "m.onnx"))
