"""Two Gaussian classes and linear rules: exact accuracy, with and without an adversary.

    classes = TwoGaussians(mean, covariance)         # y = +1 or -1, x ~ N(y mean, covariance)
    classes.accuracy(w)                              # of the rule sign(w . x)
    classes.accuracy(w, "linf", eps=0.1)             # after the worst change of that size
    classes.sampled_accuracy(w, "linf", 0.1, generator=g).agrees(...)

For y w . x ~ N(w . mean, w' covariance w) the worst change in a ball takes eps times the dual norm
of w away, so every accuracy here is one value of the normal distribution function.
All numbers are float64. Vectors are torch tensors (d,), labels +1 and -1.
"""

import math
from dataclasses import dataclass

import torch
from scipy.special import ndtr
from torch import Tensor

from robustlens.errors import InputError, UnknownName
from robustlens.theory.sampling import Sampled, average

DUAL = {"linf": 1.0, "l2": 2.0, "l1": math.inf}
"""The order of the dual norm of each norm: how far eps of the norm moves w . x."""


def dual_norm(w: Tensor, norm: str) -> float:
    """Return the largest w . delta over changes of length 1 in `norm` ("linf", "l2", "l1").

    Raises:
        UnknownName: another norm.
    """
    if norm not in DUAL:
        raise UnknownName("norm", norm, DUAL)
    return float(torch.linalg.vector_norm(w.double(), DUAL[norm]))


def worst_change(w: Tensor, norm: str) -> Tensor:
    """Return a change of length 1 in `norm` with the largest w . delta, shape (d,); 0 for w = 0."""
    w = w.double()
    if norm == "linf":
        return w.sign()
    if norm == "l2":
        return torch.nn.functional.normalize(w, dim=0)
    if norm == "l1":
        change = torch.zeros_like(w)
        at = w.abs().argmax()
        change[at] = w[at].sign()
        return change
    raise UnknownName("norm", norm, DUAL)


@dataclass(frozen=True, eq=False)
class TwoGaussians:
    """y uniform on {+1, -1} and x ~ N(y mean, covariance) in d dimensions.

    `covariance` is a positive definite matrix (d, d), its diagonal (d,), or one variance (a scalar
    tensor) for all directions: dimensions in the tens of thousands cost nothing then.

    Raises:
        InputError: shapes that do not fit, numbers that are not finite, or a covariance that is not
            symmetric and positive definite.
    """

    mean: Tensor
    covariance: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", self.mean.double())
        object.__setattr__(self, "covariance", self.covariance.double())
        d = self.mean.numel()
        fits = self.covariance.shape in {(), (d,), (d, d)}
        if self.mean.dim() != 1 or not d or not fits:
            raise InputError(
                f"mean {tuple(self.mean.shape)} and covariance {tuple(self.covariance.shape)}",
                "(d,), and (d, d), (d,) or a scalar",
                "change mean or covariance",
            )
        if not _positive_definite(self.covariance) or not bool(self.mean.isfinite().all()):
            raise InputError(
                "a mean or covariance with infinite entries, or one that is not symmetric and "
                "positive definite",
                "finite numbers, all variances > 0",
                "change mean or covariance",
            )

    @property
    def dimension(self) -> int:
        """The number of coordinates, d."""
        return self.mean.numel()

    def spread(self, w: Tensor) -> float:
        """Return the standard deviation of w . x within a class, sqrt(w' covariance w)."""
        w = w.double()
        seen = self.covariance @ w if self.covariance.dim() == 2 else self.covariance * w
        return math.sqrt(float(w @ seen))

    def accuracy(self, w: Tensor, norm: str = "l2", eps: float = 0.0) -> float:
        """Return the exact share of points that sign(w . x) gets right after the worst change.

        The change has length at most `eps` in `norm`; eps 0 is standard accuracy. A point on the
        boundary counts as wrong, so w = 0 has accuracy 0.

        Raises:
            InputError: eps < 0 or not finite, w of another shape.
            UnknownName: another norm.
        """
        self._check(w, eps)
        margin = float(w.double() @ self.mean) - eps * dual_norm(w, norm)
        spread = self.spread(w)
        return float(ndtr(margin / spread)) if spread else 0.0

    def sample(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return n points (n, d) and their labels (n,), +1 or -1, float64."""
        y = 2.0 * torch.randint(0, 2, (n,), generator=generator).double() - 1
        noise = torch.randn(n, self.dimension, generator=generator, dtype=torch.float64)
        if self.covariance.dim() == 2:
            noise = noise @ torch.linalg.cholesky(self.covariance).T
        else:
            noise = noise * self.covariance.sqrt()
        return y[:, None] * self.mean + noise, y

    def sampled_accuracy(
        self,
        w: Tensor,
        norm: str = "l2",
        eps: float = 0.0,
        *,
        generator: torch.Generator,
        count: int = 1_000_000,
    ) -> Sampled:
        """Return `accuracy` by sampling: points are drawn, moved by the worst change and judged."""
        self._check(w, eps)
        w = w.double()
        change = eps * worst_change(w, norm)

        def right(n: int) -> Tensor:
            x, y = self.sample(n, generator)
            moved = x - y[:, None] * change
            return y * (moved @ w) > 0

        return average(right, count, width=self.dimension)

    def _check(self, w: Tensor, eps: float) -> None:
        if w.shape != self.mean.shape:
            raise InputError(f"w of shape {tuple(w.shape)}", f"({self.dimension},)", "change w")
        if not 0 <= eps < math.inf:
            raise InputError(f"eps is {eps}", "a number >= 0", "change eps")


def _positive_definite(covariance: Tensor) -> bool:
    if not bool(covariance.isfinite().all()):
        return False
    if covariance.dim() < 2:
        return bool((covariance > 0).all())
    symmetric = torch.allclose(covariance, covariance.T, rtol=1e-9, atol=0)
    return symmetric and int(torch.linalg.cholesky_ex(covariance).info) == 0
