"""Two Gaussian classes: what maximum likelihood learns, and what it learns against an adversary.

    classes = TwoGaussians(mean, covariance)
    likelihood_rule(classes)                   # Sigma^-1 mean
    robust = robust_gaussian(classes, eps=1)   # Theorem 2
    robust.classes.covariance                  # Sigma_r, a blend of Sigma and I
    classes.accuracy(robust.rule, "l2", 1)     # of the rule it gives
    vulnerability(classes, strength=2)         # Theorem 1

A Gaussian is fitted to v = y x ~ N(mean, Sigma) by its likelihood. The adversary moves v by delta;
it averages: E ||delta||^2 = eps^2 over the data, not ||delta|| <= eps for each point. Its best move
is then linear, delta = M (v - mean), which tends to the move of each point as d grows.
Source: Ilyas, Santurkar, Tsipras, Engstrom, Tran, Madry 2019, section 4 and appendix E. Erratum:
their equation (27) and E.3.8 write tr(Sigma M^2) = eps where their definition gives eps^2.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from scipy.optimize import brentq
from torch import Tensor

from robustlens.errors import InputError, UnknownName
from robustlens.theory.two_gaussians import TwoGaussians

LOSSES = {"distance": 1.0, "nll": 2.0}
"""The squared Mahalanobis distance of Theorem 1; the negative log-likelihood, which is half."""


class RobustGaussian(NamedTuple):
    """The Gaussian that has the least negative log-likelihood against the adversary.

    `classes` are the fitted classes (mean, Sigma_r); `adversary` is M, in the shape of Sigma;
    `price` is lambda, what the adversary pays for ||delta||^2 in units of 2 NLL; at eps 0 infinite.
    """

    classes: TwoGaussians
    adversary: Tensor
    price: float
    eps: float

    @property
    def rule(self) -> Tensor:
        """The linear rule of the fitted classes, Sigma_r^-1 mean, shape (d,)."""
        return likelihood_rule(self.classes)


def likelihood_rule(classes: TwoGaussians) -> Tensor:
    """Return w = Sigma^-1 mean (d,): sign(w . x) is the most accurate rule of all (Fisher 1936)."""
    if classes.covariance.dim() < 2:
        return classes.mean / classes.covariance
    rule: Tensor = torch.linalg.solve(classes.covariance, classes.mean)
    return rule


def vulnerability(classes: TwoGaussians, strength: float, loss: str = "distance") -> float:
    """Return by how much an adversary raises the expected loss of the true parameters (Theorem 1).

    The adversary maximises loss(v + delta) - C ||delta||^2, with C the `strength` of its tether.
    The gain, without the penalty, is tr[(I + (C Sigma - I)^-1)^2] - d for loss = "distance",
    (v - mean)' Sigma^-1 (v - mean). For "nll", half the distance plus a constant, it is half that
    with 2 C for C. Among all Sigma of trace k it is least for (k / d) I.

    Raises:
        InputError: C is so small that the adversary's problem has no maximum, C <= 1 / sigma_min
            (half of that for "nll"); at equality too.
        UnknownName: another loss.
    """
    push = _push(classes, strength, loss)
    gain = (2 * push + push.square()).sum()  # (1 + m)^2 - 1, without cancelling
    return float(gain) / LOSSES[loss]


def best_change(
    classes: TwoGaussians, strength: float, v: Tensor, loss: str = "distance"
) -> Tensor:
    """Return the optimal delta for points v = y x (n, d): (C Sigma - I)^-1 (v - mean), (n, d).

    For loss = "nll" with 2 C for C. Raises as `vulnerability`, and `InputError` for other shapes.
    """
    _push(classes, strength, loss)
    if v.dim() != 2 or v.shape[1] != classes.dimension:
        raise InputError(f"v of shape {tuple(v.shape)}", f"(n, {classes.dimension})", "change v")
    factor = LOSSES[loss] * strength
    matrix = on_eigenvalues(classes.covariance, lambda s: 1 / (factor * s - 1))
    off = v.double() - classes.mean
    return off @ matrix if matrix.dim() == 2 else off * matrix


def robust_gaussian(classes: TwoGaussians, eps: float) -> RobustGaussian:
    """Return the solution of min over (mean, Sigma) of max over delta of E NLL (Theorem 2).

    The mean stays; Sigma_r = Sigma/2 + I/lambda + sqrt(Sigma/lambda + Sigma^2/4), with lambda such
    that E ||delta||^2 = eps^2. Solved by the eigenvalues s of Sigma: M = (sqrt(1 + 4/(lambda s)) -
    1)/2, Sigma_r = s (1 + M)^2, sum of s M^2 = eps^2. It holds for every eps >= 0: M is the best
    answer to Sigma_r (lambda Sigma_r > I) and Sigma_r the best one to M, so neither side can gain.
    The paper's proof asks for eps < eps0.

    Raises:
        InputError: eps < 0 or not finite.
    """
    if not 0 <= eps < math.inf:
        raise InputError(f"eps is {eps}", "a number >= 0", "change eps")
    if eps == 0:
        return RobustGaussian(classes, torch.zeros_like(classes.covariance), math.inf, 0.0)
    price = _price(eigenvalues(classes), eps)
    robust = on_eigenvalues(classes.covariance, lambda s: s * (1 + _stretch(s, price)).square())
    adversary = on_eigenvalues(classes.covariance, lambda s: _stretch(s, price))
    return RobustGaussian(TwoGaussians(classes.mean, robust), adversary, price, eps)


def eigenvalues(classes: TwoGaussians) -> Tensor:
    """Return the eigenvalues of the covariance (d,), in no particular order."""
    if classes.covariance.dim() == 2:
        found: Tensor = torch.linalg.eigvalsh(classes.covariance)
        return found
    return classes.covariance.expand(classes.dimension)


def on_eigenvalues(covariance: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the matrix with the same eigenvectors and `function` of the eigenvalues.

    A diagonal (d,) or a scalar stays one.
    """
    if covariance.dim() < 2:
        return function(covariance)
    variances, vectors = torch.linalg.eigh(covariance)
    found: Tensor = vectors * function(variances) @ vectors.T
    return (found + found.T) / 2


def _push(classes: TwoGaussians, strength: float, loss: str) -> Tensor:
    """Return the eigenvalues (d,) of (C Sigma - I)^-1."""
    if loss not in LOSSES:
        raise UnknownName("loss", loss, LOSSES)
    variances = eigenvalues(classes)
    least = 1 / (LOSSES[loss] * float(variances.min()))
    if not least < strength < math.inf:
        raise InputError(
            f"strength C is {strength}",
            f"C > 1 / sigma_min = {least:.6g} for the loss {loss!r}, else the adversary gains "
            "without bound",
            "change strength",
        )
    return 1 / (LOSSES[loss] * strength * variances - 1)


def _stretch(s: Tensor, price: float) -> Tensor:
    """Return M = (sqrt(1 + 4 u) - 1)/2 with u = 1/(lambda s), without cancelling."""
    u = 1 / (price * s)
    return 2 * u / (1 + (1 + 4 * u).sqrt())


def _price(variances: Tensor, eps: float) -> float:
    """Return lambda. From M (1 + M) = u follows s M^2 < 1/lambda: lambda < d/eps^2."""

    def excess(log_price: float) -> float:
        moved = variances * _stretch(variances, math.exp(log_price)).square()
        return math.log(float(moved.sum())) - 2 * math.log(eps)

    high = math.log(len(variances)) - 2 * math.log(eps)
    low = high - 1
    while excess(low) < 0:
        low = 2 * low - high
    return math.exp(brentq(excess, low, high, xtol=1e-14, rtol=1e-14))
