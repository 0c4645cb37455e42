"""Part one of the study `features-model`: features of an exact Gaussian model."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.evaluation import Rate
from robustlens.result import Number
from robustlens.streams import stream
from robustlens.theory.best_features import equivalent_noise, robust_rule
from robustlens.theory.linear_features import (
    LinearFeatures,
    exact_scores,
    exact_usefulness,
    sampled_usefulness,
    with_noise,
)
from robustlens.theory.sampling import Sampled
from robustlens.theory.two_gaussians import TwoGaussians
from robustlens.theory.usefulness import Kind, Score, kind

WIDEST, NARROWEST = 2.0, 0.15
"""Standard deviations of the first and the last feature; the others lie evenly between in log."""


class Model(NamedTuple):
    """Two Gaussians whose coordinates are the features, and what each feature is worth."""

    classes: TwoGaussians
    features: LinearFeatures
    eps: float
    scores: list[Score]

    def of(self, wanted: Kind) -> list[int]:
        """Return which features are of a kind, the most useful first."""
        hits = [i for i, score in enumerate(self.scores) if kind(score) == wanted]
        return sorted(hits, key=lambda i: -self.scores[i].rho.value)

    def share(self, rule: Tensor) -> Tensor:
        """Return which share of the mean margin of sign(rule . x) each feature gives, (d,)."""
        return rule * self.classes.mean / (rule @ self.classes.mean)

    def fragile(self, rule: Tensor) -> float:
        """Return the share of the margin that the features give which are useful, not robust."""
        return float(self.share(rule)[self.of(Kind.NON_ROBUST)].sum())


def model(dimension: int, eps: float, seed: int) -> Model:
    """Return the model: falling variances, every third feature useless, the others drawn.

    A feature of standard deviation s has mean t s with t uniform in [0.25, 1]; its usefulness
    t / sqrt(1 + t^2) has nothing to do with s, its robustness has: it is robust when t s > eps.
    """
    deviation = torch.logspace(0, 1, dimension, base=NARROWEST / WIDEST, dtype=torch.float64)
    strength = torch.rand(dimension, generator=stream(seed, "strength"), dtype=torch.float64)
    strength = 0.25 + 0.75 * strength
    strength[2::3] = 0
    variance = (WIDEST * deviation).square()
    classes = TwoGaussians(strength * variance.sqrt(), variance)
    features = LinearFeatures.of_gaussians(classes, torch.eye(dimension, dtype=torch.float64))
    return Model(classes, features, eps, exact_scores(classes, features, "l2", eps))


def measured(
    made: Model, i: int, eps: float, sigma: float, samples: int, seed: int
) -> tuple[float, Sampled]:
    """Return the usefulness of feature i against l2 eps under noise: closed form and sampled."""
    classes, row = noisy(made, sigma, i)
    g = stream(seed, "features", i, str(eps), str(sigma))
    closed = float(exact_usefulness(classes, row, "l2", eps))
    return closed, sampled_usefulness(classes, row, 0, "l2", eps, generator=g, count=samples)


def noisy(made: Model, sigma: float, i: int) -> tuple[TwoGaussians, LinearFeatures]:
    """Return the classes under noise and feature i scaled to variance 1 on them."""
    classes = with_noise(made.classes, sigma)
    return classes, LinearFeatures.of_gaussians(classes, made.features.weights[i : i + 1])


def checks(made: Model, samples: int, seed: int) -> list[tuple[float, Sampled]]:
    """Return rho and gamma of every feature, closed and sampled; each from its own points."""
    radii = (0.0, made.eps)
    every = range(len(made.features))
    return [measured(made, i, eps, 0.0, samples, seed) for eps in radii for i in every]


def model_numbers(made: Model, rules: Mapping[str, Tensor], agreeing: Rate) -> dict[str, Number]:
    """Return the numbers of the model, the share of margin from non-robust features first."""
    numbers = {
        f"{name}: share of its margin from non-robust features": Number.exact(made.fragile(rule))
        for name, rule in rules.items()
    }
    for norm, name in (("l2", "robust rule, l2"), ("linf", "robust rule, l-inf")):
        for which in ("maximum likelihood", name):
            accuracy = made.classes.accuracy(rules[which], norm, made.eps)
            numbers[f"{which}: robust accuracy, {norm} {made.eps:g}"] = Number.exact(accuracy)
            numbers[f"{which}: accuracy"] = Number.exact(made.classes.accuracy(rules[which]))
    sigma = equivalent_noise(made.classes, made.eps)
    noisy = robust_rule(with_noise(made.classes, sigma), "l2", 0.0)
    return numbers | {
        "noise for which maximum likelihood is the robust l2 rule, sigma": Number.exact(sigma),
        "the same under that noise: share of its margin from non-robust features": Number.exact(
            made.fragile(noisy)
        ),
        "model: robustly useful features": Number.exact(len(made.of(Kind.ROBUST))),
        "model: useful, not robust features": Number.exact(len(made.of(Kind.NON_ROBUST))),
        "model: share of sampled rho and gamma within 4 standard errors": Number.of(agreeing),
    }
