"""What the theorems promise of the Gaussian model: enough samples, and too few.

    theorem21_samples(d=10_000, sigma=6.0, eps=0.25, beta=0.01)    # this many suffice
    theorem11_error(d=1_000_000, sigma=20.0, n=2, eps=0.5)         # no learner errs less

The model is `sample_complexity.GaussianModel`; errors are shares of wrong answers, l-inf robust.
Source: Schmidt, Santurkar, Tsipras, Talwar, Madry 2018 (arXiv 1804.11285v2), by their numbers.
"""

import math

from scipy.special import erfc, erfcinv

from robustlens.errors import InputError


def theorem21_margin(sigma: float, n: float) -> float:
    """Return (2 sqrt(n) - 1) / (2 sqrt(n) + 4 sigma): what <w, theta> / (||w|| sqrt(d)) exceeds.

    With probability at least `theorem21_confidence`. It grows with n to 1.

    Raises:
        InputError: n < 1 or sigma <= 0.
    """
    _require(n >= 1 and sigma > 0, f"n is {n}, sigma {sigma}", "n >= 1, sigma > 0", "n or sigma")
    return (2 * math.sqrt(n) - 1) / (2 * math.sqrt(n) + 4 * sigma)


def theorem21_confidence(d: int, sigma: float) -> float:
    """Return 1 - 2 exp(-d / (8 (sigma^2 + 1))): how likely the training set is a good one."""
    return max(0.0, 1 - 2 * math.exp(-d / (8 * (sigma**2 + 1))))


def theorem21_eps(d: int, sigma: float, n: float, beta: float = 0.01) -> float:
    """Return the largest eps at which the robust error is at most `beta` (Theorem 21).

    With probability at least `theorem21_confidence` over the training set. May be negative: then
    the theorem says nothing, not even of standard error.
    """
    return theorem21_margin(sigma, n) - _price(d, sigma, beta)


def theorem21_error(d: int, sigma: float, n: float, eps: float = 0.0) -> float:
    """Return the smallest beta of Theorem 21: the robust error is at most this.

    With probability at least `theorem21_confidence` over the training set. eps 0 bounds the
    standard error.

    Raises:
        InputError: eps above the margin (2 sqrt(n) - 1) / (2 sqrt(n) + 4 sigma).
    """
    left = theorem21_margin(sigma, n) - eps
    _require(
        left >= 0 <= eps,
        f"eps is {eps}, where Theorem 21 needs eps <= {eps + left:.6g}",
        "0 <= eps <= (2 sqrt(n) - 1) / (2 sqrt(n) + 4 sigma)",
        "n, sigma or eps",
    )
    return math.exp(-d * left**2 / (2 * sigma**2))


def theorem21_samples(d: int, sigma: float, eps: float, beta: float = 0.01) -> float:
    """Return the n from which Theorem 21 promises a robust error of at most `beta`.

    Raises:
        InputError: eps + sigma sqrt(2 log(1 / beta) / d) >= 1: no n is enough for the theorem.
    """
    asked = eps + _price(d, sigma, beta)
    _require(
        asked < 1 and eps >= 0,
        f"eps + sigma sqrt(2 log(1 / beta) / d) is {asked:.6g}",
        "eps >= 0 and a sum below 1, else Theorem 21 needs more than any n",
        "d, sigma, eps or beta",
    )
    return max(1.0, ((1 + 4 * sigma * asked) / (2 * (1 - asked))) ** 2)


def one_sample_sigma(d: int, beta: float = 0.01) -> float:
    """Return the largest sigma at which one sample gives a standard error of at most `beta`.

    It is c d^(1/4) with c of at least 0.13 at beta 0.01, and near 0.287 for large d.
    Theorem 4 with its constant, derived from Theorem 21 at eps 0 and n = 1:
    sigma (2 + 4 sigma) = sqrt(d / (2 log(1 / beta))).
    """
    room = 1 / _price(d, 1.0, beta)
    return (math.sqrt(1 + 4 * room) - 1) / 4


def corollary22_samples(d: int, sigma: float, eps: float) -> float:
    """Return the n that suffices for a robust error of at most 1 % (Corollary 22).

    1 for eps <= d^(-1/4) / 4, else 64 eps^2 sqrt(d).

    Raises:
        InputError: sigma > d^(1/4) / 32, or eps outside [0, 1/4].
    """
    most = d**0.25 / 32
    _require(
        0 < sigma <= most,
        f"sigma is {sigma}",
        f"0 < sigma <= d^(1/4) / 32 = {most:.6g}, as Corollary 22 asks",
        "d or sigma",
    )
    _require(0 <= eps <= 0.25, f"eps is {eps}", "0 <= eps <= 1/4, as Corollary 22 asks", "eps")
    return 1.0 if eps <= d**-0.25 / 4 else 64 * eps**2 * math.sqrt(d)


def theorem11_error(d: int, sigma: float, n: float, eps: float) -> float:
    """Return the robust error that no learner goes below (Theorem 11).

    In the mean over theta ~ N(0, I), for any rule made from n samples:
    P[sqrt(n / (sigma^2 + n)) max |v_i| <= eps] / 2, v ~ N(0, I), which is erf(...)^d / 2.

    Raises:
        InputError: n < 0, sigma <= 0, eps < 0 or d < 1.
    """
    ok = n >= 0 and sigma > 0 and eps >= 0 and d >= 1
    _require(
        ok, f"d {d}, sigma {sigma}, n {n}, eps {eps}", "d >= 1, sigma > 0, n >= 0, eps >= 0", "it"
    )
    if not n or not eps:
        return 0.5 if eps else 0.0
    missed = float(erfc(eps * math.sqrt((sigma**2 + n) / (2 * n))))
    return 0.5 * math.exp(d * math.log1p(-missed)) if missed < 1 else 0.0


def theorem11_samples(d: int, sigma: float, eps: float, error: float = 0.01) -> float:
    """Return the n below which no learner has a robust error of at most `error` (Theorem 11).

    The inverse of `theorem11_error` in n.

    Raises:
        InputError: error outside (0, 1/2), or one that Theorem 11 allows at any n.
    """
    _require(0 < error < 0.5, f"error is {error}", "between 0 and 1/2", "error")
    reach = math.sqrt(2) * float(erfcinv(-math.expm1(math.log(2 * error) / d)))
    _require(
        0 <= eps < reach,
        f"eps is {eps}",
        f"0 <= eps < {reach:.6g}: beyond, no n lets Theorem 11 allow so small an error",
        "eps or error",
    )
    return sigma**2 * eps**2 / (reach**2 - eps**2)


def corollary23_samples(d: int, sigma: float, eps: float) -> float:
    """Return eps^2 sigma^2 / (8 log d): with at most so many samples every learner fails.

    Its robust error is at least (1 - 1/d) / 2 in the mean over theta ~ N(0, I) (Corollary 23).

    Raises:
        InputError: d < 2, sigma <= 0 or eps < 0.
    """
    ok = d >= 2 and sigma > 0 and eps >= 0
    _require(ok, f"d {d}, sigma {sigma}, eps {eps}", "d >= 2, sigma > 0, eps >= 0", "it")
    return eps**2 * sigma**2 / (8 * math.log(d))


def _price(d: int, sigma: float, beta: float) -> float:
    """Return sigma sqrt(2 log(1 / beta) / d), what confidence in a single answer costs."""
    ok = d >= 1 and sigma > 0 and 0 < beta < 1
    _require(ok, f"d {d}, sigma {sigma}, beta {beta}", "d >= 1, sigma > 0, 0 < beta < 1", "it")
    return sigma * math.sqrt(2 * math.log(1 / beta) / d)


def _require(met: bool, received: str, expected: str, change: str) -> None:
    if not met:
        raise InputError(received, expected, f"change {change}")
