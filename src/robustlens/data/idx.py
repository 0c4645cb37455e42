"""The idx files in which MNIST and Fashion-MNIST are published, plain or gzipped.

    images = read(Path("train-images-idx3-ubyte.gz"))      # uint8 (60000, 28, 28)

Format: two zero bytes, the type (8: uint8), the number of axes, each length as a big-endian
32-bit integer, then the bytes (Y. LeCun, "The MNIST database").
"""

import gzip
import zlib
from pathlib import Path

import numpy as np

from robustlens.data.packed import Bytes
from robustlens.errors import InputError

STEMS = {"train": "train", "test": "t10k"}


def read(path: Path) -> Bytes:
    """Return the array in an idx file; raise `InputError` when it is damaged or not uint8."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {error}", "an idx file") from error
    axes = raw[3] if raw[:3] == b"\0\0\x08" and len(raw) > 3 else 0
    start = 4 + 4 * axes
    shape = tuple(np.frombuffer(raw[4:start], ">u4").tolist()) if len(raw) >= start else ()
    if not axes or len(raw) - start != np.prod(shape):
        raise InputError(f"{path} is not a whole idx file of bytes", "its header and all its data")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def pair(folder: Path, split: str) -> tuple[Bytes, Bytes]:
    """Return images (n, h, w) and labels (n,) of "train" or "test" in a folder of idx files."""
    stem = STEMS[split]
    images, labels = f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte"
    return read(_existing(folder / images)), read(_existing(folder / labels))


def _existing(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.is_file() else path
