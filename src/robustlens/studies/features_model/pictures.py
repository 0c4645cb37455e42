"""Pictures of the study `features-model`: features by what they are worth."""

from collections.abc import Sequence

import torch
from torch import Tensor

from robustlens.pictures import Curves, Series
from robustlens.studies.features_model.gaussian import Model, measured, noisy
from robustlens.studies.kit.scores import TONES
from robustlens.studies.kit.words import dots, sampled
from robustlens.theory.best_features import best_feature, robust_rule
from robustlens.theory.linear_features import LinearFeatures, exact_usefulness, with_noise
from robustlens.theory.sampling import Sampled
from robustlens.theory.usefulness import Kind

FLOOR = -1.0
"""Curves of gamma stop here: further down there is nothing to learn."""
FINE = 60
"""Points of a smooth curve."""


def gamma_curves(made: Model, samples: int, seed: int) -> Curves:
    """Return gamma against eps: of a robust, of a non-robust and of the best feature at each."""
    robust, fragile = made.of(Kind.ROBUST)[0], made.of(Kind.NON_ROBUST)[0]
    steepness = float(made.features.taken("l2", 1.0)[robust])
    end = (made.scores[robust].rho.value - FLOOR) / steepness
    radii = _grid(min(end, 0.95 * float(torch.linalg.vector_norm(made.classes.mean))))
    rows = torch.stack([best_feature(made.classes, "l2", eps) for eps in radii])
    best = LinearFeatures.of_gaussians(made.classes, rows)
    top = [float(exact_usefulness(made.classes, best, "l2", e)[i]) for i, e in enumerate(radii)]
    series, points = [Series("best feature at each eps", radii, top, dots=False)], []
    for i, wanted in ((robust, Kind.ROBUST), (fragile, Kind.NON_ROBUST)):
        y = [float(exact_usefulness(made.classes, made.features, "l2", eps)[i]) for eps in radii]
        x = radii[: sum(value >= FLOOR for value in y)]
        series.append(Series(str(wanted), x, y[: len(x)], tone=TONES[wanted], dots=False))
        at = x[:: max(len(x) // 5, 1)]
        points += [(eps, measured(made, i, eps, 0.0, samples, seed)[1]) for eps in at]
    return Curves(
        "gamma-eps",
        "Every feature loses usefulness in a straight line, the steeper the less it varies: the "
        "most useful feature that is robust, and the most useful one that is not. The best "
        "feature changes with eps: it gives up the steep ones first.",
        "eps (l2)",
        "robust usefulness gamma",
        (*series, _sampled(points)),
        ((made.eps, "eps of the study"),),
    )


def weight_curves(made: Model, rules: dict[str, Tensor]) -> Curves:
    """Return how much of its margin each rule takes from each useful feature."""
    useful = made.of(Kind.ROBUST) + made.of(Kind.NON_ROBUST) + made.of(Kind.OPEN)
    useful.sort(key=lambda i: float(made.classes.mean[i]))
    means = [float(made.classes.mean[i]) for i in useful]
    tones = ("bad", "good", "plain")
    return Curves(
        "weights",
        "What each rule lives on. A feature is robust when its mean is above eps, right of the "
        "mark. Maximum likelihood takes whatever is useful; the robust l2 rule turns away from "
        "what is not robust, the robust l-inf rule gives it weight exactly 0.",
        "mean of the feature",
        "share of the rule's margin",
        tuple(
            Series(name, means, made.share(rule)[useful].tolist(), tone=tone, line=False)
            for (name, rule), tone in zip(rules.items(), tones, strict=True)
        ),
        ((made.eps, "eps"),),
        log="x",
    )


def noise_curves(made: Model, sigmas: Sequence[float], samples: int, seed: int) -> Curves:
    """Return how noise swamps features, scaled anew on the noisy data."""
    fine = _grid(max(sigmas))
    series: list[Series] = []
    points: list[tuple[float, Sampled]] = []
    for wanted in (Kind.ROBUST, Kind.NON_ROBUST):
        i = made.of(wanted)[0]
        closed = [float(exact_usefulness(*noisy(made, sigma, i))) for sigma in fine]
        series.append(Series(str(wanted), fine, closed, tone=TONES[wanted], dots=False))
        points += [(sigma, measured(made, i, 0.0, sigma, samples, seed)[1]) for sigma in sigmas]
    rules = [robust_rule(with_noise(made.classes, sigma), "l2", 0.0) for sigma in fine]
    shares = [made.fragile(rule) for rule in rules]
    series.append(Series("non-robust share of the margin", fine, shares, dots=False))
    return Curves(
        "noise",
        "Gaussian noise on the input swamps a feature that varies little; one that varies much "
        "survives. Maximum likelihood on noisy data turns away from non-robust features, just as "
        "robust training does.",
        "sigma of the noise",
        "usefulness rho, or share",
        (*series, _sampled(points)),
    )


def _sampled(points: list[tuple[float, Sampled]]) -> Series:
    """Return samples, each at its place, as points with 95 % intervals."""
    return dots("sampled", [at for at, _ in points], [sampled(found) for _, found in points])


def _grid(end: float) -> list[float]:
    return [end * i / FINE for i in range(FINE + 1)]
