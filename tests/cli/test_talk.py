"""The talk: what is at hand is shown, the quick ones run first, records stand in for hours."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from robustlens.cli import main, talk
from robustlens.recorded import recorded
from robustlens.registry import Bench, Findings, Study, run
from robustlens.result import Number, Verdict

RAN: list[str] = []


@dataclass(frozen=True, kw_only=True)
class Config:
    size: int = 1


def a_study(id: str) -> Study:
    def measure(config: Config, bench: Bench) -> Findings:
        RAN.append(id)
        numbers = {"size": Number.exact(config.size)}
        return Findings(Verdict.REPRODUCED, f"{id} is so.", numbers, (), 0, {})

    return Study(
        id=id, title=f"Title of {id}", presets={"tiny": Config(), "quick": Config(size=2)},
        function=measure, claim="It is.", rule="Reproduced if it is.", published="none",
    )  # fmt: skip


IDS = ("robust-erm", "tension-theorem", "generation")
SECONDS = {"robust-erm": 300.0, "tension-theorem": 20.0}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for records; the talk has three small studies, two of which were timed."""
    RAN.clear()
    home = tmp_path / "records"
    monkeypatch.setattr(talk, "STUDIES", {id: a_study(id) for id in IDS})
    monkeypatch.setattr(talk, "recorded", lambda id, preset: recorded(id, preset, home))
    monkeypatch.setattr(talk, "expected_seconds", lambda id, preset: SECONDS.get(id))
    return home


def record(home: Path, id: str, size: int = 2) -> None:
    study = a_study(id)
    result = run(study, "quick", Config(size=size), folder=home)
    folder = home / id / "quick"
    result.write(folder)
    (folder / "record.json").write_text(json.dumps({"code": "0", "tiny": {}}), encoding="utf-8")
    RAN.clear()


def the_talk(out: Path, *words: str) -> str:
    assert main(["talk", "--out", str(out), *words]) == 0
    return (out / "talk" / "index.html").read_text(encoding="utf-8")


def test_the_quickest_runs_first_and_the_page_keeps_the_order_of_the_talk(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = the_talk(tmp_path / "out")
    assert RAN == ["tension-theorem", "robust-erm", "generation"]
    places = [page.index(f'id="{id}-') for id in ("robust-erm", "tension-theorem", "generation")]
    assert places == sorted(places)
    said = capsys.readouterr().err
    assert "1/3 tension-theorem: running (about 20.0 s, all that is left about 5 min 20 s" in said
    assert "and 1 that were never timed" in said


def test_a_record_stands_in_and_is_told_apart(home: Path, tmp_path: Path) -> None:
    record(home, "robust-erm")
    page = the_talk(tmp_path / "out")
    assert RAN == ["tension-theorem", "generation"]
    assert page.count('class="kind recorded">Recorded<') == 3  # legend, overview, card
    assert page.count('class="kind here">Computed here<') == 5
    assert "Recorded by us on" in page
    assert "2 computed here, 1 recorded by us" in page


def test_recompute_runs_what_is_recorded_and_a_second_time_nothing(
    home: Path, tmp_path: Path
) -> None:
    record(home, "robust-erm")
    the_talk(tmp_path / "out", "--recompute")
    assert set(RAN) == set(IDS)
    RAN.clear()
    page = the_talk(tmp_path / "out")
    assert RAN == []
    assert "3 computed here, 0 recorded by us" in page  # one's own run comes before our record


def test_a_record_of_other_settings_is_not_shown(home: Path, tmp_path: Path) -> None:
    record(home, "robust-erm", size=3)
    the_talk(tmp_path / "out")
    assert "robust-erm" in RAN


def test_the_pace_of_this_machine_is_learned(home: Path) -> None:
    forecast = talk.Forecast("quick")
    assert "about 20.0 s" in forecast.words(["tension-theorem"])
    forecast.learn("generation", 1e6)  # never timed: nothing to compare with
    assert "about 20.0 s" in forecast.words(["tension-theorem"])
    forecast.learn("tension-theorem", 20.0 + 60.0)  # a slow first one does not double all others
    assert "about 35.0 s" in forecast.words(["tension-theorem"])
    forecast.learn("robust-erm", 600.0)
    assert "about 38.9 s" in forecast.words(["tension-theorem"])


def test_the_page_is_there_before_the_first_study_ends(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "out" / "talk" / "index.html"
    seen: list[str] = []

    def interrupted(*args: object, **named: object) -> None:
        seen.append(page.read_text(encoding="utf-8"))
        raise KeyboardInterrupt

    monkeypatch.setattr(talk, "run", interrupted)
    assert main(["talk", "--out", str(tmp_path / "out")]) == 130
    assert "Not run yet" in seen[0]
