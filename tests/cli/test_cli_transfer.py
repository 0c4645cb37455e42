"""`robustlens transfer` from the words to the table."""

import json
from pathlib import Path

import pytest

from robustlens.cli import main
from robustlens.nets import Architecture, save
from robustlens.streams import initialised


@pytest.fixture
def weights(tmp_path: Path) -> list[str]:
    """Two small nets on disk, in the manner of a training: each in a folder of its own."""
    architecture = Architecture(width=4)
    places = [tmp_path / name / "weights.safetensors" for name in ("a", "b")]
    for seed, place in enumerate(places):
        place.parent.mkdir()
        save(place, initialised(seed, architecture.build), architecture=architecture)
    return [str(place) for place in places]


WORDS = ["transfer", "--data", "fashion", "--limit", "20", "--eps", "1.5", "--steps", "2"]


def test_every_model_is_shown_the_examples_of_every_other(
    weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "--weights", *weights, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    pairs = [(cell["made on"], cell["shown to"]) for cell in answer["pairs"]]
    assert pairs == [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")]
    assert all(cell["low"] <= cell["value"] <= cell["high"] for cell in answer["pairs"])
    assert set(answer["clean accuracy"]) == {"a", "b"}


def test_the_table_carries_the_names_that_were_given(
    weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "--weights", *weights, "--names", "first", "second"]) == 0
    assert "| made on \\ shown to | first | second |" in capsys.readouterr().out


def test_one_model_or_one_name_for_two_is_refused(
    weights: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "--weights", weights[0]]) == 2
    assert "two or more" in capsys.readouterr().err
    assert main([*WORDS, "--weights", weights[0], weights[0]]) == 2
    assert "one name each, all different" in capsys.readouterr().err
    assert main([*WORDS, "--attack", "magic", "--weights", *weights]) == 2
    assert "unknown attack" in capsys.readouterr().err.lower()
