"""What an audit found: rows, cells, curves, and the sections beside them.

found.cells[0].low.value       # share that resisted the whole ensemble
found.cells[0].high.value      # the same with what is undecided
found.write(folder)            # audit.json and images.jsonl
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from robustlens.audit.cell import Cell
from robustlens.audit.plan import Plan
from robustlens.audit.verdict import Verdict, judged
from robustlens.data import Dataset
from robustlens.files import AnyPath, as_path, write_json
from robustlens.journal import Kind
from robustlens.provenance import Provenance
from robustlens.rate import Rate


@dataclass(frozen=True)
class ImageRow:
    """What became of one image that was attacked; classes by their numbers."""

    index: int
    label: int
    clean: int  # what the model says as it is
    fate: Mapping[str, str]  # by ball: held, undecided, wrong as it is, or what broke it
    attacked: Mapping[str, int]  # by ball in which it broke: what the model says then
    nearest: Mapping[str, float]  # by norm: the distance of the nearest wrong image found


ROWS = Kind(ImageRow, "the images of an audit, as JSON lines")
HELD, UNDECIDED = "held", "undecided"


@dataclass(frozen=True)
class Curve:
    """Accuracy over the radius, by the nearest wrong images found: an upper bound."""

    norm: str
    how: str
    radii: tuple[float, ...]
    rates: tuple[Rate, ...]


@dataclass(frozen=True, eq=False)
class Audit:
    """All that was found about one model, and where it comes from."""

    name: str
    subject: Mapping[str, Any]
    data: Dataset = field(repr=False)
    plan: Plan
    planned: str
    labelled: bool  # False: the model's own answers stand in for labels
    clean: Rate
    cells: tuple[Cell, ...]
    curves: tuple[Curve, ...]
    sections: Mapping[str, Any] = field(repr=False)
    rows: tuple[ImageRow, ...] = field(repr=False)
    pictures: Mapping[int, Mapping[str, Any]] = field(repr=False)  # of the nearest attacked image
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    provenance: Provenance = field(repr=False)

    @cached_property
    def verdict(self) -> Verdict:
        """What it comes to, in three sentences, by rules that are fixed."""
        return judged(
            self.name, self.data.name, self.clean, self.cells, self.sections.get("masking"),
            labelled=self.labelled,
        )  # fmt: skip

    def closest(self, count: int) -> list[tuple[ImageRow, float]]:
        """Return the images nearest to the border in the first norm, with the distances."""
        norm = self.cells[0].ball.split()[0]
        found = [(row, row.nearest[norm]) for row in self.rows if norm in row.nearest]
        return sorted(found, key=lambda pair: (pair[1], pair[0].index))[:count]

    def unmoved(self, count: int) -> list[ImageRow]:
        """Return images that held in every ball that was tried to the end; the farthest first."""
        norm = self.cells[0].ball.split()[0]
        kept = [row for row in self.rows if {*row.fate.values()} == {HELD}]
        return sorted(kept, key=lambda row: -row.nearest.get(norm, 1e9))[:count]

    def confusions(self, count: int) -> list[tuple[str, str, int]]:
        """Return the most frequent pairs of true class and answer under the first attacks."""
        ball, names = self.cells[0].ball, self.data.classes
        pairs = Counter(
            (row.label, row.attacked[ball]) for row in self.rows if ball in row.attacked
        )
        return [(names[a], names[b] if b >= 0 else "no answer", n)
                for (a, b), n in pairs.most_common(count)]  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pictures, for a JSON file."""
        return {
            "model": dict(self.subject),
            "data": {"name": self.data.name, "n": len(self.data), "digest": self.data.digest,
                     "classes": list(self.data.classes), "labelled": self.labelled},
            "verdict": self.verdict.as_dict(),
            "plan": {**vars(self.plan), "words": self.planned},
            "clean accuracy": self.clean._asdict(),
            "robust accuracy": [cell.as_dict() for cell in self.cells],
            "curves": [
                {"norm": c.norm, "how": c.how, "radii": list(c.radii),
                 "rates": [rate._asdict() for rate in c.rates]}
                for c in self.curves
            ],
            "confusions": [list(row) for row in self.confusions(20)],
            **{name: _without_pictures(value) for name, value in self.sections.items()},
            "left out": list(self.left_out),
            "notes": list(self.notes),
            "provenance": self.provenance.as_dict(),
        }  # fmt: skip

    def write(self, folder: AnyPath) -> Path:
        """Write audit.json and images.jsonl, one row an image, into a folder; return the first."""
        path = as_path(folder) / "audit.json"
        ROWS.write(path.with_name("images.jsonl"), {"model": self.name}, self.rows)
        write_json(path, self.as_dict())
        return path


def _without_pictures(value: Any) -> Any:
    """Return a section without the pictures in it, which are long."""
    if isinstance(value, Mapping):
        return {k: _without_pictures(v) for k, v in value.items() if k not in ("image", "images")
                or not isinstance(v, str | list)}  # fmt: skip
    if isinstance(value, list | tuple):
        return [_without_pictures(entry) for entry in value]
    return value
