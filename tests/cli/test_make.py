"""`robustlens make`: files in, files out, what is said, and every bad input with its words."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from robustlens.cli import main
from robustlens.data import load
from robustlens.data.augment import unit
from robustlens.vision import Seeds
from robustlens.vision.photo import drawn

FEW = ["--steps", "3"]
MINE = """
import torch
from robustlens.nets import SmallCNN
from robustlens.streams import initialised

def net():
    return initialised(0, lambda: SmallCNN(3, 4, width=4))

class Broken(torch.nn.Module):
    def forward(self, x):
        return {}["logits"]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pullover, a boot, a hole in the middle, and a colour photograph."""
    monkeypatch.chdir(tmp_path)
    data = load("fashion", "test")
    for name, place in (("pullover", 1), ("boot", 0)):
        drawn(unit(data.images[place])).save(tmp_path / f"{name}.png")
    hole = np.zeros((28, 28), np.uint8)
    hole[8:18, 8:18] = 255
    Image.fromarray(hole).save(tmp_path / "hole.png")
    noise = torch.randint(0, 256, (40, 60, 3), generator=torch.Generator().manual_seed(0))
    Image.fromarray(noise.to(torch.uint8).numpy()).save(tmp_path / "photo.png")
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def levels(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image).astype(int)


def made(capsys: pytest.CaptureFixture[str], *words: object) -> dict:
    assert main(["make", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], here: Path, *words: object) -> str:
    """Run what must be refused; nothing may be left behind."""
    before = sorted(here.iterdir())
    try:
        code = main(["make", *map(str, words)])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert "Traceback" not in found.err
    assert sorted(here.iterdir()) == before
    return " ".join(found.err.split())


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (["translate", "pullover.png", "--to", "dress"], (28, 28)),
        (["inpaint", "pullover.png", "--mask", "hole.png"], (28, 28)),
        (["upscale", "pullover.png", "--factor", "1.5", "--class", "Pullover"], (42, 42)),
        (["sketch", "pullover.png", "--class", "Bag"], (28, 28)),
        (["paint", "pullover.png", "--mask", "hole.png", "--unit", "17"], (28, 28)),
        (["morph", "pullover.png", "boot.png", "--points", "3"], (3 * 140 + 16, 140)),
        (["morph", "pullover.png", "--to", "9", "--points", "2"], (2 * 140 + 8, 140)),
        (["interpolate", "pullover.png", "boot.png", "--points", "3"], (3 * 140 + 16, 140)),
        (["invert", "pullover.png"], (28, 28)),
        (["feature", "pullover.png", "--unit", "17"], (28, 28)),
        (["add", "pullover.png", "--unit", "17", "--levels", "0.5", "1"], (2 * 140 + 8, 140)),
        (["sensitivity", "pullover.png", "--true", "Coat"], (28, 28)),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_picture_comes_of_a_picture(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], size: tuple[int, int]
) -> None:
    found = made(capsys, *words, *FEW, "--out", "new.png")
    assert found["model"] == "fashion-l2-1.5"
    assert found["tool"] == words[0]
    assert found["files"] == ["new.png"]
    assert "moved" in found["numbers"]
    assert found["provenance"]["seconds"] > 0
    with Image.open(here / "new.png") as image:
        assert image.size == size
        assert image.mode == "L"


def test_what_was_done_is_said_in_two_lines(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["make", "translate", "pullover.png", "--to", "dress", *FEW]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("translate by fashion-l2-1.5, to Dress: probability 0.0")
    assert "moved 0." in first
    assert first.endswith(" s")
    assert second.startswith("pullover-translate.png: its 28 x 28 pixels are what the net takes")
    assert "--model fashion-l2-1.5, chosen for it" in second


def test_pictures_of_a_class_need_no_training_images(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBUSTLENS_DATA", str(here))
    words = ["generate", "--class", "dress", "-n", "4", *FEW]
    found = made(capsys, *words, "--out", "a.png", "--gif", "walk.gif")
    assert len(found["numbers"]["after"]) == 4
    assert min(found["numbers"]["after"]) > 0.5
    made(capsys, *words, "--out", "b.png")
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()
    made(capsys, *words, "--out", "c.png", "--seed", "1")
    assert (here / "a.png").read_bytes() != (here / "c.png").read_bytes()
    with Image.open(here / "walk.gif") as walk:
        assert walk.n_frames == 4
    found = made(
        capsys, "generate", "-n", "11", "--model", "fashion-standard", *FEW, "--out", "all"
    )
    assert found["files"][0] == str(Path("all/01.png"))
    assert len(list((here / "all").iterdir())) == 11


def test_what_is_not_under_the_mask_stays_at_any_size(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hole = np.zeros((40, 60), np.uint8)
    hole[10:20, 15:40] = 255
    Image.fromarray(hole).save("big.png")
    for tool in (["inpaint"], ["paint", "--unit", "3"]):
        words = [tool[0], "photo.png", *tool[1:], "--mask", "big.png", "--model", "mine:net"]
        found = made(capsys, *words, "--size", "16", *FEW, "--rms", "0.3", "--out", "new.png")
        assert found["pixels"] == "resized to 24 x 16 for the net and back to 60 x 40"
        before, after = levels("photo.png"), levels("new.png")
        assert (before[hole == 0] == after[hole == 0]).all()
        assert (before[hole > 0] != after[hole > 0]).any()


def test_a_transparent_hole_is_filled(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Image.open("photo.png") as photo:
        image = photo.convert("RGBA")
    image.paste((0, 0, 0, 0), (10, 10, 30, 20))
    image.save("cut.png")
    words = ["inpaint", "cut.png", "--model", "mine:net", "--size", "40", *FEW]
    found = made(capsys, *words, "--out", "new.png")
    assert "filled where it is transparent" in found["notes"]
    before, after = levels("photo.png"), levels("new.png")
    assert (before[:10] == after[:10]).all()


def test_ones_own_model_and_seeds(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = torch.randint(0, 256, (24, 3, 16, 16), generator=torch.Generator().manual_seed(1))
    labels = np.arange(24) % 4
    np.savez("own.npz", x=images.numpy().astype(np.uint8), y=labels)
    words = ["seeds", "--data", "own.npz", "--out", "own.safetensors", "--rank", "3", "--down", "1"]
    assert made(capsys, *words)["classes"] == ["0", "1", "2", "3"]
    assert Seeds.load("own.safetensors").size == (16, 16)
    own = ["generate", "--model", "mine:net", "--class", "3", "-n", "2", *FEW]
    found = made(capsys, *own, "--seeds", "own.safetensors", "--out", "own.png")
    assert found["pixels"] == "2 pictures of 16 x 16 pixels"
    assert "no seeds for mine:net" in refused(capsys, here, *own, "--size", "16")
    assert "give --size" in refused(capsys, here, *own)
    wrong = refused(capsys, here, *own, "--seeds", "own.safetensors", "--model", "fashion-standard")
    assert "seeds of 4 classes and 3 channels; expected 10 and 1" in wrong


def test_a_large_picture_in_tiles(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["translate", "photo.png", "--to", "2", "--model", "mine:net", "--size", "32", *FEW]
    found = made(capsys, *words, "--tiles", "--out", "new.png", "--gif", "walk.webp")
    assert found["pixels"] == "in 6 tiles of 32 x 32 pixels"
    with Image.open("new.png") as image, Image.open("walk.webp") as walk:
        assert image.size == (60, 40)
        assert walk.n_frames == 4
    larger = made(capsys, "upscale", "photo.png", "--factor", "2", *words[4:], "--out", "up.png")
    assert larger["pixels"].startswith("60 x 40 enlarged to 120 x 80, in ")
    with Image.open("up.png") as image:
        assert image.size == (120, 80)


def test_a_photograph_of_twenty_megapixels(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("L", (5472, 3648), 90).save("large.jpg")
    found = made(capsys, "translate", "large.jpg", "--to", "dress", *FEW, "--out", "new.jpg")
    assert found["pixels"] == "resized to 42 x 28 for the net and back to 5472 x 3648"
    with Image.open("new.jpg") as image:
        assert image.size == (5472, 3648)
    words = ["upscale", "large.jpg", "--factor", "2"]
    assert "10944 x 7296 pixels in tiles of 28" in refused(capsys, here, *words)


def test_moving_and_deep_pictures(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.new("L", (28, 28), level) for level in (50, 200)]
    frames[0].save("moving.gif", save_all=True, append_images=frames[1:])
    found = made(capsys, "translate", "moving.gif", "--to", "bag", *FEW, "--out", "new.png")
    assert "the first of its 2 frames" in found["notes"]
    Image.fromarray(np.full((28, 28), 40000, np.uint16)).save("deep.png")
    made(capsys, "translate", "deep.png", "--to", "bag", "--steps", "1", "--rms", "0.001",
         "--out", "deep-new.png")  # fmt: skip
    assert abs(levels("deep-new.png") - 156).max() <= 1  # 40000 / 257


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["translate", "pullover.png", "--to", "ship", "--model", "fashion-l2-1.5"],
         "unknown class 'ship'; expected one of Ankle boot, Bag"),
        (["translate", "pullover.png", "--to", "spaceship"], "unknown class 'spaceship'"),
        (["translate", "pullover.png", "--to", "10", "--model", "fashion-l2-1.5"],
         "class 10; expected 0 to 9, or a name: T-shirt/top"),
        (["translate", "pullover.png"], "no class; expected one of T-shirt/top"),
        (["translate", "absent.png", "--to", "dress"], "cannot read the image absent.png"),
        (["translate", "mine.py", "--to", "dress"], "cannot read the image mine.py"),
        (["translate", "pullover.png", "--to", "dress", "--out", "a.pdf"], "unknown suffix '.pdf'"),
        (["translate", "pullover.png", "--to", "dress", "--gif", "a.png"], "unknown suffix '.png'"),
        (["translate", "pullover.png", "--to", "dress", "--out", "pullover.png"],
         "which is a picture that was given"),
        (["translate", "pullover.png", "--to", "dress", "--steps", "0"], "steps 0"),
        (["inpaint", "pullover.png"], "inpaint without a mask"),
        (["inpaint", "pullover.png", "--mask", "photo.png"],
         "of 60 x 40 pixels for a picture of 28 x 28"),
        (["inpaint", "pullover.png", "--mask", "black.png"], "a mask that covers nothing"),
        (["inpaint", "pullover.png", "--mask", "white.png"], "a mask that covers everything"),
        (["paint", "pullover.png", "--mask", "black.png"], "a mask that covers nothing"),
        (["paint", "pullover.png"], "paint without a mask"),
        (["feature", "--unit", "999", "--model", "fashion-l2-1.5"],
         "unit 999 of a layer with 512 units"),
        (["feature", "--layer", "nose", "--model", "fashion-l2-1.5"], "unknown layer 'nose'"),
        (["sensitivity", "pullover.png", "--true", "pullover"], "takes for Pullover, as it is"),
        (["morph", "pullover.png", "pullover.png"], "a way from Pullover to Pullover"),
        (["feature", "--tiles", "--model", "fashion-l2-1.5"], "in tiles"),
        (["generate", "--class", "dress", "--seeds", "hole.png"], "cannot read seeds"),
        (["seeds", "--data", "fashion", "--out", "a.png"], "ends in .safetensors"),
        (["generate", "-n", "0"], "n 0; expected at least 1"),
        (["feature", "--model", "no-such"], "unknown model 'no-such'"),
    ],
)  # fmt: skip
def test_what_is_refused_is_said_and_nothing_is_written(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    for name, level in (("black", 0), ("white", 255)):
        Image.new("L", (28, 28), level).save(f"{name}.png")
    assert said in refused(capsys, here, *words)


def test_an_error_of_ones_own_model_is_told_as_its_own(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["make", "translate", "photo.png", "--to", "1", "--model", "mine:Broken"]) == 1
    said = capsys.readouterr().err
    assert 'return {}["logits"]' in said
    assert "the model mine:Broken fails on these pictures" in said


def test_a_folder_gets_the_picture_under_its_own_name(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "v1.0").mkdir()
    words = ["translate", "pullover.png", "--to", "dress", *FEW]
    assert made(capsys, *words, "--out", "new")["files"] == [
        str(Path("new/pullover-translate.png"))
    ]
    found = made(capsys, *words, "--out", "v1.0", "--gif", "v1.0/walk.webp")
    assert [Path(file).name for file in found["files"]] == ["pullover-translate.png", "walk.webp"]
    row = ["morph", "pullover.png", "boot.png", "--points", "2", *FEW, "--out", "row"]
    assert [Path(file).name for file in made(capsys, *row)["files"]] == ["1.png", "2.png"]


def test_the_tools_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    from robustlens.cli.flags.make import MakeHelp

    answer = MakeHelp().run()
    assert "inpaint      Fill a hole" in answer.text
    assert answer.payload["tools"][0]["tool"] == "generate"
