"""Whose classes are these: the labels of the images brought to the classes of a model.

    data, notes = matched(data, subject.classes, classes=1000)

By name where names are known on both sides: case, "_" and "-" apart, one of a model's synonyms
("tabby, tabby cat") is enough, and a number in front that only sorts ("0-dog") is left out. Names
that are numbers are indices. Else by order, which is said. Everything else is refused in words.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from robustlens.data import Dataset
from robustlens.data.dataset import numbered
from robustlens.doubts import doubt
from robustlens.errors import InputError


class Matched(NamedTuple):
    """Data whose labels are a model's classes, and what was done for it, in sentences."""

    data: Dataset
    notes: tuple[str, ...] = ()


def matched(data: Dataset, known: Sequence[str], classes: int) -> Matched:
    """Return the data with labels that mean the classes of a model.

    Args:
        known: the model's names of its classes, in order; empty where it has none.
        classes: how many it has.

    Warns:
        Doubtful: the classes have other names, and are taken by their order.

    Raises:
        InputError: names or numbers do not fit together.
    """
    if known and len(known) != classes:
        raise InputError(
            f"a model with {classes} classes and names for {len(known)}",
            "one name for each class",
            "change --model",
        )
    if tuple(known) == data.classes:
        return Matched(data)
    if (indices := _indices(data.classes, classes)) is not None and _indices(
        known, classes
    ) is None:
        return _by_index(data, known, indices, classes)
    places = [_places(name, known) for name in _unsorted(data.classes)]
    several = [k for k, found in enumerate(places) if len(found) > 1]
    if several:
        name, meant = data.classes[several[0]], [known[p] for p in places[several[0]][:3]]
        raise InputError(
            f"the class {name!r} of {data.name}, which could be {' or '.join(map(repr, meant))}",
            "a name that one class of the model has",
            "rename it",
        )
    if known and all(places):
        return _by_name(data, known, [found[0] for found in places])
    if len(data.classes) != classes:
        raise _misfit(data, known, classes, places)
    moved = [k for k, found in enumerate(places) if found and found != [k]]
    if moved:
        raise _misfit(data, known, classes, places)
    if known:
        doubt(
            f"the model knows {numbered(known)}; {data.name} has {numbered(data.classes)}. "
            "The index of a class counts, not its name: are these the same?"
        )
    return Matched(data)


def _by_name(data: Dataset, known: Sequence[str], places: Sequence[int]) -> Matched:
    """Give every label the index that the model has for its name."""
    if len(set(places)) < len(places):
        twice = next(p for p in places if places.count(p) > 1)
        raise InputError(
            f"two classes of {data.name} that are {known[twice]!r} to the model",
            "one folder for each class of the model",
            "put them together",
        )
    if list(places) == list(range(len(known))):
        return Matched(data)
    moved = ", ".join(
        f"{name} is {place}" for name, place in list(zip(data.classes, places, strict=True))[:4]
    )
    more = ", ..." * (len(places) > 4)
    note = f"labels are matched to the model's {len(known)} classes by name: {moved}{more}"
    return Matched(_relabelled(data, places, known), (note,))


def _by_index(data: Dataset, known: Sequence[str], indices: Sequence[int], classes: int) -> Matched:
    names = tuple(known) or tuple(map(str, range(classes)))
    if list(indices) == list(range(classes)) and not known:
        return Matched(data)
    note = f"labels that are numbers are indices of the model's {classes} classes"
    return Matched(_relabelled(data, indices, names), (note,))


def _relabelled(data: Dataset, places: Sequence[int], names: Sequence[str]) -> Dataset:
    to = torch.tensor(list(places), device=data.labels.device)
    return replace(data, labels=to[data.labels], classes=tuple(names))


def _indices(names: Sequence[str], classes: int) -> list[int] | None:
    """Return the numbers that all names are, each a class of the model; None where one is not."""
    if not all(re.fullmatch(r"\d{1,9}", name) for name in names) or not names:
        return None
    found = [int(name) for name in names]
    return found if max(found) < classes and len(set(found)) == len(found) else None


def _unsorted(names: Sequence[str]) -> list[str]:
    """Return names without a number in front, where every one begins with its own index."""
    parts = [re.fullmatch(r"(\d+)[ ._-]+(\D.*)", name) for name in names]
    if all(part and int(part[1]) == k for k, part in enumerate(parts)):
        return [part[2] for part in parts if part]
    return list(names)


def _places(name: str, known: Sequence[str]) -> list[int]:
    """Return the indices of the classes that have a name; whole names before synonyms."""
    wanted = plain(name)
    whole = [k for k, other in enumerate(known) if plain(other) == wanted]
    return whole or [k for k, other in enumerate(known) if wanted in map(plain, other.split(","))]


def plain(name: str) -> str:
    """Return a name without what people write in different ways: case, "_", "-", spaces."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _misfit(
    data: Dataset, known: Sequence[str], classes: int, places: Sequence[Sequence[int]]
) -> InputError:
    if not known:
        return InputError(
            f"a model with {classes} classes for data with {len(data.classes)}",
            "the same number, in the same order",
            "change --data or --model",
        )
    strange = [n for n, found in zip(data.classes, places, strict=True) if not found]
    which = f", of which the model does not know {', '.join(strange[:5])}" if strange else ""
    return InputError(
        f"the model knows {numbered(known)}; {data.name} has {numbered(data.classes)}{which}",
        "classes that all have the model's names, or as many in the same order",
        "change --data or --model, or rename the class folders",
    )
