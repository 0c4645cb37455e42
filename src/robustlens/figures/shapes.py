"""Shapes of a plane: their points, checked, and how each is drawn.

outline(Ellipse("a class", (0, 0), ((1, 0), (0, 4)), radius=2))    # points (n, 2) of the curve
draw_shape(axes, shape, look, LIGHT)
"""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Polygon
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from robustlens.errors import InputError
from robustlens.figures.theme import Look, Theme
from robustlens.pictures import Arrow, Dots, Ellipse, Line, Shape

FEW = 24
"""Up to as many points are large marks; more are small and let each other through."""
CORNERS = 361  # of an ellipse
LINE_WIDTH = 1.8
HEAD = 16  # of an arrow, in points

Point = tuple[float, float]
Points = NDArray[np.float64]


def outline(shape: Shape) -> Points:
    """Return the points (n, 2) of a shape: of an ellipse a fine polygon, of an arrow its ends.

    Raises:
        InputError: x and y of different lengths, labels that are not one for each point, a
            covariance that is not symmetric and positive definite, a radius < 0, or numbers that
            are not finite.
    """
    if isinstance(shape, Ellipse):
        points = _ellipse(shape)
    elif isinstance(shape, Arrow):
        points = np.array([shape.start, shape.end], dtype=np.float64)
    else:
        points = _columns(shape)
    if not np.isfinite(points).all():
        raise InputError(f"{shape.name!r} with points that are not finite", "finite numbers")
    return points


def _ellipse(shape: Ellipse) -> Points:
    """Return centre + radius L u for u on the unit circle, where covariance = L L'."""
    covariance = np.array(shape.covariance, dtype=np.float64)
    if not 0 <= shape.radius < math.inf:
        raise InputError(f"{shape.name!r} of radius {shape.radius}", "a finite number >= 0")
    fits = covariance.shape == (2, 2) and bool(np.isfinite(covariance).all())
    # By the leading minors: positive definite if and only if both are positive.
    if (
        not fits
        or not math.isclose(covariance[0, 1], covariance[1, 0], rel_tol=1e-9)
        or not (covariance[0, 0] > 0 and np.linalg.det(covariance) > 0)
    ):
        raise InputError(
            f"{shape.name!r} with covariance {shape.covariance}",
            "a symmetric and positive definite matrix, 2 by 2",
            "change covariance",
        )
    angle = np.linspace(0, 2 * math.pi, CORNERS)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    image: Points = (shape.radius * np.linalg.cholesky(covariance) @ circle).T
    return image + np.array(shape.centre, dtype=np.float64)


def _columns(shape: Line | Dots) -> Points:
    labels = len(shape.labels) if isinstance(shape, Dots) else 0
    if len(shape.x) != len(shape.y) or labels not in (0, len(shape.x)):
        raise InputError(
            f"{shape.name!r} with {len(shape.x)} x, {len(shape.y)} y and {labels} labels",
            "as many y as x, and one label for each point, or none",
        )
    return np.stack([np.asarray(shape.x, np.float64), np.asarray(shape.y, np.float64)], axis=1)


def draw_shape(axes: Axes, shape: Shape, look: Look, theme: Theme) -> None:
    """Draw a shape on axes, without its labels."""
    points = outline(shape)
    x, y = points.T
    halo = withStroke(linewidth=LINE_WIDTH + 1.6, foreground=theme.background)
    edge: dict[str, Any] = {
        "linestyle": look.style,
        "linewidth": LINE_WIDTH,
        "path_effects": [halo],
        "zorder": 3,
    }
    if isinstance(shape, Ellipse):
        axes.add_patch(Polygon(points, color=look.colour, alpha=0.06, linewidth=0, zorder=1))
        axes.add_patch(Polygon(points, fill=False, edgecolor=look.colour, **edge))
    elif isinstance(shape, Line):
        axes.plot(x, y, color=look.colour, **edge)
    elif isinstance(shape, Dots):
        axes.plot(x, y, **(mark(look, theme) if is_few(shape) else _small(look, len(points))))
    elif tuple(shape.start) != tuple(shape.end):
        for patch in arrow(shape.start, shape.end, look):
            axes.add_patch(patch)


def is_few(shape: Dots) -> bool:
    """Whether points are drawn as large marks."""
    return len(shape.labels) > 0 or len(shape.x) <= FEW


def mark(look: Look, theme: Theme) -> dict[str, Any]:
    """Return the options of a large mark."""
    return {
        "linestyle": "none",
        "marker": look.marker,
        "markersize": 6.5,
        "color": look.colour,
        "markeredgecolor": theme.background,
        "markeredgewidth": 0.8,
        "zorder": 5,
    }


def _small(look: Look, count: int) -> dict[str, Any]:
    """Return the options of one of many points: the more, the smaller and the fainter."""
    return {
        "linestyle": "none",
        "marker": look.marker,
        "markersize": min(4.5, max(1.3, 2.6 * (1000 / count) ** 0.25)),
        "markeredgewidth": 0,
        "color": look.colour,
        "alpha": min(0.75, max(0.05, 10 / math.sqrt(count))),
        "zorder": 2,
    }


def arrow(start: Point, end: Point, look: Look) -> list[FancyArrowPatch]:
    """Return an arrow: a shaft with dashes, and a whole head whose tip is where it ends."""
    shaft = FancyArrowPatch(
        start,
        end,
        arrowstyle="-",
        linestyle=look.shaft,
        linewidth=2.2,
        shrinkA=0,
        shrinkB=HEAD * 0.3,
        color=look.colour,
        zorder=4,
    )
    head = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        mutation_scale=HEAD,
        linewidth=0,
        shrinkA=0,
        shrinkB=0,
        color=look.colour,
        zorder=4,
    )
    return [shaft, head]
