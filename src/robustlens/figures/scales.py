"""Logarithmic axes: limits that fit, and few ticks with round names.

logarithmic(axes, "x", values)     # 1, 10, 100, or 0.2, 0.5, 1, 2, or 10⁻⁸, 10⁻⁴, 1
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

MARGIN = 0.05
"""Room at both ends of an axis, as a share of its length."""
MOST = 7  # ticks
_SMALL = {0: "1", 1: "10"}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def logarithmic(
    axes: Axes,
    which: Literal["x", "y"],
    values: Sequence[float],
    words: Callable[[float], str] | None = None,
) -> None:
    """Make an axis logarithmic, with limits around all of `values`, which are positive.

    `words` names a tick; without it a tick is named by its number.
    """
    low, high = limits(values)
    ticks = log_ticks(low, high)
    names = [(words or _number(ticks))(tick) for tick in ticks]
    axes.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter(names))
    axis.set_minor_locator(NullLocator())


def limits(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a logarithmic axis: all values are inside, with a margin."""
    low, high = math.log10(min(values)), math.log10(max(values))
    room = MARGIN * (high - low) or 0.5
    return 10 ** (low - room), 10 ** (high + room)


def log_ticks(low: float, high: float) -> list[float]:
    """Return three to seven round numbers between low and high, both positive.

    Powers of ten where three fit, every second or third of them on a long axis; else 1, 2 and 5
    times powers of ten; on an axis shorter than that, numbers at even distances.
    """
    powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    if len(powers) >= 3:
        step = math.ceil(len(powers) / MOST)
        return [10.0**k for k in powers if k % step == 0]
    inside = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    finer = [float(f"{m}e{k}") for k in inside for m in (1, 2, 5) if low <= m * 10.0**k <= high]
    if len(finer) >= 3:
        return finer
    even = MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in even if low <= tick <= high]


def _number(ticks: Sequence[float]) -> Callable[[float], str]:
    """Return what names ticks: plain numbers as long as all of them are short."""
    plain = all(1e-3 <= tick < 1e5 for tick in ticks)

    def words(tick: float) -> str:
        power = round(math.log10(tick))
        if plain or not math.isclose(tick, 10.0**power):
            return f"{tick:,.10g}" if plain else f"{tick:.3g}"
        return _SMALL.get(power, "10" + str(power).translate(_SUPERSCRIPTS))

    return words
