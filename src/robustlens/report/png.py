"""The PNG files of a run folder, as a page holds them."""

import base64
import struct
from typing import NamedTuple

from robustlens.errors import InputError
from robustlens.pictures import Drawn


class Png(NamedTuple):
    """A picture to be put into a page."""

    width: int
    height: int
    uri: str  # data:image/png;base64,...


def read_png(figure: Drawn, theme: str) -> Png:
    """Return a picture's file in a theme with its size in pixels.

    Raises:
        InputError: the file is missing or no PNG, or the name leads out of the folder.
    """
    path = figure.file(theme)
    content = path.read_bytes()
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        raise InputError(
            f"{path}: {len(content)} bytes that are no PNG", "a PNG picture", "run it again"
        )
    width, height = struct.unpack(">II", content[16:24])
    return Png(width, height, "data:image/png;base64," + base64.b64encode(content).decode())
