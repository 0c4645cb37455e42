"""Recipes by name: all can be rehearsed, flags change them, files are refused with file and key."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from robustlens.cli import main
from robustlens.data import load
from robustlens.errors import InputError, UnknownName
from robustlens.nets import Architecture
from robustlens.nets.checkpoints import read
from robustlens.recipes import fit, named, recipe_names, rehearse
from robustlens.recipes.rehearse import SHAPES
from robustlens.studies.kit.presets import TINY
from robustlens.training import TrainConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROBUSTLENS_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.usefixtures("no_data")
def test_every_recipe_can_be_rehearsed(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--width", "16", "--batch-size", "4"]  # of 4 channels oneDNN aborts without AVX-512
    assert main(["train", "--recipe", name, "--dry-run", "--json", *small]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 4
    assert found["seconds"] > 0
    assert found["estimate"] == pytest.approx(found["seconds"] * found["steps"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_builds_its_net_and_says_where_it_fits(name: str) -> None:
    found = named(name)
    assert found.fits.startswith(("CPU: ", "GPU: "))
    assert found.recipe.training.compile == found.fits.startswith("GPU")
    shape, r = SHAPES[found.recipe.data], found.recipe
    net = Architecture(
        net=r.net, width=r.width, depth=r.depth, stem_stride=r.stem_stride,
        channels=shape.channels, classes=shape.classes, size=r.size or shape.side,
    )  # fmt: skip
    with torch.device("meta"):
        assert sum(p.numel() for p in net.build().parameters()) > 10_000


def test_the_shipped_models_keep_their_recipes() -> None:
    _, card = read(ROOT / "weights" / "cifar10-l2-0.5.safetensors")
    assert named("cifar10-l2-0.5-small").recipe.as_dict() == card["recipe"]
    names = {
        "cifar10-standard-small": "cifar10-standard-785e76c5",
        "fashion-standard": "fashion-full-standard-009c58ce",
        "fashion-l2-1.5": "fashion-full-adversarial-3c5862a2",
    }
    for name, folder in names.items():
        assert named(name).recipe.name == folder


def test_flags_change_a_recipe(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["train", "--recipe=fashion-l2-1.5", "--data", "fashion", "--images", "100"]
    small = ["--epochs", "1", "--width", "4", "--steps", "1", "--out", str(tmp_path), "--json"]
    assert main([*words, *small]) == 0
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert (recipe["eps"], recipe["loss"]) == ("1.5", "adversarial")
    assert (recipe["width"], recipe["training"]["epochs"]) == (4, 1)


def test_the_list_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in recipe_names():
        assert sum(line.split()[:1] == [name] for line in lines) == 1
    assert any("adversarial linf 8/255, 10 steps" in line for line in lines)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('eps = "1"\n[training]\nlr = 1\n[training.augment]\nflip = true\n')
    recipe = named(str(path)).recipe
    assert (recipe.eps, recipe.training.lr, recipe.training.augment.flip) == ("1", 1.0, True)
    assert isinstance(recipe.training.lr, float)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epochs = 3", "unknown key 'epochs'"),
        ("[training]\nepoch = 3", "did you mean 'training.epochs'"),
        ("[training.augment]\nnoize = 3", "did you mean 'training.augment.noise'"),
        ("eps = 0.5", "eps = 0.5; expected words in quotes"),
        ("width = 1.5", "width = 1.5; expected a whole number"),
        ("[training]\nlr = true", "training.lr = True; expected a number"),
        ("training = 3", "training = 3; expected a table"),
        ("[training]\nlr = -1", "lr is -1.0"),
        ('net = "resnt"', "did you mean 'resnet'"),
        ("fits = 3", "fits = 3"),
        ("eps =", "expected a TOML file"),
    ],
)
def test_wrong_files_are_refused_with_file_and_key(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError) as refused:
        named(str(path))
    assert str(refused.value).startswith(str(path))
    assert words in str(refused.value)


def test_absent_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UnknownName, match="did you mean 'fashion-standard'"):
        named("fashion-standrd")
    with pytest.raises(InputError, match=r"cannot read absent\.toml"):
        named("absent.toml")
    assert main(["train", "--recipe"]) == 2
    assert "--recipe without a name" in capsys.readouterr().err


def test_rehearsing_real_images_and_what_is_nowhere() -> None:
    found = rehearse(TINY)
    assert (found.images, found.absent, found.steps) == (50, "", 2 * 8)
    with pytest.raises(UnknownName):
        rehearse(replace(TINY, data="fashoin"))


@pytest.mark.parametrize("size", [7, 14])
def test_square_images_shrink_by_whole_factors(size: int) -> None:
    whole, small = load("fashion", "test").take(20), load("fashion", "test", size=size).take(20)
    block = 28 // size
    mean = whole.images[3, 0, :block, :block].float().mean().round()
    assert small.shape == (1, size, size)
    assert int(small.images[3, 0, 0, 0]) == int(mean)


def test_compiling_is_a_choice_that_leaves_older_names(tmp_path: Path) -> None:
    assert "compile" not in TrainConfig().as_dict()
    asked = replace(TINY, images=100, training=replace(TINY.training, epochs=1, compile=True))
    plain = replace(asked, training=replace(asked.training, compile=False))
    assert asked.as_dict()["training"]["compile"] is True
    one, two = (fit(recipe, tmp_path).model.state_dict() for recipe in (asked, plain))
    assert all(torch.equal(one[key], two[key]) for key in one)  # a processor trains as before
