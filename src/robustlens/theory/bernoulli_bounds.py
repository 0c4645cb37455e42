"""What the theorems promise of data on the corners of a cube.

    corollary28_tau(d=10_000, beta=0.01)                       # enough signal for one sample
    theorem31_samples(d=10**12, tau=1e-3, eps=2e-3, gamma=0.25)      # linear rules need more

The model is `bernoulli.BernoulliModel`.
Source: Schmidt, Santurkar, Tsipras, Talwar, Madry 2018 (arXiv 1804.11285v2), by their numbers.
"""

import math

from robustlens.errors import InputError


def theorem27_error(d: int, tau: float) -> float:
    """Return exp(-2 tau^4 d): the standard error after one sample is at most this (Theorem 27).

    With probability at least `theorem27_confidence` over the sample. Raises `InputError` for
    d < 1 or tau outside (0, 1/2].
    """
    _check(d, tau)
    return math.exp(-2 * tau**4 * d)


def theorem27_confidence(d: int, tau: float) -> float:
    """Return 1 - exp(-tau^2 d / 2): how likely the one sample is a good one."""
    _check(d, tau)
    return -math.expm1(-(tau**2) * d / 2)


def corollary28_tau(d: int, beta: float = 0.01) -> float:
    """Return (log(1 / beta) / (2 d))^(1/4): from this tau on, one sample gives an error <= beta.

    Corollary 28; with the confidence of Theorem 27. May exceed 1/2 for small d: then no tau will
    do.

    Raises:
        InputError: d < 1 or beta outside (0, 1).
    """
    if d < 1 or not 0 < beta < 1:
        raise InputError(f"d {d}, beta {beta}", "d >= 1, 0 < beta < 1", "change d or beta")
    return float((math.log(1 / beta) / (2 * d)) ** 0.25)


def theorem10_error(d: int, tau: float, eps: float) -> float:
    """Return the robust error of a threshold and one sample, at most: that of Theorem 27.

    For every eps < 1, with the confidence of Theorem 27. Theorem 10 is the case of 1 %, which
    needs tau >= c d^(-1/4) with c = (log(100) / 2)^(1/4) = 1.2318 (derived from Corollary 28).

    Raises:
        InputError: eps outside [0, 1), d < 1 or tau outside (0, 1/2].
    """
    if not 0 <= eps < 1:
        raise InputError(f"eps is {eps}", "0 <= eps < 1, as Theorem 10 asks", "change eps")
    return theorem27_error(d, tau)


def theorem31_samples(d: int, tau: float, eps: float, gamma: float) -> float:
    """Return eps^2 gamma^2 / (5000 tau^4 log(4 d / gamma)): linear rules need more (Theorem 31).

    With at most so many samples any linear rule has a robust error of at least 1/2 - gamma, in
    the mean over theta uniform on {-1, +1}^d. Below 1 it says nothing.

    Raises:
        InputError: tau > 1/4, eps >= 3 tau, or gamma outside (0, 1/2).
    """
    _check(d, tau)
    if tau > 0.25:
        raise InputError(f"tau is {tau}", "tau <= 1/4, as Theorem 31 asks", "change tau")
    if not 0 <= eps < 3 * tau:
        raise InputError(
            f"eps is {eps}", f"0 <= eps < 3 tau = {3 * tau:.6g}, as Theorem 31 asks", "change eps"
        )
    if not 0 < gamma < 0.5:
        raise InputError(f"gamma is {gamma}", "0 < gamma < 1/2", "change gamma")
    return eps**2 * gamma**2 / (5000 * tau**4 * math.log(4 * d / gamma))


def _check(d: int, tau: float) -> None:
    if d < 1 or not 0 < tau <= 0.5:
        raise InputError(f"d is {d} and tau {tau}", "d >= 1, 0 < tau <= 1/2", "change d or tau")
