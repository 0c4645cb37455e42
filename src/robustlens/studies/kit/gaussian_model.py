"""What the studies of the Gaussian framework share: classes from a config, and checks of a fit."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.pictures import Ellipse
from robustlens.result import Number
from robustlens.streams import stream
from robustlens.theory.gaussian import (
    RobustGaussian,
    best_change,
    eigenvalues,
    likelihood_rule,
    robust_gaussian,
    vulnerability,
)
from robustlens.theory.minmax import Fit, multiplier
from robustlens.theory.sampling import Sampled, average
from robustlens.theory.two_gaussians import TwoGaussians


@dataclass(frozen=True, kw_only=True)
class Config:
    """Two classes in the plane, the adversaries they are fitted against, and how much is drawn."""

    variances: tuple[float, ...] = (16.0, 0.25)  # along and across the angle
    angle: float = 20.0  # of the first variance, in degrees
    mean: tuple[float, ...] = (4.5, 2.4)  # of the class +1; the other's is its negative
    eps: tuple[float, ...] = (0.0, 1.0, 10.0)  # l2, one sheet of the picture each
    radius: float = 1.0  # l2, at which accuracies are compared
    points: int = 40  # of a closed-form curve
    checks: int = 5  # radii at which accuracies are sampled too
    samples: int = 200_000  # of each sampled accuracy
    steps: int = 300  # of robust fitting from samples
    batch: int = 4000  # fresh samples in each step
    seed: int = 0


def plane_classes(
    mean: tuple[float, ...], variances: tuple[float, ...], angle: float
) -> TwoGaussians:
    """Return two classes in the plane; the first variance lies along `angle`, in degrees.

    Raises:
        InputError: not two entries each, a variance <= 0, or a mean of 0.
    """
    if len(variances) != 2 or min(variances) <= 0:
        raise InputError(f"variances {variances}", "two numbers > 0", "change --variances")
    if len(mean) != 2 or not any(mean):
        raise InputError(f"mean {mean}", "two numbers, not both 0", "change --mean")
    turn = math.radians(angle)
    axes = torch.tensor(
        [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]], dtype=torch.float64
    )
    covariance = axes * torch.tensor(variances, dtype=torch.float64) @ axes.T
    return TwoGaussians(torch.tensor(mean), (covariance + covariance.T) / 2)


def round_classes(classes: TwoGaussians) -> TwoGaussians:
    """Return the control: the same mean, and the multiple of I with the same trace."""
    return TwoGaussians(classes.mean, eigenvalues(classes).mean())


def distance(fit: Fit, robust: RobustGaussian) -> float:
    """Return the operator norm of the fit's covariance minus Sigma_r, over that of Sigma_r."""
    closed = as_matrix(robust.classes)
    gap = torch.linalg.matrix_norm(fit.covariance - closed, 2)
    return float(gap / torch.linalg.matrix_norm(closed, 2))


def as_matrix(classes: TwoGaussians) -> Tensor:
    """Return the covariance as a matrix (d, d)."""
    if classes.covariance.dim() == 2:
        return classes.covariance
    return torch.diag(classes.covariance.expand(classes.dimension))


def reach(classes: TwoGaussians, eps: float) -> float:
    """Return sqrt(E delta' Sigma^-1 delta) of the best averaged attack on the true parameters.

    With E ||delta||^2 = eps^2 and delta = (lambda Sigma - I)^-1 (v - mean) it is the root of the
    sum of 1/(lambda s - 1)^2.
    """
    if eps == 0:
        return 0.0
    s = eigenvalues(classes).sort().values
    t = multiplier(s[None], s, eps)
    return float((1 / (t * s / s[0] + s / s[0] - 1)).square().sum().sqrt())


def theorem_one(
    classes: TwoGaussians, samples: int, seed: int
) -> tuple[tuple[float, Sampled], dict[str, Number]]:
    """Return the gain of a tethered adversary: closed form, sampled, and beside (k/d) I."""
    strength = 2 / float(eigenvalues(classes).min())
    generator = stream(seed, "theorem 1")

    def gained(n: int) -> Tensor:
        x, y = classes.sample(n, generator)
        v = y[:, None] * x
        moved = v + best_change(classes, strength, v)
        return _squared(classes, moved) - _squared(classes, v)

    value = vulnerability(classes, strength)
    found = average(gained, samples)
    numbers = {
        "Theorem 1: gain of the tethered adversary": Number.exact(value),
        "Theorem 1, control: its gain where Sigma is a multiple of I": Number.exact(
            vulnerability(round_classes(classes), strength)
        ),
    }
    return (value, found), numbers


def _squared(classes: TwoGaussians, v: Tensor) -> Tensor:
    off = v - classes.mean
    found: Tensor = (off * torch.linalg.solve(classes.covariance, off.T).T).sum(dim=1)
    return found


def four_points() -> tuple[Tensor, TwoGaussians]:
    """Return v = y x (4, 2) of a finite distribution, and the Gaussian of its mean and covariance.

    x_1 is 1 or 9 and x_2 is 0.09 or 0.11, all four alike: sign(x_1) is right up to l2 eps < 1.
    """
    v = torch.cartesian_prod(torch.tensor([1.0, 9.0]), torch.tensor([0.09, 0.11])).double()
    mean = v.mean(dim=0)
    return v, TwoGaussians(mean, (v - mean).square().mean(dim=0))


def four_point_numbers(eps: float = 0.5) -> dict[str, Number]:
    """Return the exact accuracies on `four_points` at l2 eps of three rules."""
    v, classes = four_points()
    rules = {
        "sign(x1)": torch.tensor([1.0, 0.0], dtype=torch.float64),
        "maximum likelihood": likelihood_rule(classes),
        "robust fit": robust_gaussian(classes, eps).rule,
    }
    numbers = {}
    for name, w in rules.items():
        for kind, radius in (("accuracy", 0.0), (f"robust accuracy at l2 {eps:g}", eps)):
            right = v @ w > radius * torch.linalg.vector_norm(w)
            numbers[f"four points, {name}: {kind}"] = Number.exact(float(right.double().mean()))
    return numbers


def level(name: str, centre: Tensor, covariance: Tensor, tone: str = "plain") -> Ellipse:
    """Return the points one standard deviation from a centre (2,)."""
    return Ellipse(name, pair(centre), (pair(covariance[0]), pair(covariance[1])), 1.0, tone)


def pair(point: Tensor) -> tuple[float, float]:
    """Return a point (2,) as numbers."""
    return float(point[0]), float(point[1])
