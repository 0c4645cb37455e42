"""Pictures as data: a study says what is to be seen, `figures` draws it, light or dark.

Gallery("What the net sees", columns=("image", "change x 10"), rows=((Cell(x), Cell(d)),))
Curves("Accuracy", x_label="eps", y_label="accuracy", series=(Series("robust", ...),))
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from robustlens.errors import InputError


@dataclass(frozen=True, eq=False)
class Cell:
    """One image (c, h, w) in [0, 1], with words under it; `tone` is good, bad or plain."""

    image: Tensor
    text: str = ""
    tone: str = "plain"


@dataclass(frozen=True, eq=False)
class Gallery:
    """Images in rows, with a heading for each column and a sentence to read below."""

    name: str  # of the file
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise InputError(
                f"rows of {sorted({len(row) for row in self.rows})} cells",
                f"{len(self.columns)}, one for each column",
            )


@dataclass(frozen=True)
class Series:
    """A line of points, with an interval around each where low and high are given."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    tone: str = "plain"  # good, bad or plain


@dataclass(frozen=True)
class Curves:
    """Series over a common axis, with vertical marks at values worth a name."""

    name: str
    caption: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Panel:
    """One surface: a height for each x (columns) and y (rows), and a name for it."""

    name: str
    x: Sequence[float]  # growing
    y: Sequence[float]  # growing
    height: Tensor  # (len(y), len(x))

    def __post_init__(self) -> None:
        if self.height.shape != (len(self.y), len(self.x)) or not bool(
            self.height.isfinite().all()
        ):
            raise InputError(
                f"a surface of shape {tuple(self.height.shape)}",
                f"finite heights of shape ({len(self.y)}, {len(self.x)})",
            )


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Surfaces side by side, seen from above, each on its own scale, with common axes."""

    name: str
    caption: str
    x_label: str
    y_label: str
    panels: tuple[Panel, ...]


Picture = Gallery | Curves | Surfaces
