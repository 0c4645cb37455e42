"""`robustlens data build`: sets that can be used at once, found again, and what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from robustlens.cli import main
from robustlens.cli.build import KINDS
from robustlens.constructed import builder, relabelled
from robustlens.data import load
from robustlens.nets import Architecture, save
from robustlens.nets import load as load_net
from robustlens.nets.checkpoints import write_tensors
from robustlens.recipes import Recipe, fit
from robustlens.streams import initialised
from robustlens.training import TrainConfig

NET = Recipe(images=1000, width=8, training=TrainConfig(epochs=6, batch_size=50))
LITTLE = ["--images", "20", "--width", "4", "--epochs", "1", "--batch-size", "10"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    fit(NET, folder)
    return folder / NET.name / "weights.safetensors"


def words(kind: str, weights: Path, out: Path, *more: object) -> list[str]:
    said = ["data", "build", kind, "--data", "fashion", "--limit", 60, "--weights", weights]
    return [str(word) for word in (*said, "--out", out, *more)]


def answer(capsys: pytest.CaptureFixture[str], given: Sequence[str]) -> dict:
    """Run with --json and return the one object on standard output."""
    assert main([*given, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refusal(capsys: pytest.CaptureFixture[str], given: Sequence[str]) -> str:
    """Run what must fail as bad input; return what it says, and nothing on standard output."""
    assert main(list(given)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return " ".join(captured.err.split())


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_help_with_an_example(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["data", "build", kind, "--help"])
    assert stop.value.code == 0
    assert f"Example: robustlens data build {kind}" in capsys.readouterr().out


def test_a_set_is_used_at_once_and_found_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, weights: Path
) -> None:
    out = tmp_path / "d rand"
    given = words("relabelled", weights, out, "--eps", "1.5", "--steps", 3, "--step-size", 0.5)
    first = answer(capsys, given)
    assert first["n"] == 60
    assert not first["found"]
    assert first["recipe"]["ball"] == "l2 eps 1.5"
    assert first["next"] == f"robustlens train --data '{out}' --validation 0"

    assert main(given) == 0
    said = capsys.readouterr().out
    assert f"{out} was built before" in said
    assert said.rstrip().endswith(f"next: {first['next']}")
    again = answer(capsys, given)
    assert again == first | {"found": True}

    train = ["train", "--data", str(out), "--validation", "0", *LITTLE]
    assert Path(answer(capsys, [*train, "--out", str(tmp_path)])["weights"]).is_file()
    assert load(str(out), "test").digest == load("fashion", "test").digest
    assert "another recipe" in refusal(capsys, [*given, "--seed", "1"])


def test_the_command_builds_what_the_function_builds(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, weights: Path
) -> None:
    held = ["--against", weights, "--penalty", 2, "--hold", "logits"]
    more = ["--targets", "next", "--steps", 2, *held]
    got = answer(capsys, words("relabelled", weights, tmp_path / "a", *more))
    net, source = load_net(weights), load("fashion").take(60)
    held_too = {"against": [net], "penalty": 2, "hold": "logits"}
    made = relabelled(source, net, tmp_path / "b", targets="next", steps=2, **held_too)
    assert got["digest"] == made.digest
    assert len(got["models"]) == 2


@pytest.mark.parametrize(
    ("kind", "more", "same_labels"),
    [
        ("robustified", ["--steps", 2, "--step-size", 0.5], True),
        ("random-labels", [], False),
        ("random-changes", ["--eps", "1.5", "--targets", "wrong"], False),
        ("mistakes", [], False),
    ],
)
def test_the_other_kinds(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    weights: Path,
    kind: str,
    more: list[object],
    same_labels: bool,
) -> None:
    got = answer(capsys, words(kind, weights, tmp_path, *more))
    assert got["n"] == len(load(str(tmp_path))) <= 60
    assert got["labels that are those of the source"]["value"] == 1 or not same_labels
    assert ("--validation 0" in got["next"]) != same_labels


def test_a_wrong_model_is_refused_with_the_reason(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, weights: Path
) -> None:
    shape = Architecture(net="small", width=4, depth=0, channels=1, classes=10, size=28)
    guess, other = tmp_path / "guess.safetensors", tmp_path / "other.safetensors"
    net = initialised(0, shape.build)
    save(guess, net, architecture=shape, card={"classes": list(load("fashion").classes)})
    save(other, net, architecture=shape, card={"classes": [str(k) for k in range(10)]})
    out = tmp_path / "made"
    for kind in KINDS:
        assert "more than by chance" in refusal(capsys, words(kind, guess, out))
        assert "a model of the classes 0, 1, 2" in refusal(capsys, words(kind, other, out))
    assert "no file" in refusal(capsys, words("mistakes", tmp_path / "absent.safetensors", out))
    said = refusal(capsys, ["data", "build", "mistakes", "--data", "fashion", "--out", str(out)])
    assert "neither --weights nor --model" in said
    assert not out.exists()


def test_bad_settings_are_refused_by_name(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, weights: Path
) -> None:
    def says(kind: str, *more: object) -> str:
        return refusal(capsys, words(kind, weights, tmp_path / "made", *more))

    assert "'sideways'" in says("relabelled", "--targets", "sideways")
    assert "two classes" in says("random-labels", "--targets", "other")
    assert "steps 0" in says("robustified", "--steps", 0)
    assert "'middle'" in says("robustified", "--start", "middle")
    assert "change --batch-size" in says("mistakes", "--batch-size", 0)


def test_a_set_that_was_stopped_goes_on(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    weights: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def given(folder: str) -> list[str]:
        return words("relabelled", weights, tmp_path / folder, "--steps", 2, "--batch-size", 20)

    whole, calls = answer(capsys, given("whole")), 0

    def stopping(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        write_tensors(*args)

    monkeypatch.setattr(builder, "write_tensors", stopping)
    assert main(given("cut")) == 130
    assert "the same command continues" in capsys.readouterr().err
    assert answer(capsys, given("cut"))["digest"] == whole["digest"]
    assert calls == 4  # two batches, the one that was stopped, and only that one again
