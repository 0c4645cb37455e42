"""A measured number with its interval, for what is no proportion."""

from typing import NamedTuple

import torch
from scipy.special import ndtri
from torch import Tensor

from robustlens.errors import InputError


class Estimate(NamedTuple):
    """A value, its 95 % interval, and the number of pictures it is of."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def jackknifed(value: float, *without: Tensor) -> Estimate:
    """Return an estimate with the jackknife's normal interval (Efron & Stein 1981).

    Each of `without` has what the value would be without each member of one sample; variances of
    independent samples add up.
    """
    variance = sum(
        float((len(part) - 1) * (part - part.mean()).square().mean()) for part in without
    )
    half = float(ndtri(0.975)) * variance**0.5
    return Estimate(value, value - half, value + half, len(without[0]))


def points(r: Tensor, name: str, least: int = 2) -> Tensor:
    """Return feature vectors (n, f) in double precision; raise `InputError` for others."""
    if r.dim() != 2 or len(r) < least or not bool(torch.isfinite(r).all()):
        raise InputError(
            f"{name} of shape {tuple(r.shape)}, finite: {bool(torch.isfinite(r).all())}",
            f"finite features (n, f) of at least {least} pictures",
            f"change {name}",
        )
    return r.detach().double()
