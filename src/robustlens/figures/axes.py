"""What all axes have in common: quiet lines, the one font, names in muted ink.

quiet(axes, LIGHT)
name_axes(axes, "eps", "", LIGHT)
"""

from typing import Any

from matplotlib.axes import Axes

from robustlens.figures.canvas import FONT, POINTS, font
from robustlens.figures.theme import Theme


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
