"""Tasks: what may be registered, and that the command line follows from it."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from robustlens.cli.app import main
from robustlens.errors import InputError, UnknownName
from robustlens.pictures import Bar, Bars
from robustlens.registry import Bench, Findings, Study, Task, preset, register, run, tasks
from robustlens.result import Number, Result
from robustlens.studies import STUDIES


@dataclass(frozen=True, kw_only=True)
class Config:
    """How often to count."""

    times: int = 3  # how often
    seed: int = 0


@dataclass
class Loose:
    times: int = 3


def count(config: Config, bench: Bench) -> Findings:
    bars = Bars("counted", "How often.", "times", (Bar("count", 1.0, 0.5, 1.5),))
    numbers = {"count": Number.exact(float(config.times))}
    return Findings(None, f"Counted to {config.times}.", numbers, (bars,), config.seed, {})


TOY = Task(id="toy", title="Count", presets={"quick": Config()}, function=count)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Task:
    before = dict(tasks())
    monkeypatch.setattr("robustlens.registry._TASKS", before)
    return register(TOY)


def test_a_task_is_a_command_with_flags_and_a_result(
    toy: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tasks()["toy"] is toy
    words = ["run", "toy", "--times", "5", "--out", str(tmp_path)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert said.startswith("toy (quick)\nCounted to 5.\n")
    assert "robustlens run toy --preset quick --times 5" in said
    assert main([*words, "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["verdict"] is None
    assert payload["numbers"]["count"]["value"] == 5
    found = Result.read(tmp_path / "toy" / "quick")
    assert found.verdict is None
    assert found.as_dict() == payload
    assert found.figures[0].file("dark").is_file()


def test_its_help_is_its_title_and_its_fields(
    toy: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["run", "toy", "--help"])
    said = capsys.readouterr().out
    assert "Count" in said
    assert "how often" in said
    assert "--times INT" in said


def test_a_name_that_nobody_registered_lists_those_there_are(
    toy: Task, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "toi"]) == 2
    assert "did you mean 'toy'?" in capsys.readouterr().err


def test_all_studies_are_tasks_with_their_claim_for_help() -> None:
    assert {k: t for k, t in tasks().items() if isinstance(t, Study)} == STUDIES
    study = STUDIES["robust-erm"]
    assert study.about == study.claim
    assert TOY.about == "Count"
    assert TOY.config is Config


def test_presets_are_of_one_frozen_dataclass(toy: Task) -> None:
    for presets, words in (
        ({}, "of types none"),
        ({"quick": Loose()}, "of types Loose"),
        ({"quick": Config(), "full": Loose()}, "of types Config, Loose"),
        ({"quick": 3}, "of types int"),
    ):
        with pytest.raises(InputError, match=words):
            register(replace(TOY, id="other", presets=presets))
    assert "other" not in tasks()


def test_an_id_is_taken_once(toy: Task) -> None:
    assert register(replace(TOY, title="Again")).title == "Again"  # a module read a second time
    with pytest.raises(InputError, match=r"id other than that of robustlens\.studies"):
        register(replace(TOY, id="robust-erm"))


def test_a_preset_by_another_name_is_refused() -> None:
    with pytest.raises(UnknownName, match="quick"):
        preset(TOY, "slow")


def test_the_command_of_a_result_names_what_was_changed(tmp_path: Path) -> None:
    found = run(TOY, "quick", Config(seed=4), folder=tmp_path)
    assert found.provenance.command == "robustlens run toy --preset quick --seed 4"
    assert found.provenance.seed == 4
