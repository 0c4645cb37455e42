"""What takes a while: pushes, step by step, and tools, with how far they are, as events.

A client that leaves, or asks for something else, ends its work within one step.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from fastapi.sse import EventSourceResponse, ServerSentEvent

from robustlens.errors import InputError
from robustlens.web.asks import AskPush, AskTool, AskUnit, Why
from robustlens.web.desk import Sheet
from robustlens.web.room import At, AtDesk
from robustlens.web.steps import Push
from robustlens.web.tools import Job
from robustlens.web.turns import Busy, Left, Turn
from robustlens.web.wire import shown

EVERY = 0.25
"""Seconds between two words on how far a tool is."""
Events = AsyncIterator[ServerSentEvent]
routes = APIRouter(prefix="/api/desks/{desk}")
"""What takes a while."""


def _checked(at: AtDesk, ask: AskPush) -> Push:
    """Return what is asked; raise before the stream begins what is not to be had."""
    if ask.label is None:
        if not 0 <= (ask.unit or 0) < at.bench.width:
            raise InputError(f"unit {ask.unit}", f"0 to {at.bench.width - 1}", "change unit")
    else:
        at.desk.pair.robust.label(str(ask.label))
    return Push(**{**ask.model_dump(), "label": ask.label or 0})


def _job(at: AtDesk, tool: Annotated[str, Path(max_length=40)], ask: AskTool) -> Job:
    return Job.of(tool, ask.settings, at.desk.sheet)


@routes.post("/push", response_class=EventSourceResponse)
async def push(at: AtDesk, push: Annotated[Push, Depends(_checked)]) -> Events:
    """Take steps; each is an event `step` with the sheet. What goes wrong is a `fault`."""
    steps = at.desk.pushes(push)
    try:
        async with at.turn() as turn:
            while not turn.over:
                data = await turn.do(partial(_next, at, steps))
                if data is None:
                    break
                yield ServerSentEvent(raw_data=data, event="step")
    except (InputError, Busy) as error:
        yield ServerSentEvent(data={"error": str(error)}, event="fault")


@routes.post("/tools/{tool}", response_class=EventSourceResponse)
async def work(at: AtDesk, job: Annotated[Job, Depends(_job)]) -> Events:
    """Let a tool work on the sheet: events `part` with a share, then `made` or `fault`."""
    try:
        async with at.turn() as turn:
            making = turn.start(lambda: job.done(at.bench.painter, at.desk))
            async for share in _waited(turn, making):
                yield ServerSentEvent(data={"share": share}, event="part")
            yield ServerSentEvent(data=making.result(), event="made")
    except (InputError, Busy) as error:
        yield ServerSentEvent(data={"error": str(error)}, event="fault")
    except Left:
        yield ServerSentEvent(data={"error": "stopped"}, event="fault")


@routes.post("/unit")
async def unit(at: AtDesk, ask: AskUnit) -> dict[str, Any]:
    """Show a unit of the robust net: what raises it, and which images do."""
    async with at.turn() as turn:
        return await turn.start(partial(at.bench.unit, ask.unit))


@routes.post("/why", response_model=Why)
async def why(at: AtDesk) -> dict[str, Any]:
    """Say which units speak for what the robust net sees."""
    async with at.turn() as turn:
        return await turn.do(lambda: at.bench.why(at.desk.sheet))


def _next(at: At, steps: Iterator[Sheet]) -> str | None:
    sheet = next(steps, None)
    return None if sheet is None else json.dumps(shown(at.desk, sheet))


async def _waited(turn: Turn, making: "asyncio.Future[Any]") -> AsyncIterator[float]:
    while not making.done():
        await asyncio.wait([making], timeout=EVERY)
        if not making.done():
            yield turn.share
