"""Two Gaussian classes: maximum likelihood leans on thin directions, robust fitting blends in I."""

from typing import NamedTuple

import torch

from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.gaussian_theory.pictures import accuracy_curves, plane, reach_curves
from robustlens.studies.kit.gaussian_model import (
    Config,
    distance,
    four_point_numbers,
    plane_classes,
    reach,
    round_classes,
    theorem_one,
)
from robustlens.theory.gaussian import (
    RobustGaussian,
    likelihood_rule,
    robust_gaussian,
)
from robustlens.theory.minmax import Fit, fit_gaussian
from robustlens.theory.two_gaussians import TwoGaussians

NEAR = 0.03
"""The rule: how far the fit from samples may be from the closed form, relative, operator norm."""


class Measured(NamedTuple):
    """What the rule looks at."""

    gain: float  # in robust accuracy, robust rule minus maximum likelihood
    loss: float  # in standard accuracy, maximum likelihood minus robust rule
    control: float  # the gain where Sigma is a multiple of I
    far: float  # the largest distance of a fit from samples from its closed form
    agreeing: Rate  # sampled values within 4 standard errors


def judge(found: Measured) -> Verdict:
    """Return the verdict by the study's rule."""
    traded = found.gain > 0 and found.loss > 0 and abs(found.control) < 1e-9
    checked = found.far <= NEAR and found.agreeing.value == 1
    return Verdict.REPRODUCED if traded and checked else Verdict.NOT_REPRODUCED


def study(config: Config, bench: Bench) -> Findings:
    """Fit both classes with and without an adversary, in closed form and from samples."""
    classes = plane_classes(config.mean, config.variances, config.angle)
    _check(config, classes)
    closed = [robust_gaussian(classes, eps) for eps in config.eps]
    fits = [_fit(classes, eps, config) for eps in config.eps]
    far = max(distance(fit, robust) for fit, robust in zip(fits, closed, strict=True))
    curves, pairs = accuracy_curves(classes, config)
    change, tethered = theorem_one(classes, config.samples, config.seed)
    within = [found.agrees(value) for value, found in [*pairs, change]]
    agreeing = Rate.of(torch.tensor(within))
    robust = robust_gaussian(classes, config.radius)
    numbers = _accuracies(classes, robust)
    gain, loss = _trade(classes, robust)
    control = round_classes(classes)
    control_gain, _ = _trade(control, robust_gaussian(control, config.radius))
    at = f"l2 {config.radius:g}"
    numbers |= {
        f"control, Sigma a multiple of I: gain in robust accuracy at {at}": Number.exact(
            control_gain
        ),
        "largest distance of a fit from samples, share of the norm of Sigma_r": Number.exact(far),
        f"attack of {at}: standard deviations it covers": Number.exact(
            reach(classes, config.radius)
        ),
        f"control, attack of {at}: standard deviations it covers": Number.exact(
            reach(control, config.radius)
        ),
        **tethered,
        **four_point_numbers(),
        "share of sampled values within 4 standard errors": Number.of(agreeing),
    }
    measured = Measured(gain, loss, control_gain, far, agreeing)
    summary = (
        f"At {at} the robust rule is right on {numbers[_name('robust rule', at)].value:.1%} of "
        f"the moved points, maximum likelihood on {numbers[_name(ML, at)].value:.1%}; this costs "
        f"{loss:.1%} of standard accuracy. Fits from samples are within {far:.2%} of Theorem 2."
    )
    figures = (plane(classes, closed, fits), curves, reach_curves(classes, config.points))
    return Findings(judge(measured), summary, numbers, figures, config.seed, {})


def _check(config: Config, classes: TwoGaussians) -> None:
    length = float(torch.linalg.vector_norm(classes.mean))
    if not 0 < config.radius < length:
        raise InputError(
            f"radius {config.radius}",
            f"0 < radius < {length:.4g}, the length of the mean: beyond, no linear rule is right "
            "more than half of the time",
            "change --radius",
        )
    if not config.eps or min(config.eps) < 0:
        raise InputError(f"eps {config.eps}", "numbers >= 0, at least one", "change --eps")
    if config.points < 2 or config.checks < 2:
        raise InputError(
            f"points {config.points}, checks {config.checks}", "at least 2", "change --points"
        )


def _fit(classes: TwoGaussians, eps: float, config: Config) -> Fit:
    return fit_gaussian(
        classes,
        eps,
        generator=stream(config.seed, "fit", str(eps)),
        steps=config.steps,
        batch=config.batch,
    )


def _name(rule: str, at: str) -> str:
    return f"{rule}: robust accuracy at {at}"


def _accuracies(classes: TwoGaussians, robust: RobustGaussian) -> dict[str, Number]:
    rules = {"robust rule": robust.rule, ML: likelihood_rule(classes)}
    at = f"l2 {robust.eps:g}"
    moved = {
        _name(name, at): Number.exact(classes.accuracy(w, "l2", robust.eps))
        for name, w in rules.items()
    }
    still = {
        f"{name}: standard accuracy": Number.exact(classes.accuracy(w)) for name, w in rules.items()
    }
    return moved | still


def _trade(classes: TwoGaussians, robust: RobustGaussian) -> tuple[float, float]:
    """Return what the robust rule gains in robust and loses in standard accuracy."""
    likely, w = likelihood_rule(classes), robust.rule
    gain = classes.accuracy(w, "l2", robust.eps) - classes.accuracy(likely, "l2", robust.eps)
    return gain, classes.accuracy(likely) - classes.accuracy(w)


ML = "maximum likelihood"
STUDY = Study(
    id="gaussian-theory",
    title="Two Gaussians, with and without an adversary",
    claim="Maximum likelihood leans on directions of small variance, where a small change goes "
    "far; fitting against an adversary blends the metric with I, and trades standard for robust "
    "accuracy.",
    rule="Reproduced if at `radius` the robust rule has more robust and less standard accuracy "
    "than maximum likelihood, the gain is 0 (1e-9) where Sigma is a multiple of I, every fit from "
    "samples is within 3 % (operator norm) of Theorem 2, and every sampled value is within 4 "
    "standard errors of its closed form.",
    published="Theorems 1 and 2 and Figure 4 of Ilyas et al. 2019, section 4 and appendix E; eps^2 "
    "for eps in equation (27). The classes, and the four points after Figure 14, are our own.",
    presets={
        "tiny": Config(points=12, checks=2, samples=20_000, steps=80, batch=2000),
        "quick": Config(),
        "full": Config(samples=1_000_000, steps=1000, batch=10_000, checks=9),
    },
    function=study,
)
register(STUDY)
