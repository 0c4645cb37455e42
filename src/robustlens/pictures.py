"""Pictures as data: whoever measures says what is to be seen, `figures` draws it, light or dark.

Gallery("What the net sees", columns=("image", "change x 10"), rows=((Cell(x), Cell(d)),))
Curves("Accuracy", x_label="eps", y_label="accuracy", series=(Series("robust", ...),))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

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
    """A line of points, with an interval around each where low and high are given.

    Series of one name look the same and are named once: a curve and measurements of it.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    tone: str = "plain"  # good, bad or plain
    line: bool = True  # False: points only, as for measurements beside a curve
    dots: bool = True  # False: a bare line, as for a curve of many points


@dataclass(frozen=True)
class Curves:
    """Series over a common axis, with vertical marks at values worth a name."""

    name: str
    caption: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    marks: tuple[tuple[float, str], ...] = ()
    log: Literal["", "x", "y", "xy"] = ""  # axes with a logarithmic scale


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


@dataclass(frozen=True)
class Ellipse:
    """The points at Mahalanobis distance `radius` from a centre: a level set of a Gaussian."""

    name: str
    centre: tuple[float, float]
    covariance: tuple[tuple[float, float], tuple[float, float]]
    radius: float = 1.0
    tone: str = "plain"


@dataclass(frozen=True)
class Arrow:
    """An arrow from one point to another."""

    name: str
    start: tuple[float, float]
    end: tuple[float, float]
    tone: str = "plain"


@dataclass(frozen=True)
class Line:
    """A line through points, as a decision boundary."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    tone: str = "plain"


@dataclass(frozen=True)
class Dots:
    """Points, small and many or large and few; `labels` stand beside them where given."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    tone: str = "plain"
    labels: Sequence[str] = ()


Shape = Ellipse | Arrow | Line | Dots


@dataclass(frozen=True)
class Sheet:
    """One plane with shapes on it. Shapes of the same name look the same on every sheet."""

    name: str
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Plane:
    """Sheets side by side with common axes; a legend names what is drawn and has a name.

    `equal`: a unit is as long across as up, so that circles are round. `x_range` and `y_range`
    are (low, high); without them all shapes fit.
    """

    name: str
    caption: str
    x_label: str
    y_label: str
    sheets: tuple[Sheet, ...]
    equal: bool = True
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None


@dataclass(frozen=True)
class Bar:
    """A value with its interval."""

    name: str
    value: float
    low: float
    high: float
    tone: str = "plain"


@dataclass(frozen=True)
class Bars:
    """Values to compare, one below the other, on a common axis that begins at 0."""

    name: str
    caption: str
    label: str  # of the axis
    bars: tuple[Bar, ...]
    marks: tuple[tuple[float, str], ...] = ()  # vertical lines worth a name, as chance


Picture = Gallery | Curves | Surfaces | Plane | Bars


@dataclass(frozen=True)
class Drawn:
    """A picture that is drawn already: the files <name>-light.png and <name>-dark.png of a folder.

    What is left of a picture in a result that was read.
    """

    name: str
    caption: str
    folder: Path = Path()

    def file(self, theme: str) -> Path:
        """Return its file in a theme, light or dark.

        Raises:
            InputError: there is none, or the name leads out of the folder.
        """
        path = self.folder / f"{self.name}-{theme}.png"
        if path.parent != self.folder or not path.is_file():
            raise InputError(f"{path}: no such picture", "a PNG beside its result", "run it again")
        return path
