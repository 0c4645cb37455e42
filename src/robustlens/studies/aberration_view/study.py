"""The opposing view: in high dimension nearly every point lies near the error set."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.aberration_view.pictures import Control, ceiling_picture, distance_picture
from robustlens.theory.concentration import Gaussian, Sphere
from robustlens.theory.error_sets import other_sets
from robustlens.theory.sampling import Sampled

STEEP, FLAT = 0.05, 0.02
"""The rule: how far a slope may be from -1/2, and from 0."""
GRID = 61
"""Radii at which error sets are compared."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much error, in how many dimensions."""

    dimensions: tuple[int, ...] = (10, 30, 100, 300, 1000, 3000)
    share: float = 0.01  # of points that the rule gets wrong
    own: int = 10  # dimensions of the control's data, whatever the number of pixels
    gap: float = 0.3  # between the two spheres of the other control, in radii
    pixels: int = 784  # of the second picture
    samples: int = 10_000
    seed: int = 0


class Distance(NamedTuple):
    """The median distance by sampling, and whether half of the points are within the closed one."""

    median: Number
    agrees: bool


def study(config: Config, bench: Bench) -> Findings:
    """Measure the median distance to an error set of fixed share as the dimension grows."""
    _check(config)
    spread = [_sampled(d, d, config) for d in config.dimensions]
    kept = [_sampled(config.own, d, config) for d in config.dimensions]
    steep, flat = (
        slope(config.dimensions, [found.median for found in part]) for part in (spread, kept)
    )
    margin = least_margin(config.pixels, config.share)
    low, high = config.dimensions[0], config.dimensions[-1]
    numbers = {
        "slope of log distance over log d": replace(steep, published="-1/2", source=SOURCE),
        f"slope for data of {config.own} dimensions on d pixels": flat,
        f"median distance at d = {low}": spread[0].median,
        f"median distance at d = {high}": spread[-1].median,
        f"median distance at d = {high}, closed form": Number.exact(
            Sphere(high).distance(config.share)
        ),
        f"two spheres, no error: distance at d = {high}": Number.exact(config.gap / 2),
        f"most error share with half the points 0.1 away, d = {config.pixels}": Number.exact(
            Sphere(config.pixels).allowed(0.1)
        ),
        "least share another error set adds to the half-space's": Number.exact(margin),
    }
    agrees = all(found.agrees for found in (*spread, *kept))
    summary = (
        f"With {config.share:.1%} error the median point is {spread[0].median.value:.3f} of its "
        f"length from the error set in {low} dimensions and {spread[-1].median.value:.4f} in "
        f"{high:,} (slope {steep.value:.3f}); data that keep their {config.own} dimensions stay at "
        f"{kept[-1].median.value:.3f} on {high:,} pixels, and a rule without error at "
        f"{config.gap / 2:g}."
    )
    return Findings(
        verdict(agrees, steep.value, flat.value, margin),
        summary,
        numbers,
        (
            distance_picture(
                config.dimensions,
                config.share,
                [found.median for found in spread],
                Control(config.own, [found.median for found in kept], config.gap),
            ),
            ceiling_picture(config.pixels, config.share),
        ),
        config.seed,
        {},
    )


def verdict(agrees: bool, steep: float, flat: float, margin: float) -> Verdict:
    """Apply the rule."""
    good = agrees and abs(steep + 0.5) <= STEEP and abs(flat) <= FLAT and margin >= -1e-9
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def slope(d: tuple[int, ...], medians: Sequence[Number]) -> Number:
    """Return the least-squares slope of log distance over log d, with its 95 % interval.

    The slope is a weighted sum of independent logarithms, so squared half-widths add up.
    """
    across = np.log(d) - np.log(d).mean()
    weights = across / (across @ across)
    value, low, high = (
        np.log([getattr(m, part) for m in medians]) for part in ("value", "low", "high")
    )
    at, half = float(weights @ value), float(np.linalg.norm(weights * (high - low) / 2))
    return Number(at, at - half, at + half, sum(m.n for m in medians))


def median(values: Tensor) -> Number:
    """Return the median of n values with its 95 % interval from order statistics."""
    n, ordered = len(values), values.double().sort().values
    reach = 0.98 * math.sqrt(n)  # ranks; the count below the median is binomial, 1/2
    low, high = max(0, math.floor(n / 2 - reach)), min(n - 1, math.ceil(n / 2 + reach))
    return Number(float(ordered[n // 2]), float(ordered[low]), float(ordered[high]), n)


def least_margin(d: int, share: float) -> float:
    """Return the least that another set's neighbourhood exceeds the half-space's, over radii."""
    bound = Gaussian(d)
    return min(
        within(eps) - bound.neighbourhood(share, eps)
        for within in other_sets(d, share).values()
        for eps in np.linspace(0, 6, GRID)
    )


def _sampled(own: int, pixels: int, config: Config) -> Distance:
    """Draw points of `own` dimensions on `pixels` pixels, and measure how far the set is.

    Each of the `own` numbers is written on r = pixels / own pixels, divided by sqrt(r); distances
    stay. The first is read back as the sum of its r pixels over sqrt(r).
    """
    g, space, copies = stream(config.seed, "points", own, pixels), Sphere(own), pixels // own
    chunk = max(1, 5_000_000 // pixels)
    parts = []
    for start in range(0, config.samples, chunk):
        x = space.sample(min(chunk, config.samples - start), g)
        x = x.repeat_interleave(copies, dim=1) / math.sqrt(copies)
        first = x[:, :copies].sum(dim=1, keepdim=True) / math.sqrt(copies)
        parts.append(space.gap(first, config.share))
    values = torch.cat(parts)
    inside = (values <= space.distance(config.share)).double()
    error = float(inside.std()) / math.sqrt(len(inside))
    return Distance(median(values), Sampled(float(inside.mean()), error, len(inside)).agrees(0.5))


def _check(config: Config) -> None:
    d = config.dimensions
    if len(d) < 2 or d[0] < 2 or any(a >= b for a, b in pairwise(d)):
        raise InputError(f"dimensions {d}", "two or more, growing from 2", "change --dimensions")
    if config.own < 2 or any(pixels % config.own for pixels in d):
        raise InputError(
            f"own is {config.own}", "2 or more, a divisor of every dimension", "change --own"
        )
    for name, value, good, expected in (
        ("share", config.share, 0 < config.share < 0.5, "between 0 and 1/2"),
        ("gap", config.gap, config.gap > 0, "more than 0"),
        ("pixels", config.pixels, config.pixels >= 1, "1 or more"),
        ("samples", config.samples, config.samples >= 100, "100 or more"),
    ):
        if not good:
            raise InputError(f"{name} is {value}", expected, f"change --{name}")


SOURCE = "Gilmer et al. 2018"
STUDY = Study(
    id="aberration-view",
    title="Near everything, in high dimension",
    claim="When points spread over all dimensions of a sphere, every classifier with a fixed error "
    "has an error near almost all of them, nearer as the dimension grows; but this needs the error "
    "and the spread, and says nothing of what an adversarial example means.",
    rule="Reproduced if sampled points agree with the closed form within 4 standard errors in "
    "every dimension, the median distance falls with a slope of -0.5, up to 0.05, on log axes, "
    "data that keep their dimension give a slope of 0, up to 0.02, and no other error set of the "
    "same share has a smaller neighbourhood than the half-space.",
    published="No number in the talk (section 7). Distance of order 1 / sqrt(d) for any rule with "
    "error (Gilmer et al. 2018; Shafahi et al. 2019; Mahloujifar et al. 2019).",
    presets={
        "tiny": Config(dimensions=(10, 100, 1000), samples=2_000),
        "quick": Config(),
        "full": Config(dimensions=(10, 30, 100, 300, 1000, 3000, 10_000), samples=20_000),
    },
    function=study,
)
register(STUDY)
