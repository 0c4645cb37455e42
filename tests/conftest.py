"""Shared fixtures. robustlens is imported inside them: jaxtyping must hook its import first."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jaxtyping
import pytest
import torch
from hypothesis import settings
from torch import Tensor, nn

torch.set_num_threads(1)  # for nets this small, threads cost more than they bring
ROOT = Path(__file__).parents[1]

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=60)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that read the run of the talk in one process, so that it is run once."""
    for item in items:
        if "talk" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("talk"))


class Linear(nn.Module):
    """Two classes; logit 1 minus logit 0 is w.x, so the margin moves by eps * dual norm of w."""

    def __init__(self, w: Tensor) -> None:
        super().__init__()
        self.w = nn.Parameter(w)

    def forward(self, x: Tensor) -> Tensor:
        score = (x.flatten(1) - 0.5) @ self.w
        return torch.stack([-score / 2, score / 2], dim=1)


class Trained(NamedTuple):
    """A small net that is right on most of its images, and those images."""

    model: nn.Module
    x: Tensor
    y: Tensor


@pytest.fixture(autouse=True)
def _says_again() -> None:
    """Let a test hear what an earlier one was told: such lines are said once in a process."""
    from robustlens.progress import say_once

    say_once.cache_clear()


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Turn jaxtyping's checks off, so that our own refusals are met, as by users."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def linear() -> type[Linear]:
    return Linear


def _fit() -> Trained:
    from robustlens.data import load
    from robustlens.nets import SmallCNN
    from robustlens.streams import initialised, stream

    data = load("fashion").take(500)
    x, y = data.images.double() / 255, data.labels  # in float32 each machine trains its own
    model = initialised(0, lambda: SmallCNN(width=4)).double()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(6):
        for rows in torch.randperm(len(x), generator=stream(0, "fit", epoch)).split(50):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimiser.step()
    model.zero_grad(set_to_none=True)
    model.float().eval()
    x = x.float()
    with torch.no_grad():
        right = torch.nonzero(model(x).argmax(dim=1) == y).flatten()[:60]
    return Trained(model, x[right], y[right])


@pytest.fixture(scope="session")
def trained() -> Any:
    return _fit()


@pytest.fixture(scope="session")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the whole talk, every study in its smallest preset, run once."""
    from robustlens.cli.app import main

    folder = tmp_path_factory.mktemp("talk")
    assert main(["talk", "--preset", "tiny", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def big(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of large data sets; the test is skipped where there is none."""
    folder = Path(os.environ.get("ROBUSTLENS_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "cifar10_test.npz").is_file():
        pytest.skip(f"no large data sets in {folder}; set ROBUSTLENS_DATA")
    monkeypatch.setenv("ROBUSTLENS_DATA", str(folder))
    return folder
