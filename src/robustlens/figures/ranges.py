"""The ranges of a plane's axes: those given, or such that all shapes fit.

x_range, y_range = ranges(plane)
"""

import math

import numpy as np
from numpy.typing import NDArray

from robustlens.errors import InputError
from robustlens.figures.shapes import outline
from robustlens.pictures import Plane

MARGIN = 0.06
"""Room around the shapes, as a share of their extent."""
FLATTEST, TALLEST = 0.4, 1.1
"""Height over width of a plane whose units are equal and whose ranges are free."""

Range = tuple[float, float]


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
