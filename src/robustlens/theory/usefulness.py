"""How useful a feature is, from its values: with an interval, for any feature, linear or not.

    y = signs(labels, positive=3)                          # one class against the rest
    rho = usefulness(scaled(values, fitted), y)            # values of f (n,), and on training data
    gamma = usefulness(scaled(after_attack, fitted), y)    # an upper estimate: attacks may miss
    kind(Score(rho, gamma))                                # Kind.NON_ROBUST

A feature f has mean 0 and variance 1 on the data. It is rho-useful when E[y f(x)] >= rho > 0, and
gamma-robustly useful when E[min over allowed changes of y f(x + change)] >= gamma > 0. It is
useful but not robust when it is the first for some rho > 0 and the second for no gamma >= 0
(Ilyas et al. 2019, section 2).
"""

import math
from enum import StrEnum
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.bounds import mean_interval
from robustlens.errors import InputError

ROUNDING = 1e-12
"""An exact usefulness no further from 0 than this is 0."""


class Usefulness(NamedTuple):
    """A usefulness with its interval and n; n = 0 and an interval of no width when exact."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def exact(cls, value: float) -> "Usefulness":
        """Return a usefulness from a closed form; what is 0 up to rounding becomes 0."""
        value = 0.0 if abs(value) <= ROUNDING else value
        return cls(value, value, value, 0)


class Score(NamedTuple):
    """What a feature is worth as it is (`rho`) and against the adversary (`gamma`)."""

    rho: Usefulness
    gamma: Usefulness


class Kind(StrEnum):
    """What a feature is, as far as the intervals of its score tell."""

    ROBUST = "robustly useful"
    NON_ROBUST = "useful, not robust"
    USELESS = "useless"
    OPEN = "useful, robust or not"


def scaled(values: Tensor, fitted: Tensor) -> Tensor:
    """Return values (n,) shifted and divided so that `fitted` (m,) has mean 0 and variance 1.

    Raises:
        InputError: `fitted` is constant or not finite.
    """
    std, mean = torch.std_mean(fitted.double(), correction=0)
    if not float(std) > 1e-9 * float(fitted.abs().max()):
        raise InputError("a feature that is constant on the data", "one that varies", "drop it")
    return (values.double() - mean) / std


def usefulness(values: Tensor, y: Tensor, alpha: float = 0.05) -> Usefulness:
    """Return the mean of y f with its Student interval, from values of f (n,) and labels (n,).

    Values come `scaled`; after an attack on f they give an upper estimate of gamma. Labels are +1
    and -1. The interval covers E[y f] with probability about 1 - alpha when the scale was fitted
    on other points.

    Raises:
        InputError: shapes that differ, labels other than +1 and -1, fewer than two points.
    """
    if values.shape != y.shape or values.dim() != 1 or not bool((y.abs() == 1).all()):
        raise InputError(
            f"values {tuple(values.shape)} and labels {tuple(y.shape)}",
            "both (n,), labels +1 and -1",
            "change y, for instance by signs(labels, positive)",
        )
    worth = (y.double() * values.double()).tolist()
    low, high = mean_interval(worth, alpha)
    return Usefulness(math.fsum(worth) / len(worth), low, high, len(worth))


def kind(score: Score) -> Kind:
    """Return what the intervals say a feature is; `Kind.OPEN` where gamma's holds 0.

    USELESS means not shown to be useful: rho's interval does not lie above 0.
    """
    rho, gamma = score
    if gamma.low > 0:
        return Kind.ROBUST
    if rho.low <= 0:
        return Kind.USELESS
    return Kind.NON_ROBUST if gamma.high < 0 else Kind.OPEN


def signs(labels: Tensor, positive: int) -> Tensor:
    """Return +1 for the class `positive` and -1 for the rest, shape (n,), float64."""
    return torch.where(labels == positive, 1.0, -1.0).double()
