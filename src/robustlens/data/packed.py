"""Images packed in one npz: sheets of 10 x 10 small images, or one encoded blob an image.

    with opened(path) as npz:
        images = sheets(npz["sheets"], npz["offsets"], "RGB")     # (n, c, h, w) uint8

`offsets` (n + 1,) delimits the items of a uint8 blob. Decoding runs in threads: Pillow lets go of
the interpreter while it works.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from robustlens.errors import InputError
from robustlens.progress import bar

T = TypeVar("T")
R = TypeVar("R")
Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]

SIDE = 10
"""Images along one side of a sheet."""


@contextmanager
def opened(source: Path | IO[bytes]) -> Iterator[Any]:
    """Yield the open npz of a path or stream; no pickles are read.

    Raises `InputError` when it is not an npz, is damaged, or lacks an array the body asks for.
    """
    try:
        # Opened here: numpy leaves a path it cannot read open.
        with source.open("rb") if isinstance(source, Path) else source as stream:
            npz = np.load(stream, allow_pickle=False)
            if isinstance(npz, np.ndarray):
                raise ValueError("it holds a single array without a name")
            with npz:
                yield npz
    except InputError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"cannot read {source}: {error}", "a whole .npz file without pickles", "make it anew"
        ) from error


def sheets(blob: Bytes, offsets: Offsets, mode: str) -> Bytes:
    """Return the images of all sheets, row-major, as uint8 (n, c, h, w).

    `mode` is Pillow's, "L" or "RGB": WebP itself knows no grey.
    """
    tiles = gather("decoding sheets", lambda item: _tiles(_decode(item, mode)), _cut(blob, offsets))
    return tiles.reshape(-1, *tiles.shape[2:])


def blobs(blob: Bytes, offsets: Offsets, kept: Sequence[int] | None = None) -> Bytes:
    """Return the images, one encoded blob each, as uint8 (n, 3, h, w); of `kept` only, if given."""
    items = _cut(blob, offsets)
    wanted = items if kept is None else [items[index] for index in kept]
    return gather("decoding images", lambda item: _decode(item, "RGB"), wanted)


def gather(title: str, decode: Callable[[T], Bytes], items: Sequence[T]) -> Bytes:
    """Return `decode` of every item, stacked; all must have the shape of the first."""
    results = threaded(title, decode, items)
    first = next(results)
    stacked = np.empty((len(items), *first.shape), np.uint8)
    stacked[0] = first
    for index, result in enumerate(results, start=1):
        stacked[index] = result
    return stacked


def threaded(title: str, function: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Return an iterator over `function` of every item, in order, made in threads under a bar."""
    with ThreadPoolExecutor() as pool, bar(title, len(items)) as advance:
        for result in pool.map(function, items):
            yield result
            advance()


def planes(image: Image.Image) -> Bytes:
    """Return the pixels of an image as uint8 (c, h, w)."""
    pixels = np.asarray(image)
    return pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)


def _cut(blob: Bytes, offsets: Offsets) -> list[Bytes]:
    return [blob[start:stop] for start, stop in pairwise(offsets)]


def _decode(item: Bytes, mode: str) -> Bytes:
    with Image.open(io.BytesIO(item.tobytes())) as image:
        return planes(image.convert(mode))


def _tiles(sheet: Bytes) -> Bytes:
    """Return the images (100, c, h, w) of one sheet (c, 10 h, 10 w)."""
    channels, height, width = (sheet.shape[0], *(length // SIDE for length in sheet.shape[1:]))
    grid = sheet.reshape(channels, SIDE, height, SIDE, width).transpose(1, 3, 0, 2, 4)
    return grid.reshape(SIDE * SIDE, channels, height, width)
