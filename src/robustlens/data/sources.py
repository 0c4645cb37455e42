"""Data sets by name or by path.

    data = load("fashion")                      # comes with the package
    data = load("cifar10", "test")              # `robustlens data get cifar10` first
    data = load("./photos", size=64)            # photos/CLASS/*.jpg

Everything is uint8 (n, c, h, w) in the original order; `SOURCES` is the table of names.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from robustlens.data import arrays, cifar, folder, named, saved
from robustlens.data.dataset import Dataset
from robustlens.errors import InputError, UnknownName
from robustlens.files import AnyPath

SPLITS = ("train", "test")
PART = 512
"""Images shrunk at once."""


@dataclass(frozen=True)
class Source:
    """A data set with a name: what it is, its licence, and `load(split)` with "train" or "test"."""

    name: str
    description: str
    licence: str
    load: Callable[[str], Dataset]


def load(name: AnyPath, split: str = "train", *, size: int | None = None) -> Dataset:
    """Return the "train" or "test" images of a source in `SOURCES`, or of a path.

    A path is a folder of class folders, a folder written by `save` (or one that holds two such,
    train and test), an npz with `x` and `y`, or CIFAR-10's folder or archive. `size` crops the
    images of class folders to a square and resizes them; square images of other data are shrunk
    by a whole factor, each pixel the mean of a block. The test images of a constructed set are
    the untouched ones of the data it was made of. Raises `UnknownName` for another name or
    split, `InputError` for data that are missing or not sound.
    """
    if split not in SPLITS:
        raise UnknownName("split", split, SPLITS)
    if size is not None and size < 1:
        raise InputError(f"size is {size}", "at least 1 pixel", "change --size")
    name = os.fspath(name)
    if name in SOURCES:
        return _sized(SOURCES[name].load(split), size)
    return _from_path(_existing(name), split, size)


def _existing(name: str) -> Path:
    path = Path(name).expanduser()
    if path.exists():
        return path
    if path.name != name or path.suffix:
        raise InputError(f"there is no {path}", "a folder, .npz or .tar.gz that exists")
    raise UnknownName("data set (and there is no path of that name)", name, SOURCES)


def _from_path(path: Path, split: str, size: int | None) -> Dataset:
    for recognise, read in READERS:
        if recognise(path):
            return _sized(read(path, split), size)
    if path.is_dir():
        return folder.read(path, split, size)
    raise InputError(f"{path} is a {path.suffix or 'bare'} file", "a folder, .npz or .tar.gz")


def _sized(data: Dataset, size: int | None) -> Dataset:
    _, height, width = data.shape
    if size is None or (height, width) == (size, size):
        return data
    if height != width or height % size:
        raise InputError(
            f"size is {size} for {data.name} of {height}x{width} pixels",
            "a folder of images, or a size that divides the side of square ones",
            "leave --size out",
        )
    parts = torch.split(data.images, PART)
    return replace(data, images=torch.cat([_shrunk(part, size) for part in parts]))


def _shrunk(images: Tensor, size: int) -> Tensor:
    """Return the means of square blocks of pixels, rounded: (n, c, h, h) to (n, c, size, size)."""
    return avg_pool2d(images.float(), images.shape[-1] // size).round().to(torch.uint8)


def _is_saved(path: Path) -> bool:
    return (path / saved.CARD).is_file() or (path / "train" / saved.CARD).is_file()


def _saved(path: Path, split: str) -> Dataset:
    if (path / split / saved.CARD).is_file():
        return saved.open_saved(path / split)
    place = path if (path / saved.CARD).is_file() else path / "train"
    if split == "train":
        return saved.open_saved(place)
    source = saved.read_card(place).get("source", {}).get("name", "")
    if source in SOURCES:  # a constructed training set: its test images are those of its source
        return SOURCES[source].load(split)
    raise InputError(
        f"the saved data set {path} has no test images",
        "the folders train and test, each written by save",
        "take the test images from another data set",
    )


READERS: tuple[tuple[Callable[[Path], bool], Callable[[Path, str], Dataset]], ...] = (
    (_is_saved, _saved),
    (cifar.recognise, cifar.read),
    (arrays.recognise, arrays.read),
)
"""How a path is recognised and read, tried in this order; class folders come last."""


SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            "fashion",
            "Fashion-MNIST, the first 1,000 training and 200 test images of each of ten classes, "
            "28x28 grey; comes with the package",
            "MIT, copyright 2017 Zalando SE",
            named.fashion,
        ),
        Source(
            "fashion-full",
            "Fashion-MNIST, 60,000 training and 10,000 test images, 28x28 grey",
            "MIT, copyright 2017 Zalando SE",
            named.fashion_full,
        ),
        Source(
            "cifar10",
            "CIFAR-10, 50,000 training and 10,000 test images of ten classes, 32x32 colour",
            "unknown (Krizhevsky 2009)",
            named.cifar10,
        ),
        Source(
            "catdog",
            "the cats and dogs of CIFAR-10, 10,000 training and 2,000 test images",
            "unknown (Krizhevsky 2009)",
            named.catdog,
        ),
        Source(
            "imagenette128",
            "Imagenette, 9,469 training and 3,925 test photographs of ten classes, 128x128 colour",
            "unknown (ImageNet: non-commercial research)",
            named.imagenette128,
        ),
        Source(
            "tinyimagenet32",
            "36 classes of Tiny ImageNet in 11 groups, 18,000 training and 1,800 test images, "
            "32x32 colour",
            "unknown (ImageNet: non-commercial research)",
            named.tinyimagenet32,
        ),
    )
}
"""The data sets that have a name."""
