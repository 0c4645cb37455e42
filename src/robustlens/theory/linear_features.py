"""Linear features: how useful each is, alone and against an adversary.

    features = LinearFeatures.of_gaussians(classes, eigenvectors(classes))
    exact_usefulness(classes, features)                   # rho of each, (k,)
    exact_usefulness(classes, features, "l2", eps=0.5)    # gamma of each
    scores(LinearFeatures.of_data(rows, train), test, y, "l2", 0.5)    # on images, with intervals

A feature f has mean 0 and variance 1 on the data. It is rho-useful when E[y f(x)] >= rho > 0, and
gamma-robustly useful when E[min over allowed changes of y f(x + change)] >= gamma > 0 (Ilyas et
al. 2019, section 2). For f(x) = a . x - offset the worst change in a ball takes eps times the dual
norm of a away, whatever x is, so gamma = rho - eps ||a||_dual (Goh 2019).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.sampling import Sampled, average
from robustlens.theory.two_gaussians import TwoGaussians, dual_norm, worst_change
from robustlens.theory.usefulness import Score, Usefulness, usefulness


@dataclass(frozen=True, eq=False)
class LinearFeatures:
    """k features f(x) = weights x - offset with mean 0 and variance 1 on the data they come from.

    `weights` is (k, d) and `offset` (k,), float64. Build them with `of_gaussians` or `of_data`.
    """

    weights: Tensor
    offset: Tensor

    @classmethod
    def of_gaussians(cls, classes: TwoGaussians, rows: Tensor) -> "LinearFeatures":
        """Return the rows (k, d) scaled to variance 1 on both classes together.

        The mixture has mean 0 and covariance Sigma + mean mean': its variance along a is
        a' Sigma a + (a . mean)^2.

        Raises:
            InputError: rows of another shape, with a row of zeros or not finite.
        """
        rows = _checked_rows(rows, classes.dimension)
        within = torch.tensor([classes.spread(a) for a in rows], dtype=torch.float64)
        weights = rows / torch.hypot(within, rows @ classes.mean)[:, None]
        return cls(weights, torch.zeros(len(rows), dtype=torch.float64))

    @classmethod
    def of_data(cls, rows: Tensor, x: Tensor) -> "LinearFeatures":
        """Return the rows (k, d) scaled to mean 0 and variance 1 on the points x (n, d).

        Raises:
            InputError: rows of another shape or not finite; a row which is constant on x.
        """
        rows, x = _checked_rows(rows, x.shape[1]), x.double()
        values = x @ rows.T
        std, mean = torch.std_mean(values, dim=0, correction=0)
        if not bool((std > 1e-9 * values.abs().amax(dim=0)).all()):
            raise InputError("a feature that is constant on the data", "one that varies", "drop it")
        return cls(rows / std[:, None], mean / std)

    def __len__(self) -> int:
        return len(self.weights)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the features of the points x (n, d), shape (n, k)."""
        return x.double() @ self.weights.T - self.offset

    def facing(self, rho: Tensor) -> "LinearFeatures":
        """Return the features turned so that those with negative rho (k,) become useful."""
        sign = torch.where(rho < 0, -1.0, 1.0).double()
        return LinearFeatures(sign[:, None] * self.weights, sign * self.offset)

    def taken(self, norm: str, eps: float) -> Tensor:
        """Return how much of y f the worst change takes, eps times the dual norm, shape (k,).

        Raises:
            InputError: eps < 0 or not finite. UnknownName: another norm.
        """
        if not 0 <= eps < math.inf:
            raise InputError(f"eps is {eps}", "a number >= 0", "change eps")
        return torch.tensor([eps * dual_norm(a, norm) for a in self.weights], dtype=torch.float64)


def exact_usefulness(
    classes: TwoGaussians, features: LinearFeatures, norm: str = "l2", eps: float = 0.0
) -> Tensor:
    """Return E[min of y f(x + change)] over changes of length eps in `norm`, shape (k,).

    eps = 0 gives rho, the plain usefulness a . mean (the features' scale is in their weights).
    """
    return features.weights @ classes.mean - features.taken(norm, eps)


def exact_scores(
    classes: TwoGaussians, features: LinearFeatures, norm: str, eps: float
) -> list[Score]:
    """Return rho and gamma of each feature in closed form."""
    rho, gamma = (exact_usefulness(classes, features, norm, size) for size in (0.0, eps))
    pairs = zip(rho.tolist(), gamma.tolist(), strict=True)
    return [Score(Usefulness.exact(r), Usefulness.exact(g)) for r, g in pairs]


def sampled_usefulness(
    classes: TwoGaussians,
    features: LinearFeatures,
    which: int,
    norm: str = "l2",
    eps: float = 0.0,
    *,
    generator: torch.Generator,
    count: int = 1_000_000,
) -> Sampled:
    """Return `exact_usefulness` of one feature by sampling: points are drawn, moved, measured."""
    weights, offset = features.weights[which], features.offset[which]
    change = eps * worst_change(weights, norm)

    def worth(n: int) -> Tensor:
        x, y = classes.sample(n, generator)
        return y * ((x - y[:, None] * change) @ weights - offset)

    return average(worth, count, width=classes.dimension)


def scores(
    features: LinearFeatures, x: Tensor, y: Tensor, norm: str, eps: float, alpha: float = 0.05
) -> list[Score]:
    """Return rho and gamma of each feature on points x (n, d) with labels y (n,), +1 and -1.

    Exact in the worst change; where points must stay in a box, gamma is a lower estimate.
    """
    worst = features.taken(norm, eps).tolist()
    found = [usefulness(values, y, alpha) for values in features(x).T]
    return [
        Score(rho, Usefulness(rho.value - t, rho.low - t, rho.high - t, rho.n))
        for rho, t in zip(found, worst, strict=True)
    ]


def eigenvectors(classes: TwoGaussians) -> Tensor:
    """Return the unit eigenvectors of the covariance as rows (d, d), largest variance first."""
    if classes.covariance.dim() < 2:
        variances = classes.covariance.expand(classes.dimension)
        rows = torch.eye(classes.dimension, dtype=torch.float64)
        return rows[variances.argsort(descending=True, stable=True)]
    columns: Tensor = torch.linalg.eigh(classes.covariance).eigenvectors  # smallest variance first
    return columns.T.flip(0)


def with_noise(classes: TwoGaussians, sigma: float) -> TwoGaussians:
    """Return the classes with N(0, sigma^2 I) added to every x: its covariance adds sigma^2 I.

    Raises:
        InputError: sigma < 0 or not finite.
    """
    if not 0 <= sigma < math.inf:
        raise InputError(f"sigma is {sigma}", "a number >= 0", "change sigma")
    added: Tensor = torch.tensor(sigma**2, dtype=torch.float64)
    if classes.covariance.dim() == 2:
        added = added * torch.eye(classes.dimension, dtype=torch.float64)
    return TwoGaussians(classes.mean, classes.covariance + added)


def _checked_rows(rows: Tensor, d: int) -> Tensor:
    if rows.dim() != 2 or rows.shape[1] != d or not bool(rows.isfinite().all()):
        raise InputError(f"features {tuple(rows.shape)}", f"finite, (k, {d})", "change rows")
    if not bool((rows != 0).any(dim=1).all()):
        raise InputError("a feature of zeros", "a direction", "drop it")
    return rows.double()
