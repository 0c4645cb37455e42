"""Pictures of distances and losses."""

from collections.abc import Mapping, Sequence

from scipy.stats import rankdata
from torch import Tensor

from robustlens.pictures import Bar, Bars, Cell, Dots, Gallery, Plane, Sheet
from robustlens.studies.shift_by_representations.measures import Agreement, Found

ACROSS = (6, 5, 4)
"""How many images may stand in a row; the number that fills the last row best is taken."""


def tone(space: str) -> str:
    """Return how a space looks."""
    return (
        "good" if space.startswith("robust") else "bad" if space.startswith("standard") else "plain"
    )


def bars(whole: Mapping[str, Agreement]) -> Bars:
    """Return the agreement of every space, the mean over distances and each of them."""
    rows = [(f"{space}: mean of four", one.mean, tone(space)) for space, one in whole.items()]
    rows += [
        (f"{space}: {name}", number, tone(space))
        for space, one in whole.items()
        for name, number in one.each.items()
    ]
    return Bars(
        "rank-correlations",
        "Do distances order the shifts as the losses do? 1: in the same order; 0: in no order "
        "that has to do with it. The loss is that of a judge in which no distance is measured. "
        "Intervals are over kinds of shift, so many as there are.",
        "rank correlation of distance and accuracy lost",
        tuple(Bar(name, n.value, n.low, n.high, look) for name, n, look in rows),
    )


def plane(found: Found, kinds: Sequence[str], lost: Sequence[float]) -> Plane:
    """Return a dot for each shift in each space: its place among the distances, and its loss."""
    sheets = []
    for space, nets in found.distances.items():
        ranks = sum(rankdata(values) for net in nets for values in net.values())
        count = sum(len(net) for net in nets)
        place = dict(zip(range(len(kinds)), (ranks / count).tolist(), strict=True))
        dots = Dots(space, list(place.values()), list(lost), tone(space))
        sheets.append(Sheet(space, (dots,)))
    return Plane(
        "distance-and-loss",
        "Each dot is a shift: from left to right by its rank among the distances (mean of all "
        "distances in that space), upwards the accuracy that the judge loses under it.",
        "rank of the distance",
        "accuracy lost",
        tuple(sheets),
        equal=False,
    )


def gallery(shown: Mapping[str, Tensor]) -> Gallery:
    """Return one image under every kind of shift, the last strength."""
    cells = [Cell(image, kind) for kind, image in shown.items()]
    across = min(ACROSS, key=lambda k: -len(cells) % k)
    cells += [Cell(cells[0].image * 0 + 1, "")] * (-len(cells) % across)
    rows = [tuple(cells[at : at + across]) for at in range(0, len(cells), across)]
    return Gallery(
        "kinds-of-shift",
        "The first image under each kind of shift, in its last strength; of other photographs "
        "their first image.",
        ("",) * across,
        tuple(rows),
    )
