"""What a newcomer types wrongly, and what is said: flags by their names, errors where they are."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from robustlens.cli.app import main

THEIRS = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.form = form
        self.line = nn.Linear(784, 10)
        nn.init.orthogonal_(self.line.weight)
    def forward(self, x):
        z = self.line(x.flatten(1))
        if self.form == "raises":
            return {}["my own key"]
        if self.form == "dict":
            return {"loss": z.sum(), "logits": z}
        if self.form == "tuple":
            return z, x
        return z[:, :4] if self.form == "few" else z

def of(form):
    torch.manual_seed(0)
    return Net(form).eval()

def plain(): return of("plain")
def raises(): return of("raises")
def as_dict(): return of("dict")
def as_tuple(): return of("tuple")
def few(): return of("few")
def number(): return 3
"""
COMMON = ["--data", "fashion", "--limit", "12"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "word_nets.py").write_text(THEIRS)
    (tmp_path / "word_broken.py").write_text("def build(:\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("form", ["as_dict", "as_tuple"])
def test_sanity_reads_an_answer_in_any_form(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    def checks(name: str) -> list[Any]:
        words = ["sanity", "--model", f"word_nets:{name}", *COMMON, "--json"]
        assert main(words) == 0
        captured = capsys.readouterr()
        said = [line for line in captured.err.splitlines() if "the model returns" in line]
        assert len(said) == (name != "plain")
        return list(json.loads(captured.out)["checks"])

    assert checks(form) == checks("plain")


@pytest.mark.parametrize("command", ["sanity", "evaluate"])
def test_an_error_in_their_forward_keeps_its_type_and_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--model", "word_nets:raises", *COMMON]) == 1
    said = capsys.readouterr().err
    assert "KeyError: 'my own key'" in said
    assert 'word_nets.py", line 14' in said
    assert "site-packages" not in said


@pytest.mark.parametrize("command", ["sanity", "evaluate"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "word_nets:few"], "a model with 4 classes for data with 10"),
        (["--model", "word_nets:number"], "gives something of type int"),
        (["--model", "word_nets:absent"], "has no attribute 'absent'"),
        (["--model", "word_broken:build"], r"SyntaxError: .*word_broken\.py, line 1"),
        (["--model", "./word_nets.py:absent"], "has no attribute 'absent'"),
        (["--model", "word_broken.py:build"], r"SyntaxError: .*word_broken\.py, line 1"),
        (["--model", "a/b.py:plain"], r"no file a/b\.py; expected module:function or file\.py:"),
        (["--model", "hf:nowhere"], r"hf:nowhere: cannot read nowhere/config\.json"),
        (["--weights", "absent.onnx"], r"absent\.onnx|extra \[onnx\]"),
        (["--model", "word_nets"], "module:function that returns your own, or one of catdog"),
        (["--model", "fashion-l2-15"], r"did you mean 'fashion-l2-1\.5'\?"),
        (["--model", "word_nets:plain", "--limit", "-3"], "--limit -3"),
        (["--weights", "absent.safetensors"], "no file absent.safetensors"),
        ([], "neither --weights nor --model"),
    ],
)
def test_a_model_that_cannot_be_had_is_refused_in_words(
    command: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, *COMMON, *words]) == 2
    err = capsys.readouterr().err
    assert re.search(said, err), err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "--limit", "2001"], "--limit 2001 for the 2000 images of fashion"),
        (["sanity", "--limit", "0"], "--limit 0; expected at least 1 image"),
        (["evaluate", "--data", "empty"], "empty holds no folders.*one folder for each class"),
        (["evaluate", "--data", "fashoin"], "did you mean 'fashion'"),
        (["evaluate", "--data", "./nowhere"], "there is no nowhere"),
    ],
)
def test_images_that_cannot_be_had_are_refused_in_words(
    words: list[str], said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "empty").mkdir()
    command, *more = words
    assert main([command, "--model", "word_nets:plain", "--data", "fashion", *more]) == 2
    err = capsys.readouterr().err
    assert re.search(said, err), err


def test_sanity_counts_what_could_not_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sanity", "--model", "word_nets:plain", "--data", "fashion", "--limit", "5"]
    assert main(words) == 0
    out = capsys.readouterr().out
    skipped = out.count("\nSKIPPED  ")
    assert skipped
    assert f"{skipped} could not be made" in out.splitlines()[-1]
