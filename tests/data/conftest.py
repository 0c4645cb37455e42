"""Small data sets, and a machine without any.

robustlens is imported inside the fixtures, as in the conftest above.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch


def _make(n: int = 24, classes: int = 3, shape: tuple[int, int, int] = (3, 6, 5)) -> Any:
    from robustlens.data import Dataset

    g = torch.Generator().manual_seed(n)
    images = torch.randint(256, (n, *shape), generator=g, dtype=torch.uint8)
    names = tuple("abcdefgh"[:classes])
    return Dataset(images, torch.arange(n) % classes, names, "toy")


@pytest.fixture(scope="session")
def make() -> Callable[..., Any]:
    return _make


@pytest.fixture
def toy() -> Any:
    return _make()


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without data sets: an empty cache, and no folder named."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ROBUSTLENS_DATA", raising=False)
    monkeypatch.setattr("robustlens.data.named.DEBIAN", tmp_path / "debian")
    return tmp_path / "cache" / "robustlens"
