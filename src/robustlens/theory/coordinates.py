"""Characteristic functions of what one coordinate adds to the sum that decides: Gaussian model.

    d * np.log(fixed(t, 1.0, sigma, spread, eps))     # log_cf of `inversion.positive_share`

w is a coordinate of the rule, spread^2 its variance over training sets, z standard normal noise.
Given w all is Gaussian in z; over w it is Gaussian on either side of 0, where |w| has its corner.
"""

import math

import numpy as np
from scipy.special import wofz

from robustlens.theory.inversion import Complex, Real


def fixed(t: Real, size: float, sigma: float, spread: float, eps: float) -> Complex:
    """Return E exp(i t T), T = w (size + sigma z) - eps |w|, w ~ N(size, spread^2)."""
    at, extra = size / spread, np.square(t * sigma * spread)
    helps = half_gaussian(at, 1j * t * spread * (size - eps), extra)  # w > 0
    harms = half_gaussian(-at, -1j * t * spread * (size + eps), extra)  # w < 0
    return helps + harms


def drawn(t: Real, sigma: float, spread: float, eps: float) -> Complex:
    """Return the same for size ~ N(0, 1): given w it is N(w / r^2, spread^2 / r^2)."""
    r2 = 1 + spread**2
    extra = np.square(t) * (sigma**2 * r2 + spread**2) - 2j * t
    return 2 * half_gaussian(0.0, -1j * t * eps * math.sqrt(r2), extra)


def signs(t: Real, kept: tuple[float, float], spread: float) -> Complex:
    """Return E exp(i t T), T = |w| or -|w|, w ~ N(1, spread^2).

    `kept` are the probabilities of |w| where w > 0 and where w < 0.
    """
    turn = 1j * t * spread
    total = np.zeros(t.shape, dtype=np.complex128)
    for at, share in zip((1 / spread, -1 / spread), kept, strict=True):
        total += share * half_gaussian(at, turn, np.zeros_like(t))
        total += (1 - share) * half_gaussian(at, -turn, np.zeros_like(t))
    return total


def half_gaussian(at: float, turn: Complex, extra: Complex | Real) -> Complex:
    """Return E[exp(turn g - extra g^2 / 2); g > 0] for g ~ N(at, 1), with Re extra >= 0.

    By the Faddeeva function (erfc of complex numbers), in an order in which nothing overflows and
    large `at` lose no digits. `turn` is imaginary.
    """
    width = 1 + extra
    u = (at + turn) / np.sqrt(2 * width)
    right = u.real > 0
    tail = wofz(1j * np.where(right, u, -u)) * np.exp(-(at**2) / 2)  # of exp(u^2) erfc(-u)
    exponent = (turn * (2 * at + turn) - extra * at**2) / (2 * width)  # u^2 - at^2 / 2
    whole = 2 * np.exp(np.where(right, exponent, 0.0))
    half: Complex = np.where(right, whole - tail, tail) / (2 * np.sqrt(width))
    return half
