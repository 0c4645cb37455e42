"""A curve with its band as inline SVG, in the colours of the page.

curve("l2", radii, rates, marks=((1.5, "1.5"),))
"""

from collections.abc import Callable, Sequence
from html import escape

from robustlens.rate import Rate

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 16, 48


def curve(
    norm: str,
    series: Sequence[tuple[str, Sequence[float], Sequence[Rate]]],
    marks: Sequence[tuple[float, str]] = (),
) -> str:
    """Return accuracy over the radius: a line for each model, its 95 % band, marks with names."""
    most = max(x[-1] for _, x, _ in series) or 1.0

    def at(x: float, y: float) -> str:
        across = LEFT + (WIDTH - LEFT - RIGHT) * x / most
        return f"{across:.1f},{TOP + (HEIGHT - TOP - BOTTOM) * (1 - y):.1f}"

    lines = [_grid(most, at)]
    for value, name in marks:
        (x, top), (_, foot) = (at(value, y).split(",") for y in (1, 0))
        lines.append(f'<line class="mark" x1="{x}" y1="{top}" x2="{x}" y2="{foot}"/>')
        lines.append(
            f'<text x="{float(x) + 4:.1f}" y="{float(top) + 12:.1f}">{escape(name)}</text>'
        )
    for k, (_, radii, rates) in enumerate(series):
        upper = [at(x, rate.high) for x, rate in zip(radii, rates, strict=True)]
        lower = [at(x, rate.low) for x, rate in zip(radii, rates, strict=True)]
        middle = [at(x, rate.value) for x, rate in zip(radii, rates, strict=True)]
        lines.append(f'<polygon class="band s{k % 4}" points="{" ".join(upper + lower[::-1])}"/>')
        lines.append(f'<polyline class="line s{k % 4}" points="{" ".join(middle)}"/>')
    words = "; ".join(
        f"{name}: {rates[0]} at 0, {rates[-1]} at {most:.3g}" for name, _, rates in series
    )
    keys = "".join(
        f'<li><span class="key s{k % 4}"></span>{escape(name)}</li>'
        for k, (name, _, _) in enumerate(series)
    )
    legend = f'<ul class="legend">{keys}</ul>' if len(series) > 1 else ""
    label = escape(f"Accuracy over the {norm} radius. {words}", quote=True)
    return (
        f'<div class="frame" tabindex="0" role="group" aria-label="curve, {escape(norm)}">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
        f"{''.join(lines)}"
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{escape(norm)} radius</text></svg></div>{legend}"
    )


def _grid(most: float, place: Callable[[float, float], str]) -> str:
    lines = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x1, y = place(0, share).split(",")
        x2, _ = place(most, share).split(",")
        lines.append(f'<line class="grid" x1="{x1}" y1="{y}" x2="{x2}" y2="{y}"/>')
        lines.append(
            f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{share:.0%}</text>'
        )
        x, foot = place(most * share, 0).split(",")
        anchor = "end" if share == 1 else "middle"
        name = f"{most * share:.3g}"
        lines.append(
            f'<text x="{x}" y="{float(foot) + 18:.1f}" text-anchor="{anchor}">{name}</text>'
        )
    return "".join(lines)
