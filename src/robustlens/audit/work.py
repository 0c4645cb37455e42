"""What the steps of an audit share, and what became of images so far.

broken = fallen(done, work, cell=1)      # index to what broke it: in this ball or inside it
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from robustlens.audit.plan import Plan, Speed
from robustlens.audit.settings import NAMES, NormBall, Settings, named
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.journal import Kind
from robustlens.subject import Subject
from robustlens.types import Images, Labels

Found = dict[str, Any]
Done = Mapping[str, Found]
"""What the finished steps found, by their names."""
AS_IT_IS = "wrong as it is"


@dataclass(frozen=True)
class Piece:
    """A finished step, as it is saved."""

    index: int
    name: str
    seconds: float
    found: Found = field(default_factory=dict)


PIECES = Kind(Piece, "the steps of an audit, as JSON lines")


@dataclass(frozen=True)
class Step:
    """Something to be measured: what it is, what it costs at most, how it is done."""

    name: str
    title: str  # in words; steps of one title are parts of one thing
    kind: str  # steps of a kind keep their price alike
    price: float  # seconds
    run: Callable[[Done], Found]


@dataclass(frozen=True, eq=False)
class Work:
    """A model, images, what is asked for, what is planned."""

    subject: Subject
    data: Dataset
    settings: Settings
    plan: Plan
    speed: Speed

    @property
    def attacked(self) -> list[int]:
        """The images that are attacked."""
        found: list[int] = self.data.places(self.plan.n).tolist()
        return found

    @property
    def chunks(self) -> list[list[int]]:
        """The images that are attacked together."""
        rows, size = self.attacked, self.plan.chunk
        return [rows[k : k + size] for k in range(0, len(rows), size)]

    @property
    def few(self) -> list[int]:
        """The images for what is measured on few; they are attacked too."""
        found: list[int] = self.data.places(self.plan.few).tolist()
        return found

    def images(self, rows: list[int]) -> tuple[Images, Labels]:
        """Return some of the images and their labels."""
        at = torch.tensor(rows, dtype=torch.int64, device=self.data.images.device)
        return unit(self.data.images[at]), self.data.labels[at]

    def batches(self, rows: list[int]) -> Iterator[tuple[list[int], Images, Labels]]:
        """Yield batches that take one pass each: places, images, labels."""
        for k in range(0, len(rows), self.speed.batch):
            part = rows[k : k + self.speed.batch]
            yield part, *self.images(part)

    def part(self, n: int) -> Dataset:
        """Return at most n images as a data set, alike from every class."""
        return self.data.take(max(1, min(n, len(self.data))))

    def price(self, images: int, gradients: float, forwards: float = 0.0) -> float:
        """Return the seconds of so many passes for each of some images."""
        return self.speed.price(images, gradients, forwards)


def norm(within: NormBall) -> str:
    """Return the name of a ball's norm."""
    return NAMES[type(within)]


def right(done: Done, work: Work) -> list[int]:
    """Return which of the attacked images the model gets right as they are."""
    said = done["clean"]["said"]
    labels: Tensor = work.data.labels
    return [i for i in work.attacked if said[str(i)] == int(labels[i])]


def inside(work: Work, cell: int) -> list[int]:
    """Return the balls of the same norm that lie in a ball, itself included, by their places."""
    balls = work.settings.balls
    return [k for k, other in enumerate(balls)
            if type(other) is type(balls[cell]) and other.eps <= balls[cell].eps]  # fmt: skip


def fallen(done: Done, work: Work, cell: int) -> dict[int, Found]:
    """Return what broke images in a ball, by place: its own attacks or those of smaller balls."""
    found: dict[int, Found] = {}
    for k in sorted(inside(work, cell), key=lambda k: work.settings.balls[k].eps):
        for name, result in done.items():
            if name.startswith((f"first {k} ", f"strong {k} ")):
                for row in result["broken"]:
                    found.setdefault(row["index"], row)
    within = work.settings.balls[cell]
    for row in nearest(done, norm(within)):
        if row["distance"] <= within.eps:
            found.setdefault(row["index"], row)
    return found


def nearest(done: Done, of: str) -> list[Found]:
    """Return the nearest wrong images that minimum-norm attacks found in a norm."""
    return [row for name, result in done.items() if name.startswith(f"nearest {of} ")
            for row in result["broken"]]  # fmt: skip


def held(done: Done, work: Work, cell: int) -> set[int]:
    """Return which images resisted the whole ensemble in a ball, or in one that holds it."""
    balls = work.settings.balls
    larger = [k for k in range(len(balls)) if cell in inside(work, k)]
    rows = {i for name, result in done.items() for k in larger
            if name.startswith(f"strong {k} ") for i in result["held"]}  # fmt: skip
    return rows - fallen(done, work, cell).keys()


def title(work: Work, cell: int) -> str:
    """Return a ball in words."""
    return named(work.settings.balls[cell])
