"""Curves: lines with their intervals, named at their ends rather than in a box.

draw_curves(Curves("security", "...", "eps", "accuracy", series=(Series("robust", x, y),)), LIGHT)
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from robustlens.errors import InputError
from robustlens.figures.canvas import DPI, LINE, Canvas, ink, name_axes, quiet, wrap
from robustlens.figures.labels import above, at_end, spread, stack
from robustlens.figures.scales import logarithmic
from robustlens.figures.theme import Kind, Look, Looks, Theme
from robustlens.pictures import Curves, Series

# Pixels.
WIDTH, HEIGHT = 992, 600


def draw_curves(curves: Curves, theme: Theme) -> Figure:
    """Return the curves drawn. Accuracies in [0, 1] are shown from 0% to 100%.

    Intervals are a band around a line and bars around points alone. Series of one name look the
    same and are named once, where the first of them ends. On a logarithmic axis an interval that
    reaches down to 0 is cut where the axis begins.

    Raises:
        InputError: series without points, whose x, y, low and high differ in length, with neither
            line nor dots, or not positive on a logarithmic axis.
    """
    for series in curves.series:
        _check(series)
    figure = Canvas.blank(WIDTH, HEIGHT, theme).figure
    figure.set_layout_engine("constrained", w_pad=0.06, h_pad=0.06)
    axes = figure.add_subplot(facecolor=theme.background)
    _style(axes, curves, theme)
    looks = Looks(theme)
    names = {}
    for series in curves.series:
        look = looks.take(series.name, series.tone, *_kinds(series))
        _draw(axes, series, look, curves.log, theme)
        if series.name not in names:
            names[series.name] = at_end(axes, series.name, _end(series), look.colour)
    marks = [above(axes, x, name, theme) for x, name in sorted(curves.marks)]
    _scale(axes, curves)
    # Names are placed once the layout has settled: first across, then up and down.
    figure.draw_without_rendering()
    lanes = stack(axes, marks)
    _title(axes, curves.y_label, lanes, theme)
    figure.draw_without_rendering()
    spread(axes, list(names.values()))
    return figure


def _check(series: Series) -> None:
    lengths = {len(series.x), len(series.y)}
    lengths |= {len(series.low), len(series.high)} if len(series.low) or len(series.high) else set()
    if len(lengths) > 1 or not len(series.x):
        raise InputError(
            f"series {series.name!r} with {len(series.x)} x, {len(series.y)} y, "
            f"{len(series.low)} low, {len(series.high)} high",
            "at least one point, and as many y as x; low and high as many again, or none",
        )
    if not (series.line or series.dots):
        raise InputError(f"series {series.name!r} with neither line nor dots", "one or both")


def _style(axes: Axes, curves: Curves, theme: Theme) -> None:
    quiet(axes, theme)
    axes.spines["bottom"].set(visible=True, color=theme.muted)
    axes.grid(axis="y", color=theme.grid, linewidth=0.8)
    name_axes(axes, curves.x_label, "", theme)
    if _is_accuracy(curves):
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _is_accuracy(curves: Curves) -> bool:
    values = chain.from_iterable((*s.y, *s.low, *s.high) for s in curves.series)
    return "accuracy" in curves.y_label.lower() and all(0 <= value <= 1 for value in values)


def _scale(axes: Axes, curves: Curves) -> None:
    if "x" in curves.log:
        logarithmic(axes, "x", _positive("x", [*_across(curves)]))
    if "y" in curves.log:
        heights = _positive("y", [y for series in curves.series for y in series.y])
        ends = [v for s in curves.series for v in (*s.low, *s.high) if v > 0]
        per_cent = (lambda share: f"{100 * share:.10g}%") if _is_accuracy(curves) else None
        logarithmic(axes, "y", [*heights, *ends], per_cent)


def _across(curves: Curves) -> Iterator[float]:
    for series in curves.series:
        yield from series.x
    yield from (x for x, _ in curves.marks)


def _positive(name: str, values: list[float]) -> list[float]:
    wrong = [value for value in values if not 0 < value < np.inf]
    if wrong:
        raise InputError(
            f"{name} = {wrong[0]} on a logarithmic axis",
            "finite numbers > 0",
            f"leave such points out, or change log={name!r}",
        )
    return values


def _kinds(series: Series) -> list[Kind]:
    kinds: dict[Kind, bool] = {"line": series.line, "dots": series.dots}
    return [kind for kind, there in kinds.items() if there]


def _draw(axes: Axes, series: Series, look: Look, log: str, theme: Theme) -> None:
    if len(series.low) and series.line:
        axes.fill_between(
            series.x, series.low, series.high, color=look.colour, alpha=0.16, linewidth=0, zorder=2
        )
    elif len(series.low):
        _bars(axes, series, look, log)
    axes.plot(
        series.x,
        series.y,
        color=look.colour,
        linestyle=look.style if series.line else "none",
        linewidth=1.8,
        marker=look.marker if series.dots else "none",
        markersize=5.5,
        markeredgecolor=theme.background,
        markeredgewidth=0.8,
        clip_on=False,  # a marker at 0% or 100% is a whole marker
        zorder=3,
    )


def _bars(axes: Axes, series: Series, look: Look, log: str) -> None:
    y, low, high = (np.asarray(part, float) for part in (series.y, series.low, series.high))
    reach = np.maximum([y - low, high - y], 0)
    bars = axes.errorbar(
        series.x, y, reach, fmt="none", ecolor=look.colour, elinewidth=1.4, capsize=3, zorder=2.5
    )
    for part in bars.get_children():
        # A cap at 100% is a whole cap; a bar down to 0 ends where a logarithmic axis begins.
        part.set_clip_on("y" in log)


def _end(series: Series) -> tuple[float, float]:
    """Return where a line ends; of points alone, the one furthest right."""
    points = list(zip(series.x, series.y, strict=True))
    return points[-1] if series.line else max(points)


def _title(axes: Axes, text: str, lanes: int, theme: Theme) -> None:
    """Name the vertical axis above it, where it reads without turning the head."""
    pad = 9 + lanes * LINE * 72 / DPI
    axes.set_title(wrap(text, WIDTH * 0.8), loc="left", pad=pad, **ink(theme.muted))
