"""Data sets by name or by path.

    data = load("fashion")                      # comes with the package
    data = load("cifar10", "test")              # `robustlens data get cifar10` first
    data = load("./photos", "all", size=64)     # photos/CLASS/*.jpg
    data = load("list.csv", "all", size=64)     # a line for each picture: file, label

Everything is uint8 (n, c, h, w) in the original order; `SOURCES` is the table of names.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d

from robustlens.data import arrays, cifar, folder, listing, manifest, saved
from robustlens.data.dataset import Dataset, Piece
from robustlens.data.framing import Framing, Size, framed
from robustlens.data.holdout import words
from robustlens.data.packed import planes
from robustlens.data.table import SOURCES
from robustlens.errors import InputError, UnknownName
from robustlens.files import AnyPath
from robustlens.progress import say_once

KINDS = "a folder, .npz, .tar.gz, .csv or .json"
SPLITS = ("train", "test", "all")
PART = 512
"""Images shrunk at once."""


def load(name: AnyPath, split: str = "train", *, size: Size = None) -> Dataset:
    """Return the "train" or "test" images, or "all", of a source in `SOURCES`, or of a path.

    A path is a folder of class folders, a folder written by `save` (or one that holds two such,
    train and test), an npz with `x` and `y`, a CSV or JSON that lists files and labels, or CIFAR's
    own folder or archive. `size` crops pictures to a square and resizes them, or does what a
    `Framing` says; square images of other data are shrunk by a whole factor, each pixel the mean
    of a block. The test images of a constructed set are the untouched ones of the data it was
    made of.

    Data without splits of their own (class folders, an npz with `x` alone) are cut: "test" is a
    fixed fifth of every class, "train" the rest, always the same, and a line on standard error
    says so. "all" is every image there is; ask for it when nothing was trained on them.

    Raises `UnknownName` for another name or split, `InputError` for data that are missing or not
    sound, or that have splits and lack the one asked for.
    """
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    if isinstance(size, int) and size < 1:
        raise InputError(f"size is {size}", "at least 1 pixel", "change --size")
    name = os.fspath(name)
    own = splits(name)
    if own and split not in (*own, "all"):
        raise InputError(
            f"{name} has no {split} images, only {' and '.join(own)}",
            f"a split it has: {', '.join((*own, 'all'))}",
            "choose another split",
        )
    parts = [_read(name, part, size) for part in (own if own and split == "all" else (split,))]
    data = parts[0] if len(parts) == 1 else _joined(parts)
    if data.piece is None or own:
        data = data.called(Piece(split, len(data), len(data)))
    elif data.piece.n < data.piece.whole:
        say_once(f"robustlens: {words(data)}.")
    return data


def splits(name: str) -> tuple[str, ...]:
    """Return the splits that data have of their own: "train", "test", both or none."""
    if name in SOURCES:
        return ("train", "test")
    path = _existing(name)
    return next((r.splits(path) for r in READERS if r.recognise(path)), ())


def measured_split(name: str) -> str:
    """Return the split that one measures on: "test", and "all" where data have no splits.

    Raises `InputError` for data that have splits, and no test images.
    """
    own = splits(name)
    if own and "test" not in own:
        raise InputError(
            f"{name} has no test images, only {' and '.join(own)}",
            "images that no model was trained on",
            "take other data, or say that you want these: --split train",
        )
    return "test" if own else "all"


def pictured(name: AnyPath) -> bool:
    """Say whether data are pictures, which can have any sizes."""
    name = os.fspath(name)
    return name not in SOURCES and _reader(_existing(name)).resizes


def unlabelled(name: AnyPath) -> bool:
    """Say whether data are pictures without labels, lying in a folder without folders."""
    name = os.fspath(name)
    return name not in SOURCES and (path := _existing(name)).is_dir() and listing.is_flat(path)


def load_unlabelled(name: AnyPath, *, size: Size = None) -> Dataset:
    """Return the pictures of such a folder, all of one class; raise `InputError` as `load`."""
    return folder.read_flat(_existing(os.fspath(name)), size)


def framed_images(data: Dataset, how: Framing) -> Dataset:
    """Return data in a frame, as pictures are brought into it; `reading` says from which size."""
    _, height, width = data.shape
    wanted = how.channels or data.shape[0]
    if (wanted, height, width) == (data.shape[0], how.height, how.width) and not how.cuts:
        return data
    mode = "L" if wanted == 1 else "RGB"
    pixels = (i.permute(1, 2, 0).squeeze(2).cpu().numpy() for i in data.images)
    images = [planes(framed(Image.fromarray(p).convert(mode), how)) for p in pixels]
    stacked = torch.from_numpy(np.stack(images)).to(data.images.device)
    resized = f"{how}; they were {width}x{height} ({len(data)})"
    return replace(data, images=stacked, reading=data.reading._replace(resized=resized))


def _read(name: str, split: str, size: Size) -> Dataset:
    if name in SOURCES:
        return _sized(SOURCES[name].load(split), size)
    path = _existing(name)
    reader = _reader(path)
    found = reader.read(path, split, size)
    return found if reader.resizes else _sized(found, size)


def _reader(path: Path) -> "Reader":
    """Return how a path is read; raise `InputError` for one that nothing reads."""
    for reader in READERS:
        if reader.recognise(path):
            return reader
    raise InputError(f"{path} is a {path.suffix or 'bare'} file", KINDS)


def _joined(parts: list[Dataset]) -> Dataset:
    first = parts[0]
    if any((p.classes, p.shape) != (first.classes, first.shape) for p in parts):
        raise InputError(
            f"the splits of {first.name} differ in classes or in the shape of images",
            "splits that are alike",
            "choose one of them",
        )
    images, labels = (torch.cat([getattr(p, key) for p in parts]) for key in ("images", "labels"))
    return replace(first, images=images, labels=labels)


def _existing(name: str) -> Path:
    path = Path(name).expanduser()
    try:
        there = path.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot look at {name!r}: {error}", KINDS) from error
    if there:
        return path
    if path.name != name or path.suffix:
        raise InputError(f"there is no {path}", f"{KINDS} that exists")
    raise UnknownName("data set (and there is no path of that name)", name, SOURCES)


def _sized(data: Dataset, size: Size) -> Dataset:
    _, height, width = data.shape
    if isinstance(size, Framing):
        return framed_images(data, size)
    if size is None or (height, width) == (size, size):
        return data
    if height != width or height % size:
        raise InputError(
            f"size is {size} for {data.name} of {height}x{width} pixels",
            "a folder of images, or a size that divides the side of square ones",
            "leave --size out",
        )
    images = torch.cat([_shrunk(part, size) for part in torch.split(data.images, PART)])
    how = f"shrunk from {width}x{height} to {size}x{size}, each pixel the mean of a block"
    return replace(data, images=images, reading=data.reading._replace(resized=how))


def _shrunk(images: Tensor, size: int) -> Tensor:
    """Return the means of square blocks of pixels, rounded: (n, c, h, h) to (n, c, size, size)."""
    return avg_pool2d(images.float(), images.shape[-1] // size).round().to(torch.uint8)


def _is_saved(path: Path) -> bool:
    return any((path / inside / saved.CARD).is_file() for inside in ("", "train", "test"))


def _saved_splits(path: Path) -> tuple[str, ...]:
    """Return those of a saved set; a set saved by itself, of no source with a name, has none."""
    inside = tuple(split for split in ("train", "test") if (path / split / saved.CARD).is_file())
    if inside == ("train", "test"):
        return inside
    place = path / "train" if inside else path
    return ("train", "test") if _source_of(place) in SOURCES else inside


def _source_of(place: Path) -> str:
    source = saved.read_card(place).get("source", {})
    return str(source.get("name", "")) if isinstance(source, dict) else ""


def _saved(path: Path, split: str, size: Size) -> Dataset:
    if (path / split / saved.CARD).is_file():
        return saved.open_saved(path / split)
    place = path if (path / saved.CARD).is_file() else path / "train"
    if split in ("train", "all"):
        return saved.open_saved(place)
    if (source := _source_of(place)) in SOURCES:
        # A constructed training set: its test images are those of its source.
        said, found = saved.contents(place), SOURCES[source].load(split)
        if (said.classes, said.shape) == (found.classes, found.shape):
            return found
    raise InputError(
        f"the saved data set {path} has no test images",
        "the folders train and test, each written by save",
        "take the test images from another data set",
    )


class Reader(NamedTuple):
    """How a path is recognised, which splits it has of its own, and how one is read."""

    recognise: Callable[[Path], bool]
    splits: Callable[[Path], tuple[str, ...]]
    read: Callable[[Path, str, Size], Dataset]
    resizes: bool = False  # reads images of any size, to the size asked for


READERS = (
    Reader(_is_saved, _saved_splits, _saved),
    Reader(cifar.recognise, lambda path: ("train", "test"), lambda p, s, _: cifar.read(p, s)),
    Reader(arrays.recognise, arrays.splits, lambda p, s, _: arrays.read(p, s)),
    Reader(manifest.recognise, lambda path: (), manifest.read, resizes=True),
    Reader(Path.is_dir, folder.splits, folder.read, resizes=True),
)
"""The kinds of paths, tried in this order; class folders come last."""
