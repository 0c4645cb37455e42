"""How many samples a robust rule needs: one for standard accuracy, sqrt(d) for robust accuracy.

    model = GaussianModel(d=10_000, sigma=6.0)      # y = +1 or -1, x ~ N(y theta, sigma^2 I)
    model.accuracy(1)                               # the mean of y x over n = 1 sample, as a rule
    model.accuracy(1, eps=0.5)                      # after the worst change within l-inf 0.5
    model.samples_needed(0.9, eps=0.5)

The rule is sign(w . x) with w the mean of y_i x_i over n samples. Accuracy is taken over the draw
of w as well as of x, and is exact: one integral, no sampling (`inversion`). For a w that is drawn
already, `model.classes(theta).accuracy(w, "linf", eps)` is the exact share.
Source: Schmidt, Santurkar, Tsipras, Talwar, Madry 2018, sections 2 and A. Their bounds are in
`sample_bounds`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from robustlens.errors import InputError, UnknownName
from robustlens.theory.coordinates import drawn, fixed, signs
from robustlens.theory.inversion import Complex, Real, positive_share
from robustlens.theory.sampling import Sampled, average
from robustlens.theory.two_gaussians import TwoGaussians

PRIORS = ("signs", "normal")
"""Where theta comes from: any vector of signs, or N(0, I) as in Theorem 11."""


@dataclass(frozen=True)
class GaussianModel:
    """y uniform on {+1, -1} and x ~ N(y theta, sigma^2 I) in d dimensions.

    prior "signs": every |theta_i| = 1, so ||theta|| = sqrt(d); which signs makes no difference.
    prior "normal": theta ~ N(0, I), and every accuracy is a mean over theta too.
    The number of samples n may be any number > 0: all depends on sigma^2 / n, the variance of w.

    Raises:
        InputError: d < 1, or sigma not a finite number > 0.
        UnknownName: another prior.
    """

    d: int
    sigma: float
    prior: str = "signs"

    def __post_init__(self) -> None:
        if self.d < 1 or not 0 < self.sigma < math.inf:
            raise InputError(
                f"d is {self.d} and sigma {self.sigma}", "d >= 1, sigma > 0", "change d or sigma"
            )
        if self.prior not in PRIORS:
            raise UnknownName("prior", self.prior, PRIORS)

    def accuracy(self, n: float, eps: float = 0.0) -> float:
        """Return the exact expected accuracy after the worst l-inf change of at most `eps`.

        The mean over the training set, over theta where it is random, and over x. Error about
        1e-12, and 1e-15 d where that is more. eps 0 is standard accuracy.

        Raises:
            InputError: n <= 0, eps < 0, or not finite.
        """
        spread = _spread(self.sigma, n, eps)
        if self.prior == "normal":
            return positive_share(lambda t: self.d * np.log(drawn(t, self.sigma, spread, eps)))
        return positive_share(lambda t: self.d * np.log(fixed(t, 1.0, self.sigma, spread, eps)))

    def threshold_accuracy(self, n: float, eps: float = 0.0) -> float:
        """Return `accuracy` of the rule sign(w . sign(x)), which looks at the signs of x only.

        The adversary turns each sign that is nearer to 0 than eps. Exact, as `accuracy`. On
        Bernoulli data this rule is robust (`BernoulliModel`); here it gains nothing.

        Raises:
            InputError: as `accuracy`, or a prior other than "signs".
        """
        if self.prior != "signs":
            raise InputError(f"prior {self.prior!r}", "'signs'", "change prior")
        spread = _spread(self.sigma, n, eps)
        kept = float(ndtr((1 - eps) / self.sigma)), float(ndtr((-1 - eps) / self.sigma))
        return positive_share(lambda t: self.d * np.log(signs(t, kept, spread)))

    def samples_needed(self, share: float, eps: float = 0.0) -> float:
        """Return the n at which `accuracy` reaches `share`, to six digits.

        Accuracy grows with n, so the next whole number is the smallest training set.

        Raises:
            InputError: a share outside (1/2, 1), or one that even w = theta does not reach.
        """
        return _crossing(lambda n: self.accuracy(n, eps), share, self.sigma**2)

    def threshold_samples_needed(self, share: float, eps: float = 0.0) -> float:
        """Return the n at which `threshold_accuracy` reaches `share`; as `samples_needed`."""
        return _crossing(lambda n: self.threshold_accuracy(n, eps), share, self.sigma**2)

    def draw(self, n: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return a theta (d,) and the w (d,) of a training set: N(theta, sigma^2 / n I), exactly.

        With the prior "signs" theta is all ones.
        """
        spread = _spread(self.sigma, n, 0)
        theta = torch.ones(self.d, dtype=torch.float64)
        if self.prior == "normal":
            theta = torch.randn(self.d, generator=generator, dtype=torch.float64)
        noise = torch.randn(self.d, generator=generator, dtype=torch.float64)
        return theta, theta + spread * noise

    def classes(self, theta: Tensor) -> TwoGaussians:
        """Return the two classes of a theta, whose `accuracy(w, "linf", eps)` is exact."""
        return TwoGaussians(theta, torch.tensor(self.sigma**2, dtype=torch.float64))

    def sampled_accuracy(
        self, n: float, eps: float = 0.0, *, generator: torch.Generator, count: int
    ) -> Sampled:
        """Return `accuracy` as a mean over `count` draws of w, each with its exact accuracy."""

        def shares(draws: int) -> Tensor:
            pairs = (self.draw(n, generator) for _ in range(draws))
            found = [self.classes(theta).accuracy(w, "linf", eps) for theta, w in pairs]
            return torch.tensor(found, dtype=torch.float64)

        return average(shares, count)

    def sampled_threshold_accuracy(
        self, n: float, eps: float = 0.0, *, generator: torch.Generator, count: int
    ) -> Sampled:
        """Return `threshold_accuracy` by sampling: `count` training sets, a moved x for each."""

        def right(draws: int) -> Tensor:
            votes = []
            for _ in range(draws):
                theta, w = self.draw(n, generator)
                noise = torch.randn(self.d, generator=generator, dtype=torch.float64)
                votes.append(w @ (theta + self.sigma * noise - eps * w.sign()).sign())
            return torch.stack(votes) > 0

        return average(right, count)


def averaging_accuracy(theta: Tensor, sigma: float, n: float, eps: float = 0.0) -> float:
    """Return the exact expected accuracy for one theta (d,) of any size and shape.

    The mean over the training set and over x, as `GaussianModel.accuracy`. Each |theta_i| that
    occurs costs a pass: a vector of a thousand different entries takes a second.
    """
    spread = _spread(sigma, n, eps)
    sizes, counts = np.unique(theta.double().abs().numpy(), return_counts=True)

    def log_cf(t: Real) -> Complex:
        total = np.zeros(t.shape, dtype=np.complex128)
        for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
            total += count * np.log(fixed(t, size, sigma, spread, eps))
        return total

    return positive_share(log_cf)


def mean_l1(theta: Tensor, spread: float) -> float:
    """Return E ||w||_1 for w ~ N(theta, spread^2 I): a sum of means of folded normals.

    Robust accuracy turns at 1/2 about where eps times this equals ||theta||^2. spread > 0.
    """
    at = theta.double().abs() / spread
    density = torch.exp(-at.square() / 2) * math.sqrt(2 / math.pi)
    return float((spread * (density + at * torch.special.erf(at / math.sqrt(2)))).sum())


def _spread(sigma: float, n: float, eps: float) -> float:
    """Return the standard deviation of a coordinate of w."""
    if not (0 < n < math.inf and 0 <= eps < math.inf):
        raise InputError(f"n is {n} and eps {eps}", "n > 0 and eps >= 0", "change n or eps")
    return sigma / math.sqrt(n)


def _crossing(accuracy: Callable[[float], float], share: float, scale: float) -> float:
    if not 0.5 < share < 1:
        raise InputError(f"share is {share}", "between 1/2 and 1", "change share")
    low, high = 1e-6 * scale, scale
    while accuracy(high) < share:
        low, high = high, 4 * high
        if high > 1e9 * scale:
            raise InputError(
                f"a share of {share}, where {accuracy(high):.6f} is the limit for large n",
                "a share that the rule reaches",
                "change share or eps",
            )
    while high > (1 + 1e-6) * low:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if accuracy(middle) < share else (low, middle)
    return high
