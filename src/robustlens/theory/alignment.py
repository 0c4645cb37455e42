"""Where the gradient of a rule points: across the classes, or into a thin direction.

    classes = TwoGaussians(mean, covariance)
    alignment(classes)                         # cos(mean, Sigma^-1 mean)
    least_alignment(classes)                   # its minimum over all means: 2 sqrt(k)/(1 + k)
    least_alignment(robust_gaussian(classes, eps=1).classes)      # nearer to 1

The rule of a fitted Gaussian is w = Sigma^-1 mean, and the gradient of its loss in x points along
w. Source: Ilyas, Santurkar, Tsipras, Engstrom, Tran, Madry 2019, Theorem 3 and Lemma 8.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.gaussian import eigenvalues, likelihood_rule
from robustlens.theory.two_gaussians import TwoGaussians

Doubles = NDArray[np.float64]


def alignment(classes: TwoGaussians) -> float:
    """Return cos(mean, Sigma^-1 mean): how well the gradient of the rule points across the classes.

    Raises:
        InputError: the mean is 0.
    """
    w = likelihood_rule(classes)
    lengths = torch.linalg.vector_norm(w) * torch.linalg.vector_norm(classes.mean)
    if not float(lengths):
        raise InputError("a mean of 0, which has no direction", "another mean", "change mean")
    return float(w @ classes.mean / lengths)


def least_alignment(classes: TwoGaussians) -> float:
    """Return the minimum of `alignment` over all means: 2 sqrt(k)/(1 + k), k = cond(Sigma).

    Source: Theorem 3 and Lemma 8; the inequality is Kantorovich's (1948). It depends on the
    covariance only, and is 1 for a multiple of I.
    """
    variances = eigenvalues(classes)
    k = float(variances.max() / variances.min())
    return 2 * math.sqrt(k) / (1 + k)


def least_aligned_mean(classes: TwoGaussians) -> Tensor:
    """Return a mean (d,) of length 1 that attains `least_alignment`.

    It is sqrt(s_max) e_max + sqrt(s_min) e_min with e the unit eigenvectors: each of both then
    gives the same share of mean' Sigma^-1 mean, the case of equality of Kantorovich's inequality.
    """
    d = classes.dimension
    if classes.covariance.dim() == 2:
        variances, vectors = torch.linalg.eigh(classes.covariance)
    else:
        variances, vectors = eigenvalues(classes), torch.eye(d, dtype=torch.float64)
    most, least = int(variances.argmax()), int(variances.argmin())
    mean = vectors[:, most] * variances[most].sqrt()
    if most != least:
        mean = mean + vectors[:, least] * variances[least].sqrt()
    return torch.nn.functional.normalize(mean, dim=0)


def searched_alignment(covariance: Tensor, starts: int, generator: torch.Generator) -> float:
    """Return the least cos(mean, Sigma^-1 mean) that L-BFGS finds from `starts` random means.

    `covariance` is any positive definite matrix (d, d), for instance one fitted to samples. The
    search knows nothing of `least_alignment`, and can only end above it.
    """
    precision = torch.linalg.inv(covariance.double())

    def descend(at: Doubles) -> tuple[float, Doubles]:
        mean = torch.tensor(at, dtype=torch.float64, requires_grad=True)
        value = torch.nn.functional.cosine_similarity(precision @ mean, mean, dim=0)
        (slope,) = torch.autograd.grad(value, mean)
        return float(value.detach()), slope.numpy()

    draws = torch.randn(starts, len(precision), generator=generator, dtype=torch.float64)
    options = {"ftol": 1e-15, "gtol": 1e-12}
    return min(
        float(minimize(descend, start, jac=True, method="L-BFGS-B", options=options).fun)
        for start in draws.numpy()
    )
