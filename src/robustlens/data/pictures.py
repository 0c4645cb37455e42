"""From a picture file to 8-bit pixels, upright: each kind of pixel becomes the right value.

Bits, 8-bit and 16-bit grey, palettes, RGB, CMYK are read; 16-bit grey v becomes v / 257, rounded
(colour of 16 bits keeps its high byte). Transparency is dropped, as is every frame but the first.
32-bit numbers have no largest value, so such a picture is refused. A picture is turned as its EXIF
data say (EXIF 2.3, tag 0x0112); an orientation that is no short integer is ignored, as viewers do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image

from robustlens.errors import InputError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM")
"""Pillow's readers that are asked: those of pictures, and none that runs another program."""
GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
COLOUR = ("P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr")
"""Pillow's modes without colour, and with."""
WIDE = {"PPM": "I", "PNG": "I"}
"""Formats in which mode "I" holds 16 bits, and nothing else."""
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture of an orientation upright."""


class Look(NamedTuple):
    """What the header of a picture says: (width, height) when upright, and what its pixels are."""

    size: tuple[int, int]
    grey: bool
    alpha: bool
    frames: int


def look(path: Path) -> Look:
    """Return what the header says; raise `InputError`, with the path, for what is not readable."""
    with _opened(path) as image:
        if not _wide(image) and image.mode not in GREY + COLOUR:
            raise InputError(
                f"{path} holds pixels of Pillow's mode {image.mode}",
                "8 or 16 bits for each channel",
                "convert it to 8 bits, as you would have it seen",
            )
        width, height = image.size
        # Pillow itself turns a TIFF, and says its upright size.
        sideways = image.format != "TIFF" and (_orientation(image) or 0) >= 5
        alpha = _has_alpha(image)
        # A second frame of an MPO is a thumbnail or the other eye, and no page.
        frames = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
        size = (height, width) if sideways else (width, height)
        return Look(size, _is_grey(image), alpha, frames)


def upright(path: Path, mode: str, expected: tuple[int, int]) -> Image.Image:
    """Return a picture in `mode` "L" or "RGB", turned upright, of the size that `look` said.

    Raises `InputError`, with the path, when it cannot be read.
    """
    with _opened(path) as image:
        image.load()
        turn = UPRIGHT.get(_orientation(image) or 1)
        found = _eight_bits(image).convert(mode)
        found = found if turn is None else found.transpose(turn)
        if found.size != expected:
            raise ValueError(f"its header says {expected} pixels, its data are {found.size}")
        return found


def opacity(path: Path, expected: tuple[int, int]) -> Image.Image | None:
    """Return how opaque each pixel is, mode "L", upright as `upright` is; None without alpha.

    Raises `InputError`, with the path, when it cannot be read.
    """
    with _opened(path) as image:
        image.load()
        if not _has_alpha(image):
            return None
        turn = UPRIGHT.get(_orientation(image) or 1)
        if image.mode in ("La", "RGBa"):
            image = image.convert(image.mode.upper())
        found = image.convert("RGBA").getchannel("A")
        found = found if turn is None else found.transpose(turn)
        if found.size != expected:
            raise ValueError(f"its header says {expected} pixels, its data are {found.size}")
        return found


def _has_alpha(image: Image.Image) -> bool:
    return image.mode[-1] in "Aa" or "transparency" in image.info


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a picture of 8-bit grey or colour, without transparency."""
    if _wide(image) or image.mode.startswith("I;16"):
        return Image.fromarray(_levels(image))
    image.info.pop("transparency", None)  # Pillow would warn that it is dropped
    if image.mode in ("La", "RGBa"):  # premultiplied: divided by alpha first
        return image.convert(image.mode.upper())
    return image


def _levels(image: Image.Image) -> Any:
    """Return the nearest of 0 to 255 for each pixel of up to 16 bits."""
    tags = getattr(image, "tag_v2", {})  # of a TIFF: 258 bits a sample, 262 0 where white is 0
    bits = int(tags.get(258, (16,))[0])
    top = 2**bits - 1
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > top:
        raise ValueError(f"its pixels run from {values.min()} to {values.max()}, not 0 to {top}")
    values = top - values if tags.get(262) == 0 else values
    return ((2 * 255 * values + top) // (2 * top)).astype(np.uint8)


def _is_grey(image: Image.Image) -> bool:
    """Say whether no pixel can have a colour: a palette may hold greys only."""
    if image.mode == "P":
        entries = np.array(image.getpalette() or (0, 0, 1)).reshape(-1, 3)
        return bool((entries == entries[:, :1]).all())
    return _wide(image) or image.mode in GREY


def _wide(image: Image.Image) -> bool:
    return image.mode == "I" and WIDE.get(image.format or "") == "I"


def _orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation, 1 to 8; None where it is not said, or not as it must be."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged data about a picture: the picture itself may be whole
        return None
    return value if type(value) is int and 1 <= value <= 8 else None


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except InputError:
        raise
    except Exception as error:  # a damaged picture: decoders may raise anything
        raise InputError(
            f"cannot read the image {path}: {error}",
            "a whole PNG, JPEG, WebP, BMP, GIF, TIFF or PNM picture",
            "replace or remove it",
        ) from error
