"""People's pictures: read upright and on white, with what was done said; masks; and written whole.

photo = read_photo(Path("photo.jpg"), grey=False)
photo.image, photo.clear, photo.notes        # a PIL image, where it is transparent, words
mask = read_mask(Path("mask.png"), photo)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from robustlens.data.augment import unit
from robustlens.data.packed import planes
from robustlens.data.pictures import look, opacity, upright
from robustlens.errors import InputError, UnknownName
from robustlens.files import replacing
from robustlens.types import Images

WRITTEN = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".bmp": "BMP",
           ".tif": "TIFF", ".tiff": "TIFF"}  # fmt: skip
"""The pictures that can be written, by suffix."""
MOVING = {".gif": "GIF", ".webp": "WEBP"}
"""The animations that can be written, by suffix."""
PIXELS = 100_000_000
"""A picture of more pixels is refused: it would take gigabytes."""


class Photo(NamedTuple):
    """A picture as a tool gets it: upright, on white, in the colours that the net takes."""

    image: Image.Image  # of mode "L" or "RGB"
    clear: Tensor | None  # boolean (h, w): where the file is transparent; None: nowhere
    notes: tuple[str, ...]  # what was done to the file, in words


def read_photo(path: Path, *, grey: bool) -> Photo:
    """Return the picture in a file, grey or in colour; transparent parts are laid on white.

    Raises:
        InputError: the file is no picture, damaged, or too large.
    """
    seen = look(path)
    if seen.size[0] * seen.size[1] > PIXELS:
        raise InputError(
            f"{path} of {seen.size[0]} x {seen.size[1]} pixels",
            f"at most {PIXELS // 10**6} million",
            "make it smaller first",
        )
    image = upright(path, "L" if grey else "RGB", seen.size)
    notes = []
    if seen.frames > 1:
        notes.append(f"the first of its {seen.frames} frames")
    if grey and not seen.grey:
        notes.append("its colours read as grey, which is what the net takes")
    alpha = opacity(path, seen.size)
    if alpha is None or alpha.getextrema() == (255, 255):
        return Photo(image, None, tuple(notes))
    notes.append("transparent parts laid on white")
    image = Image.composite(image, Image.new(image.mode, image.size, "white"), alpha)
    clear = torch.from_numpy(np.asarray(alpha) < 128)
    return Photo(image, clear if bool(clear.any()) else None, tuple(notes))


def read_mask(path: Path, photo: Photo) -> Tensor:
    """Return where a mask is white (h, w), True; of one with transparency, where it is opaque.

    Raises:
        InputError: it is no picture, or of another size than the photo.
    """
    seen = look(path)
    if seen.size != photo.image.size:
        sizes = (f"{width} x {height}" for width, height in (seen.size, photo.image.size))
        raise InputError(
            f"a mask {path} of {' pixels for a picture of '.join(sizes)}",
            "a mask of the size of the picture, pixel for pixel",
            "draw it on a copy of the picture",
        )
    alpha = opacity(path, seen.size)
    if alpha is None or alpha.getextrema() == (255, 255):
        alpha = upright(path, "L", seen.size)
    return torch.from_numpy(np.asarray(alpha) >= 128)


def pixels(image: Image.Image) -> Images:
    """Return a PIL image as (1, c, h, w) in [0, 1]."""
    return unit(torch.from_numpy(planes(image).copy()))[None]


def drawn(x: Tensor) -> Image.Image:
    """Return an image (c, h, w) in [0, 1] as a PIL image, each value to the nearest of 256."""
    levels = (x.detach().float().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return Image.fromarray((levels[..., 0] if levels.shape[2] == 1 else levels).numpy())


def check_suffix(path: Path, known: dict[str, str]) -> None:
    """Raise `UnknownName` unless a file name ends in one of the known suffixes."""
    if path.suffix.lower() not in known:
        raise UnknownName("suffix", path.suffix or path.name, known)


def save_picture(image: Image.Image, path: Path) -> None:
    """Write a picture whole or not at all, as its suffix says; a JPEG in its best quality.

    Raises:
        UnknownName: a suffix of no picture.
        InputError: the file cannot be written.
    """
    check_suffix(path, WRITTEN)
    kind = WRITTEN[path.suffix.lower()]
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True},
    }
    with replacing(path) as temporary:
        image.save(temporary, format=kind, **options.get(kind, {}))


def save_walk(frames: Sequence[Image.Image], path: Path, *, seconds: float = 3.0) -> None:
    """Write an animation whole or not at all, GIF or WebP by its suffix; its last frame stays.

    Raises:
        UnknownName: another suffix.
        InputError: no frame, or the file cannot be written.
    """
    check_suffix(path, MOVING)
    if not frames:
        raise InputError("no frame", "at least one picture", "keep frames of the walk")
    each = max(20, round(1000 * seconds / len(frames)))
    times = [each] * (len(frames) - 1) + [max(each, 1500)]
    kind = MOVING[path.suffix.lower()]
    options: dict[str, Any] = {"quality": 90} if kind == "WEBP" else {"disposal": 1}
    first, *others = (frame.convert("RGB") for frame in frames)
    with replacing(path) as temporary:
        first.save(
            temporary, format=kind, save_all=True, append_images=others, duration=times, loop=0,
            **options,
        )  # fmt: skip
