"""Do two measurements order the same things alike? Spearman's rank correlation, exactly.

    rank_correlation([0.2, 0.3, 0.4], [0.6, 0.7, 0.9])     # rho 1, p 1/6

With few things the p-value is counted over all orders; nothing is approximated.
"""

import math
from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from robustlens.errors import InputError

Floats = npt.NDArray[np.float64]
MOST = 9
"""Things of which all orders are counted: 9! is 362,880."""


class RankCorrelation(NamedTuple):
    """Spearman's rho, and the share of all orders that give as large a rho or a larger one."""

    rho: float
    p: float  # one-sided, exact


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> RankCorrelation:
    """Return the rank correlation of x and y, and its exact one-sided p-value.

    Ties share their mean rank. Where all x or all y are equal there is no order: rho 0, p 1.
    Source: Spearman 1904; the p-value is that of the permutation test of independence.

    Raises:
        InputError: not 2 to `MOST` pairs.
    """
    n = len(x)
    if len(y) != n or not 2 <= n <= MOST:
        raise InputError(f"{n} and {len(y)} values", f"2 to {MOST} pairs", "compare fewer things")
    a, b = _centred(x), _centred(y)
    length = _length(a, b)
    if length == 0:
        return RankCorrelation(0.0, 1.0)
    rho = float(a @ b) / length
    others = np.array(list(permutations(b))) @ a / length
    return RankCorrelation(rho, float((others >= rho - 1e-9).mean()))


def spearman(x: Sequence[float], y: Sequence[float]) -> float:
    """Return rho alone, for as many pairs as there are; 0 where there is no order."""
    a, b = _centred(x), _centred(y)
    length = _length(a, b)
    return float(a @ b) / length if length else 0.0


def _centred(values: Sequence[float]) -> Floats:
    ranks: Floats = rankdata(values)
    return np.asarray(ranks - ranks.mean())


def _length(a: Floats, b: Floats) -> float:
    return math.sqrt(float(a @ a) * float(b @ b))
