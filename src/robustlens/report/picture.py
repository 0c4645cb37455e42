"""The pictures of a run folder, as a page holds them: WebP, a third of the size of PNG."""

import base64
import io
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image, UnidentifiedImageError

from robustlens.errors import InputError
from robustlens.pictures import Drawn

QUALITY = 75
"""Of a picture in which losses save space, as in photographs; lines and letters keep every pixel
where that is smaller."""


class Shown(NamedTuple):
    """A picture to be put into a page."""

    width: int
    height: int
    uri: str  # data:image/webp;base64,...


def shown(figure: Drawn, theme: str) -> Shown:
    """Return a picture's file in a theme with its size in pixels.

    Raises:
        InputError: the file is missing or no PNG, or the name leads out of the folder.
    """
    path = figure.file(theme)
    return _packed(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _packed(path: Path, changed: int) -> Shown:
    """Return a picture; kept as long as the file is as it was, for a page that grows."""
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=("PNG",)) as opened:
            image = opened.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise InputError(
            f"{path}: {len(content)} bytes that are no PNG", "a PNG picture", "run it again"
        ) from error
    smallest = min(_webp(image, lossless=True), _webp(image, quality=QUALITY), key=len)
    uri = "data:image/webp;base64," + base64.b64encode(smallest).decode()
    return Shown(*image.size, uri)


def _webp(image: Image.Image, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", method=4, **options)
    return buffer.getvalue()
