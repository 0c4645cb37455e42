"""The lab's server: desks of people, pushes as streams, and the tools that the forms describe.

app = lab_app({"cifar10-l2-0.5": Pair(robust, standard)})

It answers this machine only: other Host headers and requests that another site's page sends are
refused, nothing named by a request is opened or fetched, and a body has a bound.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.middleware.trustedhost import TrustedHostMiddleware

from robustlens.errors import InputError
from robustlens.version import __version__
from robustlens.web import desks, streams
from robustlens.web.asks import Model, Problem
from robustlens.web.desk import Pair
from robustlens.web.guard import HOSTS, OwnPages
from robustlens.web.room import Room
from robustlens.web.tools import described
from robustlens.web.turns import Busy, Turns

BYTES = 16_000_000
"""Of one request's body at most."""
PARTS = {
    "lab.css": "text/css",
    "lab.js": "text/javascript",
    "draw.js": "text/javascript",
    "push.js": "text/javascript",
    "features.js": "text/javascript",
    "share.js": "text/javascript",
    "show.js": "text/javascript",
    "tools.js": "text/javascript",
    "wire.js": "text/javascript",
}
TOLD = {"application/json": {"schema": Problem.model_json_schema()}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, "content": TOLD}
    for status, words in {
        400: "no such Host, or no JSON",
        403: "sent by another site's page",
        404: "no such desk or model",
        413: "a body that is too large",
        422: "not what was expected",
        503: "too many are waiting",
    }.items()
}


def lab_app(
    pairs: Mapping[str, Pair], *, waiting: int = 64, talk: FilePath | None = None
) -> FastAPI:
    """Return the lab as an ASGI application, for the nets of `pairs`; the first is shown first.

    `talk` is the page of claims, where it is written: `robustlens talk`. At most `waiting` steps
    wait for the worker; more are refused.
    """
    room = Room(pairs, Turns(waiting))

    @asynccontextmanager
    async def lasting(_: FastAPI) -> AsyncIterator[None]:
        yield
        room.turns.close()

    app = FastAPI(
        title="robustlens lab", version=__version__, max_body_size=BYTES, lifespan=lasting,
        docs_url=None, redoc_url=None, responses=PROBLEMS,
    )  # fmt: skip
    app.state.room = room
    app.add_middleware(OwnPages)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)
    for kind, status in ((InputError, 422), (Busy, 503)):
        app.add_exception_handler(kind, _telling(status))
    _add_page(app, talk)
    _add_tables(app, room)
    app.include_router(desks.routes)
    app.include_router(streams.routes)
    return app


def _add_page(app: FastAPI, talk: FilePath | None) -> None:
    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        """Return the page."""
        return _part("index.html")

    @app.get("/talk", response_class=HTMLResponse)
    async def claims() -> Response:
        """Return the page of claims, if it is written."""
        if talk is None or not talk.is_file():
            raise HTTPException(404, "the page of claims is not written yet: run robustlens talk")
        return HTMLResponse(talk.read_text(encoding="utf-8"))

    @app.get("/page/{part}", response_class=Response)
    async def part(part: str) -> Response:
        """Return a part of the page, one of a fixed list."""
        if part not in PARTS:
            raise HTTPException(404, "no such part of the page")
        return Response(_part(part), media_type=PARTS[part])


def _add_tables(app: FastAPI, room: Room) -> None:
    @app.get("/api/models")
    async def models() -> list[Model]:
        """Return the nets that are here, the one that is shown first in front."""
        return [
            Model(
                name=name,
                standard=pair.standard.name if pair.standard else None,
                shape=pair.robust.shape,
                classes=pair.robust.classes,
                units=room.benches[name].width,
                seeds=room.benches[name].has_seeds,
                images=pair.images is not None,
            )
            for name, pair in room.pairs.items()
        ]

    @app.get("/api/tools")
    async def tools() -> list[dict[str, Any]]:
        """Return the tools and what can be set of each."""
        return described()


def _part(name: str) -> str:
    return (files("robustlens.web") / "page" / name).read_text(encoding="utf-8")


def _telling(status: int) -> Any:
    def tell(request: Request, error: Exception) -> Response:
        return JSONResponse({"detail": str(error)}, status)

    return tell
