"""A person's desk: the picture in floats, what was done to it, and every step to go back to.

desk = Desk(pair, limit=16_000_000)
desk.put(desk.sheet.painted(strokes))         # strokes (4, h, w): colours and how opaque
for sheet in desk.pushes(Push(label=8)): ...  # each step is on the desk before it is shown
desk.undo()

Nothing is rounded to 256 levels on the way: a picture is drawn for the screen and kept as it is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.types import Images
from robustlens.vision.painter import Painter
from robustlens.web.steps import Heard, Push, feature_step, step

GREY = 0.8
"""An empty sheet; that of the demo of 2019 was #cccccc."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A robust net and, where there is one, its standard twin, for the same pictures.

    `images` reads pictures like those that the nets were trained on, where this machine has them.
    """

    robust: Painter
    standard: Painter | None
    images: Callable[[], Dataset] | None = None

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
    second: Images | None = None  # a picture put aside, for the tools that take two
    said: str = "an empty sheet"
    chances: tuple[Tensor, ...] | None = None  # (k,) of each net at its own picture, once known

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
        strokes = strokes.to(self.anchor)
        colour, opaque = strokes[:3], strokes[3:]
        if self.anchor.shape[1] == 1:
            luma = colour.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
            colour = (colour * luma).sum(0, True)
        pictures = tuple(x * (1 - opaque) + colour * opaque for x in self.pictures)
        return self._of(pictures, "painted")

    def started(self, image: Images, said: str) -> "Sheet":
        """Return the sheet with one picture (1, c, h, w) for both nets, where the ball begins.

        Raises:
            InputError: it is of another size than what the nets take.
        """
        if image.shape != self.anchor.shape:
            raise InputError(
                f"a picture of shape {tuple(image.shape)}", f"{tuple(self.anchor.shape)}"
            )
        return replace(self._of((image,) * len(self.pictures), said), anchor=image, pinned=False)

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

    def kept(self) -> "Sheet":
        """Return the sheet with its picture put aside, for the tools that take two."""
        return replace(self, second=self.pictures[0], said="put aside as the second picture")

    @property
    def size(self) -> int:
        """Bytes of its pictures; what is put aside was on a sheet before."""
        return sum(x.nbytes for x in self.pictures)

    def _of(self, pictures: tuple[Images, ...], said: str) -> "Sheet":
        anchor = self.anchor if self.pinned else pictures[0]
        return replace(self, pictures=pictures, anchor=anchor, said=said, chances=None)


@dataclass(eq=False)
class Desk:
    """A pair of nets, and the sheets of a person up to now; `limit` bytes of them are kept."""

    pair: Pair
    limit: int
    sheets: list[Sheet] = field(default_factory=list)
    place: int = -1
    count: int = 0  # sheets that were ever laid on it
    made: tuple[Images, ...] = ()  # by the last tool, to be taken

    def __post_init__(self) -> None:
        shape, count = (1, *self.pair.robust.shape), len(self.pair.nets)
        grey = torch.full(shape, GREY, device=self.pair.robust.device)
        self.heard = tuple(Heard(net.model) for net in self.pair.nets)
        self.put(Sheet((grey,) * count, grey))

    @property
    def sheet(self) -> Sheet:
        """What lies on top."""
        return self.sheets[self.place]

    def put(self, sheet: Sheet) -> Sheet:
        """Lay a sheet on top; those that were taken back are gone, as are the oldest of many."""
        del self.sheets[self.place + 1 :]
        self.sheets.append(sheet)
        self.count += 1
        room = self.limit // sheet.size
        if len(self.sheets) > max(2, room):
            del self.sheets[: len(self.sheets) - max(2, room)]
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
        """Yield the sheet after each step towards a class or a unit; a step is a call of `ascend`.

        Raises:
            InputError: no such class or unit, or as `Push.ball`.
        """
        walk = push.walk()
        if push.unit is None:
            goal = self.pair.robust.label(str(push.label))
            words = f"pushed to {self.pair.robust.classes[goal]}"
        else:
            goal, words = push.unit, f"pushed unit {push.unit}"
        take = step if push.unit is None else feature_step
        for _ in range(push.steps):
            now = self.sheet
            within = walk if now.mask is None else walk.within(now.mask)
            taken = [
                take(heard, now.anchor, goal, within, x)
                for heard, x in zip(self.heard, now.pictures, strict=True)
            ]
            pictures, chances = zip(*taken, strict=True)
            yield self.put(replace(now, pictures=pictures, chances=chances, said=words))

    def chances(self, sheet: Sheet) -> tuple[Tensor, ...]:
        """Return the probabilities (k,) that each net gives its own picture."""
        if sheet.chances is not None:
            return sheet.chances
        return tuple(
            net.probabilities(x)[0] for net, x in zip(self.pair.nets, sheet.pictures, strict=True)
        )
