"""Sets of the same measure beside the half-space, with exact neighbourhoods: none is smaller.

for name, within in other_sets(784, share=0.01).items():
    within(eps=2.0) >= Gaussian(784).neighbourhood(0.01, eps=2.0)      # True
"""

import math
from collections.abc import Callable

from scipy.special import gammainc, gammaincinv, ndtr, ndtri

from robustlens.theory.concentration import Gaussian, check_share


def other_sets(dimension: int, share: float) -> dict[str, Callable[[float], float]]:
    """Return sets that hold `share` of standard normal points, each as its exact neighbourhood.

    Each value takes eps and returns the share of points within eps of the set. None is smaller
    than `Gaussian.neighbourhood`. The sets: two half-spaces that face each other, a ball around
    0, all outside a ball around 0, and the union of the half-spaces x_i >= t over all i.

    Raises:
        InputError: share outside (0, 1), dimension < 1.
    """
    check_share("share", share)
    half = Gaussian(dimension).dimension / 2
    inner, outer = (math.sqrt(2 * gammaincinv(half, s)) for s in (share, 1 - share))
    slab = -float(ndtri(share / 2))
    # 1 - (1 - share)^(1/d) without cancellation: one half-space's part of the union.
    edge = -float(ndtri(-math.expm1(math.log1p(-share) / dimension)))
    return {
        "two half-spaces": lambda eps: 2 * float(ndtr(min(eps - slab, 0.0))),
        "a ball": lambda eps: float(gammainc(half, (inner + eps) ** 2 / 2)),
        "outside a ball": lambda eps: 1 - float(gammainc(half, max(outer - eps, 0.0) ** 2 / 2)),
        "a half-space for each axis": lambda eps: 1 - float(ndtr(edge - eps)) ** dimension,
    }
