"""All desks of the lab, by names that nobody can guess."""

import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import HTTPException

from robustlens.web.desk import Desk, Pair, Sheet
from robustlens.web.features import Bench
from robustlens.web.turns import Turns
from robustlens.web.wire import shown

DESK_BYTES = 12_000_000
"""Of the steps that a desk keeps."""
DESKS = 64
"""At most; the one unused for longest makes room."""


@dataclass(frozen=True, eq=False)
class At:
    """A desk with its name, and the copies of its nets that tools work with."""

    name: str
    desk: Desk
    bench: Bench


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
        at = At(name, Desk(self.pairs[model], DESK_BYTES), self.benches[model])
        self.desks[name] = at
        return at

    def at(self, name: str) -> At:
        """Return a desk; raise 404 where there is none, as after a restart."""
        if name not in self.desks:
            raise HTTPException(404, "no such desk: the lab was started again, or it was unused")
        self.desks.move_to_end(name)
        return self.desks[name]

    async def changed(self, at: At, change: Callable[[Desk], Sheet]) -> dict[str, Any]:
        """Return what a desk shows after a change, once what it was doing has stopped."""
        async with self.turns.of(at.name) as turn:
            return await turn.do(lambda: shown(at.desk, change(at.desk)))
