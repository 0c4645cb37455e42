"""How often certificates are false, by simulated votes: at the edge of each radius of a grid.

    python benchmarks/certify_coverage.py             # minutes: 10^7 votes at each radius
    python benchmarks/certify_coverage.py --votes 100000 --length 500

At the edge of a radius r a vote is for the class with probability p = Phi(r / sigma), so every
certificate of r or more is false. "fixed" looks once, at `length` votes. "any time" looks after
every vote and keeps the largest bound it ever saw, the most adverse way to stop, and is false if
that bound is above p at any radius of the grid: all radii and all times, one alpha.

Three shortcuts are simulated beside them. "reused" chooses the class by the votes that certify it.
"two-sided" bets on both sides of p and stops at 1 / (2 alpha). "frozen" casts each vote on one of
`length` / 10 draws of noise, ten times over. The first is false twice as often as it claims where p
is 1/2, the second almost. A two-sided bet of which only crossings upwards count stays near alpha
there, which simulation does not tell from valid: what it lacks is the proof.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, ndtr, xlog1py, xlogy

from robustlens.bounds import clopper_pearson, log_wealth, lower_bound, reached
from robustlens.smoothing.sequential import GRID

Votes = NDArray[np.int64]
CHUNK = 4_000_000
"""Votes held at once."""


class Share(NamedTuple):
    """False certificates among runs."""

    false: int
    runs: int

    def exceeds(self, alpha: float, confidence: float = 1e-4) -> bool:
        """Say whether the share is above alpha beyond its own exact interval."""
        return clopper_pearson(self.false, self.runs, confidence).low > alpha

    def __str__(self) -> str:
        low, high = clopper_pearson(self.false, self.runs)
        return f"{self.false / self.runs:.5f} [{low:.5f}, {high:.5f}]"


Rule = Callable[[Votes, float, float], NDArray[np.bool_]]
"""Cumulative votes (runs, length), p and alpha to which runs end in a false certificate."""


def chunks(p: float, runs: int, length: int, seed: int) -> Iterator[Votes]:
    """Yield cumulative votes of independent runs, a few runs at a time."""
    rng = np.random.default_rng([seed, round(p * 1e9)])
    step = max(1, CHUNK // length)
    for start in range(0, runs, step):
        hits = rng.random((min(step, runs - start), length)) < p
        yield hits.cumsum(axis=1)


def share(rule: Rule, p: float, alpha: float, *, runs: int, length: int, seed: int = 0) -> Share:
    """Return how often a rule certifies at the edge of what is true."""
    false = sum(int(rule(votes, p, alpha).sum()) for votes in chunks(p, runs, length, seed))
    return Share(false, runs)


def boundary(p0: float, alpha: float, length: int) -> Votes:
    """Return for n = 1 .. length the fewest votes that certify p0; n + 1 where none do."""
    n = np.arange(1, length + 1)
    low, high = np.floor(n * p0).astype(np.int64), n + 1  # wealth is at most 1 up to n p0
    while (high - low > 1).any():
        middle = (low + high) // 2
        held = log_wealth(middle, n, p0) >= reached(alpha)
        low, high = np.where(held, low, middle), np.where(held, middle, high)
    return high


def fixed(votes: Votes, p: float, alpha: float) -> NDArray[np.bool_]:
    """Clopper and Pearson, once."""
    return lower_bound(votes[:, -1], votes.shape[1], alpha) >= p


def any_time(votes: Votes, p: float, alpha: float) -> NDArray[np.bool_]:
    """Return which runs certify any radius from the edge on, at any time."""
    radii = {p, *(float(ndtr(r)) for r in GRID if ndtr(r) > p)}
    bounds = np.min([boundary(p0, alpha, votes.shape[1]) for p0 in radii], axis=0)
    return np.asarray((votes >= bounds).any(axis=1))


def reused(votes: Votes, p: float, alpha: float) -> NDArray[np.bool_]:
    """Choose of two classes the one that has more votes, and bound its share by the same votes."""
    k, n = votes[:, -1], votes.shape[1]
    first = k * 2 >= n
    bound = lower_bound(np.where(first, k, n - k), n, alpha)
    return np.where(first, bound >= p, bound >= max(1 - p, 0.5))


def two_sided(votes: Votes, p: float, alpha: float) -> NDArray[np.bool_]:
    """Bet on both sides of p with the whole Beta(1/2, 1/2), and stop at 1 / (2 alpha)."""
    k, n = votes, np.arange(1, votes.shape[1] + 1)
    wealth = betaln(k + 0.5, n - k + 0.5) - np.log(np.pi) - xlogy(k, p) - xlog1py(n - k, -p)
    return np.asarray((wealth >= -np.log(2 * alpha)).any(axis=1))


def frozen(votes: Votes, p: float, alpha: float) -> NDArray[np.bool_]:
    """Count a tenth of the votes ten times."""
    n = votes.shape[1] // 10
    return lower_bound(10 * votes[:, n - 1], 10 * n, alpha) >= p


VALID: dict[str, Rule] = {"fixed": fixed, "any time": any_time}
SHORTCUTS: dict[str, Rule] = {"reused": reused, "two-sided": two_sided, "frozen": frozen}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--votes", type=int, default=10_000_000, help="at each radius")
    parser.add_argument("--length", type=int, default=1000, help="votes of a run")
    parser.add_argument("--alpha", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    runs = max(1, asked.votes // asked.length)
    print(
        f"share of false certificates, alpha {asked.alpha:g}; {runs} runs of {asked.length} votes"
    )
    for radius in (0.0, *GRID):
        p = float(ndtr(radius))
        for name, rule in (VALID | SHORTCUTS).items():
            found = share(rule, p, asked.alpha, runs=runs, length=asked.length, seed=asked.seed)
            above = "  above alpha" if found.exceeds(asked.alpha, 0.05) else ""
            print(f"  r / sigma {radius:4g}  {name:9}  {found}{above}", flush=True)


if __name__ == "__main__":
    main()
