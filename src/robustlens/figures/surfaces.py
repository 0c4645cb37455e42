"""Surfaces: heights over a plane as colour and contour lines, side by side.

draw_surfaces(Surfaces("loss", "...", "along", "across", (Panel("a net", x, y, z),)), LIGHT)
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from robustlens.errors import InputError
from robustlens.figures.canvas import FONT, POINTS, Canvas, ink, name_axes, quiet
from robustlens.figures.theme import Theme
from robustlens.pictures import Panel, Surfaces

# Pixels.
PANEL, HEIGHT = 560, 500
LEVELS = 8
"""Contour lines, evenly between the lowest and the highest point."""


def draw_surfaces(surfaces: Surfaces, theme: Theme) -> Figure:
    """Return the surfaces drawn: each on its own scale, which stands beside it.

    Raises:
        InputError: no surface.
    """
    count = len(surfaces.panels)
    if not count:
        raise InputError("no surface", "at least one", "add a panel")
    figure = Canvas.blank(PANEL * count, HEIGHT, theme).figure
    figure.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)
    for number, panel in enumerate(surfaces.panels, 1):
        axes = figure.add_subplot(1, count, number, facecolor=theme.background)
        quiet(axes, theme)
        axes.set_box_aspect(1)
        axes.locator_params(nbins=4)
        name_axes(axes, surfaces.x_label, surfaces.y_label if number == 1 else "", theme)
        axes.set_title(panel.name, loc="left", pad=9, **ink(theme.text))
        _paint(axes, panel, theme)
    return figure


def _paint(axes: Axes, panel: Panel, theme: Theme) -> None:
    """Paint heights from the background's colour to the tone "bad", with lines of equal height."""
    height = panel.height.double().numpy()
    low, high = float(height.min()), float(height.max())
    colours = LinearSegmentedColormap.from_list("height", [theme.grid, theme.tone("bad")])
    flat = high <= low
    mesh = axes.pcolormesh(
        panel.x,
        panel.y,
        height,
        cmap=colours,
        shading="gouraud",
        vmin=low,
        vmax=low + 1 if flat else high,
    )
    mesh.set_rasterized(True)
    if not flat:
        lines = np.linspace(low, high, LEVELS + 2)[1:-1]
        axes.contour(
            panel.x, panel.y, height, levels=lines, colors=[theme.background], linewidths=0.8
        )
    axes.plot(0, 0, marker="+", markersize=10, markeredgewidth=1.6, color=theme.text)
    bar = axes.figure.colorbar(mesh, ax=axes, shrink=0.72, aspect=24, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, colors=theme.muted, labelsize=POINTS, labelfontfamily=FONT)
    bar.set_ticks([low] if flat else [low, (low + high) / 2, high])
    bar.ax.set_yticklabels([_short(v) for v in bar.get_ticks()])


def _short(value: float) -> str:
    """Return three digits of a number, with thousands apart."""
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 100 else f"{value:.3g}"
