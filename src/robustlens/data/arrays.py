"""An npz of arrays: `x` and `y`, and where there are any `x_test`, `y_test` and `classes`.

    np.savez("mine.npz", x=images, y=labels)         # then load("mine.npz")

`x` is uint8 or float in [0, 1], shaped (n, h, w), (n, h, w, c) or (n, c, h, w) with 1 or 3
channels; floats are rounded to the nearest of the 256 levels. Without `x_test`, a fixed stratified
fifth of each class is the test set.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robustlens.data.dataset import Dataset
from robustlens.data.holdout import piece
from robustlens.data.packed import opened
from robustlens.errors import InputError

CHANNELS = (1, 3)
SUFFIX = {"train": "", "test": "_test"}


def recognise(path: Path) -> bool:
    """Return whether `path` is a file named .npz."""
    return path.is_file() and path.suffix == ".npz"


def read(path: Path, split: str) -> Dataset:
    """Return the "train" or "test" images of an npz; raise `InputError` for what is not sound."""
    with opened(path) as npz:
        suffix = SUFFIX[split] if "x_test" in npz else ""
        x = _pixels(npz[f"x{suffix}"], f"x{suffix} of {path.name}")
        y = _labels(npz[f"y{suffix}"], f"y{suffix} of {path.name}")
        classes = _classes(npz["classes"]) if "classes" in npz else _numbered(npz)
        whole = Dataset(x, y, classes, path.stem)
        return whole if "x_test" in npz else piece(whole, split)


def _pixels(x: Any, what: str) -> Tensor:
    if x.ndim == 3:
        x = x[:, None]
    elif x.ndim == 4 and x.shape[1] not in CHANNELS and x.shape[3] in CHANNELS:
        x = x.transpose(0, 3, 1, 2)
    if x.ndim != 4 or x.shape[1] not in CHANNELS:
        raise InputError(
            f"{what} has shape {x.shape}", "(n, h, w), (n, h, w, c) or (n, c, h, w) with c 1 or 3"
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


def _labels(y: Any, what: str) -> Tensor:
    if y.dtype.kind not in "iu" or y.ndim != 1:
        raise InputError(f"{what} is {y.dtype} of shape {y.shape}", "integers of shape (n,)")
    return torch.from_numpy(y.astype(np.int64))


def _numbered(npz: Any) -> tuple[str, ...]:
    """Return "0", "1" and so on, up to the largest label of either split."""
    tops = [int(npz[key].max()) for key in ("y", "y_test") if key in npz and npz[key].size]
    return tuple(str(label) for label in range(max(tops, default=0) + 1))


def _classes(names: Any) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U":
        raise InputError(f"classes is {names.dtype} of shape {names.shape}", "a list of names")
    return tuple(map(str, names))
