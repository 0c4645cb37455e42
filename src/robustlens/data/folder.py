"""A folder of images: one folder a class, or `train` and `test` (or `val`) holding such folders.

    photos/cat/001.jpg  photos/cat/002.jpg  photos/dog/001.jpg         # then load("photos")

The names of the folders are the classes, sorted. Images are turned upright as their EXIF data
say; they are read as grey when all of them are, else as RGB, transparency dropped.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from robustlens.data.dataset import Dataset
from robustlens.data.holdout import members
from robustlens.data.packed import Bytes, gather, planes, threaded
from robustlens.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
TESTS = ("test", "val")
"""Names of the folder that holds the test images, the first that exists is taken."""
GREY = ("1", "L", "LA")
"""Pillow's modes without colour."""


class Listing(NamedTuple):
    """Image files, their labels (n,) and the names of the classes."""

    paths: list[Path]
    labels: Tensor
    classes: tuple[str, ...]


class Look(NamedTuple):
    """What the header of an image says: (width, height) when upright, and whether it is grey."""

    size: tuple[int, int]
    grey: bool


def read(folder: Path, split: str, size: int | None) -> Dataset:
    """Return the "train" or "test" images; with `size`, centre-cropped and resized (Lanczos).

    Without train and test folders, a fixed stratified fifth is the test set. Raises `InputError`
    for a class without images, an image that cannot be read, or images that differ in size.
    """
    listings = _listings(folder)
    # All are looked at for either split: train and test must have one size and one mode.
    paths = [path for listing in listings.values() for path in listing.paths]
    looks = list(threaded("looking at images", _look, paths))
    if size is None:
        _check_sizes(paths, looks)
    mode = "L" if all(look.grey for look in looks) else "RGB"
    chosen = listings[split]
    images = gather("decoding images", partial(_decode, mode=mode, size=size), chosen.paths)
    return Dataset(torch.from_numpy(images), chosen.labels, chosen.classes, folder.name)


def _listings(folder: Path) -> dict[str, Listing]:
    """Return what is in "train" and in "test"."""
    test = next((folder / name for name in TESTS if (folder / name).is_dir()), None)
    if test is None or not (folder / "train").is_dir():
        whole = _list(folder)
        return {split: _part(whole, members(whole.labels, split)) for split in ("train", "test")}
    both = {"train": _list(folder / "train"), "test": _list(test)}
    if different := set(both["train"].classes) ^ set(both["test"].classes):
        raise InputError(
            f"{folder} has {', '.join(sorted(different))} in only one of train and {test.name}",
            "the same class folders in both",
        )
    return both


def _part(whole: Listing, kept: Tensor) -> Listing:
    paths = [path for path, keep in zip(whole.paths, kept.tolist(), strict=True) if keep]
    return Listing(paths, whole.labels[kept], whole.classes)


def _list(folder: Path) -> Listing:
    inside = [child for child in folder.iterdir() if not child.name.startswith(".")]
    classes = sorted(child.name for child in inside if child.is_dir())
    if not classes:
        raise InputError(
            f"{folder} holds no folders", f"{folder}/CLASS/*{{{','.join(SUFFIXES)}}}, a data set"
        )
    files = [_images(folder / name) for name in classes]
    labels = torch.arange(len(classes)).repeat_interleave(torch.tensor([len(f) for f in files]))
    return Listing([path for group in files for path in group], labels, tuple(classes))


def _images(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise InputError(
            f"the class folder {folder} holds no image",
            f"files that end in {', '.join(SUFFIXES)}",
            "add images or remove the folder",
        )
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as image:
            yield image
    except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
        raise _unreadable(path, error) from error
    except Image.DecompressionBombError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"cannot read the image {path}: {error}",
        "a whole PNG, JPEG or WebP",
        "replace or remove it",
    )


def _look(path: Path) -> Look:
    with _opened(path) as image:
        width, height = image.size
        # Orientations 5 to 8 lie on their side (EXIF 2.3, tag 0x0112).
        sideways = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5
        return Look((height, width) if sideways else (width, height), image.mode in GREY)


def _check_sizes(paths: list[Path], looks: list[Look]) -> None:
    first = looks[0].size
    other = next((i for i, look in enumerate(looks) if look.size != first), None)
    if other is not None:
        width, height = looks[other].size
        raise InputError(
            f"{paths[0]} is {first[0]}x{first[1]} and {paths[other]} is {width}x{height}",
            "images of one size",
            "give --size to crop and resize them all, e.g. --size 64",
        )


def _decode(path: Path, mode: str, size: int | None) -> Bytes:
    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image).convert(mode)
        return planes(upright if size is None else _square(upright, size))


def _square(image: Image.Image, size: int) -> Image.Image:
    # Cut first: ImageOps.fit lets what is cut away bleed into the border.
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((size, size), Image.Resampling.LANCZOS)
