"""One sample is enough to be accurate, and sqrt(d) samples are needed to be robust."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from robustlens.errors import InputError
from robustlens.pictures import Curves, Series
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.kit.words import SHARE, dots, sampled, slope
from robustlens.theory.sample_bounds import (
    theorem11_error,
    theorem11_samples,
    theorem21_confidence,
    theorem21_error,
    theorem21_margin,
    theorem21_samples,
)
from robustlens.theory.sample_complexity import GaussianModel
from robustlens.theory.sampling import Sampled

SLOPE = (0.45, 0.55)
"""The rule: what counts as growth with sqrt(d)."""
HIGH, LOW = 0.95, 0.05
"""The rule: standard accuracy after one sample is above, robust accuracy below."""
AROUND = (0.6, 0.7, 0.8, 1.0)
"""Samples to draw training sets at, in parts of those needed: where robust accuracy rises."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Two Gaussian classes with sigma = scale d^(1/4), learned by the mean of y x."""

    d: int = 100_000  # dimensions of the first picture
    scale: float = 0.6  # sigma / d^(1/4); above 0.65 one sample no longer gives 99 %
    eps: float = 0.5  # l-inf radius, in units of |theta_i| = 1
    share: float = 0.9  # robust accuracy to be reached
    largest: int = 10_000  # samples, end of the first picture
    dimensions: tuple[float, ...] = (1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8)  # of the second
    draws: int = 40  # training sets sampled for each point beside a curve
    seed: int = 0

    def __post_init__(self) -> None:
        if self.d < 100 or min(self.dimensions, default=0) < 100 or len(self.dimensions) < 4:
            raise InputError(
                f"--d {self.d}, --dimensions {self.dimensions}",
                "dimensions of at least 100, four of them to see a slope",
                "change --d or --dimensions",
            )
        if not (0 < self.scale <= 0.65 and 0 < self.eps < 1 and 0.5 < self.share < 1):
            raise InputError(
                f"--scale {self.scale}, --eps {self.eps}, --share {self.share}",
                "0 < scale <= 0.65, 0 < eps < 1 and 1/2 < share < 1",
                "change --scale, --eps or --share",
            )
        if self.largest < 10 or self.draws < 2:
            raise InputError(
                f"--largest {self.largest}, --draws {self.draws}",
                "largest >= 10 and draws >= 2",
                "change --largest or --draws",
            )

    def model(self, d: float, prior: str = "signs") -> GaussianModel:
        """Return the model in d dimensions."""
        return GaussianModel(round(d), self.scale * d**0.25, prior)


class Point(NamedTuple):
    """One number of samples: accuracy in closed form and sampled."""

    n: int
    eps: float
    exact: float
    found: Sampled


class Need(NamedTuple):
    """Samples for the accuracy asked for in d dimensions."""

    d: float
    too_few: float  # Theorem 11, any learner
    normal: float  # averaging, theta ~ N(0, I), as Theorem 11 has it
    signs: float  # averaging, theta of signs
    enough: float  # Theorem 21
    standard: float  # averaging, eps 0


def verdict(points: Sequence[Point], needs: Sequence[Need], exponent: float) -> Verdict:
    """Return what the rule says of the numbers."""
    ones = {p.eps > 0: p.exact for p in points if p.n == 1}
    good = (
        ones[False] > HIGH
        and ones[True] < LOW
        and all(p.found.agrees(p.exact) for p in points)
        and all(n.too_few <= n.normal and n.signs <= n.enough and n.standard <= 1 for n in needs)
        and SLOPE[0] <= exponent <= SLOPE[1]
    )
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def study(config: Config, bench: Bench) -> Findings:
    """Compute accuracy against n in one dimension, and the n needed against the dimension."""
    here = _need(config, config.d)
    near = {max(2, round(part * here.signs)) for part in AROUND}
    drawn = sorted({*_grid(config.largest, 1), *near})
    points = [_point(config, n, e) for e in (0.0, config.eps) for n in drawn]
    needs = [_need(config, d) for d in sorted(config.dimensions)]
    upper = needs[len(needs) // 2 :]
    lower = needs[: len(needs) // 2 + 1]
    exponent = slope([n.d for n in upper], [n.signs for n in upper])
    early = slope([n.d for n in lower], [n.signs for n in lower])
    one = {p.eps > 0: p for p in points if p.n == 1}
    ceiling = 1 - theorem11_error(config.d, config.model(config.d).sigma, 1, config.eps)
    numbers = {
        f"exponent of d in the samples needed, d from {upper[0].d:.0e}": Number.exact(
            exponent, "1/2, as eps^2 sqrt(d)", SOURCE
        ),
        f"the same, d up to {lower[-1].d:.0e}": Number.exact(early),
        "standard accuracy after one sample": Number.exact(one[False].exact, ">= 99 %", SOURCE),
        "the same accuracy, sampled": sampled(one[False].found, *SHARE),
        f"robust accuracy after one sample, eps {config.eps:g}": Number.exact(one[True].exact),
        "the same robust accuracy, sampled": sampled(one[True].found, *SHARE),
        "most that any learner can have: robust accuracy, one sample": Number.exact(ceiling),
        f"samples for {config.share:.0%} robust, averaging": Number.exact(math.ceil(here.signs)),
        f"samples for {config.share:.0%} robust, enough by Theorem 21": Number.exact(
            math.ceil(here.enough)
        ),
        f"samples for {config.share:.0%} robust, any learner, by Theorem 11": Number.exact(
            max(1, math.ceil(here.too_few))
        ),
    }
    summary = (
        f"In {config.d:,} dimensions one sample gives {one[False].exact:.1%} standard accuracy and "
        f"{one[True].exact:.1%} at l-inf {config.eps:g}; {config.share:.0%} there needs "
        f"{math.ceil(here.signs)} samples, and that number grows as d^{exponent:.2f}."
    )
    return Findings(
        verdict(points, needs, exponent),
        summary,
        numbers,
        (_against_n(config, points, here.signs), _against_d(config, needs, exponent)),
        config.seed,
        {},
    )


def _grid(largest: int, per_decade: int) -> list[int]:
    count = round(per_decade * math.log10(largest)) + 1
    return sorted({round(n) for n in np.geomspace(1, largest, count).tolist()})


def _point(config: Config, n: int, eps: float) -> Point:
    model = config.model(config.d)
    generator = stream(config.seed, "training sets", n)
    found = model.sampled_accuracy(n, eps, generator=generator, count=config.draws)
    return Point(n, eps, model.accuracy(n, eps), found)


def _need(config: Config, d: float) -> Need:
    model, eps, share = config.model(d), config.eps, config.share
    return Need(
        d,
        theorem11_samples(model.d, model.sigma, eps, 1 - share),
        config.model(d, "normal").samples_needed(share, eps),
        model.samples_needed(share, eps),
        theorem21_samples(model.d, model.sigma, eps, 1 - share),
        model.samples_needed(share),
    )


def _against_n(config: Config, points: Sequence[Point], need: float) -> Curves:
    model, eps = config.model(config.d), config.eps
    grid = _grid(config.largest, 25)
    surely = theorem21_confidence(model.d, model.sigma)
    known = [n for n in grid if theorem21_margin(model.sigma, n) > eps]
    promised = [surely * (1 - theorem21_error(model.d, model.sigma, n, eps)) for n in known]
    ceiling = [1 - theorem11_error(model.d, model.sigma, n, eps) for n in grid]
    lines = [
        Series("standard", grid, [model.accuracy(n) for n in grid], tone="good", dots=False),
        Series(
            f"robust, eps {eps:g}",
            grid,
            [model.accuracy(n, eps) for n in grid],
            tone="bad",
            dots=False,
        ),
        Series("no learner above", grid, ceiling, dots=False),
        Series("promised", known, promised, dots=False),
    ]
    found = dots("sampled", [p.n for p in points], [sampled(p.found, *SHARE) for p in points])
    return Curves(
        "accuracy-against-n",
        f"In {config.d:,} dimensions one sample makes an accurate rule; a robust one takes many "
        "times more. Lines are exact, points are training sets drawn. From the left: no learner is "
        "above the curve of Theorem 11, then averaging, then what Theorem 21 promises of it.",
        "training samples n",
        "accuracy",
        (*lines, found),
        ((math.ceil(need), f"{math.ceil(need)} samples: {config.share:.0%} robust"),),
        log="x",
    )


def _against_d(config: Config, needs: Sequence[Need], exponent: float) -> Curves:
    d = [n.d for n in needs]
    last = needs[-1]
    guide = [last.signs * math.sqrt(x / last.d) for x in d]
    return Curves(
        "samples-against-d",
        f"Samples for {config.share:.0%} accuracy, sigma growing as d^(1/4). Standard accuracy "
        f"takes one in every dimension; robust accuracy at eps {config.eps:g} comes to grow as "
        f"sqrt(d) (slope {exponent:.2f} in the upper half), between what no learner goes below "
        "and what is proved to be enough.",
        "dimensions d",
        "training samples n",
        (
            Series("enough: Theorem 21", d, [n.enough for n in needs]),
            Series("robust, averaging", d, [n.signs for n in needs], tone="bad"),
            Series("slope 1/2", d, guide, dots=False),
            Series("any learner: Theorem 11", d, [n.too_few for n in needs]),
            Series("standard", d, [max(1.0, n.standard) for n in needs], tone="good"),
        ),
        log="xy",
    )


SOURCE = "Schmidt et al. 2018, Theorems 4, 11 and 21, Corollaries 22 and 23"
STUDY = Study(
    id="gaussian-sample-complexity",
    title="Robust accuracy takes more samples",
    claim="Between two Gaussian classes one sample gives an accurate rule, while a robust rule "
    "takes a number of samples that grows as the square root of the dimension.",
    rule="Reproduced if after one sample standard accuracy is above 95 % and robust accuracy below "
    "5 %, every sampled accuracy is within 4 standard errors of the exact one, in every dimension "
    "one sample gives the standard accuracy asked for and the samples for the robust one lie "
    "between Theorem 11 and Theorem 21, and over the upper half of the dimensions they grow with "
    "an exponent of 0.45 to 0.55. Dimensions, eps and the share asked for were chosen after trial "
    "runs: at smaller dimensions the exponent is below that.",
    published="sigma <= c d^(1/4): one sample for 1 % standard error; order eps^2 sqrt(d) samples "
    "suffice for a robust rule, and order eps^2 sqrt(d) / log d are needed by any learner "
    "(Schmidt et al. 2018, Theorems 4, 11, 21, Corollaries 22, 23). Only orders are published.",
    presets={
        "tiny": Config(d=10_000, draws=10, largest=1000),
        "quick": Config(),
        "full": Config(d=1_000_000, draws=100),
    },
    function=study,
)
register(STUDY)
