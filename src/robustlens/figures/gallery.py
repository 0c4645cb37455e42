"""Galleries: images side by side, every pixel of a small image a sharp square.

draw_gallery(Gallery("attack", "...", columns=("image", "attacked"), rows=rows), LIGHT)
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from robustlens.errors import InputError
from robustlens.figures.canvas import Canvas, height_of, width_of, wrap
from robustlens.figures.theme import Theme
from robustlens.pictures import Cell, Gallery

# Pixels. All are even, so that edges still fall on whole pixels at half size.
WIDTH = 1200
LARGEST = 224  # four columns still fit on a phone
MARGIN = 10
GAP = 20
PAD = 10
BREATH = 16

_WEIGHT = {"good": "normal", "bad": "bold", "plain": "normal"}
_FRAME = {"good": 0.6, "bad": 1.6, "plain": 0.6}


def draw_gallery(gallery: Gallery, theme: Theme) -> Figure:
    """Return the gallery drawn; what is bad is bold and framed, not only coloured.

    Raises:
        InputError: an image that is not (1 or 3, h, w), or an unknown tone.
    """
    plan = _Plan(gallery)
    canvas = Canvas.blank(plan.width, plan.height, theme)
    for column, heading in enumerate(plan.headings):
        above = plan.tops[0] - PAD - height_of(heading)
        canvas.words(plan.center(column), above, heading, theme.muted)
    for row, cells in enumerate(gallery.rows):
        for column, cell in enumerate(cells):
            _draw_cell(canvas, plan, (row, column), cell, theme)
    return canvas.figure


def _draw_cell(
    canvas: Canvas, plan: "_Plan", place: tuple[int, int], cell: Cell, theme: Theme
) -> None:
    row, column = place
    tone = theme.tone(cell.tone)
    width, height = _scaled(cell, plan.side)
    x, y = plan.center(column) - width // 2, plan.tops[row] + (plan.side - height) // 2
    frame = theme.grid if cell.tone == "plain" else tone
    canvas.image(_pixels(cell), (x, y, width, height), frame, _FRAME[cell.tone])
    below = plan.tops[row] + plan.side + PAD
    colour = theme.text if cell.tone == "plain" else tone
    canvas.words(plan.center(column), below, plan.texts[row][column], colour, _WEIGHT[cell.tone])


@dataclass(frozen=True)
class _Plan:
    """Where everything of a gallery goes, in pixels from the top left corner."""

    gallery: Gallery

    @property
    def columns(self) -> int:
        return max(1, len(self.gallery.columns))

    @property
    def room(self) -> int:
        """Width that is there for a column."""
        return min(LARGEST, (WIDTH - 2 * MARGIN + GAP) // self.columns - GAP)

    @cached_property
    def side(self) -> int:
        """Side of the square that holds an image: the largest image at its scale."""
        cells = [cell for row in self.gallery.rows for cell in row]
        return _even(max((max(_scaled(cell, self.room)) for cell in cells), default=self.room))

    @cached_property
    def pitch(self) -> int:
        """Way from a column to the next: where there is room, so wide that no word is broken."""
        words = [(word, "normal") for heading in self.gallery.columns for word in heading.split()]
        for row in self.gallery.rows:
            words += [(word, _WEIGHT.get(c.tone, "normal")) for c in row for word in c.text.split()]
        longest = ceil(max((width_of(*word) for word in words), default=0))
        return _even(max(self.side, min(self.room, longest - GAP // 2))) + GAP

    @cached_property
    def headings(self) -> list[str]:
        return [wrap(heading, self.pitch - GAP // 2) for heading in self.gallery.columns]

    @cached_property
    def texts(self) -> list[list[str]]:
        room = self.pitch - GAP // 2
        return [
            [wrap(cell.text, room, _WEIGHT.get(cell.tone, "normal")) for cell in row]
            for row in self.gallery.rows
        ]

    @cached_property
    def tops(self) -> list[int]:
        """Upper edge of each row of images, and of the row that would come next."""
        tops = [_even(MARGIN + height_of(*self.headings) + PAD)]
        for texts in self.texts:
            below = PAD + height_of(*texts) if any(texts) else 0
            tops.append(_even(tops[-1] + self.side + below + BREATH))
        return tops

    @property
    def width(self) -> int:
        return 2 * MARGIN + self.columns * self.pitch - GAP

    @property
    def height(self) -> int:
        return self.tops[-1] - BREATH + MARGIN if self.gallery.rows else self.tops[0]

    def center(self, column: int) -> int:
        return MARGIN + column * self.pitch + (self.pitch - GAP) // 2


def _scaled(cell: Cell, room: int) -> tuple[int, int]:
    """Return width and height on the canvas: a whole multiple when the image fits, else shrunk."""
    height, width = cell.image.shape[-2:]
    longest = max(height, width)
    times = room // longest
    if times >= 1:
        return width * times, height * times
    return max(1, width * room // longest), max(1, height * room // longest)


def _pixels(cell: Cell) -> NDArray[np.uint8]:
    """Return the image as (h, w, 3) numbers 0 to 255."""
    image = cell.image.detach().float().cpu()
    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise InputError(f"an image of shape {tuple(image.shape)}", "(1, h, w) or (3, h, w)")
    levels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
    return np.asarray(levels.expand(-1, -1, 3).numpy())


def _even(pixels: int) -> int:
    return pixels + pixels % 2
