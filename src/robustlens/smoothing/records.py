"""What is known of one image under noise: a row, and the table that the original code writes.

for row in certify(model, data, Gaussian(0.25)):
    row.predicted, row.radius, row.correct
write_tsv(path, rows)
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from robustlens.files import AnyPath, write_text

ABSTAINED = -1
"""In the place of a class: the votes do not say."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What is certain of one image, with probability >= 1 - alpha.

    The smoothed model answers `predicted` at every image at an l2 distance below `radius`, in
    [0, 1] pixel units. Rows are equal whatever the seconds.
    """

    index: int  # of the image in its data set
    label: int
    candidate: int  # the class that the certification votes were counted for
    votes: int  # of n, for the candidate
    label_votes: int  # of n, for the label
    n: int
    n0: int  # votes that chose the candidate, and no others; 0: the answer without noise did
    low: float  # lower bound of the candidate's share of votes
    radius: float  # 0 where it abstained
    seconds: float = field(default=0.0, compare=False)

    @property
    def predicted(self) -> int:
        """The certified class, or -1 where the votes do not show a majority for the candidate."""
        return self.candidate if self.low > 0.5 else ABSTAINED

    @property
    def correct(self) -> bool:
        """Whether the certified class is the label."""
        return self.predicted == self.label

    @property
    def certified(self) -> float:
        """The radius where the certified class is the label; -1 elsewhere."""
        return self.radius if self.correct else -1.0

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for a journal."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What the smoothed model answers for one image; wrong with probability <= alpha."""

    index: int
    label: int
    predicted: int  # -1: abstained
    votes: int  # of n, for the class that has most
    n: int
    seconds: float = field(default=0.0, compare=False)

    @property
    def correct(self) -> bool:
        """Whether it answers the label."""
        return self.predicted == self.label


def tsv(rows: Iterable[Certificate]) -> str:
    """Return certificates in the form of the code of Cohen et al. (2019), by index."""
    lines = ["idx\tlabel\tpredict\tradius\tcorrect\ttime"]
    for row in sorted(rows, key=lambda row: row.index):
        cells = (
            row.index, row.label, row.predicted, f"{row.radius:.3}", int(row.correct),
            timedelta(seconds=row.seconds),
        )  # fmt: skip
        lines.append("\t".join(map(str, cells)))
    return "\n".join(lines) + "\n"


def write_tsv(path: AnyPath, rows: Iterable[Certificate]) -> None:
    """Write `tsv` to a file, whole or not at all."""
    write_text(path, tsv(rows))
