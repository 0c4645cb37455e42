"""Labels as people keep them, to class indices and the names of the classes.

    y, classes = read({"y": array}, "y", None, path)

Whole numbers (also as floats, or of shape (n, 1)) are class indices; one-hot rows become the index
of their 1; names are classes sorted as text. Whole numbers far apart, such as 2084071 and 2121808,
are identifiers: they become the classes, in order of size, which one line on standard error says.
Negative numbers, and those from 10^9 on, are refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from robustlens.errors import InputError
from robustlens.progress import say_once

LARGEST, SPARSE = 1000, 10
"""Numbers are identifiers from this label on, when classes are this many times fewer."""
HASH = 10**9
"""From here on a number is refused: it may be a hash, or a -1 that was stored without its sign."""


def read(marks: Mapping[str, Any], key: str, names: Any, path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return the int64 class indices (n,) of `marks[key]`, and the names of the classes.

    The classes are those of all `marks` together: train and test are numbered alike.

    Args:
        marks: arrays of labels by name, all those that the file holds.
        key: the one that is asked for.
        names: the classes, in order, where the file says them; else None.
        path: of the file, for the messages.

    Raises:
        InputError: the array is missing, or is none of the kinds above; a number is negative, or
            a name is not among the classes.
    """
    if key not in marks:
        raise InputError(f"{path.name} has no {key}", "labels beside the images", f"add {key}")
    flat = {name: _flat(array, f"{name} of {path.name}") for name, array in marks.items()}
    kinds = {array.dtype.kind == "U" for array in flat.values()}
    if len(kinds) > 1:
        raise InputError(f"{path.name} has labels as names and as numbers", "one of the two")
    known = None if names is None else _classes(names)
    if kinds == {True}:
        return _named(flat, key, known, path)
    if known is not None:
        return flat[key].astype(np.int64), known
    found = np.unique(np.concatenate(list(flat.values())))
    top = int(found[-1]) if len(found) else 0
    if top < LARGEST or top < SPARSE * len(found):
        return flat[key].astype(np.int64), tuple(map(str, range(top + 1)))
    say_once(
        f"robustlens: {path}: its {len(found)} different labels from {found[0]} to {top} are read "
        f"as identifiers, and become the classes 0 to {len(found) - 1} in order of size."
    )
    return np.searchsorted(found, flat[key]).astype(np.int64), tuple(map(str, found.tolist()))


def _named(
    flat: Mapping[str, Any], key: str, known: tuple[str, ...] | None, path: Path
) -> tuple[Any, tuple[str, ...]]:
    found = set(np.concatenate(list(flat.values())).tolist())
    classes = tuple(sorted(found)) if known is None else known
    if strange := found - set(classes):
        raise InputError(
            f"{path.name} has labels {', '.join(sorted(strange)[:5])} that are not in classes",
            "the names in classes",
            "add them to classes",
        )
    index = {name: place for place, name in enumerate(classes)}
    return np.array([index[name] for name in flat[key].tolist()], np.int64), classes


def _flat(y: Any, what: str) -> Any:
    """Return labels of shape (n,): whole numbers that are not negative, or names."""
    one_hot = y.ndim == 2 and y.shape[1] > 1 and _is_one_hot(y)
    flat = y.argmax(axis=1) if one_hot else y[:, 0] if y.shape[1:] == (1,) else y
    if flat.dtype.kind == "S":
        flat = np.char.decode(flat, "utf-8")
    whole = flat.dtype.kind == "f" and bool((np.isfinite(flat) & (flat == np.floor(flat))).all())
    if flat.ndim != 1 or not (whole or flat.dtype.kind in "iubU"):
        raise InputError(
            f"{what} is {y.dtype} of shape {y.shape}",
            "integers of shape (n,), one-hot rows, or names",
        )
    if flat.dtype.kind == "U":
        return flat
    if flat.size and (flat.min() < 0 or flat.max() >= HASH):
        raise InputError(
            f"labels run from {int(flat.min())} to {int(flat.max())} in {what}",
            f"class indices or identifiers from 0 to {HASH - 1}",
            "number the classes from 0, and leave out images without a class",
        )
    return flat.astype(np.int64)


def _is_one_hot(y: Any) -> bool:
    if y.dtype.kind not in "iubf":
        return False
    return bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())


def _classes(names: Any) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U":
        raise InputError(f"classes is {names.dtype} of shape {names.shape}", "a list of names")
    return tuple(map(str, names))
