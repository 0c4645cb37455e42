"""Who computes when: one thread for steps, one for tools, lines that are not too long, and the
latest of a person wins.

turns = Turns(waiting=64)
async with turns.of(desk) as turn:
    while not turn.over:                 # something newer came from the same person
        sheet = await turn.do(step)      # in the thread of steps, the others' in between

What was waiting when its person left is not done; what was begun ends with its step.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from robustlens.progress import within

T = TypeVar("T")


class Busy(Exception):
    """Too many are waiting."""


class Left(Exception):
    """Whoever asked for it is gone, or asked for something else."""


@dataclass(eq=False)
class Line:
    """A thread, and at most `waiting` pieces of work in front of it."""

    waiting: int
    ahead: list["Future[Any]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, "lab")

    def join(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Return what `work` will return; raise `Busy` where more are waiting than may."""
        self.ahead = [one for one in self.ahead if not one.done()]
        if len(self.ahead) > self.waiting:
            raise Busy(f"{self.waiting} are waiting already: try again in a moment")
        try:
            self.ahead.append(self.thread.submit(work))
        except RuntimeError as error:  # after the end
            raise Busy("the lab is closing") from error
        return asyncio.wrap_future(self.ahead[-1])


@dataclass(eq=False)
class Turn:
    """One piece of work of a person: over as soon as that person leaves or asks for another."""

    steps: Line
    tools: Line
    over: bool = False
    share: float = 0.0  # of a tool's steps that are done

    async def do(self, work: Callable[[], T]) -> T:
        """Return what one step returns; raise `Busy` where more are waiting than may."""
        return await self.steps.join(work)

    def start(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        """Begin with a tool's work, which ends in `Left` at its next step once this is over."""

        def watched() -> T:
            with within(self._step, 1.0):
                self._step(0.0)
                return work()

        return self.tools.join(watched)

    def _step(self, amount: float = 1, note: object = None) -> None:
        self.share += amount
        if self.over:
            raise Left


@dataclass(eq=False)
class Turns:
    """The turns of all desks; at most `waiting` steps, and as many tools, wait."""

    waiting: int
    latest: dict[str, Turn] = field(default_factory=dict)
    working: set[str] = field(default_factory=set)  # desks that compute now
    _own: dict[str, asyncio.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.steps, self.tools = Line(self.waiting), Line(self.waiting)

    @asynccontextmanager
    async def of(self, desk: str) -> AsyncIterator[Turn]:
        """Yield a turn of a desk, once the one before has seen that it is over."""
        before = self.latest.get(desk)
        if before is not None:
            before.over = True
        turn = self.latest[desk] = Turn(self.steps, self.tools)
        try:
            async with self._own.setdefault(desk, asyncio.Lock()):
                self.working.add(desk)
                try:
                    yield turn
                finally:
                    self.working.discard(desk)
        finally:
            turn.over = True

    def forget(self, desk: str) -> None:
        """End what a desk is doing that is gone, and drop what is kept of it."""
        turn = self.latest.pop(desk, None)
        if turn is not None:
            turn.over = True
        self._own.pop(desk, None)

    def close(self) -> None:
        """End everything."""
        for turn in self.latest.values():
            turn.over = True
        for line in (self.steps, self.tools):
            line.thread.shutdown(wait=False, cancel_futures=True)
