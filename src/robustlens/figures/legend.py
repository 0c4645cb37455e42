"""A legend for several axes: samples and names in rows, as many in a row as fit.

rows = flow(entries, 1240)
write(figure, rows, LIGHT)      # at the foot of the figure, height(rows) pixels high
"""

from typing import NamedTuple

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import IdentityTransform

from robustlens.figures.axes import ink
from robustlens.figures.canvas import ASCENT, DPI, LINE, POINTS, height_of, width_of, wrap
from robustlens.figures.looks import Kind, Look
from robustlens.figures.shapes import LINE_WIDTH, arrow, mark
from robustlens.figures.theme import Theme

# Pixels.
SAMPLE, POINT = 56, 16  # length of a line, width of a mark
GAP = 12  # between a sample and its name
BETWEEN = 44
AIR = 8  # between rows
MARGIN = 16
RAISED = round(0.32 * POINTS * DPI / 72)  # from the baseline to the middle of a letter


class Entry(NamedTuple):
    """A name, how it looks, and the kinds of shapes that wear it."""

    name: str
    look: Look
    kinds: frozenset[Kind]

    @property
    def sample(self) -> int:
        """Width of the sample, in pixels."""
        return POINT if self.kinds == {"dots"} else SAMPLE

    @property
    def width(self) -> float:
        """Width of sample and name, in pixels."""
        return self.sample + GAP + max(width_of(line) for line in self.name.splitlines())


def flow(entries: list[Entry], width: float) -> list[list[Entry]]:
    """Return the entries in rows no wider than `width` pixels; a name too long is broken."""
    room = width - 2 * MARGIN
    rows: list[list[Entry]] = []
    for entry in entries:
        entry = entry._replace(name=wrap(entry.name, room - SAMPLE - GAP))
        if rows and _width([*rows[-1], entry]) <= room:
            rows[-1].append(entry)
        else:
            rows.append([entry])
    return rows


def height(rows: list[list[Entry]]) -> int:
    """Return the height of the legend, in pixels."""
    return sum(map(_height, rows)) + 2 * MARGIN - AIR if rows else 0


def write(figure: Figure, rows: list[list[Entry]], theme: Theme) -> None:
    """Draw the legend at the foot of a figure, each row in its middle."""
    top = height(rows) - MARGIN
    for row in rows:
        x = (figure.bbox.width - _width(row)) / 2
        for entry in row:
            _sample(figure, entry, x, top - ASCENT + RAISED, theme)
            for number, line in enumerate(entry.name.splitlines()):
                figure.text(
                    x + entry.sample + GAP,
                    top - number * LINE - ASCENT,
                    line,
                    transform=IdentityTransform(),
                    va="baseline",
                    **ink(theme.text),
                )
            x += entry.width + BETWEEN
        top -= _height(row)


def _width(row: list[Entry]) -> float:
    return sum(entry.width for entry in row) + BETWEEN * (len(row) - 1)


def _height(row: list[Entry]) -> int:
    return height_of(*(entry.name for entry in row)) + AIR


def _sample(figure: Figure, entry: Entry, x: float, y: float, theme: Theme) -> None:
    pixels = IdentityTransform()
    look, end = entry.look, x + entry.sample
    if "arrow" in entry.kinds:
        for patch in arrow((x, y), (end, y), look):
            patch.set_transform(pixels)
            figure.add_artist(patch)
    elif "line" in entry.kinds:
        line = Line2D([x, end], [y, y], color=look.colour, linestyle=look.style, transform=pixels)
        line.set_linewidth(LINE_WIDTH)
        figure.add_artist(line)
    if "dots" in entry.kinds:
        middle = [(x + end) / 2]
        figure.add_artist(Line2D(middle, [y], transform=pixels, **mark(look, theme)))
