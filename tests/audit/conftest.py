"""Short attacks, a clock that counts passes, and a net with images for them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch


class Passes:
    """A clock on which every look takes a moment: a forward pass that is watched looks once."""

    def __init__(self, moment: float = 0.001) -> None:
        self.time, self.moment = 0.0, moment

    def __call__(self) -> float:
        self.time += self.moment
        return self.time


@pytest.fixture
def passes() -> Callable[..., Any]:
    return Passes


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the attacks of an audit and its checks short, so that a test takes a second."""
    from robustlens.attacks import apgd, bind, square
    from robustlens.audit import assembled, extras, plan, steps
    from robustlens.sanity import contests

    def least(ball: Any, classes: int) -> plan.Ensemble:
        parts = bind(apgd, ball, steps=8), bind(square, ball, queries=10)
        return plan.Ensemble("short ensemble of the tests", parts, 8, 10)

    def first(ball: Any, classes: int) -> plan.Ensemble:
        return plan.Ensemble("APGD-4", (bind(apgd, ball, steps=4),), 4, 2)

    monkeypatch.setattr(plan, "STRENGTHS", {"least": least})
    monkeypatch.setattr(plan, "TABLE", {"least": least, "first": first})
    monkeypatch.setattr(steps, "TABLE", {"least": least, "first": first})
    monkeypatch.setattr(assembled, "TABLE", {"least": least, "first": first})
    monkeypatch.setattr(steps, "WALK", 6)
    monkeypatch.setattr(plan, "WALK", 6)
    monkeypatch.setattr(extras, "STEPS", 2)
    few = {"fog": extras.CORRUPTIONS["fog"], "jpeg": extras.CORRUPTIONS["jpeg"]}
    monkeypatch.setattr(extras, "CORRUPTIONS", few)
    monkeypatch.setattr(extras, "VOTES", 50)
    for name, value in {"STEPS": 10, "FEW": 4, "TRIES": 3, "QUERIES": 24}.items():
        monkeypatch.setattr(contests, name, value)


@pytest.fixture
def data(trained: Any) -> Any:
    from robustlens.data import Dataset

    images = (trained.x * 255).round().to(torch.uint8)
    names = tuple(f"class {k}" for k in range(10))
    return Dataset(images, trained.y, names, "part")
