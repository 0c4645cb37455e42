"""Names in the picture rather than in a box: at the ends of lines, above marks, beside points.

end = at_end(axes, "robust net", (2.0, 0.4), "#0b5c9e")
spread(axes, [end])      # once the layout has settled
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from robustlens.figures.canvas import DPI, LINE, POINTS, height_of, ink, longest, width_of, wrap
from robustlens.figures.shapes import is_few, outline
from robustlens.figures.theme import Theme
from robustlens.pictures import Dots, Shape

# Pixels.
WIDEST = 250  # a name at the end of a line goes on several lines when wider
BETWEEN = 12  # two names above the axes that come closer go on two lanes
MARK, INK = 9, 7  # half the side of a point's mark, with a little air and without
AIR = 3  # between two words
AWAY = (0, 8, 20, 36, 56, 80, 110)  # from the edge of a mark to its word
STEP = 6  # between points of a line that words avoid
BASELINE = round(0.36 * POINTS * DPI / 72)  # below the middle of a word
# To the right first, then left, above and below, then between: sixteen parts of a turn.
TURNS = (0, 8, 4, 12, 2, 6, 14, 10, 1, 15, 7, 9, 3, 5, 13, 11)
PATIENCE, SWEEPS = (0.01, 0.03, 0.1, 0.3, 1), 6
PLACES = 1200  # of all words together

Floats = NDArray[np.float64]


def at_end(axes: Axes, name: str, point: tuple[float, float], colour: str) -> Annotation:
    """Write a name right of the axes, with a thin line to the point it belongs to."""
    return axes.annotate(
        wrap(name, max(WIDEST, longest(name))),
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


def write_beside(axes: Axes, shapes: Sequence[Shape], colours: Sequence[str]) -> None:
    """Write the labels of all points that the axes show, in the colours of their shapes.

    They cover neither each other nor what is drawn, where there is room. Once the layout has
    settled.
    """
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    labels = [
        (" ".join(word.split()), (x, y), colour)
        for shape, colour in zip(shapes, colours, strict=True)
        if isinstance(shape, Dots)
        for word, x, y in zip(shape.labels, shape.x, shape.y, strict=False)
        if word.strip() and left <= x <= right and bottom <= y <= top
    ]
    if not labels:
        return
    anchors = np.asarray(axes.transData.transform([point for _, point, _ in labels]))
    sizes = np.array([(width_of(word), round(0.8 * LINE)) for word, _, _ in labels])
    few = [outline(shape) for shape in shapes if isinstance(shape, Dots) and is_few(shape)]
    marks = np.asarray(axes.transData.transform(np.concatenate(few)))
    frame = np.array(axes.get_window_extent().extents)
    centres = place(anchors, sizes, marks, _along_lines(axes, shapes), frame)
    for (word, point, colour), shift, size in zip(labels, centres - anchors, sizes, strict=True):
        _write(axes, word, point, colour, shift, size)


def _along_lines(axes: Axes, shapes: Sequence[Shape]) -> Floats:
    """Return points along all lines, in pixels, `STEP` apart: at most some thousands of each."""
    found = [np.zeros((0, 2))]
    for shape in shapes:
        points = axes.transData.transform(outline(shape))
        if not isinstance(shape, Dots) and len(points):
            length = np.cumsum([0.0, *np.hypot(*np.diff(points, axis=0).T)])
            at = np.linspace(0, length[-1], min(5000, int(length[-1] / STEP) + 2))
            found.append(np.stack([np.interp(at, length, column) for column in points.T], axis=1))
    return np.concatenate(found)


def _write(
    axes: Axes, word: str, point: tuple[float, float], colour: str, shift: Floats, size: Floats
) -> None:
    gap = np.sign(shift) * np.maximum(np.abs(shift) - size / 2, 0)
    if np.hypot(*gap) > MARK + AWAY[1] + 2:  # nearer than that it is plain whose it is
        line = {"arrowstyle": "-", "color": colour, "alpha": 0.7, "linewidth": 0.8}
        axes.annotate(
            "",
            xy=point,
            xytext=(float(gap[0]), float(gap[1])),
            textcoords="offset pixels",
            arrowprops=line | {"shrinkA": 0, "shrinkB": 4},
        ).set_in_layout(False)
    axes.annotate(
        word,
        xy=point,
        xytext=(float(shift[0]), float(shift[1]) - BASELINE),
        textcoords="offset pixels",
        ha="center",
        va="baseline",
        zorder=6,
        **ink(colour),
    ).set_in_layout(False)


def place(anchors: Floats, sizes: Floats, marks: Floats, lines: Floats, frame: Floats) -> Floats:
    """Return the centres (n, 2) of words of `sizes` (n, 2) beside their anchors (n, 2), in pixels.

    Dear is, in this order, to leave `frame` (left, bottom, right, top), to cover a word or a mark
    (m, 2), to cross another's leader or a line (points (k, 2) along it), and to be far away. Each
    word in turn moves to its cheapest place, until all stay: a local optimum of the sum.
    """
    angle = np.tile(np.array(TURNS) * np.pi / 8, len(AWAY))
    away = np.repeat(np.array(AWAY, dtype=np.float64), len(TURNS))
    side = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    # Towards a corner of the word at 45 degrees, the middle of an edge at 0 and 90.
    lean, half = np.clip(side * np.sqrt(2), -1, 1), sizes[:, None] / 2
    centres = anchors[:, None] + side * (away + MARK)[:, None] + lean * half
    boxes = np.concatenate([centres - half - AIR / 2, centres + half + AIR / 2], axis=2)
    start, end = (
        anchors[:, None] + side * MARK,
        anchors[:, None].clip(centres - half, centres + half),
    )
    leaders = start[:, :, None] + np.linspace(0, 1, 12)[:, None] * (end - start)[:, :, None]
    around = np.concatenate([marks - INK, marks + INK], axis=1)
    leaves = (boxes[..., :2] < frame[:2]).any(axis=2) | (boxes[..., 2:] > frame[2:]).any(axis=2)
    alone = away + np.tile(np.arange(len(TURNS)), len(AWAY)) + 4000.0 * leaves
    for own, box, leader in zip(alone, boxes, leaders, strict=True):
        covered = _shared(box, around) + _through(leader, around) / 2
        own += 300 * covered.sum(axis=1) + 8 * _held(lines, box).sum(axis=1)
    rows = np.arange(len(anchors))
    kept = np.argsort(alone, axis=1, kind="stable")[:, : max(8, PLACES // len(rows))]
    alone, boxes, leaders = (part[rows[:, None], kept] for part in (alone, boxes, leaders))
    chosen = kept[rows, _settled(alone, _together(boxes, leaders))]
    return np.asarray(centres[rows, chosen])


def _together(boxes: Floats, leaders: Floats) -> Floats:
    """Return what two places (n, p) of two words cost beside each other, (n, p, n, p)."""
    count, each = boxes.shape[:2]
    boxes, leaders = boxes.reshape(-1, 4), leaders.reshape(len(boxes) * each, -1, 2)
    through = _through(leaders, boxes)
    cost = (800 * _shared(boxes, boxes) + 120 * (through | through.T)).reshape(
        count, each, count, each
    )
    cost[np.arange(count), :, np.arange(count)] = 0
    return np.asarray(cost)


def _settled(alone: Floats, pairs: Floats) -> NDArray[np.int_]:
    """Return a place (n,) for each word, the best found in several orders.

    Other words weigh little at first, so that none is hasty.
    """
    rows, best, least = np.arange(len(alone)), alone.argmin(axis=1), np.inf
    busy = pairs.mean(axis=(1, 2, 3)).argsort()
    for order in (rows, rows[::-1], busy, busy[::-1], rows[len(rows) // 2 - rows]):
        chosen = alone.argmin(axis=1)
        for weight in np.repeat(PATIENCE, SWEEPS):
            for i in order:
                chosen[i] = (alone[i] + weight * pairs[i, :, rows, chosen].sum(axis=0)).argmin()
        shared = pairs[rows[:, None], chosen[:, None], rows, chosen].sum() / 2
        if (total := alone[rows, chosen].sum() + shared) < least:
            best, least = chosen, total
    return np.asarray(best)


def _shared(boxes: Floats, others: Floats) -> Floats:
    """Return 0 where a box (p, 4) and another (m, 4) are apart, else 1 and more, as (p, m)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    area: Floats = (high - low).clip(min=0).prod(axis=2)
    return (area > 0) + area / 1000


def _held(points: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Return which of the points (k, 2) each box (p, 4) holds, as (p, k)."""
    held = (points[None] > boxes[:, None, :2]) & (points[None] < boxes[:, None, 2:])
    return np.asarray(held.all(axis=2))


def _through(ways: Floats, boxes: Floats) -> NDArray[np.bool_]:
    """Return which ways (p, k, 2), as points along them, run through which boxes (m, 4), (p, m)."""
    held = _held(ways.reshape(-1, 2), boxes).reshape(len(boxes), *ways.shape[:2])
    return np.asarray(held.any(axis=2).T)
