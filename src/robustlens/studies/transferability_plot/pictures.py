"""The pictures of transfer: learning against falling, and who falls for whose examples."""

from collections.abc import Sequence

from robustlens.evaluation import Rate, TransferMatrix
from robustlens.pictures import Bar, Bars, Dots, Line, Plane, Shape, Sheet

WHISKERS = "95 % interval"
MARGIN = 0.04
"""Room around the points, in units of the axes."""


def scatter(points: Sequence[tuple[str, Rate, Rate]]) -> Plane:
    """Return a point for each net (name, accuracy learned, transfer), with both intervals."""
    shapes: list[Shape] = []
    for _, x, y in points:
        shapes.append(Line(WHISKERS, (x.low, x.high), (y.value, y.value)))
        shapes.append(Line(WHISKERS, (x.value, x.value), (y.low, y.high)))
    shapes.append(
        Dots(
            "kind of net",
            [x.value for _, x, _ in points],
            [y.value for _, _, y in points],
            "good",
            [name for name, _, _ in points],
        )
    )
    return Plane(
        "learning-and-transfer",
        "Each point is a kind of net. Across: how often it is right on real images after training "
        "on the source's perturbed images alone, each labelled as the next class. Up: how "
        "many of the source's adversarial examples fool it when it was trained on the original "
        "images.",
        "accuracy on real images, learned from the pushed set",
        "share of examples that transfer",
        (Sheet("", tuple(shapes)),),
        equal=False,
        x_range=_range([rate for _, rate, _ in points]),
        y_range=_range([rate for _, _, rate in points]),
    )


def _range(rates: Sequence[Rate]) -> tuple[float, float]:
    low, high = min(r.low for r in rates), max(r.high for r in rates)
    return max(0.0, low - MARGIN), min(1.0, high + MARGIN)


def bars(table: TransferMatrix, source: str, control: str, targets: Sequence[str]) -> Bars:
    """Return the shares that transfer to each target, from the source and from a control."""
    rows = []
    for name in targets:
        for made_on, tone in ((source, "bad"), (control, "plain")):
            rate = table.rate(made_on, name)
            title = f"{name}: examples of the {made_on}"
            rows.append(Bar(title, rate.value, rate.low, rate.high, tone))
    return Bars(
        "who-falls",
        "How many images that a net gets right turn wrong with examples made on the source, and "
        "with those made on an untrained net: changes as large, by the same attack, without "
        "meaning. A robust net should hold, as it does not use the features that are changed.",
        "share of the images it gets right that turn wrong",
        tuple(rows),
    )
