"""Planes: ellipses, arrows, paths and points, on sheets side by side with common axes.

draw_plane(Plane("classes", "...", "x1", "x2", sheets=(Sheet("eps 0", (Ellipse(...),)),)), LIGHT)
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerBase
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from robustlens.errors import InputError
from robustlens.figures.canvas import Canvas, font, ink, longest, name_axes, quiet, width_of, wrap
from robustlens.figures.labels import write_beside
from robustlens.figures.shapes import LINE_WIDTH, arrow, draw_shape, mark, outline
from robustlens.figures.theme import Kind, Look, Looks, Theme
from robustlens.pictures import Arrow, Dots, Plane, Shape

# Pixels.
WIDTHS = {1: 900, 2: 1240, 3: 1560}
"""Width of a figure with so many sheets in a row."""
LOWEST = 100  # a sheet
TICK = 45  # between two numbers above each other, at the least
FREE = 0.8
"""Height of a sheet over its width where units need not be equal."""

MARGIN = 0.06
"""Room around the shapes, as a share of their extent."""
FLATTEST, TALLEST = 0.4, 1.1
"""Height over width of a plane whose units are equal and whose ranges are free."""

Range = tuple[float, float]
SAMPLE, BETWEEN = 72, 48  # of the legend: a sample with its gap; between columns

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
    figure = Canvas.blank(WIDTHS[columns], WIDTHS[columns], theme).figure
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.06, wspace=0.04, hspace=0)
    for number, sheet in enumerate(plane.sheets):
        axes = figure.add_subplot(rows, columns, number + 1, facecolor=theme.background)
        _style(axes, common, theme)
        first, lowest = number % columns == 0, number + columns >= count
        axes.tick_params(labelleft=first, labelbottom=lowest)
        name_axes(axes, plane.x_label if lowest else "", plane.y_label if first else "", theme)
        title = wrap(sheet.name, max(WIDTHS[columns] / columns * 0.8, longest(sheet.name)))
        axes.set_title(title, loc="left", pad=9, **ink(theme.text))
        for shape in sheet.shapes:
            draw_shape(axes, shape, looks[shape.name, shape.tone], theme)
    _legend(figure, shapes, looks, theme)
    _fit(figure, rows, plane.equal)
    for axes, sheet in zip(figure.axes, plane.sheets, strict=True):
        colours = [looks[shape.name, shape.tone].colour for shape in sheet.shapes]
        write_beside(axes, sheet.shapes, colours)
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


def _style(axes: Axes, common: tuple[Range, Range], theme: Theme) -> None:
    quiet(axes, theme)
    axes.spines[:].set(visible=True, color=theme.grid, linewidth=0.8)
    axes.set(xlim=common[0], ylim=common[1])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))


def _fit(figure: Figure, rows: int, equal: bool) -> None:
    """Give the figure the height that its sheets want."""
    sheet = figure.axes[0]
    (left, right), (bottom, top) = sheet.get_xlim(), sheet.get_ylim()
    ratio = min((top - bottom) / (right - left), TALLEST) if equal else FREE
    for _ in range(2):  # numbers and names beside the sheets may change with the height
        figure.draw_without_rendering()
        box, (width, height) = sheet.get_window_extent(), figure.bbox.size
        numbers = min(5, max(1, int(box.width * ratio / TICK)))
        for axes in figure.axes:
            axes.locator_params(axis="y", nbins=numbers)
        height += rows * (max(LOWEST, box.width * ratio) - box.height)
        figure.set_size_inches(width / figure.dpi, round(height / 2) * 2 / figure.dpi)
    for axes in figure.axes:
        axes.set_aspect("equal" if equal else "auto")
    figure.draw_without_rendering()


class _ArrowSample(HandlerBase):
    """Draws the sample of an arrow in a legend: its shaft and its head."""

    def create_artists(
        self, legend: Any, orig_handle: Any, xdescent: float, ydescent: float, width: float,
        height: float, fontsize: float, trans: Any,
    ) -> list[FancyArrowPatch]:  # fmt: skip
        """Return them, in the place that the legend has for a sample."""
        y = height / 2 - ydescent
        patches = arrow((-xdescent, y), (width - xdescent, y), orig_handle.look)
        for patch in patches:
            patch.set_transform(trans)
        return patches


class _Arrow(Line2D):
    """Stands for an arrow of a look in the list that a legend takes."""

    look: Look


def _legend(figure: Figure, shapes: list[Shape], looks: _Looks, theme: Theme) -> None:
    """Name every look once at the foot of the figure, in as many columns as fit."""
    kinds: dict[tuple[str, str], set[Kind]] = {}
    for shape in shapes:
        if shape.name:
            kinds.setdefault((shape.name, shape.tone), set()).add(_kind(shape))
    if not kinds:
        return
    room = figure.bbox.width - 2 * SAMPLE
    names = [wrap(name, max(room - SAMPLE, longest(name))) for name, _ in kinds]
    widths = [SAMPLE + max(map(width_of, name.splitlines())) for name in names]
    fits = (n for n in range(len(names), 1, -1) if _width(widths, n) <= room)
    found = figure.legend(
        [_sample(looks[key], has, theme) for key, has in kinds.items()],
        names,
        loc="outside lower center",
        ncols=next(fits, 1),
        frameon=False,
        prop=font(),
        labelcolor=theme.text,
        handlelength=2.4,
        handler_map={_Arrow: _ArrowSample()},
    )
    for text in found.get_texts():
        text.set_parse_math(False)


def _width(widths: list[float], columns: int) -> float:
    """Return how wide names are in columns, which a legend fills one after the other."""
    parts = np.array_split(np.array(widths), columns)
    return float(sum(part.max() for part in parts)) + BETWEEN * (columns - 1)


def _sample(look: Look, kinds: set[Kind], theme: Theme) -> Line2D:
    if "arrow" in kinds:
        found = _Arrow([], [])
        found.look = look
        return found
    style = {"linestyle": look.style if "line" in kinds else "none", "linewidth": LINE_WIDTH}
    return Line2D(
        [], [], **((mark(look, theme) if "dots" in kinds else {"color": look.colour}) | style)
    )


def ranges(plane: Plane) -> tuple[Range, Range]:
    """Return (low, high) across and (low, high) upwards, the same for all sheets.

    Raises:
        InputError: a given range that is not (low, high).
    """
    shapes = [shape for sheet in plane.sheets for shape in sheet.shapes]
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


def _around(values: NDArray[np.float64]) -> Range:
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    room = MARGIN * (high - low) or 0.5
    return low - room, high + room


def _grown(limits: Range, length: float) -> Range:
    more = max(0.0, length - (limits[1] - limits[0])) / 2
    return limits[0] - more, limits[1] + more
