"""The shifts: corruptions, rotations, colours, each in several strengths, and other photographs.

for shift in shifts(Kinds(), channels=1): shift.change(x)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from robustlens.data import Dataset, load
from robustlens.errors import InputError
from robustlens.streams import stream
from robustlens.threats import CORRUPTIONS, Colour, Family, Spatial, corrupted
from robustlens.types import Images

NATURAL = "other photographs"
"""The kind of the shift that nobody made: the same classes, from another data set."""


@dataclass(frozen=True, kw_only=True)
class Kinds:
    """Which shifts, and how strong."""

    corruptions: tuple[str, ...] = tuple(CORRUPTIONS)
    severities: tuple[int, ...] = (1, 2, 3, 4, 5)
    degrees: tuple[float, ...] = (10.0, 20.0, 30.0, 45.0, 60.0)  # of rotations, to either side
    darker: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5)  # taken from every pixel
    greyer: tuple[float, ...] = (0.5, 1.0)  # share of the colour that is lost
    hues: tuple[float, ...] = (30.0, 60.0, 120.0)  # degrees about the grey axis
    natural: str = ""  # a data set that shares classes by name, as tinyimagenet32


class Shift(NamedTuple):
    """One change of a whole set of images."""

    kind: str
    strength: str
    change: Callable[[Images], Images]

    @property
    def name(self) -> str:
        """Kind and strength."""
        return f"{self.kind} {self.strength}"


def shifts(kinds: Kinds, channels: int, seed: int) -> list[Shift]:
    """Return all that are made from images; grey ones have neither saturation nor hue."""
    found = [
        Shift(name.replace("_", " "), str(k), _corruption(name, k, seed))
        for name in kinds.corruptions
        for k in kinds.severities
    ]
    found += [Shift("rotation", f"{d:g}", _rotation(d)) for d in kinds.degrees]
    dark = [(d, Colour(brightness=d, contrast=0, saturation=0)) for d in kinds.darker]
    found += [Shift("darker", f"{d:g}", _end(family, 0.0)) for d, family in dark]
    if channels == 3:
        grey = [(s, Colour(brightness=0, contrast=0, saturation=s)) for s in kinds.greyer]
        found += [Shift("less colour", f"{s:g}", _end(family, 0.0)) for s, family in grey]
        hues = [(h, Colour(brightness=0, contrast=0, saturation=0, hue=h)) for h in kinds.hues]
        found += [Shift("hue", f"{h:g}", _end(family, 1.0)) for h, family in hues]
    return found


def sharing(test: Dataset, other: str) -> tuple[Dataset, Dataset | None]:
    """Return the test images of the classes that both have, and the other set with their labels.

    The other set is cut to these classes, alike from each, with the labels of the first; None
    where none is asked for: then all test images are returned. Labels keep their numbers, so that
    nets answer among all their classes.

    Raises:
        InputError: fewer than two classes are shared, or as `load`.
    """
    if not other:
        return test, None
    theirs = load(other, "all")
    names = [name for name in theirs.classes if name in test.classes]
    if len(names) < 2 or theirs.shape != test.shape:
        raise InputError(
            f"{other} with {len(names)} classes of {test.name}, shape {theirs.shape}",
            f"two classes at least, of shape {test.shape}",
            "change --kinds.natural",
        )
    number = torch.tensor(
        [test.classes.index(name) if name in names else -1 for name in theirs.classes]
    )
    labels = number[theirs.labels]
    kept = torch.nonzero(labels >= 0).flatten()
    natural = Dataset(theirs.images[kept], labels[kept], test.classes, other)
    mine = torch.isin(test.labels, labels[kept])
    return test.subset(torch.nonzero(mine).flatten()), natural


def _corruption(name: str, severity: int, seed: int) -> Callable[[Images], Images]:
    return lambda x: corrupted(x, name, severity, stream(seed, "shift", name, severity))


def _rotation(degrees: float) -> Callable[[Images], Images]:
    """Return the turn of every other image to the left, the others to the right."""
    family = Spatial(degrees=degrees, shift=0)

    def change(x: Images) -> Images:
        side = (torch.arange(len(x), device=x.device) % 2).to(x.dtype)
        return family.apply(x, side[:, None])

    return change


def _end(family: Family, theta: float) -> Callable[[Images], Images]:
    return lambda x: family.apply(x, x.new_full((len(x), family.parameters), theta))
