"""Who computes when: one worker for all, a line that is not too long, the latest of a person wins.

turns = Turns(waiting=64)
async with turns.of(desk) as turn:
    while not turn.over:                 # something newer came from the same person
        sheet = await turn.do(step)      # in the worker, the others' steps in between
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")


class Busy(Exception):
    """Too many are waiting."""


@dataclass(eq=False)
class Turn:
    """One piece of work of a person: over as soon as that person asks for something else."""

    worker: anyio.CapacityLimiter
    waiting: int
    over: bool = False

    async def do(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, done in the worker.

        Raises:
            Busy: more wait for the worker than may.
        """
        if self.worker.statistics().tasks_waiting >= self.waiting:
            raise Busy(f"{self.waiting} steps are waiting already")
        return await anyio.to_thread.run_sync(work, limiter=self.worker)


@dataclass(eq=False)
class Turns:
    """The turns of all desks; at most `waiting` steps wait for the one worker."""

    waiting: int
    latest: dict[str, Turn] = field(default_factory=dict)
    working: set[str] = field(default_factory=set)  # desks that compute now
    _worker: anyio.CapacityLimiter | None = None
    _own: dict[str, anyio.Lock] = field(default_factory=dict)

    @asynccontextmanager
    async def of(self, desk: str) -> AsyncIterator[Turn]:
        """Yield a turn of a desk, once the one before has seen that it is over."""
        self._worker = self._worker or anyio.CapacityLimiter(1)  # belongs to the running loop
        before = self.latest.get(desk)
        if before is not None:
            before.over = True
        turn = self.latest[desk] = Turn(self._worker, self.waiting)
        async with self._own.setdefault(desk, anyio.Lock()):
            self.working.add(desk)
            try:
                yield turn
            finally:
                turn.over = True
                self.working.discard(desk)

    def forget(self, desk: str) -> None:
        """Drop what is kept of a desk that is gone."""
        for kept in (self.latest, self._own):
            kept.pop(desk, None)
