"""Planes: ellipses, arrows, paths and points, on sheets side by side with common axes.

draw_plane(Plane("classes", "...", "x1", "x2", sheets=(Sheet("eps 0", (Ellipse(...),)),)), LIGHT)
"""

import math
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from robustlens.errors import InputError
from robustlens.figures import legend
from robustlens.figures.axes import ink, name_axes, quiet
from robustlens.figures.beside import write_beside
from robustlens.figures.canvas import Canvas, wrap
from robustlens.figures.looks import Kind, Look, Looks
from robustlens.figures.ranges import TALLEST, Range, ranges
from robustlens.figures.shapes import draw_shape
from robustlens.figures.theme import Theme
from robustlens.pictures import Arrow, Dots, Plane, Shape

# Pixels.
WIDTHS = {1: 900, 2: 1240, 3: 1560}
"""Width of a figure with so many sheets in a row."""
LOWEST = 100  # a sheet
TICK = 45  # between two numbers above each other, at the least
FREE = 0.8
"""Height of a sheet over its width where units need not be equal."""

_Looks = Mapping[tuple[str, str], Look]  # by name and tone


def draw_plane(plane: Plane, theme: Theme) -> Figure:
    """Return the plane drawn, with one legend below; shapes without a name are not in it.

    Shapes of one name look the same on all sheets. Names differ by colour and by dashes or marks.
    What lies outside a given range is cut.

    Raises:
        InputError: no sheet, a range that is not (low, high), one name in two tones, or a shape
            that is not whole (see `outline`).
        UnknownName: an unknown tone.
    """
    if not plane.sheets:
        raise InputError("no sheet", "at least one", "add a sheet")
    shapes = [shape for sheet in plane.sheets for shape in sheet.shapes]
    looks = _looks(shapes, theme)
    common = ranges(plane)
    count = len(plane.sheets)
    columns = {1: 1, 2: 2, 4: 2}.get(count, 3)
    rows = math.ceil(count / columns)
    entries = legend.flow(_entries(shapes, looks), WIDTHS[columns])
    figure = Canvas.blank(WIDTHS[columns], WIDTHS[columns], theme).figure
    for number, sheet in enumerate(plane.sheets):
        axes = figure.add_subplot(rows, columns, number + 1, facecolor=theme.background)
        _style(axes, common, theme)
        first, lowest = number % columns == 0, number + columns >= count
        axes.tick_params(labelleft=first, labelbottom=lowest)
        name_axes(axes, plane.x_label if lowest else "", plane.y_label if first else "", theme)
        title = wrap(sheet.name, WIDTHS[columns] / columns * 0.8)
        axes.set_title(title, loc="left", pad=9, **ink(theme.text))
        for shape in sheet.shapes:
            draw_shape(axes, shape, looks[shape.name, shape.tone], theme)
    _fit(figure, rows, legend.height(entries), plane.equal)
    for axes, sheet in zip(figure.axes, plane.sheets, strict=True):
        colours = [looks[shape.name, shape.tone].colour for shape in sheet.shapes]
        write_beside(axes, sheet.shapes, colours)
    legend.write(figure, entries, theme)
    return figure


def _kind(shape: Shape) -> Kind:
    if isinstance(shape, Dots):
        return "dots"
    return "arrow" if isinstance(shape, Arrow) else "line"


def _looks(shapes: list[Shape], theme: Theme) -> _Looks:
    """Return the look of each name; shapes without a name differ by their tone."""
    looks = Looks(theme)
    return {
        (shape.name, shape.tone): looks.take(
            shape.name or f"\0{shape.tone}", shape.tone, _kind(shape)
        )
        for shape in shapes
    }


def _entries(shapes: list[Shape], looks: _Looks) -> list[legend.Entry]:
    kinds: dict[tuple[str, str], set[Kind]] = {}
    for shape in shapes:
        if shape.name:
            kinds.setdefault((shape.name, shape.tone), set()).add(_kind(shape))
    return [legend.Entry(key[0], looks[key], frozenset(found)) for key, found in kinds.items()]


def _style(axes: Axes, common: tuple[Range, Range], theme: Theme) -> None:
    quiet(axes, theme)
    axes.spines[:].set(visible=True, color=theme.grid, linewidth=0.8)
    axes.set(xlim=common[0], ylim=common[1])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))


def _fit(figure: Figure, rows: int, foot: int, equal: bool) -> None:
    """Give the figure the height that its sheets want, and leave `foot` pixels below them."""
    engine = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.04, hspace=0)
    figure.set_layout_engine(engine)
    sheet = figure.axes[0]
    (left, right), (bottom, top) = sheet.get_xlim(), sheet.get_ylim()
    ratio = min((top - bottom) / (right - left), TALLEST) if equal else FREE
    for _ in range(2):  # numbers and names beside the sheets may change with the height
        width, height = figure.bbox.size
        engine.set(rect=(0, foot / height, 1, 1 - foot / height))
        figure.draw_without_rendering()
        box = sheet.get_window_extent()
        numbers = min(5, max(1, int(box.width * ratio / TICK)))
        for axes in figure.axes:
            axes.locator_params(axis="y", nbins=numbers)
        wanted = max(LOWEST, box.width * ratio)
        height += rows * (wanted - box.height)
        figure.set_size_inches(width / figure.dpi, round(height / 2) * 2 / figure.dpi)
    engine.set(rect=(0, foot / figure.bbox.height, 1, 1 - foot / figure.bbox.height))
    for axes in figure.axes:
        axes.set_aspect("equal" if equal else "auto")
    figure.draw_without_rendering()
