"""Between the page and a desk: bytes to strokes, masks and pictures; sheets to JSON."""

import base64
import io
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.types import Images
from robustlens.vision.canvas import place
from robustlens.vision.photo import drawn, read_photo
from robustlens.web.desk import Desk, Sheet, sheet_of


def shown(desk: Desk, sheet: Sheet) -> dict[str, Any]:
    """Return a sheet as the page shows it: pictures, probabilities, what can be undone."""
    return {
        "pictures": [uri(x) for x in sheet.pictures],
        "chances": [[p.tolist() for p in net] for net in desk.chances(sheet)],
        "moved": [float((x - sheet.anchor).norm()) for x in sheet.pictures],
        "pinned": sheet.pinned,
        "masked": sheet.mask is not None,
        "said": sheet.said,
        "undo": desk.place > 0,
        "redo": desk.place < len(desk.sheets) - 1,
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
            photo = read_photo(path, grey=painter.shape[0] == 1)
        except InputError as error:
            words = error.received.replace(str(path), "what was sent")
            raise InputError(words, error.expected, error.change) from None
    placed = place(photo.image, painter, fit="square")
    said = "; ".join((f"a picture, {placed.how}", *photo.notes))
    return sheet_of(desk.pair, placed.x[:1], said)


def _plane(desk: Desk, body: bytes, depth: int) -> Tensor:
    _, h, w = desk.pair.robust.shape
    if len(body) != depth * h * w:
        raise InputError(
            f"{len(body)} bytes", f"{depth * h * w}: {w} x {h} pixels of {depth} bytes each"
        )
    flat = torch.frombuffer(bytearray(body), dtype=torch.uint8)
    return flat.view(h, w, depth).permute(2, 0, 1)
