"""The pictures of `aberration-view`: distance over dimension, and the ceiling of robust accuracy.

ceiling_picture(pixels=784, share=0.01)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from robustlens.pictures import Curves, Series
from robustlens.result import Number
from robustlens.studies.kit.words import dots
from robustlens.theory.concentration import Gaussian, Sphere
from robustlens.theory.error_sets import other_sets


class Control(NamedTuple):
    """Where the view does not hold: data of `own` dimensions on d pixels, and two spheres."""

    own: int
    medians: Sequence[Number]
    gap: float  # between the spheres, in radii


def distance_picture(
    dimensions: Sequence[int], share: float, medians: Sequence[Number], control: Control
) -> Curves:
    """Return the median distance over the dimension, closed form and sampled, and its controls."""
    ends = dimensions[0], dimensions[-1]
    between = [round(float(d)) for d in np.geomspace(*ends, 40)]
    exact = [Sphere(d).distance(share) for d in between]
    kept = [Sphere(control.own).distance(share)] * 2
    name = f"data of {control.own} dimensions, enlarged"
    return Curves(
        "distance-over-dimension",
        f"How far half of the points are from a set that holds {share:.0%} of them, relative to "
        "their length. Spread over d dimensions they come near it as 1 / sqrt(d), whatever the "
        "classifier; lines are closed forms, points are sampled. The same data on more pixels "
        "stay where they are, and so do points of two spheres that a rule tells apart without "
        "error: d alone brings nothing nearer.",
        "dimension d",
        "median distance / length",
        (
            Series("spread over d dimensions", between, exact, tone="bad", dots=False),
            dots("sampled", dimensions, medians, "bad"),
            Series(name, ends, kept, tone="good", dots=False),
            dots("sampled, enlarged", dimensions, control.medians, "good"),
            Series("two spheres, no error", ends, [control.gap / 2] * 2, dots=False),
        ),
        log="xy",
    )


def ceiling_picture(pixels: int, share: float) -> Curves:
    """Return accuracy over eps for error sets of several shapes, the half-space above all."""
    space = Gaussian(pixels)
    radii = [float(eps) for eps in np.linspace(0, -0.7 * ndtri(share), 41)]
    relative = [eps / space.norm for eps in radii]
    half = [1 - space.neighbourhood(share, eps) for eps in radii]
    others = [
        Series(name, relative, [1 - within(eps) for eps in radii], dots=False)
        for name, within in other_sets(pixels, share).items()
    ]
    return Curves(
        "ceiling",
        f"Robust accuracy of rules with {share:.0%} error on Gaussian points of {pixels} "
        "dimensions, by the shape of the error set. The half-space is the best of all shapes "
        "(Borell; Sudakov and Tsirelson): no classifier with this error is above it.",
        "eps / typical length",
        "accuracy after the worst change",
        (Series("a half-space: the ceiling", relative, half, tone="good", dots=False), *others),
    )
