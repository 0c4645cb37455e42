"""Pictures on a sheet: small ones in large, each pixel a sharp square, with white between.

sheet(made.images, across=5).save("ships.png")           # a PIL image
"""

import math

from PIL import Image

from robustlens.errors import InputError
from robustlens.types import Images
from robustlens.vision.photo import drawn

SIDE = 128
"""Pixels along a picture, about: a small one grows by a whole factor."""
GAP = 8


def sheet(x: Images, across: int = 0) -> Image.Image:
    """Return images (b, c, h, w) side by side, `across` in a row; 0: about as many as rows.

    Raises:
        InputError: no image, or across < 0.
    """
    if not len(x) or across < 0:
        raise InputError(f"{len(x)} images, {across} across", "at least one image, across >= 0")
    across = min(across or math.ceil(math.sqrt(len(x))), len(x))
    cells = [enlarged_whole(drawn(one)) for one in x]
    w, h = cells[0].size
    down = math.ceil(len(cells) / across)
    size = (across * (w + GAP) - GAP, down * (h + GAP) - GAP)
    page = Image.new(cells[0].mode, size, "white")
    for place, cell in enumerate(cells):
        row, column = divmod(place, across)
        page.paste(cell, (column * (w + GAP), row * (h + GAP)))
    return page


def enlarged_whole(image: Image.Image) -> Image.Image:
    """Return a small picture a whole number of times as large, a large one as it is."""
    times = max(1, round(SIDE / max(image.size)))
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
