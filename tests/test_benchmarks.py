"""The benchmarks run, and say what they should; speed is for the benchmarks themselves."""

import importlib
import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a benchmark by its name, imported as if its folder were that of the script."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    state = torch.get_rng_state()
    yield importlib.import_module
    torch.set_rng_state(state)
    logging.disable(logging.NOTSET)


def test_pgd_beside_nobody_runs_quickly(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bench("pgd_peers").main(["--quick", "--only", "ours", "--norm", "linf"])
    printed = capsys.readouterr().out
    for name in ("bare", "pgd worst", "pgd", "pgd worst twin", "pgd twin"):
        assert f"\n  {name} " in printed
    assert "steps, channels_last; 1 turns" in printed
    assert "fastest other" not in printed


def test_who_is_not_installed_is_left_out_with_what_to_type(bench: Any) -> None:
    peers: ModuleType = bench("peers")
    with pytest.raises(peers.NotInstalled, match=r"pip install --no-deps foolbox==3\.3\.4 Git"):
        peers.module("foolbox", "foolbox.no_such_module")
    assert peers.how_to_install("captum") == (
        "pip install --no-deps captum==0.9.0 matplotlib packaging tqdm"
    )


def test_a_peer_that_fails_is_out_and_what_it_left_is_put_back(
    bench: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pgd_peers = bench("pgd_peers")
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval()
    x, y = torch.rand(5, 1, 2, 2), torch.zeros(5, dtype=torch.int64)

    def fails(*_: Any) -> None:
        raise RuntimeError("no view\nof this")

    def leaves(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        model.train()(x).sum().backward()
        return x + 0.1

    monkeypatch.setitem(pgd_peers.OTHERS, "fails", fails)
    task = pgd_peers.Task(model, "linf", 2)
    runs = {"bare": pgd_peers.bare(task), "fails": fails, "leaves": leaves}
    lines = pgd_peers.measure(task, runs, [(x, y)] * 2, "test")
    assert set(lines) == {"bare", "leaves"}
    assert "fails failed: no view\n" in capsys.readouterr().out
    assert lines["leaves"].left == {"gradients", "training mode"}
    assert lines["leaves"].over == pytest.approx(0.1 - 8 / 255, abs=1e-6)
    assert len(lines["leaves"].seconds) == 2
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_certificates_beside_the_bare_net_run_quickly(
    bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bench("certify").main(["--quick", "--device", "cpu"])
    printed = capsys.readouterr().out
    for name in ("bare", "certify, Gaussian", "certify, Rounded", "original loop", "bare twin"):
        assert f"\n  {name} " in printed
    assert "64 votes, batches of 32, 1 turns" in printed
    assert "of 64 noisy copies" in printed


def test_every_vision_tool_is_timed(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    bench("vision").main(["--quick"])
    printed = capsys.readouterr().out
    for name in ("bare", "translate", "inpaint", "upscale", "visualize_feature", "invert"):
        assert f"\n  {name} " in printed


def test_a_step_of_the_lab_is_timed(bench: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    bench("lab").main(["--quick"])
    printed = capsys.readouterr().out
    assert "ms after the request" in printed
    for name in ("bare", "desk", "server"):
        assert f"\n  {name} " in printed


def test_imports_are_timed_beside_torch(
    bench: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    imports = bench("imports")
    seconds = {"import torch": 2.0, "import robustlens": 0.5}
    monkeypatch.setattr(imports, "CODE", tuple(seconds))
    monkeypatch.setattr(imports, "COMMANDS", ("list",))
    monkeypatch.setattr(imports, "cpu_seconds", lambda words: seconds.get(words[-1], 0.25))
    imports.main(["--turns", "2"])
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[-2:] for row in rows] == [["2.00", "1.00"], ["0.50", "0.25"], ["0.25", "0.12"]]


def test_cpu_seconds_are_those_of_the_child(bench: Any) -> None:
    idle, busy = (
        bench("imports").cpu_seconds(["-c", code]) for code in ("pass", "sum(range(10**7))")
    )
    assert 0 < idle < busy
