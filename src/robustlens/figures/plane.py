"""Planes: ellipses, arrows, paths and points, on sheets side by side with common axes.

draw_plane(Plane("classes", "...", "x1", "x2", sheets=(Sheet("eps 0", (Ellipse(...),)),)), LIGHT)
"""

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from robustlens.errors import InputError
from robustlens.figures import legend
from robustlens.figures.axes import ink, name_axes, quiet
from robustlens.figures.canvas import Canvas, wrap
from robustlens.figures.legend import Entry
from robustlens.figures.looks import Look, Looks
from robustlens.figures.shapes import draw_shape, outline
from robustlens.figures.theme import Theme
from robustlens.studies.pictures import Arrow, Dots, Plane, Shape

# Pixels.
WIDTHS = {1: 900, 2: 1240, 3: 1560}
"""Width of a figure with so many sheets in a row."""
MARGIN = 0.06
"""Room around the shapes, as a share of their extent."""
FLATTEST, TALLEST = 0.35, 1.1  # height of a sheet over its width

Range = tuple[float, float]


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
    x_range, y_range = _ranges(plane, shapes)
    columns = _columns(len(plane.sheets))
    rows = math.ceil(len(plane.sheets) / columns)
    entries = legend.flow(_entries(shapes, looks), WIDTHS[columns])
    foot = legend.height(entries)
    figure = Canvas.blank(WIDTHS[columns], rows * 500 + foot, theme).figure
    for number, sheet in enumerate(plane.sheets):
        axes = figure.add_subplot(rows, columns, number + 1, facecolor=theme.background)
        _style(axes, theme)
        name_axes(axes, plane.x_label, plane.y_label if number % columns == 0 else "", theme)
        axes.tick_params(labelleft=number % columns == 0)
        title = wrap(sheet.name, WIDTHS[columns] / columns * 0.8)
        axes.set_title(title, loc="left", pad=9, **ink(theme.text))
        axes.set(xlim=x_range, ylim=y_range)
        for shape in sheet.shapes:
            draw_shape(axes, shape, looks[shape.name, shape.tone], theme)
    ratio = (y_range[1] - y_range[0]) / (x_range[1] - x_range[0]) if plane.equal else 0.8
    _fit(figure, rows, foot, ratio)
    if plane.equal:
        for axes in figure.axes:
            axes.set_aspect("equal")
    figure.draw_without_rendering()
    legend.write(figure, entries, theme)
    return figure


def _columns(count: int) -> int:
    return count if count <= 3 else 2 if count == 4 else 3


def _style(axes: Axes, theme: Theme) -> None:
    quiet(axes, theme)
    axes.spines[:].set(visible=True, color=theme.grid, linewidth=0.8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))


def _kind(shape: Shape) -> str:
    return {Arrow: "arrow", Dots: "dots"}.get(type(shape), "line")


def _looks(shapes: list[Shape], theme: Theme) -> dict[tuple[str, str], Look]:
    """Return the look of each name; shapes without a name differ by their tone."""
    looks = Looks(theme)
    found = {}
    for shape in shapes:
        dots = isinstance(shape, Dots)
        look = looks.take(shape.name or f"\0{shape.tone}", shape.tone, line=not dots, dots=dots)
        found[shape.name, shape.tone] = look
    return found


def _entries(shapes: list[Shape], looks: dict[tuple[str, str], Look]) -> list[Entry]:
    kinds: dict[tuple[str, str], set[str]] = {}
    for shape in shapes:
        if shape.name:
            kinds.setdefault((shape.name, shape.tone), set()).add(_kind(shape))
    return [Entry(key[0], looks[key], frozenset(found)) for key, found in kinds.items()]


def _ranges(plane: Plane, shapes: list[Shape]) -> tuple[Range, Range]:
    """Return the ranges of both axes, given or such that all shapes fit."""
    points = np.concatenate([np.zeros((0, 2)), *(outline(shape) for shape in shapes)])
    x = _given("x_range", plane.x_range) or _around(points[:, 0])
    y = _given("y_range", plane.y_range) or _around(points[:, 1])
    if not plane.equal:
        return x, y
    # A strip would show nothing: an axis that is free grows until the sheet has a shape.
    if plane.x_range is None:
        x = _grown(x, (y[1] - y[0]) / TALLEST)
    if plane.y_range is None:
        y = _grown(y, (x[1] - x[0]) * FLATTEST)
    return x, y


def _given(name: str, limits: Range | None) -> Range | None:
    if limits is not None and not -math.inf < limits[0] < limits[1] < math.inf:
        raise InputError(f"{name} = {limits}", "(low, high) with low < high", f"change {name}")
    return limits


def _around(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Range:
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = MARGIN * (high - low) or 0.5
    return low - room, high + room


def _grown(limits: Range, length: float) -> Range:
    more = max(0.0, length - (limits[1] - limits[0])) / 2
    return limits[0] - more, limits[1] + more


def _fit(figure: Figure, rows: int, foot: int, ratio: float) -> None:
    """Give the figure the height at which each sheet is `ratio` times as high as it is wide."""
    ratio = min(max(ratio, FLATTEST), TALLEST)
    engine = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0)
    figure.set_layout_engine(engine)
    for _ in range(2):
        width, height = figure.bbox.size
        engine.set(rect=(0, foot / height, 1, 1 - foot / height))
        figure.draw_without_rendering()
        box = figure.axes[0].get_window_extent()
        more = rows * (box.width * ratio - box.height)
        figure.set_size_inches(width / figure.dpi, round((height + more) / 2) * 2 / figure.dpi)
    engine.set(rect=(0, foot / figure.bbox.height, 1, 1 - foot / figure.bbox.height))
