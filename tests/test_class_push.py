"""The example that pushes images towards every class, made tiny."""

import subprocess
import sys
from pathlib import Path

import pytest

from robustlens.recipes import WEIGHTS, fit
from robustlens.studies.kit.presets import TINY_ROBUST

SCRIPT = Path(__file__).parents[1] / "examples" / "class_push.py"


@pytest.mark.slow
def test_class_push_draws_a_sheet(tmp_path: Path) -> None:
    fit(TINY_ROBUST, tmp_path)
    weights = str(tmp_path / TINY_ROBUST.name / WEIGHTS)
    words = ["--robust", weights, "--standard", weights, "--data", "fashion", "--steps", "2"]
    subprocess.run([sys.executable, SCRIPT, *words, "--out", tmp_path / "out"], check=True)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "class-push-light.png",
        "class-push-dark.png",
    }
    assert len(SCRIPT.read_text(encoding="utf-8").splitlines()) < 40
