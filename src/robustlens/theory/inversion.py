"""How often a sum of independent values is positive, from its characteristic function.

    positive_share(log_cf)     # log_cf(t) = log E exp(i t S), t a numpy array
    lattice_share([Dice((-1, 1), (0.4, 0.6), times=100)], above=0)      # a binomial tail

A robust linear rule is right where a sum over coordinates is positive. The coordinates are
independent, so their characteristic functions multiply, and one integral gives the share: no
sampling, in any number of dimensions.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from robustlens.errors import InputError

Real = NDArray[np.floating[Any]]
Complex = NDArray[np.complexfloating[Any, Any]]

FAR = 60.0
"""Spreads of S: what lies further from its mean and from 0 is left out."""
FINE = 0.05
"""Step of the integral over log t, smaller where the phase turns faster."""
SMALL = 1e-17
"""What is left out at either end."""
MOST = 2**25
"""Places of a lattice."""


def positive_share(log_cf: Callable[[Real], Complex]) -> float:
    """Return P(S > 0) of a continuous S with characteristic function exp(log_cf(t)).

    Any branch of the logarithm will do. The error is about 1e-10 plus that of exp(log_cf).
    Source: Gil-Pelaez 1951: P(S > 0) = 1/2 + 1/pi * integral of Im cf(t) / t over t > 0. Where cf
    falls fast the integral is a sum over evenly spaced t, whose only error is the probability far
    outside (Davies 1973); where it falls slowly, as in few dimensions, over evenly spaced log t.

    Raises:
        InputError: a characteristic function that does not decay.
    """

    def size(t: float) -> float:
        return float(log_cf(np.array([t])).real[0])

    unit = _where(lambda t: size(t) < -0.5)  # one over the spread of S
    last = _where(lambda t: size(t) < np.log(SMALL), unit)
    mean = float(log_cf(np.array([1e-3 * unit])).imag[0]) * 1e3  # in units of the spread
    start = np.log(unit * SMALL / (1 + abs(mean)))
    even = 2 * np.pi * unit / (abs(mean) + FAR)
    geometric = FINE / (1 + abs(mean))
    if last / even <= (np.log(last) - start) / geometric:
        points = np.arange(int(last / even) + 1) + 0.5
        total = _sum(log_cf, even * points, 1 / points)
    else:
        points = np.exp(np.arange(start, np.log(last) + geometric, geometric))
        total = _sum(log_cf, points, np.full_like(points, geometric))
    return min(1.0, max(0.0, 0.5 + total / np.pi))


def _sum(log_cf: Callable[[Real], Complex], t: Real, weights: Real) -> float:
    parts = range(0, len(t), 100_000)
    cf = (np.exp(log_cf(t[i : i + 100_000])) for i in parts)
    return sum(float(c.imag @ weights[i : i + 100_000]) for i, c in zip(parts, cf, strict=True))


class Dice(NamedTuple):
    """`times` independent whole numbers, each one of `values` with probability `shares`."""

    values: Sequence[int]
    shares: Sequence[float]
    times: int


def lattice_share(dice: Sequence[Dice], above: float) -> float:
    """Return P(sum of all dice > above), exact to about 1e-11, by one discrete Fourier transform.

    The transform spans the sums that Bernstein's inequality leaves: all others together have a
    probability below 1e-12.

    Raises:
        InputError: sums over more than 2^25 places, so that the transform does not fit.
    """
    step = math.gcd(*(v - d.values[0] for d in dice for v in d.values)) or 1
    base = sum(d.times * d.values[0] for d in dice)
    means = [math.fsum(v * p for v, p in zip(d.values, d.shares, strict=True)) for d in dice]
    mean = math.fsum(d.times * m for d, m in zip(dice, means, strict=True))
    variance = math.fsum(
        d.times * math.fsum(p * (v - m) ** 2 for v, p in zip(d.values, d.shares, strict=True))
        for d, m in zip(dice, means, strict=True)
    )
    widest = max(max(d.values) - min(d.values) for d in dice)
    reach = _bernstein(variance, widest)
    if abs(mean - above) > reach:
        return float(mean > above)
    places = 2 ** math.ceil(math.log2(2 * reach / step + 4))
    if places > MOST:
        raise InputError(
            f"a sum over {places} places", f"at most {MOST}", "ask for fewer samples or dimensions"
        )
    law = _wrapped_law(dice, step, places)
    low = int((mean - base) / step) - places // 2
    sums = base + step * (low + (np.arange(places) - low) % places)
    return min(1.0, max(0.0, float(law[sums > above].sum())))


def _wrapped_law(dice: Sequence[Dice], step: int, places: int) -> Real:
    """Return the probabilities of (sum - base) / step modulo `places`."""
    cf = np.ones(places // 2 + 1, dtype=np.complex128)
    for d in dice:
        one = np.zeros(places)
        at = [(v - d.values[0]) // step % places for v in d.values]
        np.add.at(one, at, np.asarray(d.shares))
        cf *= np.fft.rfft(one) ** d.times
    law: Real = np.fft.irfft(cf, places)
    return law


def _bernstein(variance: float, widest: float) -> float:
    """Return how far from its mean the sum is with probability below 1e-12."""
    need = math.log(2e12)
    slope = need * widest / 3
    return slope + math.sqrt(slope**2 + 2 * variance * need)


def _where(passed: Callable[[float], bool], t: float = 1.0) -> float:
    """Return a t, right to a hundredth, from which on `passed` holds for a function that falls."""
    while passed(t) and t > 1e-290:
        t /= 16
    low = t
    while not passed(t):
        low, t = t, 16 * t
        if t > 1e290:
            raise InputError(
                "a characteristic function that does not decay",
                "one of a continuous variable that varies",
            )
    while t > 1.01 * low:
        middle = float(np.sqrt(low * t))
        low, t = (low, middle) if passed(middle) else (middle, t)
    return t
