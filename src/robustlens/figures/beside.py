"""Labels beside points, which cover neither each other nor what is drawn, where there is room.

write_beside(axes, sheet.shapes, looks)      # once the layout has settled
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from robustlens.figures.axes import ink
from robustlens.figures.canvas import DPI, POINTS, width_of
from robustlens.figures.placing import AWAY, MARK, Floats, place
from robustlens.figures.shapes import is_few, outline
from robustlens.pictures import Dots, Shape

# Pixels.
HEIGHT = round(1.05 * POINTS * DPI / 72)
BASELINE = round(0.36 * POINTS * DPI / 72)  # below the middle of a word
STEP = 6  # between points of a line that labels avoid


class _Label(NamedTuple):
    word: str
    point: tuple[float, float]  # in units of the axes
    colour: str


def write_beside(axes: Axes, shapes: Sequence[Shape], colours: Sequence[str]) -> None:
    """Write the labels of all points that the axes show, in the colours of their shapes."""
    labels = [
        _Label(" ".join(word.split()), point, colour)
        for shape, colour in zip(shapes, colours, strict=True)
        if isinstance(shape, Dots) and len(shape.labels)
        for word, point in zip(shape.labels, zip(shape.x, shape.y, strict=True), strict=True)
        if word.strip() and _shows(axes, point)
    ]
    if not labels:
        return
    anchors = np.asarray(axes.transData.transform([label.point for label in labels]))
    sizes = np.array([(width_of(label.word), HEIGHT) for label in labels])
    frame = np.array(axes.get_window_extent().extents)
    centres = place(anchors, sizes, _marks(axes, shapes), _lines(axes, shapes), frame)
    for label, shift, size in zip(labels, centres - anchors, sizes, strict=True):
        _write(axes, label, shift, size)


def _marks(axes: Axes, shapes: Sequence[Shape]) -> Floats:
    few = [outline(shape) for shape in shapes if isinstance(shape, Dots) and is_few(shape)]
    return np.asarray(axes.transData.transform(np.concatenate([np.zeros((0, 2)), *few])))


def _lines(axes: Axes, shapes: Sequence[Shape]) -> Floats:
    """Return points along all lines that the axes show, `STEP` pixels apart."""
    found = [np.zeros((0, 2))]
    for shape in shapes:
        points = axes.transData.transform(outline(shape))
        if isinstance(shape, Dots) or not len(points):
            continue
        reach = np.hypot(*np.diff(points, axis=0).T)
        length = np.concatenate([[0.0], np.cumsum(reach)])
        # Very long lines leave the axes; more points than these would tell nothing.
        at = np.linspace(0, length[-1], min(5000, int(length[-1] / STEP) + 2))
        found.append(np.stack([np.interp(at, length, column) for column in points.T], axis=1))
    every, frame = np.concatenate(found), axes.get_window_extent()
    shown = (every > frame.min).all(axis=1) & (every < frame.max).all(axis=1)
    return np.asarray(every[shown])


def _shows(axes: Axes, point: tuple[float, float]) -> bool:
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    return bool(left <= point[0] <= right and bottom <= point[1] <= top)


def _write(axes: Axes, label: _Label, shift: Floats, size: Floats) -> None:
    gap = np.maximum(np.abs(shift) - size / 2, 0)
    if np.hypot(*gap) > MARK + AWAY[1] + 2:  # nearer than that it is plain whose it is
        across, up = (float(part) for part in np.sign(shift) * gap)
        leader = axes.annotate(
            "",
            xy=label.point,
            xytext=(across, up),
            textcoords="offset pixels",
            arrowprops={
                "arrowstyle": "-",
                "color": label.colour,
                "alpha": 0.7,
                "linewidth": 0.8,
                "shrinkA": 0,
                "shrinkB": 4,
            },
        )
        leader.set_in_layout(False)
    word = axes.annotate(
        label.word,
        xy=label.point,
        xytext=(float(shift[0]), float(shift[1]) - BASELINE),
        textcoords="offset pixels",
        ha="center",
        va="baseline",
        zorder=6,
        **ink(label.colour),
    )
    word.set_in_layout(False)
