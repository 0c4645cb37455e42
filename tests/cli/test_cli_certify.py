"""`robustlens certify`: rows that survive a kill, a table that fits, refusals in words."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from robustlens.cli.app import main
from robustlens.cli.train import Train
from robustlens.files import append_text
from robustlens.journal import Journal
from robustlens.nets import save as save_net
from robustlens.nets.architecture import Architecture
from robustlens.smoothing import Certificate
from robustlens.smoothing.saved import CERTIFICATES

THEIRS = """
import torch
from torch import nn

class Line(nn.Module):
    def __init__(self, classes):
        super().__init__()
        torch.manual_seed(0)
        self.line = nn.Linear(784, classes)
    def forward(self, x):
        return self.line(x.flatten(1))

def plain(): return Line(10).eval()
def three(): return Line(3).eval()
def one(): return Line(1).eval()
"""


@pytest.fixture
def here(tmp_path: Path, trained: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "line_nets.py").write_text(THEIRS)
    architecture = Architecture(net="small", width=4, channels=1, classes=10, size=28)
    recipe = {"recipe": {"loss": "noise", "sigma": 0.05}}
    save_net(tmp_path / "w.safetensors", trained.model, architecture=architecture, card=recipe)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(*more: Any) -> list[str]:
    fixed = ["certify", "--weights", "w.safetensors", "--data", "fashion", "--limit", "12"]
    return [*fixed, "--sigma", "0.05", "--n", "40", "--save", "rows.jsonl", *map(str, more)]


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def rows(path: str | Path = "rows.jsonl") -> list[Certificate]:
    return CERTIFICATES.read(Path(path))[1]


def test_the_answer_fits_a_terminal_and_says_what_the_rows_say(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words("--tsv", "rows.tsv", "--n0", 16)) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert captured.err == ""
    assert max(map(len, lines[2:])) <= 80
    said = " ".join(captured.out.split())
    for part in (
        "12 of 2000 images", "sigma 0.05", "40 votes, 16 to choose", "alpha 0.001",
        "40 votes, all for one class, certify up to 0.05",
        "radius certified accuracy", "abstained: ", "this share of the images",
        "average certified radius: ", "says little by itself", "records: rows.jsonl",
    ):  # fmt: skip
        assert part in said
    average = next(k for k, line in enumerate(lines) if "average certified" in line)
    assert average > next(k for k, line in enumerate(lines) if line.startswith("  radius"))
    table = (here / "rows.tsv").read_text().splitlines()
    assert table[0] == "idx\tlabel\tpredict\tradius\tcorrect\ttime"
    assert [int(line.split("\t")[0]) for line in table[1:]] == list(range(12))

    found = answer(capsys, *words("--n0", 16, "--radii", "0.02", "5/255", "3"))
    certified = [row.certified for row in rows()]
    for entry in found["certified accuracy"]:
        assert entry["value"] == sum(r >= entry["radius"] - 1e-9 for r in certified) / 12
        assert entry["band"]["low"] <= entry["low"]
        assert entry["high"] <= entry["band"]["high"]
    assert [entry["radius"] for entry in found["certified accuracy"]] == [0, 5 / 255, 0.02, 3]
    assert found["abstained"] == sum(row.predicted == -1 for row in rows())
    assert found["votes an image"] == 56
    assert found["warnings"] == []
    assert main(words("--n0", 16, "--radii", "3")) == 0
    assert "(beyond n)" in capsys.readouterr().out


def test_fractions_are_numbers_wherever_they_are_typed(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, *words("--sigma", "12.75/255", "--alpha", "1/1000"))
    assert (found["sigma"], found["alpha"]) == (0.05, 0.001)
    assert Train.parse(["--sigma", "64/255", "--lr", "1/8"]).recipe.sigma == 64 / 255
    for text in ("half", "1/0", "1/2/3", ""):
        with pytest.raises(SystemExit) as ended:
            main(words("--sigma", text))
        assert ended.value.code == 2
        assert "--sigma" in capsys.readouterr().err


@pytest.mark.parametrize("more", [(), ("--sequential",), ("--sampler", "rounded")])
def test_interrupted_after_each_group_and_resumed_the_rows_are_the_same(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    more: tuple[str, ...],
) -> None:
    small = ("--batch-size", 80, *more)
    assert main(words(*small)) == 0
    whole = rows()
    add, added = Journal.add, []

    def once(self: Journal[Certificate], found: list[Certificate]) -> None:
        if added:
            raise KeyboardInterrupt
        add(self, found)
        added.append(len(found))

    turns = 0
    (here / "rows.jsonl").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", once)
        while (code := main(words(*small))) == 130:
            turns += 1
            saved = f"{len(rows())} of 12 rows are saved in rows.jsonl"
            assert saved in capsys.readouterr().err
            added.clear()
    assert code == 0
    assert turns >= 2
    assert rows() == whole


def _dies(command: list[str], groups: int, torn: int) -> None:
    """Run a command; SIGKILL after some groups, with a piece of the next one on disk."""
    add, left = Journal.add, [groups]

    def last(self: Journal[Certificate], found: list[Certificate]) -> None:
        if not left[0]:
            append_text(str(self.path), self.kind.lines(found)[:torn])
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        add(self, found)

    Journal.add = last  # type: ignore[method-assign]
    main(command)


@pytest.mark.parametrize("more", [(), ("--sequential",)])
def test_killed_ten_times_in_the_middle_of_writing_the_records_are_identical(
    here: Path, more: tuple[str, ...]
) -> None:
    command = words("--batch-size", 80, *more)
    assert main([*command, "--save", "whole.jsonl"]) == 0
    moments, fork = random.Random(0), multiprocessing.get_context("fork")
    for _ in range(10):
        doomed = fork.Process(
            target=_dies, args=(command, moments.randrange(2), moments.randrange(300))
        )
        doomed.start()
        doomed.join(60)
        assert doomed.exitcode in (-signal.SIGKILL, 0)
    assert main(command) == 0
    assert rows() == rows("whole.jsonl")
    assert Path("rows.jsonl").read_text().count("\n") == 13


def test_another_runs_rows_are_put_aside_or_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words()) == 0
    first = (here / "rows.jsonl").read_text()
    assert main([*words()[:-2], "--records", "rows.jsonl", "--seed", "1", "--resume"]) == 2
    assert "its seed differ (there 0)" in capsys.readouterr().err
    assert main(words("--batch-size", 32)) == 0
    assert "its batch size differ (there 256): its rows are put aside" in capsys.readouterr().err
    assert (here / "rows.old").read_text() == first
    assert main(words("--batch-size", 32, "--anew")) == 0
    assert sorted(p.name for p in here.glob("rows*")) == ["rows.jsonl", "rows.old", "rows.old.1"]


def test_minutes_choose_n_and_say_what_follows(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("robustlens.cli.certify.votes_per_second", lambda *_, **__: 100.0)
    timed = words("--minutes", "1/2")
    timed[timed.index("--n") : timed.index("--n") + 2] = []
    found = answer(capsys, *timed)
    assert found["n"] == 120  # .9 * 100 a second * 30 s / 12 images - 100
    assert "n = 120 for each image, which certify up to a radius of 0.079" in found["chosen"]
    assert "n = 100,000 would take 3.3 h and certify up to 0.191" in found["chosen"]
    before = rows()
    monkeypatch.setattr("robustlens.cli.certify.votes_per_second", lambda *_, **__: 999.0)
    again = answer(capsys, *timed)  # the same command goes on with the n it began with
    assert again["n"] == 120
    assert again["chosen"] == "n = 120, as the saved rows have it: certifies up to 0.079"
    assert rows() == before
    assert main([*timed, "--seed", "1", "--json"]) == 0  # another run: n is chosen anew
    assert json.loads(capsys.readouterr().out)["n"] == 2100
    for more, said in (
        (["--minutes", "0.001"], "n = 0; expected n >= 10 (raise --minutes or lower --limit)"),
        (["--minutes", "0"], "--minutes 0; expected a number > 0"),
        (["--minutes", "1", "--n", "9"], "one of them"),
    ):
        assert main([*timed, "--anew", *more]) == 2
        assert said in capsys.readouterr().err


REFUSED: list[tuple[tuple[str, ...], str]] = [
    (("--sigma", "0"), "sigma is 0.0; expected a number > 0"),
    (("--sigma", "-0.5"), "sigma is -0.5; expected a number > 0"),
    (("--sigma", "nan"), "sigma is nan; expected a number > 0"),
    (("--sigma", "64"), "did you mean --sigma 64/255?"),
    (("--alpha", "0"), "alpha is 0.0; expected a number between 0 and 1"),
    (("--alpha", "1"), "alpha is 1.0; expected a number between 0 and 1"),
    (("--n", "0"), "n is 0, n0 is 100; expected n >= 1 and n0 >= 1 (change n)"),
    (("--n", "-4"), "n is -4"),
    (("--n0", "0"), "n0 is 0; expected n >= 1 and n0 >= 1 (change n0)"),
    (("--n", "9"), "even 9 for one class certify nothing; expected n >= 10"),
    (("--sequential", "--n0", "-1"), "expected n >= 1 and n0 >= 0"),
    (("--sampler", "uniform"), "unknown sampler 'uniform'"),
    (("--batch-size", "0"), "--batch-size 0; expected at least 1"),
    (("--radii", "-1"), "--radii with -1"),
    (("--limit", "-1"), "--limit -1 for the 2000 images"),
]


@pytest.mark.parametrize(("more", "said"), REFUSED, ids=lambda value: " ".join(value)[:30])
def test_what_cannot_be_certified_is_refused_in_words(
    here: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], said: str
) -> None:
    assert main(words(*more)) == 2
    assert said in capsys.readouterr().err
    assert not (here / "rows.jsonl").exists()


def test_models_and_images_that_do_not_fit_are_refused(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, said in (
        ("three", "a model with 3 classes for data with 10"),
        ("one", "a model with 1 logit an image; expected at least two classes"),
    ):
        own = ["certify", "--model", f"line_nets:{model}", "--data", "fashion", "--limit", "2"]
        assert main(own) == 2
        assert said in capsys.readouterr().err


def test_doubts_are_said_once(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, *words("--sigma", "0.1"))
    assert "trained with noise of sigma 0.05, says its card" in found["warnings"][0]
    own = [
        "certify",
        "--model",
        "line_nets:plain",
        "--data",
        "fashion",
        "--limit",
        "1",
        "--n",
        "20",
    ]
    found = answer(capsys, *own)
    assert "all 1 images are of one class" in found["warnings"][0]
    assert found["average certified radius"] is None
    found = answer(capsys, *words("--sigma", "2", "--limit", 60, "--n", 12))
    assert any("it seems not to be trained with such noise" in said for said in found["warnings"])


def test_a_folder_of_images_and_a_model_of_ones_own(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    from robustlens.data import load

    data = load("fashion", "test").take(10)
    for image, label in zip(data.images, data.labels, strict=True):
        place = here / "photos" / str(int(label))
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(place / f"{len(list(place.iterdir()))}.png")
    found = answer(
        capsys, "certify", "--model", "line_nets:plain", "--data", "photos", "--n", "20",
        "--sigma", "0.05",
    )  # fmt: skip
    assert found["images"]["n"] == 10
    assert Path(found["records"]).parent == Path("runs/certificates")


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--sequential",)])
def test_killed_at_ten_random_moments_the_records_are_identical(
    here: Path, more: tuple[str, ...]
) -> None:
    """Criterion: SIGKILL whenever it comes; what was on disk is the beginning of the same rows."""
    command = [sys.executable, "-m", "robustlens", *words(*more), "--limit", "300", "--resume"]
    command[command.index("40")] = "400"
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    quiet["env"] = {**os.environ, "OMP_NUM_THREADS": "1"}
    whole, path = here / "whole.jsonl", here / "rows.jsonl"
    subprocess.run([*command, "--save", whole.name], check=True, **quiet)
    moments = random.Random(0)
    for kill in range(10):
        run = subprocess.Popen(command, **quiet)
        before = path.read_text().count("\n") if path.exists() else 0
        while run.poll() is None and (
            not path.exists() or path.read_text().count("\n") < max(before, kill * 25) + 1
        ):
            time.sleep(0.01)
        time.sleep(moments.random() / 4)
        run.send_signal(signal.SIGKILL)
        run.wait()
    subprocess.run(command, check=True, **quiet)
    assert rows(path) == rows(whole)
    lines = [file.read_text().splitlines() for file in (path, whole)]
    assert lines[0][0] == lines[1][0]
    assert len(lines[0]) == 301
