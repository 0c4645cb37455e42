"""`robustlens audit`: what is typed, what is written, what is refused."""

import json
from pathlib import Path

import pytest

from robustlens.cli.app import main

NET = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.AvgPool2d(7), nn.Flatten(), nn.Linear(16, 10)).eval()

def other():
    return nn.Sequential(nn.AvgPool2d(14), nn.Flatten(), nn.Linear(4, 10)).eval()
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "audit_nets.py").write_text(NET)
    monkeypatch.chdir(tmp_path)


def test_a_page_a_json_and_rows(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["audit", "--model", "audit_nets.py:build", "--compare", "audit_nets.py:other"]
    words += ["--data", "fashion", "--norm", "l2", "linf", "--eps", "0.5", "4/255"]
    words += ["--minutes", "0.5", "--limit", "8", "--json"]
    assert main(words) == 0
    captured = capsys.readouterr()
    said = json.loads(captured.out)
    assert [one["model"]["name"] for one in said["models"]] == words[2:5:2]
    assert "plan: 8 images" in captured.err
    for one in said["models"]:
        assert [cell["ball"] for cell in one["robust accuracy"]] == ["l2 0.5", "linf 4/255"]
        assert all(cell["n"] == 8 for cell in one["robust accuracy"])
    assert len(Path("report/images.jsonl").read_text().splitlines()) == 9
    assert Path("report/images-1.jsonl").is_file()
    assert "Side by side" in Path("report/index.html").read_text()
    assert json.loads(Path("report/audit.json").read_text())["images"]["name"] == "fashion"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--norm", "l2", "linf", "--eps", "1", "2", "3"], "2 norms and 3 radii"),
        (["--norm", "linf", "--eps", "8"], "did you mean 8/255"),
        (["--minutes", "0"], "minutes 0"),
        (["--limit", "3000"], "--limit 3000 for the 2000 images"),
        (["--norm", "l3"], "l3"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["audit", "--model", "audit_nets.py:build", "--data", "fashion", *words]) == 2
    assert said in capsys.readouterr().err
