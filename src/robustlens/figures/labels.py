"""Names in the picture rather than in a box: at the ends of lines, and above marks.

end = at_end(axes, "robust net", (2.0, 0.4), "#0b5c9e")
spread(axes, [end])      # once the layout has settled
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from scipy.optimize import isotonic_regression

from robustlens.figures.axes import ink
from robustlens.figures.canvas import DPI, LINE, height_of, width_of, wrap
from robustlens.figures.theme import Theme

# Pixels.
WIDEST = 250  # a name at the end of a line is broken when wider
BETWEEN = 12  # two names above the axes that come closer go on two lanes


def at_end(axes: Axes, name: str, point: tuple[float, float], colour: str) -> Annotation:
    """Write a name right of the axes, with a thin line to the point it belongs to."""
    return axes.annotate(
        wrap(name, WIDEST),
        xy=point,
        xytext=(1.03, 0.5),
        textcoords="axes fraction",
        va="center",
        linespacing=1.15,
        annotation_clip=False,
        arrowprops={
            "arrowstyle": "-",
            "color": colour,
            "alpha": 0.55,
            "linewidth": 0.8,
            "relpos": (0, 0.5),
            "shrinkA": 1,
            "shrinkB": 5,
        },
        **ink(colour),
    )


def spread(axes: Axes, ends: Sequence[Annotation]) -> None:
    """Move names up and down, as little as possible, until none covers another."""
    frame = axes.get_window_extent()
    order = sorted(ends, key=lambda end: end.xy[1])
    wanted = [float(axes.transData.transform(end.xy)[1]) for end in order]
    heights = [height_of(end.get_text()) for end in order]
    placed = apart(wanted, heights, frame.y0, frame.y1)
    for end, y in zip(order, placed, strict=True):
        end.set_position((1.03, (y - frame.y0) / frame.height))


def apart(
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


def above(axes: Axes, x: float, name: str, theme: Theme) -> Annotation:
    """Draw a vertical line at x and write its name above the axes."""
    axes.axvline(x, color=theme.muted, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
    return axes.annotate(
        name,
        xy=(x, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        va="bottom",
        annotation_clip=False,
        **ink(theme.muted),
    )


def stack(axes: Axes, marks: Sequence[Annotation]) -> int:
    """Put names that would touch on lanes above each other; return the number of lanes."""
    rights: list[float] = []  # where the last name of each lane ends
    for mark in marks:
        # Across, pixels depend on x alone; the height is any that the axes show.
        middle = axes.transData.transform((mark.xy[0], axes.get_ylim()[0]))[0]
        half = width_of(mark.get_text()) / 2
        free = (i for i, right in enumerate(rights) if right + BETWEEN <= middle - half)
        lane = next(free, len(rights))
        rights[lane : lane + 1] = [middle + half]
        mark.set_position((0, 4 + lane * LINE * 72 / DPI))
    return len(rights)
