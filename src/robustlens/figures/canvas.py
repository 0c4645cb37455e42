"""A figure addressed in pixels from its top left corner, words that fit, and quiet axes.

canvas = Canvas.blank(1200, 400, LIGHT)
canvas.words(600, 20, wrap("ankle boot", 160), LIGHT.text, font())
"""

from dataclasses import dataclass
from textwrap import TextWrapper
from typing import Any

import numpy as np
from matplotlib.axes import Axes
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

    def words(self, x: float, y: float, text: str, colour: str, letters: FontProperties) -> None:
        """Write lines centred on x, the first one just below y.

        They stand on baselines `LINE` apart, whether their letters reach up and down or not.
        """
        for number, line in enumerate(text.splitlines()):
            self.figure.text(
                x / self.width,
                1 - (y + number * LINE + ASCENT) / self.height,
                line,
                color=colour,
                font=letters,
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


def font(weight: str = "normal", points: float = POINTS) -> FontProperties:
    """Return the one font of all pictures."""
    return FontProperties(family=FONT, size=points, weight=weight)


def width_of(text: str, weight: str = "normal") -> float:
    """Return the width of one line of text, in pixels."""
    points, _, _ = text_to_path.get_text_width_height_descent(text, font(weight), ismath=False)
    return float(points) * DPI / 72


def longest(text: str, weight: str = "normal") -> float:
    """Return the width of the widest word of a text, in pixels: what it needs to stay whole."""
    return max((width_of(word, weight) for word in text.split()), default=0.0)


def wrap(text: str, width: float, weight: str = "normal") -> str:
    """Return text with line breaks such that no line is wider than `width` pixels.

    Lines end between words, in as few lines as there can be; a word that is wider than that is
    broken: whoever has the room asks for `longest` too.
    """
    return "\n".join(_wrap_line(line, width, weight) for line in text.splitlines())


def _wrap_line(text: str, width: float, weight: str) -> str:
    whole = TextWrapper(break_long_words=False, break_on_hyphens=False)
    for wrapper in (whole, TextWrapper()):
        ways: list[list[str]] = []
        for wrapper.width in range(2, len(text) + 1):
            lines = wrapper.wrap(text)
            if all(width_of(line, weight) <= width for line in lines):
                ways.append(lines)
        if ways:
            # The fewest lines; of equals the first, which is the narrowest and most even.
            best = min(ways, key=len)
            return "\n".join(best)
    return text


def height_of(*texts: str) -> int:
    """Return the height of the tallest of wrapped texts, in pixels; 0 when all are empty."""
    return LINE * max((len(text.splitlines()) for text in texts), default=0)


def quiet(axes: Axes, theme: Theme) -> None:
    """Take the frame and the tick marks away; numbers are muted and of the one font."""
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6, colors=theme.muted, labelsize=POINTS, labelfontfamily=FONT)


def name_axes(axes: Axes, x_label: str, y_label: str, theme: Theme) -> None:
    """Write the names of the axes beside them."""
    axes.set_xlabel(x_label, labelpad=6, **ink(theme.muted))
    axes.set_ylabel(y_label, labelpad=6, **ink(theme.muted))


def ink(colour: str) -> dict[str, Any]:
    """Return the options of words on axes: their colour and font; a dollar sign is itself."""
    return {"color": colour, "font": font(), "parse_math": False}
