"""Pictures of two Gaussian classes: the plane, accuracy against eps, and how far an attack goes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from robustlens.pictures import Arrow, Curves, Dots, Line, Plane, Series, Shape, Sheet
from robustlens.streams import stream
from robustlens.studies.kit.gaussian_model import (
    Config,
    as_matrix,
    level,
    pair,
    reach,
    round_classes,
)
from robustlens.studies.kit.words import SHARE, dots, sampled
from robustlens.theory.gaussian import (
    RobustGaussian,
    eigenvalues,
    likelihood_rule,
    robust_gaussian,
)
from robustlens.theory.minmax import Fit
from robustlens.theory.sampling import Sampled
from robustlens.theory.two_gaussians import TwoGaussians

X_RANGE, Y_RANGE = (-20.0, 20.0), (-10.0, 10.0)
"""The axes of Figure 4 of the paper."""
ARROW = 7.0  # length of the arrow of the gradient
AROUND = 12  # points of a fit


def plane(classes: TwoGaussians, closed: Sequence[RobustGaussian], fits: Sequence[Fit]) -> Plane:
    """Return the classes and what is learned from them, one sheet for each eps."""
    sheets = [
        Sheet(_title(robust), _shapes(classes, robust, fit))
        for robust, fit in zip(closed, fits, strict=True)
    ]
    return Plane(
        "gaussian-metric",
        "The learned metric (one standard deviation) is that of the data without an adversary and "
        "turns round as eps grows; the gradient of the rule turns from the thin direction of the "
        "data towards the mean. Fits from samples (other class) lie on the closed form.",
        "x1",
        "x2",
        tuple(sheets),
        x_range=X_RANGE,
        y_range=Y_RANGE,
    )


def _title(robust: RobustGaussian) -> str:
    return f"eps {robust.eps:g}" if robust.eps else "eps 0: maximum likelihood"


def _shapes(classes: TwoGaussians, robust: RobustGaussian, fit: Fit) -> tuple[Shape, ...]:
    mean, w = classes.mean, torch.nn.functional.normalize(robust.rule, dim=0)
    ball = robust.eps**2 * torch.eye(2, dtype=torch.float64)
    shapes: list[Shape] = [level("data", centre, classes.covariance) for centre in (mean, -mean)]
    if robust.eps:
        shapes.append(level("adversary's ball", mean, ball, "bad"))
    learned = as_matrix(robust.classes)
    for centre in (mean, -mean):
        shapes.append(level("learned metric", centre, learned, "good"))
    shapes += [
        _around("the same, from samples", Fit(-fit.mean, fit.covariance)),
        _boundary(w),
        Arrow("gradient", (0.0, 0.0), pair(ARROW * w), "good"),
        Arrow("mean", (0.0, 0.0), pair(mean)),
    ]
    return tuple(shapes)


def _boundary(w: Tensor) -> Line:
    along = 40 * torch.stack((-w[1], w[0]))
    (x, y) = along.tolist()
    return Line("boundary", [-x, x], [-y, y])


def _around(name: str, fit: Fit) -> Dots:
    """Return points one standard deviation from the mean of a fit."""
    angle = torch.arange(AROUND, dtype=torch.float64) * (2 * math.pi / AROUND)
    circle = torch.stack((angle.cos(), angle.sin()), dim=1)
    points = fit.mean + circle @ torch.linalg.cholesky(fit.covariance).T
    return Dots(name, points[:, 0].tolist(), points[:, 1].tolist())


def accuracy_curves(
    classes: TwoGaussians, config: Config
) -> tuple[Curves, list[tuple[float, Sampled]]]:
    """Return accuracies against eps, and each sampled one beside its closed form."""
    end = float(torch.linalg.vector_norm(classes.mean))
    series: list[Series] = []
    pairs: list[tuple[float, Sampled]] = []
    for rule, tone in (("maximum likelihood", "bad"), ("robust rule", "good")):
        for attacked in (False, True):
            name = f"{rule}, {'moved points' if attacked else 'points as they are'}"
            shade = tone if attacked else "plain"
            x = [end * i / config.points for i in range(config.points + 1)]
            y = [_accuracy(classes, rule, eps, attacked) for eps in x]
            series.append(Series(name, x, y, tone=shade, dots=False))
            at = [end * i / config.checks for i in range(config.checks)]
            found = [_sampled(classes, rule, eps, attacked, config) for eps in at]
            pairs += [
                (_accuracy(classes, rule, eps, attacked), value)
                for eps, value in zip(at, found, strict=True)
            ]
            series.append(dots(name, at, [sampled(one, *SHARE) for one in found], shade))
    picture = Curves(
        "gaussian-accuracy",
        "Accuracy of the rule of maximum likelihood and of the rule that was fitted against each "
        "eps: lines are closed forms, points are samples. Up to where every rule falls, some "
        "accuracy on points as they are buys much on moved points.",
        "eps (l2)",
        "accuracy",
        tuple(series),
        ((config.radius, "compared here"),),
    )
    return picture, pairs


def _rule(classes: TwoGaussians, rule: str, eps: float) -> Tensor:
    if rule == "robust rule":
        return robust_gaussian(classes, eps).rule
    return likelihood_rule(classes)


def _accuracy(classes: TwoGaussians, rule: str, eps: float, attacked: bool) -> float:
    return classes.accuracy(_rule(classes, rule, eps), "l2", eps if attacked else 0.0)


def _sampled(
    classes: TwoGaussians, rule: str, eps: float, attacked: bool, config: Config
) -> Sampled:
    return classes.sampled_accuracy(
        _rule(classes, rule, eps),
        "l2",
        eps if attacked else 0.0,
        generator=stream(config.seed, "accuracy", rule, str(eps), str(attacked)),
        count=config.samples,
    )


def reach_curves(classes: TwoGaussians, points: int) -> Curves:
    """Return how many standard deviations an attack of each l2 size covers."""
    end = float(torch.linalg.vector_norm(classes.mean))
    x = [end * i / points for i in range(points + 1)]
    flat = round_classes(classes)
    answers = [robust_gaussian(classes, eps).classes for eps in x]
    lines = {
        "on maximum likelihood": ([reach(classes, eps) for eps in x], "bad"),
        "on the robust fit": ([_robust_reach(classes, fitted) for fitted in answers], "good"),
        "Sigma a multiple of I (control)": ([reach(flat, eps) for eps in x], "plain"),
    }
    return Curves(
        "gaussian-reach",
        "A change that is small in l2 is large in standard deviations of the data, along the thin "
        "direction. The robust fit leaves the adversary less to aim at; with the same total "
        "variance in all directions alike there is no thin one.",
        "size of the attack in l2 (root mean square)",
        "its size in standard deviations",
        tuple(Series(name, x, y, tone=tone, dots=False) for name, (y, tone) in lines.items()),
    )


def _robust_reach(classes: TwoGaussians, fitted: TwoGaussians) -> float:
    """Return sqrt(tr M^2), from Sigma_r = Sigma (1 + M)^2; both have the same order of sizes."""
    ratio = eigenvalues(fitted).sort().values / eigenvalues(classes).sort().values
    return float((ratio.sqrt() - 1).square().sum().sqrt())
