"""What a study gives: numbers with intervals, pictures, a verdict, and where all that comes from.

result.numbers["robust PGD-20 accuracy"].value
result.as_dict()          # what --json prints
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.provenance import Provenance
from robustlens.studies.pictures import Picture


class Verdict(StrEnum):
    """How our numbers stand to the published claim, by a rule that was written before the run."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_COMPARABLE = "not comparable"
    TOO_SMALL = "too small to tell"  # nets of a few images, in seconds: it decides nothing


def what_decides(study: str, verdict: str) -> str:
    """Return, for a run that is too small to tell, how to decide; nothing for another verdict."""
    if verdict != Verdict.TOO_SMALL:
        return ""
    return (
        "The preset tiny trains and tests on a few images, to be tried out in seconds; whatever "
        f"it finds decides nothing. To decide: robustlens run {study} --preset quick"
    )


@dataclass(frozen=True)
class Number:
    """A measured value, its 95 % interval and n, beside the published value and its source.

    n = 0 marks a value that was derived, not measured: low and high are the value.
    """

    value: float
    low: float
    high: float
    n: int
    published: str | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if not (self.low <= self.value <= self.high and self.n >= 0):
            raise InputError(f"{self}", "low <= value <= high and n >= 0")
        if self.n == 0 and self.low < self.high:
            raise InputError(f"{self}", "an interval of no width, or the n it comes from")

    @classmethod
    def of(cls, rate: Rate, published: str | None = None, source: str | None = None) -> "Number":
        """Return a number from a rate."""
        return cls(rate.value, rate.low, rate.high, rate.n, published, source)

    @classmethod
    def exact(
        cls, value: float, published: str | None = None, source: str | None = None
    ) -> "Number":
        """Return a number from a closed form: no interval, no samples."""
        return cls(value, value, value, 0, published, source)


@dataclass(frozen=True)
class Result:
    """One run of one study. It cannot be built without its provenance."""

    study: str
    preset: str
    verdict: Verdict
    summary: str  # one sentence with the numbers in it
    numbers: Mapping[str, Number]
    figures: tuple[Picture, ...]
    provenance: Provenance

    @property
    def seconds(self) -> float:
        """How long the run took, training of its models included when they were trained."""
        return self.provenance.seconds

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pixels, for a JSON file; figures by name and caption."""
        return {
            "study": self.study,
            "preset": self.preset,
            "verdict": str(self.verdict),
            "seconds": self.seconds,
            "summary": self.summary,
            "numbers": {name: asdict(number) for name, number in self.numbers.items()},
            "figures": [{"name": f.name, "caption": f.caption} for f in self.figures],
            "provenance": self.provenance.as_dict(),
        }
