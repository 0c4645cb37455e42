"""What a command does with odd streams, odd terminals, and what a person's model prints."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import robustlens
from robustlens import progress
from robustlens.cli import main
from robustlens.cli.models import extremes
from robustlens.cli.terminal import prepare, streams
from robustlens.data import Dataset
from robustlens.evaluation import Evaluation, Rate, accuracy

LOUD = """
import os, torch
print("importing")

class Loud(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(784, 10)
    def forward(self, x):
        print("forward")
        return self.head(x.flatten(1))

class Raw(Loud):
    def forward(self, x):
        os.write(1, b"raw\\n")
        return super().forward(x)

class Wrong(Loud):
    def forward(self, x):
        return self.head(x.flatten(1))[{}["a key of mine"]]

def absent():
    return no_such_name
"""
ENV = {**os.environ, "PYTHONPATH": str(Path(robustlens.__file__).parents[1])}
EVALUATE = ["evaluate", "--data", "fashion", "--limit", "10", "--steps", "1", "--model"]


class Logger:
    """Stands for a standard error that is no stream."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


def program(*words: str, **change: Any) -> subprocess.CompletedProcess[bytes]:
    call = [sys.executable, "-m", "robustlens", *words]
    return subprocess.run(call, capture_output=True, env=ENV, timeout=120, check=False, **change)


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "loud", raising=False)
    (tmp_path / "loud.py").write_text(LOUD)
    return tmp_path


@pytest.fixture
def small() -> tuple[nn.Module, Dataset]:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).eval()
    pixels = torch.arange(48, dtype=torch.uint8).view(4, 3, 2, 2)
    return net, Dataset(pixels, torch.tensor([0, 1, 0, 1]), ("a", "b"), "four")


@pytest.mark.parametrize(
    "stream", [None, closed(), Logger(), object()], ids=["none", "closed", "logger", "object"]
)
def test_no_usable_standard_error_is_no_error(
    small: tuple[nn.Module, Dataset], stream: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    assert accuracy(*small).rate.n == 4
    progress.say("words")


def test_a_closed_standard_error_does_not_change_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for stream in (None, closed()):
        monkeypatch.setattr(sys, "stderr", stream)
        assert main(["list"]) == 0
        assert "robust-erm" in capsys.readouterr().out
        assert main(["evaluate", "--data", "fashion"]) == 2
        sys.stderr.close()  # what stood in for it


def test_where_standard_error_is_no_terminal_there_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with progress.bar("training :fire: [bold]", total=10) as advance:
        advance(2)  # what an earlier run did
        for now in (10.0, 20.0, 31.0, 40.0, 60.0, 62.0):
            advance(1, f"epoch {now:.0f} loss 0.5")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "training :fire: [bold]: 50%, epoch 31 loss 0.5, about 52 s left",
        "training :fire: [bold]: 80%, epoch 62 loss 0.5, about 21 s left",
    ]


def test_words_beside_a_bar_are_shown_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    console = progress.Console(
        stderr=True, force_terminal=True, width=120, markup=False, emoji=False
    )
    monkeypatch.setattr(progress, "console", console)
    with progress.bar("[bold]a[/bold] :fire:", total=2) as advance:
        advance(1, "note [red] :smile:")
        advance(1, {"clean [b]": "1 :fire:"})
    seen = capsys.readouterr().err
    for words in ("[bold]a[/bold] :fire:", "note [red] :smile:", "clean [b]", "1 :fire:"):
        assert words in seen


def test_names_with_brackets_and_colons_stand_in_errors_as_they_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluate", "--weights", "a[bold]:fire:.safetensors", "--data", "fashion"]) == 2
    assert "no file a[bold]:fire:.safetensors" in capsys.readouterr().err


@pytest.mark.parametrize("model", ["loud:Loud", "loud:Raw"])
def test_what_a_model_prints_goes_to_standard_error(theirs: Path, model: str) -> None:
    done = program(*EVALUATE, model, "--json", cwd=theirs)
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 1
    assert json.loads(done.stdout)["numbers"]["clean accuracy"]["n"] == 10
    assert b"importing" in done.stderr
    assert b"forward" in done.stderr
    assert (b"raw" in done.stderr) == (model == "loud:Raw")


def test_streams_are_given_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), streams() as out:  # noqa: PT012
        print("talk")
        out.write("answer\n")
        raise KeyError
    print("after")
    assert capfd.readouterr() == ("answer\nafter\n", "talk\n")


def test_an_error_in_someones_forward_keeps_its_type_and_line(
    theirs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*EVALUATE, "loud:Wrong"]) == 1
    said = capsys.readouterr().err
    assert "KeyError: 'a key of mine'" in said
    assert "loud.py" in said
    assert 'return self.head(x.flatten(1))[{}["a key of mine"]]' in said
    assert "the model fails on images of shape (1, 28, 28)" in said
    assert main([*EVALUATE, "loud:absent"]) == 2
    assert "NameError: name 'no_such_name' is not defined (loud.py, line" in capsys.readouterr().err


def test_the_version_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    said = capsys.readouterr().out
    assert said == f"robustlens {robustlens.__version__}, torch {torch.__version__}\n"


@pytest.mark.parametrize("columns", ["0", "1", "4", "7", "12"])
def test_help_fits_any_terminal(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    with pytest.raises(SystemExit) as stop:
        main(["sanity", "--help"])
    assert stop.value.code == 0
    assert "--data" in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437"])
def test_letters_that_an_encoding_lacks_are_spelled(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    prepare()
    stream.write("• a … caf\udce9 Ω猫")
    stream.flush()
    got = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert "a" in got
    assert "caf\\udce9" in got
    assert got.endswith("\\u732b")
    if encoding == "ascii":
        assert got == "* a ... caf\\udce9 \\u03a9\\u732b"


@pytest.mark.slow
@pytest.mark.parametrize("tail", ["2>&-", ">&- 2>/dev/null", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_change_no_exit_code(theirs: Path, tail: str) -> None:
    words = " ".join([*EVALUATE, "loud:Raw", "--records", "rows.jsonl"])
    call = f"{sys.executable} -m robustlens {words} {tail}"
    done = subprocess.run(call, shell=True, cwd=theirs, capture_output=True, env=ENV, check=False)
    assert done.returncode == 0
    assert len((theirs / "rows.jsonl").read_text().splitlines()) == 11


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.5])
def test_an_interruption_of_the_import_is_one_line(seconds: float) -> None:
    call = [sys.executable, "-m", "robustlens", "talk", "--help"]
    run = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)
    time.sleep(seconds)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert (run.returncode, len(said.splitlines())) in ((130, 1), (0, 0))


def rates(**shares: int) -> dict[str, Rate]:
    return {name: Rate.share(right, 4) for name, right in shares.items()}


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({"a": 0, "b": 0}, ["all classes: 0.0%"]),
        ({"a": 4, "b": 4, "c": 4}, ["all classes: 100.0%"]),
        ({"a": 1}, ["only class: a 25.0% [0.6%, 80.6%]"]),
        (
            {"a": 1, "b": 0, "c": 0},
            ["weakest classes: b, c, 0.0% each", "strongest class: a 25.0% [0.6%, 80.6%]"],
        ),
        (
            {"a": 0, "b": 4, "c": 4, "d": 4, "e": 4},
            ["weakest class: a 0.0% [0.0%, 60.2%]",
             "strongest classes: b, c, d and 1 more, 100.0% each"],
        ),
    ],
)  # fmt: skip
def test_ties_of_classes_are_named(shares: dict[str, int], said: list[str]) -> None:
    assert extremes(rates(**shares)) == said


def test_an_evaluation_is_shown_in_a_line(small: tuple[nn.Module, Dataset]) -> None:
    found = accuracy(*small)
    assert str(found) == f"Evaluation(clean accuracy: {found.rate}, n 4)"
    assert str(Evaluation("nothing", ())) == "Evaluation(nothing: no images)"
    broken = Evaluation("accuracy under x", (found.records[0],) * 2)
    assert len(str(broken)) < 150
