"""Robust accuracy in one ball, with what is undecided.

print(Cell("l2 0.5", "...", "...", held=60, undecided=20, n=100))    # between 60.0% and 80.0% ...
"""

from dataclasses import dataclass
from typing import Any

from robustlens.rate import Rate


@dataclass(frozen=True)
class Cell:
    """Robust accuracy in one ball: between `low`, which held, and `high`, with the undecided."""

    ball: str
    pixels: str  # the radius in both units
    attack: str  # what an image must resist to count as held
    held: int
    undecided: int
    n: int

    @property
    def low(self) -> Rate:
        """The share that resisted everything."""
        return Rate.share(self.held, self.n)

    @property
    def high(self) -> Rate:
        """The share that nothing has broken."""
        return Rate.share(self.held + self.undecided, self.n)

    def as_dict(self) -> dict[str, Any]:
        """Return it with its rates, for a JSON file."""
        return {
            "ball": self.ball, "radius": self.pixels, "attack": self.attack, "held": self.held,
            "undecided": self.undecided, "n": self.n,
            "low": self.low._asdict(), "high": self.high._asdict(),
        }  # fmt: skip

    def __str__(self) -> str:
        if not self.undecided:
            return f"{self.low}, n {self.n}"
        between = f"{self.low.value:.1%} and {self.high.value:.1%}"
        ends = f"[{self.low.low:.1%}, {self.high.high:.1%}]"
        return f"between {between} {ends}, n {self.n}, {self.undecided} undecided"
