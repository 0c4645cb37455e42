"""Robust fitting from samples: gradient steps on a Gaussian's likelihood while points are moved.

    fit = fit_gaussian(classes, eps=1, generator=g)               # the averaged adversary
    fit = fit_gaussian(classes, eps=1, generator=g, each=True)    # every point within eps
    fit.covariance                                                # tends to Sigma_r of Theorem 2

It draws points, finds the change that raises the loss most by bisection, and takes a step with the
points moved: by Danskin's theorem (1966) the gradient at the moved points is the gradient of the
worst loss. Nothing here uses the closed form of `gaussian`; both are compared in the tests.

Two adversaries. The averaged one may spend E ||delta||^2 = eps^2 as it likes over the points: the
game of Theorem 2. The other has ||delta|| <= eps for each point, as in adversarial training; as d
grows the points become alike, and so do the two.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.two_gaussians import TwoGaussians

HALVINGS = 60
"""Of the bracket of the price, in log: beyond double precision."""


class Fit(NamedTuple):
    """A Gaussian fitted to v = y x: its mean (d,) and covariance (d, d), float64."""

    mean: Tensor
    covariance: Tensor


def worst_move(fit: Fit, v: Tensor, eps: float, *, each: bool = False) -> Tensor:
    """Return the changes (n, d) of points v (n, d) that raise the mean NLL of `fit` most.

    The mean of ||delta||^2 is eps^2 or, with `each`, ||delta|| is eps for every point. With a price
    lambda for ||delta||^2 the best change is (lambda Sigma - I)^-1 (v - mean); its length falls
    with lambda, and halving a bracket gives the lambda of the length allowed.
    """
    if eps == 0:
        return torch.zeros_like(v)
    variances, vectors = torch.linalg.eigh(fit.covariance)
    off = (v - fit.mean) @ vectors
    energy = off.square() if each else off.square().mean(dim=0, keepdim=True)
    price = multiplier(energy, variances, eps)
    ratio = variances / variances[0]
    moves: Tensor = off / (price[:, None] * ratio + (ratio - 1)) @ vectors.T
    return moves


def multiplier(energy: Tensor, variances: Tensor, eps: float) -> Tensor:
    """Return t = lambda s_1 - 1 > 0 (n,) with sum of energy/(lambda s - 1)^2 = eps^2 in each row.

    `energy` (n, d) holds squares, `variances` s (d,) grow. The largest term alone and all terms
    at the steepest rate bracket t: sqrt(energy_1)/eps <= t <= sqrt(sum of energy)/eps.
    """
    ratio = variances / variances[0]
    low = (energy[:, 0].sqrt() / eps).clamp_min(1e-300).log()
    high = (energy.sum(dim=1).sqrt() / eps).clamp_min(1e-300).log()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        size = (energy / (middle.exp()[:, None] * ratio + (ratio - 1)).square()).sum(dim=1)
        far = size > eps**2
        low, high = torch.where(far, middle, low), torch.where(far, high, middle)
    return ((low + high) / 2).exp()


def fit_gaussian(
    classes: TwoGaussians,
    eps: float,
    *,
    generator: torch.Generator,
    each: bool = False,
    steps: int = 300,
    batch: int = 4000,
) -> Fit:
    """Return the Gaussian with the least worst-case NLL on points of `classes`, by samples.

    Starts at mean 0 and covariance I, draws `batch` fresh points in each step, moves them by
    `worst_move` and takes a `natural_step` of a size that falls like 1/step. The result is the
    average over the later half of the steps.

    Raises:
        InputError: eps < 0, fewer than 4 steps, or batch < d + 1.
    """
    d = classes.dimension
    if not 0 <= eps < math.inf or steps < 4 or batch <= d:
        raise InputError(
            f"eps {eps}, {steps} steps, batches of {batch}",
            f"eps >= 0, at least 4 steps, batch > d = {d}",
            "change eps, steps or batch",
        )
    fit = Fit(torch.zeros(d, dtype=torch.float64), torch.eye(d, dtype=torch.float64))
    total = Fit(torch.zeros_like(fit.mean), torch.zeros_like(fit.covariance))
    later = range(steps // 2, steps)
    for step in range(steps):
        x, y = classes.sample(batch, generator)
        v = y[:, None] * x
        moved = v + worst_move(fit, v, eps, each=each)
        fit = natural_step(fit, moved, rate=4 / (step + 8))
        if step in later:
            total = Fit(total.mean + fit.mean, total.covariance + fit.covariance)
    return Fit(total.mean / len(later), total.covariance / len(later))


def natural_step(fit: Fit, moved: Tensor, rate: float) -> Fit:
    """Return `fit` after one natural-gradient step on the mean NLL of the points `moved` (n, d).

    The gradient of the NLL in (mean, covariance), times the inverse of the Fisher information
    (Amari 1998), is (mean - average, covariance - second moment about the mean).
    """
    off = moved - fit.mean
    second = off.T @ off / len(off)
    return Fit(
        fit.mean + rate * off.mean(dim=0),
        fit.covariance + rate * (second - fit.covariance),
    )


def nll(fit: Fit, v: Tensor) -> Tensor:
    """Return the mean negative log-likelihood of points v (n, d), a scalar that has gradients."""
    root = torch.linalg.cholesky(fit.covariance)
    off = torch.linalg.solve_triangular(root, (v - fit.mean).T, upper=False)
    constant = v.shape[1] / 2 * math.log(2 * math.pi)
    loss: Tensor = off.square().sum(dim=0).mean() / 2 + root.diagonal().log().sum() + constant
    return loss
