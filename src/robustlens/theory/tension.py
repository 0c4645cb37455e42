"""Accuracy against robustness: one robust feature, many weak ones (Tsipras et al. 2018, 2.1).

    law = StrongAndWeak(p=0.95, d=1000, eta=3 / math.sqrt(1000))
    law.accuracy(law.slider(math.pi / 2))            # the weak features alone: 0.99865
    law.accuracy(law.slider(math.pi / 2), eps=0.19)  # moved by 2 eta: 0.00135
    law.robust_bound(0.99, eps=0.19)                 # Theorem 2.1, for rules of every kind: 0.19

y w . x is a mixture of two Gaussians, one for each value of the robust feature, and the worst
l-inf change takes eps times the l1 norm of w away: every accuracy is exact.
"""

import math
from dataclasses import dataclass

import torch
from scipy.special import ndtr
from torch import Tensor

from robustlens.errors import InputError
from robustlens.theory.sampling import Sampled, average
from robustlens.theory.two_gaussians import dual_norm, worst_change


@dataclass(frozen=True)
class StrongAndWeak:
    """Equation (3) of the paper: y is +1 or -1 with equal chances, x has d + 1 coordinates.

    x[0] = y with probability p, else -y; x[1], ..., x[d] are independent N(eta y, 1).

    Raises:
        InputError: not 1/2 <= p <= 1, d < 1, or eta negative or not finite.
    """

    p: float
    d: int
    eta: float

    def __post_init__(self) -> None:
        if not 0.5 <= self.p <= 1:
            raise InputError(f"p is {self.p}", "a number from 0.5 to 1", "change p")
        if self.d < 1:
            raise InputError(f"d is {self.d}", "at least one weak feature", "change d")
        if not 0 <= self.eta < math.inf:
            raise InputError(f"eta is {self.eta}", "a number >= 0", "change eta")

    @property
    def signal(self) -> float:
        """eta sqrt(d): how far apart the weak features hold the classes, in standard deviations."""
        return self.eta * math.sqrt(self.d)

    def slider(self, t: float) -> Tensor:
        """Return w = (cos t, sin t / sqrt(d), ...), shape (d + 1,), of length 1.

        t = 0 is the robust feature alone, t = pi/2 the average of the weak ones.
        """
        w = torch.full((self.d + 1,), math.sin(t) / math.sqrt(self.d), dtype=torch.float64)
        w[0] = math.cos(t)
        return w

    def likeliest(self) -> Tensor:
        """Return the linear rule of the likeliest label: of all rules, the greatest accuracy.

        The log odds of y are x[0] log(p / (1 - p)) + 2 eta (x[1] + ... + x[d]).

        Raises:
            InputError: p = 1, where x[0] is the label.
        """
        if self.p == 1:
            raise InputError("p is 1: x[0] is the label", "p < 1", "change p, or use slider(0)")
        w = torch.full((self.d + 1,), 2 * self.eta, dtype=torch.float64)
        w[0] = math.log(self.p / (1 - self.p))
        return w

    def accuracy(self, w: Tensor, eps: float = 0.0) -> float:
        """Return the exact share of points that sign(w . x) gets right after the worst change.

        The change moves every coordinate, the robust one too, by at most eps. w has shape
        (d + 1,), of any signs. A point on the boundary counts as wrong, so w = 0 has accuracy 0.

        Raises:
            InputError: w of another shape, eps < 0 or not finite.
        """
        self._check(w, eps)
        strong, weak = float(w[0]), w[1:].double()
        spread = float(torch.linalg.vector_norm(weak))
        middle = self.eta * float(weak.sum()) - eps * dual_norm(w, "linf")
        return self.p * _share(middle + strong, spread) + (1 - self.p) * _share(
            middle - strong, spread
        )

    def averaging_accuracy(self, eps: float = 0.0) -> float:
        """Return the accuracy of the average of the weak features, Phi((eta - eps) sqrt(d)).

        Phi(eta sqrt(d)) without an adversary, and one minus that at eps = 2 eta: the collapse.
        """
        return self.accuracy(self.slider(math.pi / 2), eps)

    def robust_bound(self, standard: float, eps: float) -> float:
        """Return min(1, p / (1 - p) delta): no rule of standard accuracy 1 - delta is more robust.

        Theorem 2.1. It holds for rules of every kind against l-inf changes of eps >= 2 eta, and is
        attained by the robust feature alone (delta = 1 - p) when eps < 1.

        Raises:
            InputError: standard outside [0, 1], or outside the theorem: p = 1, or eps < 2 eta.
        """
        if not 0 <= standard <= 1:
            raise InputError(f"standard is {standard}", "an accuracy from 0 to 1", "standard")
        if self.p == 1:
            raise InputError("Theorem 2.1 at p = 1", "p < 1, a feature that can err", "change p")
        if not 2 * self.eta * (1 - 1e-12) <= eps < math.inf:
            raise InputError(
                f"Theorem 2.1 at eps {eps:g}", f"eps >= 2 eta = {2 * self.eta:g}", "change eps"
            )
        return min(1.0, self.p / (1 - self.p) * (1 - standard))

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return n points (n, d + 1) and their labels (n,), +1 or -1, float64."""
        x = torch.randn(n, self.d + 1, generator=generator, dtype=torch.float64)
        y = 2.0 * torch.randint(0, 2, (n,), generator=generator).double() - 1
        x[:, 1:] += self.eta * y[:, None]
        x[:, 0] = y * self._agreement(n, generator)
        return x, y

    def margins(self, w: Tensor, n: int, generator: torch.Generator) -> Tensor:
        """Return n draws of y w . x, shape (n,), without drawing the points.

        Exact: a weighted sum of the d weak Gaussians is one Gaussian.
        """
        self._check(w, 0.0)
        weak = w[1:].double()
        noise = torch.randn(n, generator=generator, dtype=torch.float64)
        spread, middle = float(torch.linalg.vector_norm(weak)), self.eta * float(weak.sum())
        return float(w[0]) * self._agreement(n, generator) + middle + spread * noise

    def sampled_accuracy(
        self,
        w: Tensor,
        eps: float = 0.0,
        *,
        generator: torch.Generator,
        count: int = 1_000_000,
    ) -> Sampled:
        """Return `accuracy` by sampling every coordinate, moving the points and judging them."""
        self._check(w, eps)
        w = w.double()
        change = eps * worst_change(w, "linf")

        def right(n: int) -> Tensor:
            x, y = self.sample(n, generator)
            return y * ((x - y[:, None] * change) @ w) > 0

        return average(right, count, width=self.d + 1)

    def sampled_by_margin(
        self,
        w: Tensor,
        eps: float = 0.0,
        *,
        generator: torch.Generator,
        count: int = 1_000_000,
    ) -> Sampled:
        """Return `accuracy` by sampling `margins`: the same law at the cost of one dimension."""
        self._check(w, eps)
        needed = eps * dual_norm(w, "linf")
        return average(lambda n: self.margins(w, n, generator) > needed, count)

    def _agreement(self, n: int, generator: torch.Generator) -> Tensor:
        """Return y x[0], (n,): +1 with probability p, else -1."""
        draw = torch.rand(n, generator=generator, dtype=torch.float64)
        return torch.where(draw < self.p, 1.0, -1.0).double()

    def _check(self, w: Tensor, eps: float) -> None:
        if w.shape != (self.d + 1,):
            raise InputError(f"w of shape {tuple(w.shape)}", f"({self.d + 1},)", "change w")
        if not 0 <= eps < math.inf:
            raise InputError(f"eps is {eps}", "a number >= 0", "change eps")


def _share(mean: float, spread: float) -> float:
    """Return how often N(mean, spread^2) is above 0."""
    return float(ndtr(mean / spread)) if spread else float(mean > 0)
