"""Galleries: images side by side, every pixel of a small image a sharp square.

draw_gallery(Gallery("attack", "...", columns=("image", "attacked"), rows=rows), LIGHT)
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import ceil
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from robustlens.errors import InputError
from robustlens.figures.canvas import POINTS, Canvas, font, height_of, longest, wrap
from robustlens.figures.theme import Theme
from robustlens.pictures import Cell, Gallery

# Pixels. All are even, so that edges still fall on whole pixels at half size.
WIDTH = 1200
"""Of a gallery whose words are no wider than its images."""
LARGEST = 224  # four columns still fit on a phone
WIDEST = 336  # of a word in letters of the usual size
MARGIN, GAP, PAD, BREATH = 10, 20, 10, 16
SMALLEST = 6.0  # points
HINTED = 1.07
"""By how much letters that are moved to whole pixels may be wider than their outlines."""

_WEIGHT = {"good": "normal", "bad": "bold", "plain": "normal"}
_FRAME = {"good": 0.6, "bad": 1.6, "plain": 0.6}


class _Words(NamedTuple):
    """Words of a column, none of which is ever cut: it widens, and where that is too much the
    letters shrink.
    """

    text: str
    weight: str = "normal"

    @property
    def points(self) -> float:
        wide = longest(self.text, self.weight)
        return POINTS if wide <= WIDEST else max(SMALLEST, POINTS * WIDEST / wide)

    @property
    def width(self) -> int:
        """What the widest word needs, in pixels."""
        return ceil(HINTED * longest(self.text, self.weight) * self.points / POINTS)

    def lines(self, room: float) -> str:
        return wrap(self.text, room * POINTS / self.points, self.weight)


def draw_gallery(gallery: Gallery, theme: Theme) -> Figure:
    """Return the gallery drawn; what is bad is bold and framed, not only coloured.

    A column is as wide as its images and as the widest of its words: no word is cut.

    Raises:
        InputError: an image that is not (1 or 3, h, w), or an unknown tone.
    """
    plan = _Plan(gallery)
    canvas = Canvas.blank(plan.width, plan.height, theme)
    for column, words in enumerate(plan.words[0]):
        text = plan.lines[0][column]
        above = plan.tops[0] - PAD - height_of(text)
        canvas.words(plan.middles[column], above, text, theme.muted, font(points=words.points))
    for row, cells in enumerate(gallery.rows):
        for column, cell in enumerate(cells):
            _draw_cell(canvas, plan, row, column, cell, theme)
    return canvas.figure


def _draw_cell(
    canvas: Canvas, plan: "_Plan", row: int, column: int, cell: Cell, theme: Theme
) -> None:
    tone = theme.tone(cell.tone)
    width, height = _scaled(cell, plan.side)
    middle, top, plain = plan.middles[column], plan.tops[row], cell.tone == "plain"
    box = (middle - width // 2, top + (plan.side - height) // 2, width, height)
    canvas.image(_pixels(cell), box, theme.grid if plain else tone, _FRAME[cell.tone])
    words = plan.words[row + 1][column]
    letters = font(words.weight, words.points)
    below, colour = top + plan.side + PAD, theme.text if plain else tone
    canvas.words(middle, below, plan.lines[row + 1][column], colour, letters)


@dataclass(frozen=True)
class _Plan:
    """Where everything of a gallery goes, in pixels from the top left corner."""

    gallery: Gallery

    @cached_property
    def side(self) -> int:
        """Side of the square that holds an image: the largest image at its scale."""
        count = max(1, len(self.gallery.columns))
        room = min(LARGEST, (WIDTH - 2 * MARGIN + GAP) // count - GAP)
        cells = [cell for row in self.gallery.rows for cell in row]
        return _even(max((max(_scaled(cell, room)) for cell in cells), default=room))

    @cached_property
    def words(self) -> list[list[_Words]]:
        """The headings, then what stands below each row of images."""
        rows = [
            [_Words(c.text, _WEIGHT.get(c.tone, "normal")) for c in row]
            for row in self.gallery.rows
        ]
        return [[_Words(heading) for heading in self.gallery.columns], *rows]

    @cached_property
    def widths(self) -> list[int]:
        """Of each column; words may reach half into the gaps."""
        columns = zip(*self.words, strict=True)
        return [_even(max(self.side, *(w.width - GAP // 2 for w in c))) for c in columns]

    @cached_property
    def middles(self) -> list[int]:
        lefts = accumulate((width + GAP for width in self.widths), initial=MARGIN)
        return [left + width // 2 for left, width in zip(lefts, self.widths, strict=False)]

    @cached_property
    def lines(self) -> list[list[str]]:
        return [
            [words.lines(width + GAP // 2) for words, width in zip(row, self.widths, strict=True)]
            for row in self.words
        ]

    @cached_property
    def tops(self) -> list[int]:
        """Upper edge of each row of images, and of the row that would come next."""
        tops = [_even(MARGIN + height_of(*self.lines[0]) + PAD)]
        for texts in self.lines[1:]:
            below = PAD + height_of(*texts) if any(texts) else 0
            tops.append(_even(tops[-1] + self.side + below + BREATH))
        return tops

    @property
    def width(self) -> int:
        return 2 * MARGIN + sum(self.widths or [self.side]) + GAP * max(0, len(self.widths) - 1)

    @property
    def height(self) -> int:
        return self.tops[-1] - BREATH + MARGIN if self.gallery.rows else self.tops[0]


def _scaled(cell: Cell, room: int) -> tuple[int, int]:
    """Return width and height on the canvas: a whole multiple when the image fits, else shrunk."""
    height, width = cell.image.shape[-2:]
    longest_side = max(height, width)
    times = room // longest_side
    if times >= 1:
        return width * times, height * times
    return max(1, width * room // longest_side), max(1, height * room // longest_side)


def _pixels(cell: Cell) -> NDArray[np.uint8]:
    """Return the image as (h, w, 3) numbers 0 to 255."""
    image = cell.image.detach().float().cpu()
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise InputError(f"an image of shape {tuple(image.shape)}", "(1, h, w) or (3, h, w)")
    levels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return np.asarray(levels.expand(-1, -1, 3).numpy())


def _even(pixels: int) -> int:
    return pixels + pixels % 2
