"""What changes a desk at once: strokes, masks, pictures, the anchor, the way back."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response

from robustlens.web.asks import AskAnchor, AskFilm, AskStart, AskTake, NewDesk, Opened, Shown
from robustlens.web.desk import Desk
from robustlens.web.room import At, Room
from robustlens.web.tools import taken
from robustlens.web.wire import film_of, mask_of, photo_of, shown, strokes_of

RAW = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""A body of bytes, as they are."""
DeskId = Annotated[str, Path(max_length=40)]


def desk_routes(room: Room) -> APIRouter:
    """Return the routes of what changes a desk at once."""
    routes = APIRouter(prefix="/api/desks")

    def at(desk: DeskId) -> At:
        return room.at(desk)

    AtDesk = Annotated[At, Depends(at)]

    async def new(ask: NewDesk) -> dict[str, Any]:
        """Open a desk with an empty sheet."""
        opened = room.open(ask.model)
        return {"desk": opened.name, **await room.changed(opened, lambda desk: desk.sheet)}

    async def undo(at: AtDesk) -> dict[str, Any]:
        """Go back a step."""
        return await room.changed(at, Desk.undo)

    async def redo(at: AtDesk) -> dict[str, Any]:
        """Go forward a step."""
        return await room.changed(at, Desk.redo)

    async def paint(at: AtDesk, request: Request) -> dict[str, Any]:
        """Paint strokes, RGBA of the net's size, on the pictures of both nets."""
        body = await request.body()
        return await room.changed(at, lambda d: d.put(d.sheet.painted(strokes_of(d, body))))

    async def photo(at: AtDesk, request: Request) -> dict[str, Any]:
        """Begin with the picture in a file."""
        body = await request.body()
        return await room.changed(at, lambda d: d.put(photo_of(d, body)))

    async def mask(at: AtDesk, request: Request) -> dict[str, Any]:
        """Say where pushes may change pixels, a byte each; nowhere: everywhere."""
        body = await request.body()
        return await room.changed(at, lambda d: d.put(d.sheet.masked(mask_of(d, body))))

    async def anchor(at: AtDesk, ask: AskAnchor) -> dict[str, Any]:
        """Let the ball begin here."""
        return await room.changed(at, lambda d: d.put(d.sheet.anchored(ask.pinned)))

    async def keep(at: AtDesk) -> dict[str, Any]:
        """Put the picture aside, for tools that take two."""
        return await room.changed(at, lambda d: d.put(d.sheet.kept()))

    async def start(at: AtDesk, ask: AskStart) -> dict[str, Any]:
        """Begin with a grey sheet, a blurred guess of a class, or an image."""
        found = partial(at.bench.started, kind=ask.kind, label=ask.label, index=ask.index)
        return await room.changed(at, lambda d: d.put(found(d)))

    async def take(at: AtDesk, ask: AskTake) -> dict[str, Any]:
        """Begin with a picture that the last tool made."""
        return await room.changed(at, partial(taken, index=ask.index))

    async def look(at: AtDesk) -> dict[str, Any]:
        """Return what lies on a desk."""
        async with room.turns.of(at.name) as turn:
            return await turn.do(lambda: shown(at.desk, at.desk.sheet))

    async def film(at: AtDesk, ask: AskFilm) -> Response:
        """Return the way up to here, moving."""
        async with room.turns.of(at.name) as turn:
            moving = await turn.do(partial(film_of, at.desk, ask.kind))
        return Response(moving, media_type=f"image/{ask.kind}")

    routes.post("", response_model=Opened)(new)
    for work in (undo, redo, anchor, keep, start, take):
        routes.post(f"/{{desk}}/{work.__name__}", response_model=Shown)(work)
    for raw in (paint, photo, mask):
        routes.post(f"/{{desk}}/{raw.__name__}", response_model=Shown, openapi_extra=RAW)(raw)
    routes.get("/{desk}", response_model=Shown)(look)
    moving: dict[int | str, dict[str, Any]] = {
        200: {"content": {"image/webp": {}, "image/gif": {}}}
    }
    routes.post("/{desk}/film", response_class=Response, responses=moving)(film)
    return routes
