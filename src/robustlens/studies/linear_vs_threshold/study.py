"""On the corners of a cube a threshold is robust after one sample; a linear rule is not."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustlens.errors import InputError
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.kit.words import slope
from robustlens.studies.linear_vs_threshold.pictures import (
    Needs,
    Point,
    against_d,
    against_eps,
    against_n,
)
from robustlens.theory.bernoulli import BernoulliModel
from robustlens.theory.bernoulli_bounds import theorem31_samples
from robustlens.theory.sample_complexity import GaussianModel

SLOPE = (0.45, 0.55)
"""The rule: what counts as growth with sqrt(d)."""
HIGH, LOW = 0.99, 0.01
"""The rule: threshold above, linear below."""
WIDE = 0.99
"""The radius at which the threshold has to hold: just below 1."""
GAMMA = 0.25
"""Of Theorem 31: a robust error of at least 1/2 - gamma."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Corners of a cube with tau = scale d^(-1/4), and two Gaussian classes as the control."""

    d: int = 10_000  # dimensions
    scale: float = 1.25  # tau d^(1/4); Corollary 28 asks for 1.2318 for 1 % error
    samples: tuple[float, ...] = (1, 3, 10)  # training samples of the linear rules
    grid: int = 100  # radii up to 1 are multiples of 1 / grid
    part: float = 1.5  # radius of the second picture, in units of tau
    share: float = 0.9  # robust accuracy to be reached there
    dimensions: tuple[float, ...] = (1e4, 1e5, 1e6, 1e7, 1e8)
    sigma_scale: float = 0.6  # of the control: sigma / d^(1/4)
    gaussian_eps: float = 0.5  # of the control: l-inf radius
    draws: int = 500  # training sets and points sampled for each point beside a curve
    seed: int = 0

    def __post_init__(self) -> None:
        least = min([self.d, *self.dimensions])
        if least < 1000 or len(self.dimensions) < 3:
            raise InputError(
                f"--d {self.d}, --dimensions {self.dimensions}",
                "dimensions of at least 1000, three of them to see a slope",
                "change --d or --dimensions",
            )
        if not 0 < self.scale * least**-0.25 <= 0.25 or not 0 < self.part < 2:
            raise InputError(
                f"--scale {self.scale}, --part {self.part}",
                "0 < tau <= 1/4 in every dimension, and 0 < part < 2",
                "change --scale or --part",
            )
        if not 1 <= len(self.samples) <= 3 or any(not 1 <= n <= 100 or n % 1 for n in self.samples):
            raise InputError(
                f"--samples {self.samples}", "1 to 3 whole numbers up to 100", "change --samples"
            )
        if not (2 <= self.grid <= 1000 and self.draws >= 2 and 0.5 < self.share < 0.99):
            raise InputError(
                f"--grid {self.grid}, --draws {self.draws}, --share {self.share}",
                "2 <= grid <= 1000, draws >= 2, 1/2 < share < 0.99",
                "change --grid, --draws or --share",
            )
        if not (0 < self.sigma_scale <= 0.65 and 0 < self.gaussian_eps < 0.75):
            raise InputError(
                f"--sigma-scale {self.sigma_scale}, --gaussian-eps {self.gaussian_eps}",
                "0 < sigma scale <= 0.65 and 0 < eps < 0.75",
                "change --sigma-scale or --gaussian-eps",
            )

    def cube(self, d: float) -> BernoulliModel:
        """Return the corners of the cube in d dimensions."""
        return BernoulliModel(round(d), self.scale * d**-0.25)

    def gaussian(self) -> GaussianModel:
        """Return the control in the dimensions of the first picture."""
        return GaussianModel(self.d, self.sigma_scale * self.d**0.25)


def verdict(threshold: float, limit: float, points: Sequence[Point], needs: Needs) -> Verdict:
    """Return what the rule says: accuracies at radius 0.99 and 4 tau, samples, needs."""
    good = (
        threshold > HIGH
        and limit < LOW
        and all(p.found.agrees(p.exact) for p in points)
        and SLOPE[0] <= needs.exponent <= SLOPE[1]
        and needs.gaussian_threshold >= needs.gaussian_linear
    )
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def study(config: Config, bench: Bench) -> Findings:
    """Compute robust accuracy of both rules on the cube, and of both on Gaussian data."""
    cube, most = config.cube(config.d), max(config.dimensions)
    needs = _needs(config)
    on_cube, control = _cube_points(config), _control_points(config, needs)
    threshold, limit = cube.threshold_accuracy(1, WIDE), cube.limit_accuracy(4 * cube.tau)
    deep = config.cube(most)
    silent = theorem31_samples(deep.d, deep.tau, config.part * deep.tau, GAMMA)
    at_d = f"at d {most:.0e}, eps {config.part:g} tau"
    numbers = {
        f"threshold, one sample: robust accuracy at eps {WIDE:g}": Number.exact(
            threshold, ">= 99 %", SOURCE
        ),
        "linear, one sample: standard accuracy": Number.exact(cube.accuracy(1)),
        "linear, endless samples: robust accuracy at eps 2 tau": Number.exact(
            cube.limit_accuracy(2 * cube.tau)
        ),
        "linear, endless samples: robust accuracy at eps 4 tau": Number.exact(limit),
        f"linear: samples for {config.share:.0%} robust {at_d}": Number.exact(needs.linear[-1]),
        "linear: exponent of d in those samples": Number.exact(needs.exponent, "1/2", SOURCE),
        f"linear: samples too few by Theorem 31 {at_d}; below 1 it is silent": Number.exact(silent),
        "control, Gaussian data: samples, linear": Number.exact(needs.gaussian_linear),
        "control, Gaussian data: samples, threshold": Number.exact(needs.gaussian_threshold),
    }
    summary = (
        f"In {config.d:,} dimensions one sample and a threshold stay {threshold:.1%} right up to "
        f"eps 1; averaging, of however many samples, falls at 2 tau = {2 * cube.tau:.3f}. On "
        f"Gaussian data the threshold needs {needs.gaussian_threshold:.1f} samples against "
        f"{needs.gaussian_linear:.1f}: no gain."
    )
    return Findings(
        verdict(threshold, limit, (*on_cube, *control), needs),
        summary,
        numbers,
        (
            against_eps(cube, config.samples, config.grid, on_cube),
            against_d(config.share, config.part, needs),
            against_n(config.gaussian(), config.gaussian_eps, control),
        ),
        config.seed,
        {},
    )


def _needs(config: Config) -> Needs:
    d = sorted(config.dimensions)
    linear = [linear_samples(config.cube(x), config.part, config.share) for x in d]
    gaussian, eps, share = config.gaussian(), config.gaussian_eps, config.share
    return Needs(
        d,
        linear,
        slope(d, linear),
        gaussian.samples_needed(share, eps),
        gaussian.threshold_samples_needed(share, eps),
    )


def linear_samples(cube: BernoulliModel, part: float, share: float) -> int:
    """Return the smallest odd n at which the linear rule has that accuracy at eps = part tau.

    By the normal law, whose proved error is below 0.01 from 10,000 dimensions on. Odd, as an even
    vote can tie, and accuracy grows with n among odd n.
    """

    def reached(half: int) -> bool:
        return cube.normal_accuracy(2 * half + 1, part * cube.tau).value >= share

    high = 1
    while not reached(high):
        high *= 2
        if high > 100_000:
            raise InputError(
                f"part is {part} and share {share}",
                "an accuracy that a linear rule reaches",
                "change --part or --share",
            )
    low = -1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return 2 * high + 1


def _cube_points(config: Config) -> list[Point]:
    """Sample the linear rule after one sample, and through a threshold, at a few radii."""
    cube = config.cube(config.d)
    points = []
    for part in (0.0, 0.25, 0.4, 0.5, 0.75):
        eps, g = part * cube.tau, stream(config.seed, "cube", str(part))
        found = cube.sampled_accuracy(1, eps, generator=g, count=config.draws)
        points.append(Point(eps, cube.accuracy(1, eps), found))
    for eps in (0.5, WIDE):
        g = stream(config.seed, "threshold", str(eps))
        found = cube.sampled_threshold_accuracy(1, eps, generator=g, count=config.draws)
        points.append(Point(eps, cube.threshold_accuracy(1, eps), found))
    return points


def _control_points(config: Config, needs: Needs) -> list[Point]:
    gaussian, eps = config.gaussian(), config.gaussian_eps
    points = []
    for part in (0.3, 0.6, 1.0, 2.0):
        n = max(1, round(part * needs.gaussian_threshold))
        g = stream(config.seed, "control", n)
        found = gaussian.sampled_threshold_accuracy(n, eps, generator=g, count=config.draws)
        points.append(Point(n, gaussian.threshold_accuracy(n, eps), found))
    return points


SOURCE = "Schmidt et al. 2018, Theorems 10 and 31"
STUDY = Study(
    id="linear-vs-threshold",
    title="The right kind of rule needs less data",
    claim="On the corners of a cube linear rules need many samples to be robust and stay fragile, "
    "while a threshold before the rule is robust after one sample.",
    rule="Reproduced if after one sample the threshold has more than 99 % robust accuracy at eps "
    "0.99, averaging endlessly many samples has less than 1 % at 4 tau, the samples "
    "a linear rule needs grow with the dimension with an exponent of 0.45 to 0.55, every sampled "
    "accuracy is within 4 standard errors of the exact one, and on Gaussian data the threshold "
    "needs no fewer samples than the linear rule. Dimensions and thresholds were chosen after "
    "trial runs.",
    published="tau >= c d^(-1/4): one sample and a threshold have at most 1 % robust error for "
    "every eps < 1 (Theorem 10); linear rules need order eps^2 gamma^2 / (tau^4 log d) samples "
    "(Theorem 31, Schmidt et al. 2018). Only orders are published.",
    presets={
        "tiny": Config(d=4096, grid=20, samples=(1, 3), dimensions=(1e4, 1e5, 1e6), draws=200),
        "quick": Config(),
        "full": Config(draws=20_000),
    },
    function=study,
)
register(STUDY)
