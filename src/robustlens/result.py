"""What a measurement gives: numbers with intervals, pictures, a verdict, and where they come from.

result.numbers["robust PGD-20 accuracy"].value
result.as_dict()          # what --json prints
result.write(folder)      # folder/result.json, beside the pictures that `figures` saves there
Result.read(folder)       # the same again; its pictures are files
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, get_type_hints

from robustlens.decoding import decode_fields, encode
from robustlens.errors import InputError, UnknownName
from robustlens.files import AnyPath, as_path, read_json, write_json
from robustlens.pictures import Drawn, Picture
from robustlens.provenance import Provenance
from robustlens.rate import Rate

FILE = "result.json"
"""The result of a run folder; the pictures that it names lie beside it."""


class Verdict(StrEnum):
    """How our numbers stand to the published claim, by a rule that was written before the run."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_COMPARABLE = "not comparable"
    TOO_SMALL = "too small to tell"  # nets of a few images, in seconds: it decides nothing


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
    """One run of one study or other task. It cannot be built without its provenance."""

    study: str  # the id of the task
    preset: str
    verdict: Verdict | None  # None: the task makes no claim
    summary: str  # one sentence with the numbers in it
    numbers: Mapping[str, Number]
    figures: tuple[Picture | Drawn, ...]
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
            "verdict": self.verdict and str(self.verdict),
            "seconds": self.seconds,
            "summary": self.summary,
            "numbers": encode(self.numbers),
            "figures": [{"name": f.name, "caption": f.caption} for f in self.figures],
            "provenance": self.provenance.as_dict(),
        }

    def write(self, folder: AnyPath) -> Path:
        """Write `as_dict` to result.json in `folder`, atomically; return that path.

        Pictures belong there first (`figures.save_pictures`): a result has its pictures.
        """
        path = as_path(folder) / FILE
        write_json(path, self.as_dict())
        return path

    @classmethod
    def read(cls, folder: AnyPath) -> "Result":
        """Return the result that `write` wrote; its figures are `Drawn`, files of that folder.

        Raises:
            InputError: the file is missing, is no JSON, or lacks what a result has.
            UnknownName: a verdict that there is none of.
        """
        path = as_path(folder) / FILE
        hints = get_type_hints(cls) | {"figures": tuple[Drawn, ...], "seconds": float}
        try:
            found = decode_fields(hints, read_json(path), "result")
        except UnknownName:
            raise
        except InputError as error:
            raise InputError(
                f"{path}: {error.received}", "the result of a run", "run the study again"
            ) from error
        del found["seconds"]  # of the provenance
        figures = tuple(replace(figure, folder=path.parent) for figure in found["figures"])
        return cls(**found | {"figures": figures})
