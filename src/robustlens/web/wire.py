"""Between the page and a desk: bytes to strokes, masks and pictures; sheets to JSON and films."""

import base64
import io
import tempfile
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from robustlens.errors import InputError
from robustlens.types import Images
from robustlens.vision.canvas import place
from robustlens.vision.photo import drawn, read_photo, save_walk
from robustlens.vision.sheet import GAP, enlarged_whole
from robustlens.web.desk import Desk, Sheet

PIXELS = 40_000_000
"""Of a picture that is sent, at most."""
FRAMES = 200


def shown(desk: Desk, sheet: Sheet) -> dict[str, Any]:
    """Return a sheet as the page shows it: pictures, probabilities, what can be undone."""
    return {
        "pictures": [uri(x) for x in sheet.pictures],
        "chances": [p.tolist() for p in desk.chances(sheet)],
        "moved": [float((x - sheet.anchor).norm()) for x in sheet.pictures],
        "pinned": sheet.pinned,
        "masked": sheet.mask is not None,
        "second": None if sheet.second is None else uri(sheet.second),
        "said": sheet.said,
        "undo": desk.place,
        "count": desk.count,
        "redo": len(desk.sheets) - 1 - desk.place,
    }


def uri(x: Images) -> str:
    """Return a picture (1, c, h, w) as a data URI of a PNG."""
    buffer = io.BytesIO()
    drawn(x[0]).save(buffer, format="PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def strokes_of(desk: Desk, body: bytes) -> Tensor:
    """Return strokes (4, h, w) in [0, 1] from the bytes of a canvas, row by row, RGBA.

    Raises:
        InputError: another number of bytes than 4 a pixel.
    """
    return _plane(desk, body, 4).float() / 255


def mask_of(desk: Desk, body: bytes) -> Tensor:
    """Return a mask (h, w) from a byte a pixel, True from 128 on; raises as `strokes_of`."""
    return _plane(desk, body, 1)[0] >= 128


def photo_of(desk: Desk, body: bytes) -> Sheet:
    """Return a new sheet with the picture of a file's bytes, its middle as large as the nets take.

    Raises:
        InputError: no picture, damaged, or too large.
    """
    painter = desk.pair.robust
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        path.write_bytes(body)
        try:
            _small_enough(path)
            photo = read_photo(path, grey=painter.shape[0] == 1)
        except InputError as error:
            words = error.received.replace(str(path), "what was sent")
            raise InputError(words, error.expected, error.change) from None
    placed = place(photo.image, painter, fit="square")
    said = "; ".join((f"a picture, {placed.how}", *photo.notes))
    return desk.sheet.started(placed.x[:1], said)


def film_of(desk: Desk, kind: str) -> bytes:
    """Return the way from the first sheet to this one as an animation, WebP or GIF."""
    sheets = desk.sheets[: desk.place + 1]
    count = min(len(sheets), FRAMES)
    at = [round(k * (len(sheets) - 1) / max(count - 1, 1)) for k in range(count)]
    frames = [_beside([enlarged_whole(drawn(x[0])) for x in sheets[k].pictures]) for k in at]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"walk.{kind}"
        save_walk(frames, path, seconds=max(1.0, min(len(frames) / 12, 10.0)))
        return path.read_bytes()


def _beside(cells: list[Image.Image]) -> Image.Image:
    w, h = cells[0].size
    page = Image.new(cells[0].mode, (len(cells) * (w + GAP) - GAP, h), "white")
    for k, cell in enumerate(cells):
        page.paste(cell, (k * (w + GAP), 0))
    return page


def _small_enough(path: Path) -> None:
    """Refuse a file that would become more pixels than a page needs, before they are made."""
    try:
        with Image.open(path) as image:
            width, height = image.size
    except Image.DecompressionBombError:
        width = height = PIXELS
    except (OSError, ValueError, SyntaxError):
        return  # no picture: said in words by who reads it
    if width * height > PIXELS:
        size = "very many" if width == height == PIXELS else f"{width} x {height}"
        raise InputError(f"a picture of {size} pixels", f"at most {PIXELS // 10**6} million")


def _plane(desk: Desk, body: bytes, depth: int) -> Tensor:
    _, h, w = desk.pair.robust.shape
    if len(body) != depth * h * w:
        raise InputError(
            f"{len(body)} bytes", f"{depth * h * w}: {w} x {h} pixels of {depth} bytes each"
        )
    flat = torch.frombuffer(bytearray(body), dtype=torch.uint8)
    return flat.view(h, w, depth).permute(2, 0, 1)
