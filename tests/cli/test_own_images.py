"""A person's own images at the command line: all are counted, in the model's order of classes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from robustlens.cli import main
from robustlens.data import load
from robustlens.nets import Architecture, save
from robustlens.streams import initialised

COUNTS = {"circle": 20, "square": 22, "stripes": 22}
TRAIN = ["train", "--width", "4", "--epochs", "1", "--batch-size", "16", "--validation", "0.2"]


class Brightest(nn.Module):
    """Class k when channel k is the brightest: what it gets right can be counted by hand."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """64 pictures of three classes; every fourth is brightest in the channel of the next class."""
    for channel, (name, count) in enumerate(COUNTS.items()):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(count):
            pixels = np.full((8, 8, 3), 40 + index, np.uint8)
            pixels[..., (channel + (index % 4 == 3)) % 3] = 200
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index:02}.png")
    (tmp_path / "own_pkg.py").write_text(
        "from tests_own_images import Brightest as build\n", encoding="utf-8"
    )
    monkeypatch.setitem(sys.modules, "tests_own_images", sys.modules[__name__])
    monkeypatch.delitem(sys.modules, "own_pkg", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    return capsys.readouterr().err


EVALUATE = ["evaluate", "--model", "own_pkg:build", "--attack", "fgsm", "--norm", "linf"]
EVALUATE += ["--eps", "1/255", "--data"]


def test_all_images_of_a_folder_are_counted(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    got = answer(capsys, *EVALUATE, "./photos")
    right = sum(index % 4 != 3 for count in COUNTS.values() for index in range(count))
    clean = got["numbers"]["clean accuracy"]
    assert (clean["n"], clean["value"]) == (64, right / 64) == (64, 49 / 64)
    assert got["images"] == {
        "name": "photos", "split": "all", "n": 64, "images of the split": 64, "cut from": 64,
        "held out": 0, "classes": ["circle", "square", "stripes"],
    }  # fmt: skip
    assert main([*EVALUATE, "./photos"]) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("photos, all 64 images, 95 % intervals")
    assert second == "  classes: 0 circle, 1 square, 2 stripes"


def test_all_images_of_an_npz_are_counted(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = load("photos", "all")
    np.savez("mine.npz", x=whole.images.numpy(), y=whole.labels.numpy())
    got = answer(capsys, *EVALUATE, "mine.npz")
    assert got["numbers"]["clean accuracy"]["value"] == 49 / 64
    np.savez("two.npz", x=whole.images, y=whole.labels, x_test=whole.images[:6], y_test=[0] * 6)
    assert answer(capsys, *EVALUATE, "two.npz")["images"]["n"] == 6


def test_a_split_that_is_asked_for_is_said(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split, n in (("train", 52), ("test", 12)):
        got = answer(capsys, *EVALUATE, "photos", "--split", split)
        assert got["images"]["cut from"] == 64
        assert got["images"]["held out"] == 12
        assert got["numbers"]["clean accuracy"]["n"] == n
    assert main([*EVALUATE, "photos", "--split", "test"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("photos, test, 12 images, cut from 64 as the data have no splits")


def test_what_was_trained_on_is_not_tested_on(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--data", "photos"]) == 0
    first, weights, *_, following = capsys.readouterr().out.splitlines()
    assert first.startswith("photos, train, 52 images, cut from 64")
    assert 'held out as "test": 12' in first
    assert following.endswith("--split test")
    trained = answer(capsys, *TRAIN, "--data", "photos")
    assert trained["images"]["held out"] == 12
    words = ["evaluate", "--weights", weights, "--data", "photos", "--attack", "fgsm"]
    assert answer(capsys, *words)["images"]["split"] == "test"
    got = answer(capsys, "sanity", *words[1:5], "--norm", "linf", "--eps", "1/255")
    assert got["images"]["n"] == 12
    few = [*TRAIN, "--data", "photos", "--images", "30"]
    assert main(few) == 0
    words[2] = capsys.readouterr().out.splitlines()[1]
    assert answer(capsys, *words)["images"]["n"] == 12
    assert main([*words, "--split", "all"]) == 0
    assert "is shown images of photos that it was trained on" in capsys.readouterr().err


def test_transfer_and_a_built_set(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    architecture = Architecture(width=4, channels=3, classes=3, size=8)
    for seed in (0, 1):
        save(Path(f"{seed}.safetensors"), initialised(seed, architecture.build),
             architecture=architecture)  # fmt: skip
    words = ["--data", "photos", "--weights", "0.safetensors"]
    got = answer(capsys, "transfer", *words, "1.safetensors", "--steps", "1")
    assert {cell["n"] for cell in got["clean accuracy"].values()} == {64}
    assert got["images"]["split"] == "all"
    build = ["data", "build", "random-labels", "--data", "photos", "--model", "own_pkg:build"]
    built = answer(capsys, *build, "--out", "built")
    assert built["images"]["held out"] == 12
    assert main([*build, "--out", "built"]) == 0
    assert "made of: photos, train, 52 images, cut from 64" in capsys.readouterr().out
    assert "has no test images, only train" in refusal(capsys, *EVALUATE, "built")


def test_the_card_of_a_checkpoint_is_asked(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = {"classes": ["stripes", "square", "circle"]}
    architecture = Architecture(width=4, channels=3, classes=3, size=8)
    save(Path("w.safetensors"), initialised(0, architecture.build), architecture=architecture,
         card=card)  # fmt: skip
    for command in ("evaluate", "sanity"):
        words = [command, "--weights", "w.safetensors", "--data", "photos"]
        got = answer(capsys, *words, "--norm", "linf", "--eps", "1/255", "--limit", "12")
        assert got["images"]["classes"] == card["classes"]
        assert "circle is 2, square is 1, stripes is 0" in got["notes"][-1]
    (photos / "square").rename(photos / "cube")
    assert "does not know cube" in refusal(capsys, *words)


def test_labels_follow_the_models_names(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("named.py").write_text(
        "from tests_own_images import Brightest\ndef build():\n    return Brightest()\n"
    )
    words = [*EVALUATE[:2], "named.py:build", *EVALUATE[3:]]
    assert answer(capsys, *words, "photos")["numbers"]["clean accuracy"]["value"] == 49 / 64
    names = {"circle": "2", "square": "1", "stripes": "0"}  # numbers are indices of classes
    for name, number in names.items():
        (photos / name).rename(photos / number)
    got = answer(capsys, *words, "photos")
    # The middle class keeps its index; of the others those are right that were wrong by two.
    right = sum(
        (channel + (index % 4 == 3)) % 3 == int(names[name])
        for channel, (name, count) in enumerate(COUNTS.items())
        for index in range(count)
    )
    assert got["numbers"]["clean accuracy"]["value"] == right / 64
    assert got["images"]["classes"] == ["0", "1", "2"]


def test_pictures_without_labels(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = photos.parent / "flat"
    flat.mkdir()
    for k, path in enumerate(sorted(photos.rglob("*.png"))):
        path.rename(flat / f"{k}.png")
    got = answer(capsys, *EVALUATE, "flat")
    assert got["numbers"]["clean accuracy"] == pytest.approx(
        {"value": 1.0, "low": 0.9440, "high": 1.0, "n": 64}, abs=1e-3
    )
    assert "flat has no labels: the clean answers of own_pkg:build stand in" in got["notes"][-1]
    assert main([*EVALUATE, "flat"]) == 0
    assert "  note: flat has no labels" in capsys.readouterr().out
    assert "--split test" in refusal(capsys, *EVALUATE, "flat", "--split", "test")


def test_a_list_of_files_and_labels(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = sorted(photos.rglob("*.png"))
    rows = [f"{path.relative_to(photos.parent)},{path.parent.name}" for path in paths]
    Path("list.csv").write_text("\n".join(["file,label", *rows]))
    whole = answer(capsys, *EVALUATE, "photos")
    got = answer(capsys, *EVALUATE, "list.csv")
    assert got["numbers"] == whole["numbers"]
    assert got["images"] == {**whole["images"], "name": "list"}


def test_list_says_what_is_here_and_how_to_place_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ROBUSTLENS_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tinyimagenet32.npz").write_bytes(b"")
    got = answer(capsys, "data", "list")
    places = {row["name"]: row["place"] for row in got["data"]}
    assert places["fashion"] == "the package"
    assert places["tinyimagenet32"] == str(tmp_path / "data")
    assert places["cifar10"] == places["imagenette128"] == ""
    assert got["folders"] == [str(tmp_path / "data"), str(tmp_path / "cache" / "robustlens")]
    assert main(["data", "list"]) == 0
    text = capsys.readouterr().out
    assert f"here, in {tmp_path / 'data'}" in text
    assert f"or cifar-10-python.tar.gz into {tmp_path / 'data'}, or run `robustlens data" in text
    assert "FOLDER/CLASS/*.png" in text


def test_show_draws_all_of_a_folder(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    got = answer(capsys, "data", "show", "photos")
    assert (got["split"], got["images"], got["held out"]) == ("all", 64, 0)
    assert main(["data", "show", "photos", "--split", "train"]) == 0
    text = capsys.readouterr().out
    assert "cut from 64" in text
    assert "classes: 0 circle, 1 square, 2 stripes" in text


@pytest.mark.parametrize("words", [["data", "show"], EVALUATE])
def test_names_that_are_no_utf8(photos: Path, words: list[str]) -> None:
    path = os.fsdecode(b"caf\xe9")
    photos.rename(path)
    (Path(path) / "circle").rename(Path(path) / os.fsdecode(b"cercl\xe9"))
    Path("own_pkg.py").write_text(
        "from torch import nn\n"
        "def build(): return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
    )
    for json_flag in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "robustlens", *words, path, *json_flag], capture_output=True
        )
        assert done.returncode == 0, done.stderr
        assert b"cercl\xc3\xa9" in done.stdout or b"cercl\\u00e9" in done.stdout


def test_a_name_that_this_system_cannot_write(photos: Path) -> None:
    photos.rename(os.fsdecode(b"caf\xe9"))
    ascii_only = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "robustlens", "data", "show", os.fsdecode(b"caf\xe9")],
        capture_output=True,
        env=os.environ | ascii_only,
    )
    assert done.returncode == 2, done.stderr
    assert b"this system's file names are ascii" in done.stderr


def test_what_became_of_the_files_is_in_the_answer(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "circle" / "notes.txt").write_text("x")
    (photos / "circle" / "._00.png").write_text("x")
    Image.new("RGB", (9, 12)).save(photos / "square" / "99.png")
    words = [*EVALUATE, "./photos", "--size", "8"]
    got = answer(capsys, *words)
    resized = "the middle square of each, resized to 8x8 (Lanczos); they were 8x8 (64), 9x12 (1)"
    assert got["reading"] == {
        "left out": {"files no picture by its name (.txt)": 1},
        "read otherwise": {},
        "resized": resized,
    }
    assert main(words) == 0
    _, order, pixels, *rest = capsys.readouterr().out.splitlines()
    assert order.startswith("  classes: ")
    assert pixels == f"  pixels: {resized}"
    assert any(line.startswith("  under attack, weakest class: ") for line in rest)
    seen = answer(capsys, "sanity", *words[1:3], *words[5:], "--limit", "12")
    assert seen["reading"]["resized"] == resized
