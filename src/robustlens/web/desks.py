"""What changes a desk at once: strokes, masks, pictures, the anchor, the way back."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from robustlens.web.asks import AskAnchor, AskFilm, AskStart, AskTake, NewDesk, Opened, Shown
from robustlens.web.desk import Desk
from robustlens.web.room import At, AtDesk
from robustlens.web.tools import taken
from robustlens.web.wire import film_of, mask_of, photo_of, shown, strokes_of

RAW = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""A body of bytes, as they are."""
MOVING: dict[int | str, dict[str, Any]] = {200: {"content": {"image/webp": {}, "image/gif": {}}}}
routes = APIRouter(prefix="/api/desks")
"""What changes a desk at once."""


@routes.post("", response_model=Opened)
async def new(ask: NewDesk, request: Request) -> dict[str, Any]:
    """Open a desk with an empty sheet."""
    opened: At = request.app.state.room.open(ask.model)
    return {"desk": opened.name, **await opened.changed(lambda desk: desk.sheet)}


@routes.post("/{desk}/undo", response_model=Shown)
async def undo(at: AtDesk) -> dict[str, Any]:
    """Go back a step."""
    return await at.changed(Desk.undo)


@routes.post("/{desk}/redo", response_model=Shown)
async def redo(at: AtDesk) -> dict[str, Any]:
    """Go forward a step."""
    return await at.changed(Desk.redo)


@routes.post("/{desk}/paint", response_model=Shown, openapi_extra=RAW)
async def paint(at: AtDesk, request: Request) -> dict[str, Any]:
    """Paint strokes, RGBA of the net's size, on the pictures of both nets."""
    body = await request.body()
    return await at.changed(lambda d: d.put(d.sheet.painted(strokes_of(d, body))))


@routes.post("/{desk}/photo", response_model=Shown, openapi_extra=RAW)
async def photo(at: AtDesk, request: Request) -> dict[str, Any]:
    """Begin with the picture in a file."""
    body = await request.body()
    return await at.changed(lambda d: d.put(photo_of(d, body)))


@routes.post("/{desk}/mask", response_model=Shown, openapi_extra=RAW)
async def mask(at: AtDesk, request: Request) -> dict[str, Any]:
    """Say where pushes may change pixels, a byte each; nowhere: everywhere."""
    body = await request.body()
    return await at.changed(lambda d: d.put(d.sheet.masked(mask_of(d, body))))


@routes.post("/{desk}/anchor", response_model=Shown)
async def anchor(at: AtDesk, ask: AskAnchor) -> dict[str, Any]:
    """Let the ball begin here."""
    return await at.changed(lambda d: d.put(d.sheet.anchored(ask.pinned)))


@routes.post("/{desk}/keep", response_model=Shown)
async def keep(at: AtDesk) -> dict[str, Any]:
    """Put the picture aside, for tools that take two."""
    return await at.changed(lambda d: d.put(d.sheet.kept()))


@routes.post("/{desk}/start", response_model=Shown)
async def start(at: AtDesk, ask: AskStart) -> dict[str, Any]:
    """Begin with a grey sheet, a blurred guess of a class, or an image."""
    found = partial(at.bench.started, kind=ask.kind, label=ask.label, index=ask.index)
    return await at.changed(lambda d: d.put(found(d)))


@routes.post("/{desk}/take", response_model=Shown)
async def take(at: AtDesk, ask: AskTake) -> dict[str, Any]:
    """Begin with a picture that the last tool made."""
    return await at.changed(partial(taken, index=ask.index))


@routes.get("/{desk}", response_model=Shown)
async def look(at: AtDesk) -> dict[str, Any]:
    """Return what lies on a desk."""
    async with at.turn() as turn:
        return await turn.do(lambda: shown(at.desk, at.desk.sheet))


@routes.post("/{desk}/film", response_class=Response, responses=MOVING)
async def film(at: AtDesk, ask: AskFilm) -> Response:
    """Return the way up to here, moving."""
    async with at.turn() as turn:
        moving = await turn.do(partial(film_of, at.desk, ask.kind))
    return Response(moving, media_type=f"image/{ask.kind}")
