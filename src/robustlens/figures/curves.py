"""Curves: lines with their intervals, named at their ends rather than in a box.

draw_curves(Curves("security", "...", "eps", "accuracy", series=(Series("robust", x, y),)), LIGHT)
"""

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import PercentFormatter
from scipy.optimize import isotonic_regression

from robustlens.errors import InputError
from robustlens.figures.canvas import (
    DPI,
    FONT,
    LINE,
    POINTS,
    Canvas,
    font,
    height_of,
    width_of,
    wrap,
)
from robustlens.figures.theme import Theme
from robustlens.studies.pictures import Curves, Series

# Pixels.
WIDTH, HEIGHT = 992, 600
LABEL = 250  # a name at the end of a line is broken when wider
BETWEEN = 12  # two names above the axes that come closer go on two lanes

_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_STYLES = ("-", "--", "-.", ":")


class _End(NamedTuple):
    """The name of a series, and the point where the series ends."""

    label: Annotation
    point: tuple[float, float]


def draw_curves(curves: Curves, theme: Theme) -> Figure:
    """Return the curves drawn. Accuracies in [0, 1] are shown from 0% to 100%.

    Raises:
        InputError: series without points, or whose x, y, low and high differ in length.
    """
    for series in curves.series:
        _check(series)
    figure = Canvas.blank(WIDTH, HEIGHT, theme).figure
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.06)
    axes = figure.add_subplot(facecolor=theme.background)
    _style(axes, curves, theme)
    looks = zip(curves.series, _looks(curves, theme), strict=True)
    ends = [_line(axes, series, look, theme) for series, look in looks]
    marks = [_mark(axes, x, name, theme) for x, name in sorted(curves.marks)]
    # Names are placed once the layout has settled: first across, then up and down.
    figure.draw_without_rendering()
    lanes = _stack(axes, marks)
    _title(axes, curves.y_label, lanes, theme)
    figure.draw_without_rendering()
    _spread(axes, ends)
    return figure


def _check(series: Series) -> None:
    lengths = {len(series.x), len(series.y)}
    lengths |= {len(series.low), len(series.high)} if series.low or series.high else set()
    if len(lengths) > 1 or not len(series.x):
        raise InputError(
            f"series {series.name!r} with {len(series.x)} x, {len(series.y)} y, "
            f"{len(series.low)} low, {len(series.high)} high",
            "at least one point, and as many y as x; low and high as many again, or none",
        )


def _style(axes: Axes, curves: Curves, theme: Theme) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(theme.muted)
    axes.grid(axis="y", color=theme.grid, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6, colors=theme.muted, labelsize=POINTS, labelfontfamily=FONT)
    axes.set_xlabel(curves.x_label, color=theme.muted, font=font(), labelpad=6, parse_math=False)
    if _is_accuracy(curves):
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _is_accuracy(curves: Curves) -> bool:
    values = chain.from_iterable((*s.y, *s.low, *s.high) for s in curves.series)
    return "accuracy" in curves.y_label.lower() and all(0 <= value <= 1 for value in values)


class _Look(NamedTuple):
    """Series differ by colour, by marker and by dashes."""

    colour: str
    marker: str
    style: str


def _looks(curves: Curves, theme: Theme) -> list[_Look]:
    tones = [series.tone for series in curves.series]
    return [
        _Look(
            theme.tone(tone, shade=tones[:i].count(tone)),
            _MARKERS[i % len(_MARKERS)],
            _STYLES[i % len(_STYLES)],
        )
        for i, tone in enumerate(tones)
    ]


def _line(axes: Axes, series: Series, look: _Look, theme: Theme) -> _End:
    colour, marker, style = look
    if series.low:
        axes.fill_between(
            series.x, series.low, series.high, color=colour, alpha=0.16, linewidth=0, zorder=2
        )
    axes.plot(
        series.x,
        series.y,
        color=colour,
        linestyle=style,
        linewidth=1.8,
        marker=marker,
        markersize=5.5,
        markeredgecolor=theme.background,
        markeredgewidth=0.8,
        clip_on=False,  # a marker at 0% or 100% is a whole marker
        zorder=3,
    )
    return _end(axes, series, colour)


def _end(axes: Axes, series: Series, colour: str) -> _End:
    point = (series.x[-1], series.y[-1])
    label = axes.annotate(
        wrap(series.name, LABEL),
        xy=point,
        xytext=(1.03, 0.5),
        textcoords="axes fraction",
        color=colour,
        font=font(),
        va="center",
        linespacing=1.15,
        annotation_clip=False,
        parse_math=False,
        arrowprops={
            "arrowstyle": "-",
            "color": colour,
            "alpha": 0.55,
            "linewidth": 0.8,
            "relpos": (0, 0.5),
            "shrinkA": 1,
            "shrinkB": 5,
        },
    )
    return _End(label, point)


def _mark(axes: Axes, x: float, name: str, theme: Theme) -> Annotation:
    axes.axvline(x, color=theme.muted, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    return axes.annotate(
        name,
        xy=(x, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        color=theme.muted,
        font=font(),
        ha="center",
        va="bottom",
        annotation_clip=False,
        parse_math=False,
    )


def _stack(axes: Axes, marks: Sequence[Annotation]) -> int:
    """Put names that would touch on lanes above each other; return the number of lanes."""
    rights: list[float] = []  # where the last name of each lane ends
    for mark in marks:
        middle = axes.transData.transform((mark.xy[0], 0))[0]
        half = width_of(mark.get_text()) / 2
        free = (i for i, right in enumerate(rights) if right + BETWEEN <= middle - half)
        lane = next(free, len(rights))
        rights[lane : lane + 1] = [middle + half]
        mark.set_position((0, 4 + lane * LINE * 72 / DPI))
    return len(rights)


def _title(axes: Axes, text: str, lanes: int, theme: Theme) -> None:
    """Name the vertical axis above it, where it reads without turning the head."""
    axes.set_title(
        wrap(text, WIDTH * 0.8),
        loc="left",
        pad=9 + lanes * LINE * 72 / DPI,
        color=theme.muted,
        font=font(),
        parse_math=False,
    )


def _spread(axes: Axes, ends: Sequence[_End]) -> None:
    """Move names up and down, as little as possible, until none covers another."""
    frame = axes.get_window_extent()
    order = sorted(ends, key=lambda end: end.point[1])
    wanted = [float(axes.transData.transform(end.point)[1]) for end in order]
    heights = [height_of(end.label.get_text()) for end in order]
    placed = _apart(wanted, heights, frame.y0, frame.y1)
    for end, y in zip(order, placed, strict=True):
        end.label.set_position((1.03, (y - frame.y0) / frame.height))


def _apart(
    wanted: Sequence[float], heights: Sequence[int], floor: float, ceiling: float
) -> list[float]:
    """Return ascending centres, the closest to those wanted that keep names apart.

    With c the cumulated distances, y_i - c_i must not decrease: isotonic regression, solved
    exactly. The whole is then kept between floor and ceiling, where there is room.
    """
    if not wanted:
        return []
    cumulated = np.cumsum([0.0, *((a + b) / 2 for a, b in pairwise(heights))])
    loose = isotonic_regression(np.asarray(wanted) - cumulated).x
    highest = max(floor, ceiling - float(cumulated[-1]))
    return [float(y) for y in np.clip(loose, floor, highest) + cumulated]
