"""The best linear feature against an adversary, and the best linear rule: two convex problems.

    a = best_feature(classes, "l2", 0.5)     # (d,): the largest gamma of all linear features
    w = robust_rule(classes, "linf", 0.1)    # (d,): the largest robust accuracy of all sign(w . x)
    equivalent_noise(classes, 0.5)           # the sigma that makes maximum likelihood robust_rule

Both maximise (a . mean - eps ||a||_dual) / sqrt(a' M a), the feature with the covariance of both
classes together, M = Sigma + mean mean', the rule with the one within a class, M = Sigma. Fix the
length, a' M a <= 1, and the problem is convex; its dual is the point of the ball that is nearest
to the mean: minimise (mean - c)' M^-1 (mean - c) over ||c|| <= eps, and then a = M^-1 (mean - c)
(Bhagoji, Cullina, Mittal 2019, for the rule).
"""

import math

import torch
from scipy.optimize import brentq, lsq_linear
from torch import Tensor

from robustlens.errors import InputError, UnknownName
from robustlens.theory.two_gaussians import DUAL, TwoGaussians, dual_norm


def best_feature(classes: TwoGaussians, norm: str, eps: float) -> Tensor:
    """Return the feature (d,) with variance 1 and the largest gamma of all linear features.

    eps = 0 gives the direction of maximum likelihood, Sigma^-1 mean, with rho = D/sqrt(1 + D^2)
    for D^2 = mean' Sigma^-1 mean. For eps > 0 it is the direction of `robust_rule` at the larger
    radius eps / (1 - rho gamma), with the rho and gamma of the result (derived): gamma divides by
    the spread of both classes together, which grows with the margin.

    Raises:
        InputError: eps < 0, or eps >= ||mean||: then no linear feature is robustly useful.
        UnknownName: another norm.
    """
    mixture = _matrix(classes) + torch.outer(classes.mean, classes.mean)
    a = _solve(classes.mean, mixture, norm, eps)
    return a / torch.sqrt(a @ mixture @ a)


def robust_rule(classes: TwoGaussians, norm: str, eps: float) -> Tensor:
    """Return the w (d,) of largest robust accuracy, with w' Sigma w = 1; eps 0: Sigma^-1 mean.

    l2: w is (Sigma + lam I)^-1 mean, maximum likelihood under noise of variance lam. linf, Sigma
    diagonal: every coordinate with |mean_i| <= eps has weight exactly 0.

    Raises:
        InputError: eps < 0, or eps >= ||mean||: then every linear rule is right at most half of
            the time. UnknownName: another norm.
    """
    w = _solve(classes.mean, _matrix(classes), norm, eps)
    return w / classes.spread(w)


def equivalent_noise(classes: TwoGaussians, eps: float) -> float:
    """Return the sigma of Gaussian noise under which maximum likelihood is `robust_rule` at l2 eps.

    Derived: the optimum is w = (Sigma + lam I)^-1 mean with lam ||w||_2 = eps, and noise adds
    sigma^2 I to Sigma, so sigma^2 = lam. Raises as `robust_rule`.
    """
    _check(classes.mean, "l2", eps)
    return math.sqrt(_ridge(classes.mean, _matrix(classes), eps))


def _matrix(classes: TwoGaussians) -> Tensor:
    if classes.covariance.dim() == 2:
        return classes.covariance
    return torch.diag(classes.covariance.expand(classes.dimension))


def _check(mean: Tensor, norm: str, eps: float) -> None:
    if norm not in DUAL:
        raise UnknownName("norm", norm, DUAL)
    order = {"linf": math.inf, "l2": 2.0, "l1": 1.0}[norm]
    size = float(torch.linalg.vector_norm(mean, order))
    if not 0 <= eps < size:
        raise InputError(
            f"eps is {eps} with a mean of {norm} length {size:.4g}",
            "0 <= eps < the length of the mean, else no linear feature is robustly useful",
            "change eps",
        )


def _solve(mean: Tensor, matrix: Tensor, norm: str, eps: float) -> Tensor:
    """Return M^-1 (mean - c) for the c of the ball that is nearest to the mean."""
    _check(mean, norm, eps)
    if eps == 0 or norm == "l2":
        ridge = _ridge(mean, matrix, eps) * torch.eye(len(mean), dtype=torch.float64)
        a: Tensor = torch.linalg.solve(matrix + ridge, mean)
        return a
    return (_sparse if norm == "linf" else _flat)(mean, matrix, eps)


def _ridge(mean: Tensor, matrix: Tensor, eps: float) -> float:
    """Return lam with lam ||(M + lam I)^-1 mean|| = eps: c = lam a is then on the sphere."""
    if eps == 0:
        return 0.0
    values, vectors = torch.linalg.eigh(matrix)
    turned = vectors.T @ mean

    def excess(lam: float) -> float:
        return float(torch.linalg.vector_norm(lam * turned / (values + lam))) - eps

    # Were all eigenvalues s, lam would be eps s / (||mean|| - eps): the extreme s bracket it.
    scale = eps / (float(torch.linalg.vector_norm(mean)) - eps)
    low, high = scale * float(values[0]), scale * float(values[-1])
    if excess(low) >= 0 or excess(high) <= 0:  # all eigenvalues alike, up to rounding
        return (low + high) / 2
    return float(brentq(excess, low, high, xtol=1e-15 * high, rtol=1e-14))


def _sparse(mean: Tensor, matrix: Tensor, eps: float) -> Tensor:
    """l-inf: c is in a box. Where c is strictly inside, the weight is 0; solve for the others."""
    root = torch.linalg.cholesky(matrix)
    half = torch.linalg.inv(root)
    c = _boxed(half, half @ mean, eps)
    used = c.abs() >= eps * (1 - 1e-9)
    a = torch.zeros_like(mean)
    signed = mean[used] - eps * c[used].sign()
    a[used] = torch.linalg.solve(matrix[used][:, used], signed)
    return a


def _flat(mean: Tensor, matrix: Tensor, eps: float) -> Tensor:
    """l1: the dual norm caps all weights at one size t; c = mean - M a has l1 length eps."""
    root = torch.linalg.cholesky(matrix)
    target = torch.linalg.solve_triangular(root, mean[:, None], upper=False).flatten()

    def capped(t: float) -> Tensor:
        return _boxed(root.T, target, t)

    def excess(t: float) -> float:
        return float((mean - matrix @ capped(t)).abs().sum()) - eps

    free = dual_norm(torch.linalg.solve(matrix, mean), "l1")
    return capped(float(brentq(excess, 1e-12 * free, free, xtol=1e-14 * free, rtol=1e-14)))


def _boxed(matrix: Tensor, target: Tensor, size: float) -> Tensor:
    """Return the v with |v_i| <= size that minimises ||matrix v - target||^2."""
    found = lsq_linear(
        matrix.numpy(), target.numpy(), (-size, size), method="bvls", tol=1e-15, max_iter=1000
    )
    return torch.from_numpy(found.x)
