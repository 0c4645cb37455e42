"""All desks of the lab, by names that nobody can guess."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Path, Request

from robustlens.web.desk import Desk, Pair, Sheet
from robustlens.web.features import Bench
from robustlens.web.turns import Turn, Turns
from robustlens.web.wire import shown

DESK_BYTES = 12_000_000
"""Of the steps that a desk keeps."""
DESKS = 64
"""At most; the one unused for longest makes room."""


@dataclass(frozen=True, eq=False)
class At:
    """A desk with its name, the copies of its nets that tools work with, and who computes when."""

    name: str
    desk: Desk
    bench: Bench
    turns: Turns

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """Return a turn of the desk, which begins once what it was doing has stopped."""
        return self.turns.of(self.name)

    async def changed(self, change: Callable[[Desk], Sheet]) -> dict[str, Any]:
        """Return what the desk shows after a change, once what it was doing has stopped."""
        async with self.turn() as turn:
            return await turn.do(lambda: shown(self.desk, change(self.desk)))


@dataclass(eq=False)
class Room:
    """All desks, and who computes when."""

    pairs: Mapping[str, Pair]
    turns: Turns
    desks: OrderedDict[str, At] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.benches = {name: Bench(pair) for name, pair in self.pairs.items()}

    def open(self, model: str) -> At:
        """Return a new desk; raise 404 for nets that are not here."""
        if model not in self.pairs:
            raise HTTPException(404, f"no model {model!r}; there are {', '.join(self.pairs)}")
        while len(self.desks) >= DESKS:
            self.turns.forget(self.desks.popitem(last=False)[0])
        name = secrets.token_urlsafe(16)
        at = At(name, Desk(self.pairs[model], DESK_BYTES), self.benches[model], self.turns)
        self.desks[name] = at
        return at

    def at(self, name: str) -> At:
        """Return a desk; raise 404 where there is none, as after a restart."""
        if name not in self.desks:
            raise HTTPException(404, "no such desk: the lab was started again, or it was unused")
        self.desks.move_to_end(name)
        return self.desks[name]


def at_desk(desk: Annotated[str, Path(max_length=40)], request: Request) -> At:
    """Return the desk that a request's path names; raise 404 where there is none."""
    room: Room = request.app.state.room
    return room.at(desk)


AtDesk = Annotated[At, Depends(at_desk)]
"""An argument of a route: the desk that its path names."""
