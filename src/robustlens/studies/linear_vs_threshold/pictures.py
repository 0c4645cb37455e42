"""The pictures of the study `linear-vs-threshold`."""

from collections.abc import Sequence
from typing import NamedTuple

from robustlens.pictures import Curves, Series
from robustlens.studies.kit.words import SHARE, dots, sampled
from robustlens.theory.bernoulli import BernoulliModel
from robustlens.theory.sample_complexity import GaussianModel
from robustlens.theory.sampling import Sampled


class Point(NamedTuple):
    """A sampled accuracy beside its exact value; x is eps or n."""

    x: float
    exact: float
    found: Sampled


class Needs(NamedTuple):
    """Samples for the accuracy asked for: on the cube by dimension, and in the control."""

    d: Sequence[float]
    linear: Sequence[int]
    exponent: float
    gaussian_linear: float
    gaussian_threshold: float


def against_eps(
    cube: BernoulliModel, samples: Sequence[float], grid: int, points: Sequence[Point]
) -> Curves:
    """Show robust accuracy on the cube against the radius, multiples of 1 / grid."""
    radii = [i / grid for i in range(1 + int(3 * cube.tau * grid))] + [1.1]
    fine = [i / 500 for i in range(1 + int(3 * cube.tau * 500))] + [1.1]  # binomial: any eps
    sure = [0.0, 1 - 1e-9, 1.0, 1.1]
    lines = [
        Series(
            "threshold, 1",
            sure,
            [cube.threshold_accuracy(1, e) for e in sure],
            tone="good",
            dots=False,
        )
    ]
    for i, n in enumerate(sorted(samples)):
        x = radii if n > 1 else fine
        y = [cube.accuracy(round(n), e) for e in x]
        lines.append(Series(f"linear, {n:g}", x, y, tone="plain" if i else "bad", dots=False))
    y = [cube.limit_accuracy(e) for e in fine]
    lines.append(Series("linear, all", fine, y, dots=False))
    return Curves(
        "accuracy-against-eps",
        f"Corners of a cube in {cube.d:,} dimensions; the number after a rule is that of its "
        "training samples. With more of them averaging comes to hold up to 2 tau, never past it; "
        "the signs of x undo every change below 1. Lines are exact, points sampled.",
        "eps (l-inf)",
        "robust accuracy",
        (*lines, _sampled(points)),
        ((2 * cube.tau, "2 tau"), (1.0, "1")),
    )


def against_d(share: float, part: float, needs: Needs) -> Curves:
    """Show the samples for that share of robust accuracy at eps = part tau."""
    d, last = needs.d, needs.linear[-1]
    return Curves(
        "samples-against-d",
        f"Samples for {share:.0%} robust accuracy on the cube, tau falling as d^(-1/4). "
        f"The threshold takes one up to eps 1; the linear rule, at an eps of only "
        f"{part:g} tau, takes a number that grows as sqrt(d).",
        "dimensions d",
        "training samples n",
        (
            Series("linear", d, needs.linear, tone="bad"),
            Series("slope 1/2", d, [last * (x / d[-1]) ** 0.5 for x in d], dots=False),
            Series("threshold", d, [1.0] * len(d), tone="good"),
        ),
        log="xy",
    )


def against_n(gaussian: GaussianModel, eps: float, points: Sequence[Point]) -> Curves:
    """Show robust accuracy of both rules on Gaussian data against n."""
    grid = [10 ** (i / 20) for i in range(51)]
    return Curves(
        "control-gaussian",
        f"The control: on Gaussian data in {gaussian.d:,} dimensions (eps {eps:g}) the same "
        "threshold gains nothing, as every coordinate has values near 0 that a small change "
        "turns. Lines are exact, points sampled.",
        "training samples n",
        "robust accuracy",
        (
            Series("linear", grid, [gaussian.accuracy(n, eps) for n in grid], dots=False),
            Series(
                "threshold",
                grid,
                [gaussian.threshold_accuracy(n, eps) for n in grid],
                tone="good",
                dots=False,
            ),
            _sampled(points),
        ),
        log="x",
    )


def _sampled(points: Sequence[Point]) -> Series:
    return dots("sampled", [p.x for p in points], [sampled(p.found, *SHARE) for p in points])
