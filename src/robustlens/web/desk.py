"""A person's desk: the picture in floats, what was done to it, and every step to go back to.

desk = Desk(pair, limit=16_000_000)
desk.put(desk.sheet.painted(strokes))         # strokes (4, h, w): colours and how opaque
for sheet in desk.pushes(Push(label=8)): ...  # each step is on the desk before it is shown
desk.undo()

Nothing is rounded to 256 levels on the way: a picture is drawn for the screen and kept as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from robustlens.answers import Answers
from robustlens.balls import L2, Ball, Linf
from robustlens.errors import InputError
from robustlens.objectives import toward
from robustlens.rules import Steepest
from robustlens.types import Images, Values
from robustlens.vision.made import Walk, climb
from robustlens.vision.painter import Painter

GREY = 0.8
"""An empty sheet; that of the demo of 2019 was #cccccc."""
NORMS = {"l2": L2, "linf": Linf}


@dataclass(frozen=True, eq=False)
class Pair:
    """A robust net and, where there is one, its standard twin, for the same pictures."""

    robust: Painter
    standard: Painter | None

    @property
    def nets(self) -> tuple[Painter, ...]:
        """The robust one first."""
        return (self.robust,) if self.standard is None else (self.robust, self.standard)


@dataclass(frozen=True, eq=False)
class Sheet:
    """What lies on a desk: a picture for each net of the pair, and where they began.

    Both nets see the same strokes; a push changes each picture by its own net.
    """

    pictures: tuple[Images, ...]  # (1, c, h, w) each, the robust net's first
    anchor: Images  # the centre of the ball, (1, c, h, w)
    pinned: bool = False  # whether the anchor stays where it is when something is painted
    mask: Tensor | None = None  # boolean (h, w): where pushes may change pixels
    said: str = "an empty sheet"

    def painted(self, strokes: Tensor) -> "Sheet":
        """Return the sheet with strokes (4, h, w) on it: three colours and how opaque, in [0, 1].

        Raises:
            InputError: strokes of another size than the picture.
        """
        shape = tuple(self.anchor.shape[2:])
        if tuple(strokes.shape) != (4, *shape):
            raise InputError(
                f"strokes of shape {tuple(strokes.shape)}", f"(4, {shape[0]}, {shape[1]})"
            )
        colour, opaque = strokes[:3], strokes[3:]
        if self.anchor.shape[1] == 1:
            colour = (colour * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0, True)
        pictures = tuple(x * (1 - opaque) + colour * opaque for x in self.pictures)
        anchor = self.anchor if self.pinned else pictures[0]
        return replace(self, pictures=pictures, anchor=anchor, said="painted")

    def anchored(self, pinned: bool) -> "Sheet":
        """Return the sheet whose ball begins at its picture, and stays there if it is pinned."""
        words = "the ball begins here" + (" and stays" if pinned else "")
        return replace(self, anchor=self.pictures[0], pinned=pinned, said=words)

    def masked(self, mask: Tensor | None) -> "Sheet":
        """Return the sheet on which pushes change pixels of a mask (h, w) only; None: all."""
        if mask is not None and mask.shape != self.anchor.shape[2:]:
            raise InputError(
                f"a mask of shape {tuple(mask.shape)}", f"{tuple(self.anchor.shape[2:])}"
            )
        if mask is not None and not bool(mask.any()):
            mask = None
        words = "pushes change everything" if mask is None else "pushes change what is masked"
        return replace(self, mask=mask, said=words)

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return sum(x.nbytes for x in (*self.pictures, self.anchor))


@dataclass(frozen=True, kw_only=True)
class Push:
    """Steps towards a class, each in a ball around the anchor."""

    label: int
    steps: int = 1
    strength: float = 1.0  # length of a step, in the norm
    eps: float = 40.0
    norm: str = "l2"

    def ball(self) -> Ball:
        """Return the ball; raise `InputError` for a norm, radius or step that there is not."""
        if self.norm not in NORMS:
            raise InputError(f"norm {self.norm!r}", " or ".join(NORMS), "change norm")
        if not (self.strength > 0 and self.eps > 0 and 1 <= self.steps <= 1000):
            raise InputError(
                f"strength {self.strength}, eps {self.eps}, steps {self.steps}",
                "strength > 0, eps > 0 and 1 to 1000 steps",
            )
        ball: Ball = NORMS[self.norm](self.eps)
        return ball


@dataclass(eq=False)
class Desk:
    """A pair of nets, and the sheets of a person up to now; `limit` bytes of them are kept."""

    pair: Pair
    limit: int
    sheets: list[Sheet] = field(default_factory=list)
    place: int = -1
    made: tuple[Images, ...] = ()  # by the last tool, to be taken

    def __post_init__(self) -> None:
        c, h, w = self.pair.robust.shape
        self.put(sheet_of(self.pair, torch.full((1, c, h, w), GREY), "an empty sheet"))

    @property
    def sheet(self) -> Sheet:
        """What lies on top."""
        return self.sheets[self.place]

    def put(self, sheet: Sheet) -> Sheet:
        """Lay a sheet on top; those that were taken back are gone, as are the oldest of many."""
        del self.sheets[self.place + 1 :]
        self.sheets.append(sheet)
        while len(self.sheets) > 2 and sum(s.size for s in self.sheets) > self.limit:
            del self.sheets[0]
        self.place = len(self.sheets) - 1
        return sheet

    def undo(self) -> Sheet:
        """Go back one sheet, or stay at the first."""
        self.place = max(0, self.place - 1)
        return self.sheet

    def redo(self) -> Sheet:
        """Go forward one sheet, or stay at the last."""
        self.place = min(len(self.sheets) - 1, self.place + 1)
        return self.sheet

    def pushes(self, push: Push) -> Iterator[Sheet]:
        """Yield the sheet after each step towards a class; a step is a call of `ascend`.

        Raises:
            UnknownName: no such class.
            InputError: as `Push.ball`.
        """
        ball, label = push.ball(), self.pair.robust.label(str(push.label))
        walk = Walk(ball, Steepest(push.strength), steps=1)
        for _ in range(push.steps):
            now = self.sheet
            within = walk if now.mask is None else walk.within(now.mask)
            pictures = tuple(
                _step(net, now.anchor, label, within, x)
                for net, x in zip(self.pair.nets, now.pictures, strict=True)
            )
            words = f"pushed to {self.pair.robust.classes[label]}"
            yield self.put(replace(now, pictures=pictures, said=words))

    def chances(self, sheet: Sheet) -> tuple[tuple[Values, ...], ...]:
        """Return, for each net, the probabilities (k,) it gives: its own picture, and the other's.

        The first of each is of the robust net's picture.
        """
        return tuple(
            tuple(net.probabilities(x)[0] for x in sheet.pictures) for net in self.pair.nets
        )


def _step(net: Painter, anchor: Images, label: int, walk: Walk, x: Images) -> Images:
    y = torch.tensor([label], device=x.device)
    goal = toward(Answers(net.model, y), y)
    return climb("push", goal, anchor, walk, model=net.model, start=x).images


def sheet_of(pair: Pair, image: Images, said: str) -> Sheet:
    """Return a new sheet with one picture (1, c, h, w) for both nets.

    Raises:
        InputError: it is not of the size that the nets take.
    """
    if tuple(image.shape) != (1, *pair.robust.shape):
        raise InputError(f"a picture of shape {tuple(image.shape)}", f"{(1, *pair.robust.shape)}")
    return Sheet((image,) * len(pair.nets), image, said=said)
