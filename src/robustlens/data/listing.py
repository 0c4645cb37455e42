"""What lies in a folder of class folders: its splits, classes and pictures, and what is left out.

    photos/cat/1.png  photos/dog/2.jpg                          one set, without splits
    photos/train/cat/1.png  photos/valid/cat/2.png              two splits

Split folders are known in any case: train, training; test, testing; else val, valid, validation.
What systems leave behind (hidden files, ._x.png, __MACOSX, Thumbs.db) is as if it were not there.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.errors import InputError

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm",
)  # fmt: skip
"""How the names of pictures end, in any case."""
ROLES = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("val", "valid", "validation"),
}
"""Names of split folders, in small letters; "val" holds the test images where "test" is absent."""
LITTER = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin"}

OUT = "left out"
"""How the note on a file begins that is not read."""
Notes = Counter[tuple[str, str]]
"""How many files were met of a kind: its name, and what was done with them."""


class Listing(NamedTuple):
    """Picture files, their labels (n,) and the names of the classes."""

    paths: list[Path]
    labels: Tensor
    classes: tuple[str, ...]


def divisions(folder: Path) -> dict[str, Path]:
    """Return the folders of the splits "train" and "test"; none where the folder has no splits.

    It has when one of each is there, or when nothing but split folders of class folders is.
    Raises `InputError` when two folders could be the same split.
    """
    inside = _subfolders(folder)
    roles = {
        role: [child for child in inside if child.name.lower() in names]
        for role, names in ROLES.items()
    }
    known = [child for group in roles.values() for child in group]
    only = bool(inside) and len(known) == len(inside) and all(map(_subfolders, inside))
    found = {"train": roles["train"], "test": roles["test"] or roles["val"]}
    if not only and not all(found.values()):
        return {}
    for split, group in found.items():
        if len(group) > 1:
            names = " and ".join(child.name for child in group)
            raise InputError(
                f"{folder} holds {names}, and each could be its {split} images",
                f"one folder of {split} images",
                "rename or move one",
            )
    return {split: group[0] for split, group in found.items() if group}


def listings(folder: Path, notes: Notes) -> dict[str, Listing]:
    """Return the pictures of "train" and "test", or of "all"; count in `notes` what is left out.

    Raises `InputError` for a class without a picture, classes that only one split has, a broken
    link, or a folder that cannot be read.
    """
    splits = divisions(folder)
    if not splits:
        return {"all": _list(folder, notes)}
    beside = set(_children(folder)) - set(splits.values())
    for path in beside:
        kind = "folder" if path.is_dir() else "file"
        notes[kind, f"{OUT}, beside {' and '.join(p.name for p in splits.values())}"] += 1
    found = {split: _list(place, notes) for split, place in splits.items()}
    different = set.symmetric_difference(*(set(found[s].classes) for s in (*found, *found)[:2]))
    if different and len(found) > 1:
        where = " and ".join(place.name for place in splits.values())
        raise InputError(
            f"{folder} has {', '.join(sorted(different))} in only one of {where}",
            "the same class folders in both",
        )
    return found


def is_flat(folder: Path) -> bool:
    """Say whether pictures lie in a folder that has no folders in it."""
    inside = _children(folder)
    return any(map(_is_picture, inside)) and not any(child.is_dir() for child in inside)


def flat(folder: Path, notes: Notes) -> list[Path]:
    """Return the pictures that lie in such a folder, sorted; count in `notes` what is left out."""
    return _pictures(folder, notes)


def readable(name: str) -> str:
    """Return a file's name as text: bytes that are no UTF-8 are read as Latin-1."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("latin-1")
    return name


def _list(folder: Path, notes: Notes) -> Listing:
    places = sorted(_subfolders(folder), key=lambda place: place.name)
    if not places:
        raise InputError(
            f"{folder} holds no folders",
            f"{folder}/CLASS/*{{{','.join(SUFFIXES)}}}, a data set",
            "name the folder that holds one folder for each class",
        )
    for path in _children(folder):
        if path.is_symlink() and not path.exists():
            raise InputError(f"the link {path} leads nowhere", "a folder", "mend or remove it")
        if not path.is_dir():
            kind = "picture" if _is_picture(path) else "file"
            notes[kind, f"{OUT}, outside the class folders"] += 1
    _warn_of_twins(places, notes)
    groups = [_pictures(place, notes) for place in places]
    labels = torch.arange(len(groups)).repeat_interleave(torch.tensor([len(g) for g in groups]))
    classes = tuple(readable(place.name) for place in places)
    return Listing([path for group in groups for path in group], labels, classes)


def _warn_of_twins(places: Iterable[Path], notes: Notes) -> None:
    names = [place.name for place in places]
    for low, count in Counter(map(str.lower, names)).items():
        if count > 1:
            twins = ", ".join(readable(name) for name in names if name.lower() == low)
            notes["class folder", f"with one name but for its case, kept apart: {twins}"] += count


def _pictures(folder: Path, notes: Notes) -> list[Path]:
    """Return the pictures of a class, those in folders within it too, sorted."""
    found: list[Path] = []
    for path in _walk(folder, set()):
        if not _is_picture(path):
            ending = path.suffix.lower() or "no ending"
            notes["file", f"{OUT}, no picture by its name ({readable(ending)})"] += 1
            continue
        found.append(path)
        if path.parent != folder:
            notes["picture", "in a folder within a class folder, read as of that class"] += 1
    if not found:
        raise InputError(
            f"the class folder {folder} holds no image",
            f"files that end in {', '.join(SUFFIXES)}",
            "add images or remove the folder",
        )
    return sorted(found)


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Return an iterator over the files at any depth; a link that leads in a circle is left."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    for path in _children(folder):
        if path.is_dir():
            yield from _walk(path, seen | {real})
        else:
            yield path


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES


def _subfolders(folder: Path) -> list[Path]:
    return [child for child in _children(folder) if child.is_dir()]


def _children(folder: Path) -> list[Path]:
    """Return what is in a folder, without what systems leave behind."""
    try:
        inside = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"cannot read the folder {folder}: {error.strerror}",
            "a folder that this user may read",
            "change its permissions",
        ) from error
    return [p for p in inside if not p.name.startswith(".") and p.name.lower() not in LITTER]
