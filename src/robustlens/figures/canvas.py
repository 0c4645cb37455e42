"""A figure addressed in pixels from its top left corner, and words that fit into a width.

canvas = Canvas.blank(1200, 400, LIGHT)
canvas.words(600, 20, wrap("ankle boot", 160), LIGHT.text)
"""

from dataclasses import dataclass
from textwrap import TextWrapper

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from numpy.typing import NDArray

from robustlens.figures.theme import Theme

DPI = 160
"""Pixels in an inch. Shown at half size, a picture is sharp on a dense screen."""
FONT = "DejaVu Sans"  # comes with matplotlib: the same letters on every machine
POINTS = 10.5
LINE = round(1.3 * POINTS * DPI / 72)
"""Height of a line of words, in pixels."""
ASCENT = round(0.8 * POINTS * DPI / 72)
"""From the top of a line to its baseline, in pixels."""


@dataclass(frozen=True)
class Canvas:
    """A figure to paint on with pixel coordinates; y runs downwards."""

    figure: Figure
    width: int
    height: int

    @classmethod
    def blank(cls, width: int, height: int, theme: Theme) -> "Canvas":
        """Return an empty canvas of the theme's background."""
        figure = Figure((width / DPI, height / DPI), dpi=DPI, facecolor=theme.background)
        FigureCanvasAgg(figure)
        return cls(figure, width, height)

    def words(self, x: float, y: float, text: str, colour: str, weight: str = "normal") -> None:
        """Write lines centred on x, the first one just below y.

        They stand on baselines `LINE` apart, whether their letters reach up and down or not.
        """
        for number, line in enumerate(text.splitlines()):
            self.figure.text(
                x / self.width,
                1 - (y + number * LINE + ASCENT) / self.height,
                line,
                color=colour,
                font=font(weight),
                ha="center",
                va="baseline",
                parse_math=False,  # a dollar sign is a dollar sign
            )

    def image(
        self, pixels: NDArray[np.uint8], box: tuple[int, int, int, int], colour: str, line: float
    ) -> None:
        """Paint an image (h, w, 3) into box (x, y, width, height), framed by a line."""
        x, y, width, height = box
        place = (x / self.width, 1 - (y + height) / self.height)
        axes = self.figure.add_axes((*place, width / self.width, height / self.height))
        # "auto" repeats pixels when it enlarges a whole number of times, and smooths otherwise.
        axes.imshow(pixels, interpolation="auto", aspect="auto")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=colour, linewidth=line)


def font(weight: str = "normal") -> FontProperties:
    """Return the one font of all pictures."""
    return FontProperties(family=FONT, size=POINTS, weight=weight)


def width_of(text: str, weight: str = "normal") -> float:
    """Return the width of one line of text, in pixels."""
    points, _, _ = text_to_path.get_text_width_height_descent(text, font(weight), ismath=False)
    return float(points) * DPI / 72


def wrap(text: str, width: float, weight: str = "normal") -> str:
    """Return text with line breaks such that no line is wider than `width` pixels."""
    return "\n".join(_wrap_line(line, width, weight) for line in text.splitlines())


def _wrap_line(text: str, width: float, weight: str) -> str:
    whole, broken = TextWrapper(break_long_words=False), TextWrapper()
    ways = _fitting(whole, text, width, weight) or _fitting(broken, text, width, weight)
    # The fewest lines; of equals min() keeps the first, which is the narrowest and most even.
    best = min(ways or [[text]], key=len)
    return "\n".join(best)


def _fitting(wrapper: TextWrapper, text: str, width: float, weight: str) -> list[list[str]]:
    """Return the ways to break text, narrow first, in which every line fits."""
    found = []
    for wrapper.width in range(2, len(text) + 1):
        lines = wrapper.wrap(text)
        if all(width_of(line, weight) <= width for line in lines):
            found.append(lines)
    return found


def height_of(*texts: str) -> int:
    """Return the height of the tallest of wrapped texts, in pixels; 0 when all are empty."""
    return LINE * max((len(text.splitlines()) for text in texts), default=0)
