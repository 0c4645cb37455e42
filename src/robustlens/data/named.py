"""The data sets that have a name: each function returns the "train" or the "test" images.

    data = cifar10("test")                      # 10,000 images, uint8 (n, 3, 32, 32)

All but `fashion` raise `InputError` when their files are not on this machine (see `places`).
"""

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robustlens.data import cifar, idx, packed, places
from robustlens.data.dataset import Dataset
from robustlens.data.table import (
    CIFAR_ARCHIVE,
    CIFAR_FILES,
    DEBIAN,
    FASHION_FILE,
    GET_CIFAR,
    GET_FASHION,
    IMAGENETTE_FILE,
    TINY_FILE,
)

FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
IMAGENETTE = (
    "tench", "English springer", "cassette player", "chain saw", "church",
    "French horn", "garbage truck", "gas pump", "golf ball", "parachute",
)  # fmt: skip
PETS = (cifar.CLASSES.index("cat"), cifar.CLASSES.index("dog"))


def fashion(split: str) -> Dataset:
    """Return the packaged part of Fashion-MNIST: the first 1,000 (test: 200) of each class."""
    where = resources.files("robustlens.data") / "packaged" / "fashion.npz"
    with where.open("rb") as stream, packed.opened(stream) as npz:
        return _fashion(npz, split, "fashion")


def fashion_full(split: str) -> Dataset:
    """Return all of Fashion-MNIST, (n, 1, 28, 28), from its npz or from Debian's idx files."""
    if paths := places.find_all(FASHION_FILE):
        with packed.opened(paths[0]) as npz:
            return _fashion(npz, split, "fashion-full")
    if DEBIAN.is_dir():
        images, labels = idx.pair(DEBIAN, split)
        return _dataset(images[:, None].copy(), labels, FASHION, "fashion-full")
    wanted = f"{FASHION_FILE}, or {DEBIAN},"
    raise places.absent("fashion-full", wanted, GET_FASHION)


def cifar10(split: str) -> Dataset:
    """Return CIFAR-10 in its original order, from sheets in npz files or from its archive."""
    if paths := places.find_all(*CIFAR_FILES[split]):
        parts = [_cifar_part(path) for path in paths]
        images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
        return _dataset(images, labels, cifar.CLASSES, "cifar10")
    if paths := places.find_all(CIFAR_ARCHIVE):
        return replace(cifar.read(paths[0], split), name="cifar10")
    wanted = f"{' and '.join(CIFAR_FILES[split])}, or {CIFAR_ARCHIVE},"
    raise places.absent("cifar10", wanted, GET_CIFAR)


def catdog(split: str) -> Dataset:
    """Return the cats (label 0) and dogs (label 1) of CIFAR-10."""
    whole = cifar10(split)
    cat, dog = (whole.labels == label for label in PETS)
    pets = whole.subset(torch.nonzero(cat | dog).flatten())
    labels = (pets.labels == PETS[1]).long()
    return Dataset(pets.images, labels, ("cat", "dog"), "catdog")


def imagenette128(split: str) -> Dataset:
    """Return Imagenette at 128x128, sorted by class; "test" is its validation set."""
    path = places.require("imagenette128", IMAGENETTE_FILE[split])
    with packed.opened(path) as npz:
        images = packed.blobs(npz["images"], npz["offsets"])
        return _dataset(images, npz["labels"], IMAGENETTE, "imagenette128")


def tinyimagenet32(split: str) -> Dataset:
    """Return 36 Tiny ImageNet classes at 32x32 in 11 groups; "test" is their validation images.

    The groups follow Restricted ImageNet (Tsipras et al. 2019): dog, cat, frog, bird and so on.
    """
    path = places.require("tinyimagenet32", TINY_FILE)
    with packed.opened(path) as npz:
        kept = np.flatnonzero(npz["is_val"] == {"train": False, "test": True}[split])
        images = packed.blobs(npz["images"], npz["offsets"], kept.tolist())
        groups = tuple(map(str, dict.fromkeys(npz["superclass"].tolist())))
        group_of = np.array([groups.index(name) for name in npz["superclass"]])
        return _dataset(images, group_of[npz["wnid_index"][kept]], groups, "tinyimagenet32")


def _fashion(npz: Any, split: str, name: str) -> Dataset:
    images = packed.sheets(npz[f"{split}_sheets"], npz[f"{split}_offsets"], "L")
    return _dataset(images, npz[f"{split}_labels"], FASHION, name)


def _cifar_part(path: Path) -> tuple[packed.Bytes, packed.Bytes]:
    with packed.opened(path) as npz:
        return packed.sheets(npz["sheets"], npz["offsets"], "RGB"), npz["labels"]


def _dataset(images: Any, labels: Any, classes: tuple[str, ...], name: str) -> Dataset:
    return Dataset(
        torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)), classes, name
    )
