"""`robustlens lab`: which nets it takes, and what it says where it cannot begin."""

import socket
import sys
from typing import Any

import pytest
import torch

from robustlens.cli import main
from robustlens.cli.lab import pair_of
from robustlens.zoo.table import entries


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let nothing be served: note what would be."""
    web = pytest.importorskip("robustlens.web")
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    found: dict[str, Any] = {}

    def noted(app: Any, bound: socket.socket) -> None:
        found.update(app=app, address=bound.getsockname())

    monkeypatch.setattr(web, "serve", noted)
    return found


def test_it_listens_on_this_machine_alone(
    quiet: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "--model", "fashion-l2-1.5", "--no-open"]) == 0
    assert quiet["address"][0] == "127.0.0.1"
    pair = quiet["app"].state.room.pairs["fashion-l2-1.5"]
    assert pair.standard.name == "fashion-standard"
    assert "http://127.0.0.1:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "nobody"], "nobody"),
        (["--model", "fashion-l2-1.5", "--port", "99999"], "port 99999"),
        (["--model", "fashion-l2-1.5", "--port", "-1"], "port -1"),
    ],
)
def test_what_cannot_be_served_is_said(
    quiet: dict[str, Any], capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["lab", "--no-open", *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert quiet == {}


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    for name in [name for name in sys.modules if name.startswith("robustlens.web.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("robustlens.web.lab_app", raising=False)
    assert main(["lab", "--model", "fashion-l2-1.5", "--no-open"]) == 2
    assert "robustlens[web]" in " ".join(capsys.readouterr().err.split())


def test_packaged_nets_have_packaged_images() -> None:
    pair = pair_of("fashion-l2-1.5", torch.device("cpu"))
    assert pair.images is not None
    assert pair.images().shape == (1, 28, 28)
    assert pair.images().classes == tuple(entries()["fashion-l2-1.5"].card["classes"])
    assert not any(one.requires_grad for one in pair.robust.model.parameters())
