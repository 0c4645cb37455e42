"""`robustlens shift` from the words to numbers, sentence and picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robustlens.cli import main
from robustlens.nets import Architecture, save
from robustlens.streams import initialised

SIDE = 12


def folder(place: Path, count: int, level: float, seed: int, inside: str = "") -> Path:
    """Write pictures of noise about a level, flat or in a folder of one class."""
    where = place / inside
    where.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for k in range(count):
        pixels = generator.normal(level, 30, (SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(where / f"{k:02}.png")
    return place


@pytest.fixture
def net(tmp_path: Path) -> str:
    shape = Architecture(width=4, channels=3, classes=3, size=SIDE)
    path = tmp_path / "net.safetensors"
    save(path, initialised(0, shape.build), architecture=shape)
    return str(path)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["shift", *words, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_folders_of_one_kind_are_not_told_apart_and_others_are(
    net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = folder(tmp_path / "a", 40, 100, 0)
    same = folder(tmp_path / "same", 30, 100, 1)
    other = folder(tmp_path / "other", 30, 180, 2)
    first = answer(capsys, str(a), str(same), "--weights", net)
    assert first["numbers"]["kernel distance"]["p"] > 0.05
    assert first["numbers"]["two-sample accuracy"]["low"] <= 0.5
    assert "sees no difference" in first["sentence"]
    second = answer(capsys, str(a), str(other), "--weights", net)
    assert second["numbers"]["kernel distance"]["p"] <= 0.001
    assert second["numbers"]["two-sample accuracy"]["value"] > 0.9
    assert second["numbers"]["share of B far from A"]["value"] > 0.9
    assert "one image tells" in second["sentence"]
    assert (second["a"]["n"], second["b"]["n"]) == (40, 30)
    assert len(second["provenance"]["data"]) == 2
    assert answer(capsys, str(a), str(other), "--weights", net)["numbers"] == second["numbers"]


def test_the_image_that_was_put_among_others_moved_most(
    net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = folder(tmp_path / "a", 20, 100, 0, "one"), folder(tmp_path / "b", 20, 100, 1)
    Image.new("RGB", (SIDE, SIDE), (255, 0, 0)).save(b / "odd.png")
    out = tmp_path / "out"
    found = answer(capsys, str(a), str(b), "--weights", net, "--out", str(out), "--moved", "3")
    assert found["moved"][0]["image"] == "odd.png"
    assert found["moved"][0]["nearest"].startswith("one")
    assert len(found["moved"]) == 3
    with Image.open(out / "moved-most-light.png") as picture:
        assert picture.width > 100
    assert json.loads((out / "result.json").read_text())["numbers"] == found["numbers"]
    assert main(["shift", str(a), str(b), "--weights", net, "--out", str(out)]) == 2
    assert "not empty" in capsys.readouterr().err


def test_images_in_both_folders_are_counted(
    net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = folder(tmp_path / "a", 10, 100, 0), folder(tmp_path / "b", 12, 100, 0)
    found = answer(capsys, str(a), str(b), "--weights", net)
    assert "10 images of B are in A too" in found["notes"][0]


def test_a_limit_draws_and_names_the_images_it_drew(
    net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = folder(tmp_path / "a", 20, 100, 0), folder(tmp_path / "b", 30, 180, 1)
    words = (str(a), str(b), "--weights", net, "--limit", "12", "--moved", "12")
    found = answer(capsys, *words)
    assert found["b"]["n"] == 12
    assert found["b"]["images of the split"] == 30
    names = {row["image"] for row in found["moved"]}
    assert names != {f"{k:02}.png" for k in range(12)}
    assert all((b / name).is_file() for name in names)


def test_a_data_set_by_name_has_numbers_for_names(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("fashion", "fashion", "--weights", "fashion-l2-1.5", "--limit", "40")
    found = answer(capsys, *words)
    assert found["moved"][0]["image"].startswith("image ")


def test_what_does_not_fit_is_refused_in_words(
    net: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, few = folder(tmp_path / "a", 10, 100, 0), folder(tmp_path / "few", 3, 100, 1)
    cases = [
        ([str(a), str(few), "--weights", net], "3 images in"),
        ([str(a), str(tmp_path / "none"), "--weights", net], "there is no"),
        ([str(a), str(a)], "neither --weights nor --model"),
        ([str(a), str(a), "--weights", net, "--moved", "0"], "--moved 0"),
        ([str(a), str(a), "--weights", net, "--limit", "2"], "--limit 2"),
        ([str(a), str(a), "--weights", net, "--layer", "nowhere"], "nowhere"),
    ]
    for words, said in cases:
        assert main(["shift", *words]) == 2, words
        assert said in capsys.readouterr().err, words


def test_pictures_of_any_size_and_colour_come_to_what_the_net_was_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = folder(tmp_path / "a", 10, 100, 0)
    words = ["shift", str(a), "fashion", "--weights", "fashion-l2-1.5", "--limit", "8", "--json"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["a"]["n"] == 8
