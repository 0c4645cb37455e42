"""One record per image, and what can be read off them.

result = attacked_accuracy(model, data, attack, seed=0)
result.records[17]              # what happened to image 17
result.per_class()              # robust accuracy of each class, with intervals
merge(result, another)          # the worst of two runs, image by image
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.evaluation.identity import other_run
from robustlens.files import AnyPath, as_path
from robustlens.journal import Kind
from robustlens.rate import Rate

UNATTACKED = "as it is"
"""In the place of an attack's name: the model is wrong on the image as it is."""


@dataclass(frozen=True, slots=True)
class Record:
    """What happened to one image. `margin` is best wrong logit minus true logit, attacked.

    Where the model's answer is not finite the prediction is -1, and the margin the largest float.
    """

    index: int
    label: int
    clean: int  # prediction on the image as it is
    attacked: int  # prediction on the attacked image
    margin: float
    distance: float  # from the image to the attacked one, in the ball's norm; 0 if it held
    by: str = ""  # the attack that broke it, "as it is" for none needed, "" if it held
    step: int = -1  # after how many of its gradient steps or queries; -1 if it held
    not_finite: int = 0  # points met at which the answer or the gradient was no number


RECORDS = Kind(Record, "the records of an evaluation, as JSON lines", other_run)
"""Journals of evaluations."""


@dataclass(frozen=True, repr=False)
class Evaluation:
    """A measurement, named in full, with one record per image, in the order of the data."""

    name: str
    records: tuple[Record, ...]

    def __repr__(self) -> str:
        if not self.records:
            return f"Evaluation({self.name}: no images)"
        clean = "" if self.clean == self.rate else f", {self.clean.value:.1%} as they are"
        return f"Evaluation({self.name}: {self.rate}, n {self.rate.n}{clean})"

    @cached_property
    def rate(self) -> Rate:
        """The share of images that held."""
        return _rate(self.records)

    @cached_property
    def clean(self) -> Rate:
        """The share of images that are right as they are."""
        return Rate.share(sum(r.clean == r.label for r in self.records), len(self.records))

    @cached_property
    def unconfirmed(self) -> int:
        """How many rows contradict themselves: broken, and right at the last look; or reversed.

        Such a row counts as the attack found it. Of an ordinary model there is none, or a few
        that rounding turns; many speak for a model that answers at random or by the batch.
        """
        return sum((not r.by) != (r.attacked == r.label) for r in self.records)

    def per_class(self) -> dict[int, Rate]:
        """Return the rate of each class that occurs, by label."""
        labels = sorted({record.label for record in self.records})
        return {k: _rate([r for r in self.records if r.label == k]) for k in labels}

    def confusion(self, classes: int) -> Tensor:
        """Return counts (classes, classes) int64: true label by prediction under attack.

        An image for which the model has no finite answer stands nowhere.
        """
        table = torch.zeros(classes, classes, dtype=torch.int64)
        for record in self.records:
            if record.attacked >= 0:
                table[record.label, record.attacked] += 1
        return table

    def broken_by(self) -> dict[str, int]:
        """Return how many images each attack broke, in the order of first success."""
        return dict(Counter(record.by for record in self.records if record.by))

    def closest(self, count: int) -> tuple[Record, ...]:
        """Return the images that fell to the smallest changes, nearest first."""
        fallen = [r for r in self.records if r.by not in ("", UNATTACKED)]
        return tuple(sorted(fallen, key=lambda r: (r.distance, r.index))[:count])

    def write(self, path: AnyPath) -> None:
        """Write the records as JSON lines under a line with the name, atomically."""
        RECORDS.write(as_path(path), {"name": self.name}, self.records)

    @classmethod
    def read(cls, path: AnyPath) -> "Evaluation":
        """Return what `write` wrote, or what a finished run saved.

        Raises:
            InputError: there is no such file, or it holds no records.
        """
        path = as_path(path)
        header, records = RECORDS.read(path)
        return cls(str(header.get("name", path.stem)), tuple(records))


def merge(*runs: Evaluation) -> Evaluation:
    """Return the worst of several runs, image by image; runs may cover different images.

    An image counts as broken if any run broke it, and keeps the record of the first that did;
    one that held everywhere keeps the record of its largest margin.

    Raises:
        InputError: no runs, or two that disagree on an image's label or clean prediction.
    """
    worst: dict[int, Record] = {}
    for record in (record for run in runs for record in run.records):
        before = worst.setdefault(record.index, record)
        if (before.label, before.clean) != (record.label, record.clean):
            raise InputError(
                f"image {record.index} with label {before.label} and clean prediction "
                f"{before.clean} in one run, {record.label} and {record.clean} in another",
                "runs of the same model on the same data",
            )
        if not before.by and (record.by or record.margin > before.margin):
            worst[record.index] = record
    name = " and ".join(dict.fromkeys(run.name for run in runs))
    return Evaluation(name, tuple(worst[index] for index in sorted(worst)))


def _rate(records: Iterable[Record]) -> Rate:
    held = [not record.by for record in records]
    return Rate.share(sum(held), len(held))
