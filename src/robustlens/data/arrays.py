"""An npz of arrays: `x` and `y`, and where there are any `x_test`, `y_test` and `classes`.

    np.savez("mine.npz", x=images, y=labels)         # then load("mine.npz", "all")

Keras' names `x_train` and `y_train` do too. `x` is uint8 or float in [0, 1], shaped (n, h, w),
(n, h, w, c) or (n, c, h, w) with 1 or 3 channels; floats are rounded to the nearest of the 256
levels. For `y` see `labels`. Without test images of its own, a fixed stratified fifth of each class
is "test".
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robustlens.data import labels
from robustlens.data.dataset import Dataset
from robustlens.data.holdout import piece
from robustlens.data.packed import opened
from robustlens.errors import InputError

CHANNELS = (1, 3)
SUFFIXES = {"train": ("_train", ""), "test": ("_test",)}
"""What may stand behind x and y for the images of a split, the first that is there is taken."""


def recognise(path: Path) -> bool:
    """Return whether `path` is a file named .npz."""
    return path.is_file() and path.suffix.lower() == ".npz"


def splits(path: Path) -> tuple[str, ...]:
    """Return the splits that the file has of its own: none, "train", "test" or both."""
    with opened(path) as npz:
        own = tuple(split for split in SUFFIXES if _suffix(npz, split) is not None)
        return () if own == ("train",) and _suffix(npz, "train") == "" else own


def read(path: Path, split: str) -> Dataset:
    """Return the "train" or "test" images of an npz; raise `InputError` for what is not sound.

    Of a file without splits of its own, "all" too.
    """
    own = splits(path)
    with opened(path) as npz:
        suffix = _suffix(npz, split if own else "train")
        if suffix is None:
            raise InputError(
                f"{path.name} holds {', '.join(npz.files) or 'nothing'}",
                "the arrays x and y, or x_train, y_train, x_test and y_test",
                "rename them, or choose another split",
            )
        x = _pixels(npz[f"x{suffix}"], f"x{suffix} of {path.name}")
        names = npz.get("classes")
        marks = {key: npz[key] for key in npz.files if key in ("y", "y_train", "y_test")}
        y, classes = labels.read(marks, f"y{suffix}", names, path)
        whole = Dataset(x, torch.from_numpy(y), classes, path.stem)
        return whole if own else piece(whole, split)


def _suffix(npz: Any, split: str) -> str | None:
    return next((end for end in SUFFIXES.get(split, ()) if f"x{end}" in npz), None)


def _pixels(x: Any, what: str) -> Tensor:
    shape = x.shape
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[3] in CHANNELS:
        if x.shape[1] in CHANNELS and shape[1:] != (1, 1, 1):
            raise InputError(
                f"{what} has shape {shape}, whose channels may be the second or the last axis",
                "images of another height or width than 1 and 3",
                "save class folders instead",
            )
        x = x.transpose(0, 3, 1, 2)
    if x.ndim != 4 or x.shape[1] not in CHANNELS:
        raise InputError(
            f"{what} has shape {shape}", "(n, h, w), (n, h, w, c) or (n, c, h, w) with c 1 or 3"
        )
    return torch.from_numpy(np.ascontiguousarray(x if x.dtype == np.uint8 else _levels(x, what)))


def _levels(x: Any, what: str) -> Any:
    """Return floats in [0, 1] as the nearest of the levels 0 to 255."""
    if x.dtype.kind != "f":
        raise InputError(f"{what} is {x.dtype}", "uint8, or float in [0, 1]", "convert it")
    if not np.isfinite(x).all():
        raise InputError(f"{what} has NaN or infinite pixels", "finite ones", "repair the images")
    if x.size and (x.min() < 0 or x.max() > 1):
        raise InputError(
            f"{what} holds floats from {x.min():g} to {x.max():g}",
            "floats from 0 to 1, or uint8",
            "divide by 255, or store uint8",
        )
    return np.rint(x * 255).astype(np.uint8)
