"""The time of an audit: how much is left, and an end in the midst of an attack.

clock = Clock(seconds=600)
with ending(model, clock):      # a forward pass after the end raises `OutOfTime`
    attack.found(model, x, y, generator)
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import nn


class OutOfTime(BaseException):
    """The time is over. No `Exception`, for whoever tries a model may catch those and go on."""


@dataclass(frozen=True)
class Clock:
    """So many seconds from `began` on, by the clock `now`."""

    seconds: float
    now: Callable[[], float] = time.perf_counter
    began: float = field(default=-1.0)

    def __post_init__(self) -> None:
        if self.began < 0:
            object.__setattr__(self, "began", self.now())

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return self.now() - self.began

    @property
    def left(self) -> float:
        """Seconds until the end; negative after it."""
        return self.seconds - self.spent


@contextmanager
def ending(model: nn.Module, clock: Clock) -> Iterator[None]:
    """Let the model raise `OutOfTime` instead of answering, once the time is over."""

    def look(*_: Any) -> None:
        if clock.left <= 0:
            raise OutOfTime

    handle = model.register_forward_pre_hook(look)
    try:
        yield
    finally:
        handle.remove()
