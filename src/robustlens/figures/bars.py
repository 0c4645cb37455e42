"""Bars: values to compare, one below the other, each with its name, its interval and its number.

draw_bars(Bars("learned", "...", "accuracy", bars=(Bar("pushed", 0.62, 0.6, 0.64),)), LIGHT)
"""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from robustlens.errors import InputError
from robustlens.figures.canvas import LINE, Canvas, height_of, ink, longest, name_axes, quiet, wrap
from robustlens.figures.labels import above, stack
from robustlens.figures.theme import Theme
from robustlens.pictures import Bar, Bars

# Pixels.
WIDTH, NAME = 992, 330
ROW = 3 * LINE
FRAME = 6 * LINE  # for the axis, its title and the names of marks


def draw_bars(bars: Bars, theme: Theme) -> Figure:
    """Return the bars drawn. Accuracies, shares and rates in [0, 1] run from 0% to 100%.

    Raises:
        InputError: no bars, or a bar outside its interval.
    """
    if not bars.bars:
        raise InputError("no bars", "at least one", "add a bar")
    for bar in bars.bars:
        if not bar.low <= bar.value <= bar.high:
            raise InputError(f"{bar}", "low <= value <= high", "change the bar")
    names = [wrap(bar.name, max(NAME, longest(bar.name))) for bar in bars.bars]
    rows = sum(max(ROW, height_of(name) + LINE) for name in names)
    figure = Canvas.blank(WIDTH, rows + FRAME, theme).figure
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    axes = figure.add_subplot(facecolor=theme.background)
    percent = _percent(bars)
    for at, bar in enumerate(bars.bars):
        _bar(axes, at, bar, percent, theme)
    quiet(axes, theme)
    axes.set_yticks(range(len(names)), names, **ink(theme.text))
    axes.set_ylim(len(names) - 0.4, -0.6)
    name_axes(axes, bars.label, "", theme)
    axes.grid(axis="x", color=theme.grid, linewidth=0.8)
    if percent:
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    marks = [above(axes, x, name, theme) for x, name in sorted(bars.marks)]
    figure.draw_without_rendering()  # names are placed once the layout has settled
    stack(axes, marks)
    return figure


def _percent(bars: Bars) -> bool:
    share = any(word in bars.label.lower() for word in ("accuracy", "share", "rate"))
    return share and all(bar.low >= 0 and bar.high <= 1 for bar in bars.bars)


def _bar(axes: Axes, at: int, bar: Bar, percent: bool, theme: Theme) -> None:
    colour = theme.tone(bar.tone)
    axes.barh(at, bar.value, height=0.52, color=colour, alpha=0.85, zorder=2)
    axes.plot([bar.low, bar.high], [at, at], color=theme.text, linewidth=1.4, zorder=3)
    axes.annotate(
        f"{bar.value:.1%}" if percent else f"{bar.value:.3g}",
        xy=(max(bar.high, bar.value, 0.0), at),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        annotation_clip=False,
        **ink(theme.text),
    )
