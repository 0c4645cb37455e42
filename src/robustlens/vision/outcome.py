"""What is given to a tool and what comes of it: pictures, numbers, and what was done in words."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

from robustlens.types import Images, Labels, Values
from robustlens.vision.made import Made
from robustlens.vision.painter import Painter, root_mean_square


class Given(NamedTuple):
    """The pictures that a person gave, of the size that the net takes, and their mask.

    `frames` pictures of the walk are kept; 0: none.
    """

    image: Images | None = None
    second: Images | None = None
    mask: Tensor | None = None  # boolean, (h, w): True where pixels may change
    frames: int = 0

    @property
    def x(self) -> Images:
        """The picture, for a tool that needs one."""
        assert self.image is not None, "make looks for it"
        return self.image


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a tool made of pictures: `made`, what was done in words, and numbers, one a picture."""

    made: Made
    said: str
    numbers: Mapping[str, Values]
    points: int = 1  # pictures in a row that belong together


def toward(painter: Painter, made: Made, y: Labels, named: str) -> Outcome:
    """Return the outcome of a walk to a class, with its probability at both ends."""
    before, after = painter.chance(made.start, y), made.numbers["probability"]
    many = f" on average over {len(y)} pictures" if len(y) > 1 else ""
    said = (
        f"to {painter.named(y)}: probability {mean(before)} to {mean(after)}{many}, {moved(made)}"
    )
    return Outcome(made, said, {"before": before, "after": after, **lengths(made)})


def raised(made: Made, unit: int) -> Outcome:
    """Return the outcome of a walk that raised a unit."""
    before, after = made.numbers["before"], made.numbers["after"]
    said = f"unit {unit}: {mean(before)} to {mean(after)}, {moved(made)}"
    if bool((before == after).any()) and made.settings["steps"]:
        said += "; where it did not move it is off everywhere: feature --straight starts it"
    return Outcome(made, said, {"before": before, "after": after, **lengths(made)})


def also(found: Outcome, **numbers: Values) -> Outcome:
    """Return an outcome with more numbers."""
    return replace(found, numbers={**found.numbers, **numbers})


def lengths(made: Made) -> dict[str, Values]:
    """Return how far images moved: the l2 length, and the root mean square of a pixel."""
    length = made.numbers["moved"]
    return {"moved": length, "root mean square": root_mean_square(length, made.images)}


def moved(made: Made) -> str:
    """Return how far images moved, in words."""
    found = lengths(made)
    return f"moved {mean(found['moved'])} in l2 ({mean(found['root mean square'])} a pixel)"


def mean(values: Values) -> str:
    """Return the mean in three digits."""
    return f"{float(values.mean()):.3g}"


def listing(values: Values) -> str:
    """Return all values in two decimals."""
    return " ".join(f"{float(value):.2f}" for value in values)
