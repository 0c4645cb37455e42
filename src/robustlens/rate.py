"""A proportion with its exact interval.

Rate.of(torch.tensor([True, True, False]))     # 66.7% [9.4%, 99.2%]
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch


class Rate(NamedTuple):
    """A proportion of n, with its exact 95 % interval (Clopper & Pearson 1934)."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, hits: "torch.Tensor") -> "Rate":
        """Return the share of true entries of a boolean tensor (n,)."""
        return cls.share(int(hits.sum()), hits.numel())

    @classmethod
    def share(cls, successes: int, n: int) -> "Rate":
        """Return `successes` / n; raise `InputError` for n < 1."""
        from robustlens.bounds import clopper_pearson  # scipy, which reading a rate does not need

        interval = clopper_pearson(successes, n)
        return cls(successes / n, interval.low, interval.high, n)

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"
