"""A linear head on a representation: multinomial logistic regression, to its one minimum.

head = linear_head(r_train, labels, classes=10)
guesses = head(r_test).argmax(dim=1)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn.functional import cross_entropy

from robustlens.errors import InputError

DECAY = 1e-3
"""The default weight of the penalty."""


@dataclass(frozen=True, eq=False)
class Head:
    """Logits = r @ weights.T + bias, for representations r as they are; float64.

    `weights` is (k, f) and `bias` (k,). `slope` is the largest entry of the gradient at the end:
    the objective is convex, so a small one says that the minimum was reached.
    """

    weights: Tensor
    bias: Tensor
    slope: float

    def __call__(self, r: Tensor) -> Tensor:
        """Return logits (n, k) of representations (n, f)."""
        return r.double() @ self.weights.T + self.bias


def linear_head(
    r: Tensor, labels: Tensor, classes: int, *, decay: float = DECAY, steps: int = 1000
) -> Head:
    """Return the head of least mean cross-entropy + decay / 2 * ||weights||^2 on (r, labels).

    Weights are counted on columns scaled to mean 0 and variance 1, so that the penalty does not
    depend on the units' scales; constant columns get weight 0, and the bias is not penalised.
    The problem has one solution and nothing is drawn at random. Solved by L-BFGS (scipy).

    Args:
        r: representations (n, f). labels: class indices (n,) below `classes`.
        decay: > 0. steps: at most so many iterations.

    Raises:
        InputError: shapes or labels that do not fit, or settings out of range.
    """
    _check(r, labels, classes, decay, steps)
    std, mean = torch.std_mean(r.double(), dim=0, correction=0)
    varies = std > 1e-9 * r.double().abs().amax(dim=0)
    scale = torch.where(varies, std, 1.0)
    columns = ((r.double() - mean) / scale) * varies
    wanted = labels.to(r.device)
    shape = (classes, r.shape[1] + 1)

    def fall(flat: Any) -> tuple[float, Any]:
        w = torch.tensor(flat, device=r.device).view(shape).requires_grad_(True)
        fit = cross_entropy(columns @ w[:, :-1].T + w[:, -1], wanted)
        loss = fit + decay / 2 * w[:, :-1].square().sum()
        (gradient,) = torch.autograd.grad(loss, w)
        return float(loss.detach()), gradient.flatten().cpu().numpy()

    options = {"maxiter": steps, "maxfun": 2 * steps, "gtol": 1e-6, "ftol": 1e-12}
    start = np.zeros(shape[0] * shape[1])
    found = minimize(fall, start, jac=True, method="L-BFGS-B", options=options)
    w = torch.tensor(found.x, device=r.device).view(shape)
    weights = w[:, :-1] / scale
    return Head(weights, w[:, -1] - weights @ mean, float(np.abs(found.jac).max()))


def _check(r: Tensor, labels: Tensor, classes: int, decay: float, steps: int) -> None:
    if r.dim() != 2 or labels.shape != r.shape[:1] or not len(r):
        raise InputError(
            f"representations {tuple(r.shape)} and labels {tuple(labels.shape)}",
            "shapes (n, f) and (n,)",
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise InputError(f"labels from {low} to {high}", f"0 to {classes - 1}", "change labels")
    if not (decay > 0 and steps >= 1):
        raise InputError(f"decay {decay}, steps {steps}", "decay > 0 and steps >= 1", "change them")
