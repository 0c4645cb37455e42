"""Data sets: load them by name or path, batch and augment them, save them, look at them.

    train = load("fashion")                     # or "cifar10", "./photos", "mine.npz"
    rest, part = train.split(0.1, seed=0)       # class-stratified
    for x, y in batches(rest, 128, stream(0, "train"), Augmentation(padding=2, flip=True)):
        ...                                     # x float32 in [0, 1], y int64

Pixels are kept as uint8, in memory or memory-mapped; there are no worker processes.
"""

import typing

from robustlens import lazy

if typing.TYPE_CHECKING:
    from robustlens.data.augment import Augmentation
    from robustlens.data.contact import contact_sheet
    from robustlens.data.dataset import Dataset, batches
    from robustlens.data.download import get
    from robustlens.data.saved import open_saved, save
    from robustlens.data.sources import load
    from robustlens.data.table import SOURCES, Source

__all__ = [
    "SOURCES",
    "Augmentation",
    "Dataset",
    "Source",
    "batches",
    "contact_sheet",
    "get",
    "load",
    "open_saved",
    "save",
]

lazy.names(__name__, {
    "robustlens.data.augment": "Augmentation",
    "robustlens.data.contact": "contact_sheet",
    "robustlens.data.dataset": "Dataset batches",
    "robustlens.data.download": "get",
    "robustlens.data.saved": "open_saved save",
    "robustlens.data.sources": "load",
    "robustlens.data.table": "SOURCES Source",
})  # fmt: skip
