"""A legend for several axes: samples and names in rows, as many in a row as fit.

rows = flow(entries, width)
write(canvas, rows, top, theme)
"""

from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.transforms import IdentityTransform

from robustlens.figures.axes import ink
from robustlens.figures.canvas import LINE, width_of
from robustlens.figures.looks import Look
from robustlens.figures.shapes import HEAD, LINE_WIDTH, mark
from robustlens.figures.theme import Theme

# Pixels.
SAMPLE = 56
GAP = 12  # between a sample and its name
BETWEEN = 40
ROW = LINE + 8
MARGIN = 14


class Entry(NamedTuple):
    """A name, how it looks, and the kinds of shapes that wear it: line, arrow, dots."""

    name: str
    look: Look
    kinds: frozenset[str]

    @property
    def width(self) -> float:
        """Width of sample and name, in pixels."""
        return SAMPLE + GAP + width_of(self.name)


def flow(entries: list[Entry], width: float) -> list[list[Entry]]:
    """Return the entries in rows no wider than `width` pixels, where one entry alone fits."""
    rows: list[list[Entry]] = []
    for entry in entries:
        if rows and _width([*rows[-1], entry]) <= width - 2 * MARGIN:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return rows


def height(rows: list[list[Entry]]) -> int:
    """Return the height of the legend, in pixels."""
    return ROW * len(rows) + MARGIN if rows else 0


def write(figure: Figure, rows: list[list[Entry]], theme: Theme) -> None:
    """Draw the legend at the foot of a figure, each row in its middle."""
    width = figure.bbox.width
    for number, row in enumerate(reversed(rows)):
        y = MARGIN + ROW * (number + 0.5)
        x = (width - _width(row)) / 2
        for entry in row:
            _sample(figure, entry, x, y, theme)
            figure.text(
                x + SAMPLE + GAP,
                y - LINE * 0.27,
                entry.name,
                transform=IdentityTransform(),
                va="baseline",
                **ink(theme.text),
            )
            x += entry.width + BETWEEN


def _width(row: list[Entry]) -> float:
    return sum(entry.width for entry in row) + BETWEEN * (len(row) - 1)


def _sample(figure: Figure, entry: Entry, x: float, y: float, theme: Theme) -> None:
    pixels = IdentityTransform()
    colour, style, _ = entry.look
    if entry.kinds & {"line", "arrow"}:
        ends = [x, x + SAMPLE - (10 if "arrow" in entry.kinds else 0)]
        line = Line2D(
            ends, [y, y], color=colour, linestyle=style, linewidth=LINE_WIDTH, transform=pixels
        )
        figure.add_artist(line)
    if "arrow" in entry.kinds:
        figure.add_artist(
            FancyArrowPatch(
                (x, y),
                (x + SAMPLE, y),
                arrowstyle="-|>",
                mutation_scale=HEAD,
                linewidth=0,
                shrinkA=0,
                shrinkB=0,
                color=colour,
                transform=pixels,
            )
        )
    if "dots" in entry.kinds:
        figure.add_artist(
            Line2D([x + SAMPLE / 2], [y], transform=pixels, **mark(entry.look, theme))
        )
