"""The lab's server: desks of people, pushes as streams, and the tools that the forms describe.

app = lab_app({"cifar10-l2-0.5": Pair(robust, standard)})

It answers this machine only: other Host headers and requests that another site's page sends are
refused, nothing named by a request is opened or fetched, and a body has a bound.
"""

import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Path, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

from robustlens.errors import InputError
from robustlens.version import __version__
from robustlens.web.desk import Desk, Pair, Push, Sheet
from robustlens.web.tools import described, taken, worked
from robustlens.web.turns import Busy, Turns
from robustlens.web.wire import mask_of, photo_of, shown, strokes_of

BYTES = 16_000_000
"""Of one request's body at most."""
DESK_BYTES = 12_000_000
"""Of the steps that a desk keeps."""
DESKS = 64
"""At most; the one unused for longest makes room."""
POLICY = "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'"
HOSTS = ["127.0.0.1", "localhost", "[::1]"]


DeskId = Annotated[str, Path(max_length=40)]


class Ask(BaseModel):
    """What a request asks: nothing that is not named here."""

    model_config = ConfigDict(extra="forbid")


class NewDesk(Ask):
    """A desk for the nets of a name."""

    model: str


class AskPush(Ask):
    """Steps towards a class."""

    label: int = Field(ge=0)
    steps: int = Field(default=1, ge=1, le=1000)
    strength: float = Field(default=1.0, gt=0, le=1000, allow_inf_nan=False)
    eps: float = Field(default=40.0, gt=0, le=10000, allow_inf_nan=False)
    norm: str = "l2"


class Anchor(Ask):
    """Where the ball begins: here and to stay, or wherever the picture is painted on."""

    pinned: bool


class AskTool(Ask):
    """What a tool is told; what is left out is as in its form."""

    settings: dict[str, Any] = Field(default_factory=dict)


class Take(Ask):
    """A picture that the last tool made."""

    index: int = Field(ge=0)


@dataclass(eq=False)
class Room:
    """All desks, and who computes when."""

    pairs: Mapping[str, Pair]
    turns: Turns
    desks: OrderedDict[str, Desk] = field(default_factory=OrderedDict)

    def open(self, model: str) -> str:
        """Return the id of a new desk; raise 404 for nets that are not here."""
        if model not in self.pairs:
            raise HTTPException(404, f"no model {model!r}; there are {', '.join(self.pairs)}")
        while len(self.desks) >= DESKS:
            self.turns.forget(self.desks.popitem(last=False)[0])
        name = secrets.token_urlsafe(16)
        self.desks[name] = Desk(self.pairs[model], DESK_BYTES)
        return name

    def at(self, name: str) -> Desk:
        """Return a desk; raise 404 where there is none, as after a restart."""
        if name not in self.desks:
            raise HTTPException(404, "no such desk: the lab was started again, or it was unused")
        self.desks.move_to_end(name)
        return self.desks[name]


def lab_app(
    pairs: Mapping[str, Pair], *, waiting: int = 64, talk: FilePath | None = None
) -> FastAPI:
    """Return the lab as an ASGI application, for the nets of `pairs`; the first is shown first.

    `talk` is the page of claims, where it is written: `robustlens talk`. At most `waiting` steps
    wait for the worker; more are refused.
    """
    app = FastAPI(title="robustlens lab", version=__version__, max_body_size=BYTES)
    room = Room(pairs, Turns(waiting))
    app.state.room = room
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)
    app.middleware("http")(_own_pages_only)
    app.add_exception_handler(InputError, _refused)
    app.add_exception_handler(Busy, _busy)
    _add_page(app, talk)
    _add_desks(app, room)
    _add_tools(app, room)
    return app


def _add_page(app: FastAPI, talk: FilePath | None) -> None:
    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        return _part("index.html")

    @app.get("/talk", response_class=HTMLResponse)
    async def claims() -> Response:
        if talk is None or not talk.is_file():
            words = "The page of claims is not written yet: run <code>robustlens talk</code>."
            return HTMLResponse(f"<!doctype html><html lang=en><title>talk</title><p>{words}", 404)
        return HTMLResponse(talk.read_text(encoding="utf-8"))

    @app.get("/lab.js", response_class=Response)
    async def script() -> Response:
        return Response(_part("lab.js"), media_type="text/javascript")

    @app.get("/lab.css", response_class=Response)
    async def style() -> Response:
        return Response(_part("lab.css"), media_type="text/css")


def _add_desks(app: FastAPI, room: Room) -> None:
    @app.get("/api/models")
    async def models() -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "standard": pair.standard and pair.standard.name,
                "shape": pair.robust.shape,
                "classes": pair.robust.classes,
            }
            for name, pair in room.pairs.items()
        ]

    @app.post("/api/desks")
    async def new(ask: NewDesk) -> dict[str, Any]:
        name = room.open(ask.model)
        return {"desk": name, **await _changed(room, name, lambda desk: desk.sheet)}

    @app.post("/api/desks/{desk}/undo")
    async def undo(desk: DeskId) -> dict[str, Any]:
        return await _changed(room, desk, Desk.undo)

    @app.post("/api/desks/{desk}/redo")
    async def redo(desk: DeskId) -> dict[str, Any]:
        return await _changed(room, desk, Desk.redo)

    @app.post("/api/desks/{desk}/paint")
    async def paint(desk: DeskId, request: Request) -> dict[str, Any]:
        strokes = await request.body()
        return await _changed(room, desk, lambda d: d.put(d.sheet.painted(strokes_of(d, strokes))))

    @app.post("/api/desks/{desk}/photo")
    async def photo(desk: DeskId, request: Request) -> dict[str, Any]:
        body = await request.body()
        return await _changed(room, desk, lambda d: d.put(photo_of(d, body)))

    @app.post("/api/desks/{desk}/mask")
    async def mask(desk: DeskId, request: Request) -> dict[str, Any]:
        body = await request.body()
        return await _changed(room, desk, lambda d: d.put(d.sheet.masked(mask_of(d, body))))

    @app.post("/api/desks/{desk}/anchor")
    async def anchor(desk: DeskId, ask: Anchor) -> dict[str, Any]:
        return await _changed(room, desk, lambda d: d.put(d.sheet.anchored(ask.pinned)))

    @app.post("/api/desks/{desk}/push", response_class=EventSourceResponse)
    async def push(desk: DeskId, ask: AskPush) -> AsyncIterator[ServerSentEvent]:
        at = room.at(desk)
        steps = at.pushes(Push(**ask.model_dump()))
        try:
            async with room.turns.of(desk) as turn:
                while not turn.over:
                    sheet = await turn.do(partial(next, steps, None))
                    if sheet is None:
                        break
                    data = await turn.do(partial(shown, at, sheet))
                    yield ServerSentEvent(data=data, event="step")
        except (InputError, Busy) as error:
            yield ServerSentEvent(data={"error": str(error)}, event="fault")


def _add_tools(app: FastAPI, room: Room) -> None:
    @app.get("/api/tools")
    async def tools() -> list[dict[str, Any]]:
        return described()

    @app.post("/api/desks/{desk}/tools/{tool}")
    async def work(desk: DeskId, tool: str, ask: AskTool) -> dict[str, Any]:
        at = room.at(desk)
        async with room.turns.of(desk) as turn:
            return await turn.do(partial(worked, at, tool, ask.settings))

    @app.post("/api/desks/{desk}/take")
    async def take(desk: DeskId, ask: Take) -> dict[str, Any]:
        return await _changed(room, desk, partial(taken, index=ask.index))


async def _changed(room: Room, name: str, change: Callable[[Desk], Sheet]) -> dict[str, Any]:
    """Return what a desk shows after a change, once what it was doing has stopped."""
    desk = room.at(name)
    async with room.turns.of(name) as turn:
        return await turn.do(lambda: shown(desk, change(desk)))


def _part(name: str) -> str:
    return (files("robustlens.web") / "page" / name).read_text(encoding="utf-8")


async def _own_pages_only(request: Request, follow: Callable[[Request], Any]) -> Response:
    """Refuse what a page of another site sends, and tell browsers what the page may load."""
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host')}"
    strange = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if request.method != "GET" and (strange or origin not in (None, own)):
        return JSONResponse({"detail": f"a request of {origin}, another site"}, 403)
    answer: Response = await follow(request)
    if request.url.path != "/talk":  # which brings its own
        answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 422)


def _busy(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 503)
