"""Concentration of measure: in high dimension every error set is near to almost all points.

    sphere = Sphere(784)                            # uniform on the unit sphere of 784 dimensions
    sphere.neighbourhood(0.01, eps=0.1)             # share of points within 0.1 of any error set
    sphere.distance(0.01)                           # how far half of the points are, at most

A set of a given measure has the smallest neighbourhood when it is a cap of the sphere (Levy 1922)
or a half-space of Gaussian space (Sudakov & Tsirelson 1974; Borell 1975). So what holds there is a
bound for every error set, that is for every classifier: `neighbourhood` is the least adversarial
error that a standard error of `share` allows. Caps and half-spaces attain it.
Applied to adversarial examples by Gilmer et al. 2018 ("Adversarial Spheres"), Shafahi et al. 2019
and Mahloujifar et al. 2019. It says nothing of rules without error, nor of data spread otherwise.
Distances are Euclidean; on the sphere they are chords, as changed points stay on it.
"""

import math
from dataclasses import dataclass

import torch
from scipy.special import betainc, betainccinv, betaincinv, ndtr, ndtri
from torch import Tensor

from robustlens.errors import InputError


@dataclass(frozen=True)
class Sphere:
    """Uniform on the unit sphere of `dimension` dimensions (its surface has one less).

    A cap of angular radius r <= pi / 2 holds I((d - 1) / 2, 1 / 2; sin(r)^2) / 2 of the points;
    I is the regularised incomplete beta function.

    Raises:
        InputError: dimension < 2.
    """

    dimension: int

    def __post_init__(self) -> None:
        if self.dimension < 2:
            raise InputError(f"dimension is {self.dimension}", "2 or more", "change dimension")

    @property
    def norm(self) -> float:
        """Return 1."""
        return 1.0

    def cap(self, angle: float) -> float:
        """Return the share of points within `angle` (in radians, 0 to pi) of a fixed point.

        Raises:
            InputError: an angle outside [0, pi].
        """
        if not 0 <= angle <= math.pi:
            raise InputError(f"angle is {angle}", "0 to pi, in radians", "change angle")
        part = float(betainc((self.dimension - 1) / 2, 0.5, math.sin(angle) ** 2)) / 2
        return part if angle <= math.pi / 2 else 1 - part

    def angle(self, share: float) -> float:
        """Return the angular radius of the cap that holds `share` of the points.

        Raises:
            InputError: share outside (0, 1).
        """
        check_share("share", share)
        a, tail = (self.dimension - 1) / 2, 2 * min(share, 1 - share)
        # Sine and cosine each from its own inverse: full precision at the pole and the equator.
        sine, cosine = betaincinv(a, 0.5, tail), betainccinv(0.5, a, tail)
        angle = math.atan2(math.sqrt(sine), math.sqrt(cosine))
        return angle if share <= 0.5 else math.pi - angle

    def neighbourhood(self, share: float, eps: float) -> float:
        """Return the least share of points within a chord `eps` of a set that holds `share`.

        Exact for a cap; a lower bound for every other set (Levy's isoperimetric inequality).

        Raises:
            InputError: share outside (0, 1), eps < 0 or not finite.
        """
        return self.cap(min(self.angle(share) + _turn(eps), math.pi))

    def distance(self, share: float, level: float = 0.5) -> float:
        """Return the chord within which at least `level` of the points find the set; 0 inside.

        Attained by a cap. Times sqrt(d) the median tends to -Phi^-1(share).

        Raises:
            InputError: share or level outside (0, 1).
        """
        return _chord(max(self.angle(level) - self.angle(share), 0.0))

    def allowed(self, eps: float, level: float = 0.5) -> float:
        """Return the share at which `distance` is `eps`: a larger error must be nearer.

        Falls exponentially in d; 0 where only a rule without error is far enough.

        Raises:
            InputError: level outside (0, 1), eps < 0 or not finite.
        """
        return self.cap(max(self.angle(level) - _turn(eps), 0.0))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Return n points (n, d): Gaussian ones, scaled to length 1."""
        x = torch.randn(n, self.dimension, generator=generator, dtype=torch.float64)
        return torch.nn.functional.normalize(x, dim=1)

    def gap(self, x: Tensor, share: float) -> Tensor:
        """Return the chord from points (n, d) to the cap of measure `share` around e_1; 0 inside.

        Only the first coordinate of x is read.
        """
        away = torch.arccos(x[:, 0].double().clamp(-1, 1)) - self.angle(share)
        return 2 * torch.sin(away.clamp_min(0) / 2)


@dataclass(frozen=True)
class Gaussian:
    """Standard normal in `dimension` dimensions: a half-space t away from 0 holds Phi(-t).

    d enters through the length of a typical point only, sqrt(d).

    Raises:
        InputError: dimension < 1.
    """

    dimension: int

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise InputError(f"dimension is {self.dimension}", "1 or more", "change dimension")

    @property
    def norm(self) -> float:
        """Return sqrt(d)."""
        return math.sqrt(self.dimension)

    def neighbourhood(self, share: float, eps: float) -> float:
        """Return Phi(Phi^-1(share) + eps): least share within `eps` of a set that holds `share`.

        Exact for a half-space; a lower bound for every other set.

        Raises:
            InputError: share outside (0, 1), eps < 0 or not finite.
        """
        check_share("share", share)
        _check_eps(eps)
        return float(ndtr(ndtri(share) + eps))

    def distance(self, share: float, level: float = 0.5) -> float:
        """Return the distance within which at least `level` of the points find the set; 0 inside.

        Raises:
            InputError: share or level outside (0, 1).
        """
        check_share("share", share)
        check_share("level", level)
        return max(float(ndtri(level) - ndtri(share)), 0.0)

    def allowed(self, eps: float, level: float = 0.5) -> float:
        """Return the share at which `distance` is `eps`: a larger error must be nearer.

        Raises:
            InputError: level outside (0, 1), eps < 0 or not finite.
        """
        check_share("level", level)
        _check_eps(eps)
        return float(ndtr(ndtri(level) - eps))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Return n points (n, d)."""
        return torch.randn(n, self.dimension, generator=generator, dtype=torch.float64)

    def gap(self, x: Tensor, share: float) -> Tensor:
        """Return the distance from points (n, d) to {x_1 >= -Phi^-1(share)}; 0 inside.

        Only the first coordinate of x is read.
        """
        check_share("share", share)
        return (-float(ndtri(share)) - x[:, 0].double()).clamp_min(0)


def _turn(chord: float) -> float:
    """Return the angle between two points of the unit sphere that are `chord` apart."""
    _check_eps(chord)
    return 2 * math.asin(min(chord / 2, 1.0))


def _chord(angle: float) -> float:
    return 2 * math.sin(angle / 2)


def check_share(name: str, share: float) -> None:
    """Raise `InputError` for a share outside (0, 1)."""
    if not 0 < share < 1:
        raise InputError(f"{name} is {share}", "between 0 and 1, both excluded", f"change {name}")


def _check_eps(eps: float) -> None:
    if not 0 <= eps < math.inf:
        raise InputError(f"eps is {eps}", "a number >= 0", "change eps")
