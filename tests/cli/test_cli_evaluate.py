"""`robustlens evaluate`: records are never lost, and doubts are said once, in words and in JSON."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from robustlens.cli.app import main
from robustlens.cli.evaluate import usual_batch
from robustlens.journal import Journal

THEIRS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.line = nn.Linear(784, 10)
        self.drop = nn.Dropout(0.5)
        torch.nn.init.orthogonal_(self.line.weight)
    def forward(self, x):
        z = self.line(x.flatten(1))
        if self.kind == "noise":
            z = z + torch.randn_like(z)
        if self.kind == "batch":
            z = z - z.mean(dim=0)
        if self.kind == "softmax":
            z = z.softmax(dim=1)
        if self.kind == "training":
            z = self.drop(z)
        return z

def of(kind):
    torch.manual_seed(0)
    net = Net(kind)
    return net if kind == "training" else net.eval()

def plain(): return of("plain")
def noise(): return of("noise")
def batch(): return of("batch")
def softmax(): return of("softmax")
def training(): return of("training")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "their_nets.py").write_text(THEIRS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(*more: Any, model: str = "plain") -> list[str]:
    fixed = ["evaluate", "--model", f"their_nets:{model}", "--data", "fashion", "--limit", "20"]
    return [*fixed, "--steps", "2", "--records", "rows.jsonl", *map(str, more)]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def seed_of(path: Path) -> int:
    return int(json.loads(path.read_text().splitlines()[0])["header"]["seed"])


def test_the_same_command_goes_on_and_other_records_are_put_aside(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = answer(capsys, *words())
    rows = here / "rows.jsonl"
    whole = rows.read_text()
    again = answer(capsys, *words())  # finished: read, not made again
    assert again["numbers"] == first["numbers"]
    assert sorted(path.name for path in here.glob("rows*")) == ["rows.jsonl"]
    rows.write_text("".join(whole.splitlines(keepends=True)[:8]) + '{"index": 7, "la')
    assert answer(capsys, *words("--batch-size", 250))["numbers"] == first["numbers"]
    assert rows.read_text() == whole
    for seed in (1, 2, 3):
        answer(capsys, *words("--seed", seed))
    names = ("rows.jsonl", "rows.old.2", "rows.old.1", "rows.old")
    assert [seed_of(here / name) for name in names] == [3, 2, 1, 0]
    assert (here / "rows.old").read_text() == whole
    answer(capsys, *words("--seed", 3, "--anew"))
    assert seed_of(here / "rows.old.3") == 3


def test_what_is_reused_and_what_is_put_aside_is_said_in_a_line(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*more: Any, model: str = "plain") -> list[str]:
        assert main([*words(*more, model=model), "--json"]) == 0
        lines = capsys.readouterr().err.splitlines()
        return [line for line in lines if "reused" in line or "aside" in line]

    def aside(what: str, name: str) -> list[str]:
        holds = f"robustlens: rows.jsonl holds another run: its {what}"
        return [f"{holds}: its rows are put aside as {name}"]

    assert said() == []
    assert said() == ["robustlens: 20 of 20 rows reused from rows.jsonl"]
    assert said("--batch-size", 7) == ["robustlens: 20 of 20 rows reused from rows.jsonl"]
    assert said("--seed", 1) == aside("seed differ (there 0)", "rows.old")
    name = "name differ (there accuracy under pgd l2 eps 0.5, steps 2, restarts 1)"
    assert said("--seed", 1, "--eps", 0.4) == aside(name, "rows.old.1")
    (here / "rows.jsonl").unlink()
    assert said("--batch-size", 20, model="batch") == []
    put = aside("batch size differ (there 20)", "rows.old.2")
    assert said("--batch-size", 10, model="batch") == put


def test_a_run_is_found_in_its_own_place_whatever_the_batch_size(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*words()[:-2], "--json"]
    places = []
    for size in ("20", "10"):
        assert main([*command, "--batch-size", size]) == 0
        captured = capsys.readouterr()
        places.append(json.loads(captured.out)["records"])
        assert ("20 of 20 rows reused" in captured.err) == (size == "10")
    assert places[0] == places[1]


def test_resume_refuses_to_begin_anew(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer(capsys, *words())
    kept = (here / "rows.jsonl").read_text()
    assert main(words("--seed", 1, "--resume")) == 2
    assert "holds another run: its seed differ" in capsys.readouterr().err
    assert (here / "rows.jsonl").read_text() == kept
    assert answer(capsys, *words("--resume"))["records"] == "rows.jsonl"


@pytest.mark.parametrize("flags", [(), ("--resume",)])
def test_a_file_that_holds_no_records_stays(
    here: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    (here / "rows.jsonl").write_text("what I wanted to say\n")
    assert main(words(*flags)) == 2
    assert "records of an evaluation" in capsys.readouterr().err
    assert (here / "rows.jsonl").read_text() == "what I wanted to say\n"
    assert not list(here.glob("rows.old*"))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("noise", "--version rand"),
        ("batch", "other images of its batch"),
        ("softmax", "return logits"),
        ("training", "call model.eval()"),
    ],
)
def test_a_doubt_is_one_line_and_in_the_answer(
    here: Path, capsys: pytest.CaptureFixture[str], model: str, said: str
) -> None:
    assert main([*words(model=model), "--json"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert said in " ".join(found["warnings"])
    lines = [line for line in captured.err.splitlines() if "robustlens: warning:" in line]
    assert [line.removeprefix("robustlens: warning: ") for line in lines] == found["warnings"]


def test_an_ordinary_model_is_not_doubted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, *words())
    assert found["warnings"] == []
    assert found["unconfirmed"] == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--attack", "pgd", "--queries", 9), "--queries with --attack pgd; .*--steps, --restarts"),
        (("--attack", "pgd", "--version", "rand"), "--version with --attack pgd"),
        (("--attack", "autoattack", "--restarts", 2), "--restarts with --attack autoattack"),
        (("--attack", "square", "--queries", 0), "--queries 0; expected at least 1"),
        (("--attack", "pgd", "--restarts", -1), "--restarts -1; expected at least 1"),
        (("--attack", "pgdd"), "did you mean 'pgd'"),
        (("--norm", "l3"), "unknown norm 'l3'"),
    ],
)
def test_refusals_speak_of_flags(
    here: Path, capsys: pytest.CaptureFixture[str], flags: tuple[Any, ...], said: str
) -> None:
    base = ["evaluate", "--model", "their_nets:plain", "--data", "fashion", "--limit", "20"]
    assert main([*base, *map(str, flags)]) == 2
    err = capsys.readouterr().err.strip()
    assert re.search(said, err), err
    assert "step_size" not in err
    assert "objective" not in err


@pytest.mark.parametrize(
    ("n", "size"), [(1, 250), (32, 250), (33, 16), (64, 16), (65, 17), (500, 125), (2000, 250)]
)
def test_few_images_are_saved_in_small_batches(n: int, size: int) -> None:
    assert usual_batch(n) == size


def test_an_interruption_says_how_many_rows_are_saved(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ["evaluate", "--model", "their_nets:plain", "--data", "fashion", "--limit", "64"]
    whole += ["--steps", "2", "--records", "rows.jsonl"]
    expected = answer(capsys, *whole)["numbers"]
    rows = (here / "rows.jsonl").read_text()
    (here / "rows.jsonl").unlink()
    add, calls = Journal.add, []

    def interrupted(self: Journal, found: Any) -> None:
        add(self, found)
        calls.append(len(found))
        if len(calls) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", interrupted)
        assert main(whole) == 130
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("robustlens: interrupted; 48 of 64 rows are saved in rows.jsonl; ")
    assert "the same command" in said
    assert calls == [16, 16, 16]
    assert answer(capsys, *whole)["numbers"] == expected
    assert (here / "rows.jsonl").read_text() == rows
