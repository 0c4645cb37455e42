"""Pictures of what alignment buys and costs."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from robustlens.pictures import Bar, Bars, Cell, Gallery
from robustlens.result import Number
from robustlens.types import Images


def tone(name: str) -> str:
    """Return how a net looks."""
    return {"robust net": "good", "standard net": "bad"}.get(name.split(":")[0], "plain")


def two_sides(ahead: Mapping[str, Number], who: str) -> Bars:
    """Return how far a net is ahead of the standard one in everything that was measured."""
    bars = [
        Bar(name, n.value, n.low, n.high, "good" if n.low > 0 else "bad" if n.high < 0 else "plain")
        for name, n in ahead.items()
    ]
    return Bars(
        f"two-sides-{who.replace(' ', '-')}",
        f"To the right the {who} is ahead of the standard one, to the left behind. Intervals hold "
        "together at 95 %.",
        f"{who} minus standard net",
        tuple(bars),
    )


def transfer(found: Mapping[str, Number]) -> Bars:
    """Return accuracies of linear heads on features, and on pixels."""
    return Bars(
        "transfer",
        "Accuracy of a linear head on the features of each net, fitted on a few labelled images of "
        "data that the net was not trained on. Pixels: the same head without any net.",
        "accuracy on images of the new task",
        tuple(Bar(name, n.value, n.low, n.high, tone(name)) for name, n in found.items()),
    )


def masks(found: Mapping[str, Number]) -> Bars:
    """Return how often answers change under masks."""
    return Bars(
        "masks",
        "How often an answer changes when pixels are covered: where the net's gradient is longest, "
        "where that of another image is, at random. The judge is shown the same images.",
        "share of answers that change",
        tuple(Bar(name, n.value, n.low, n.high, tone(name)) for name, n in found.items()),
    )


def gallery(
    x: Images, shown: Mapping[str, Images], tasks: Mapping[str, Sequence[Tensor]]
) -> Gallery:
    """Return images under the masks of each net, and images of the new tasks."""
    count = len(x)
    rows = [tuple(Cell(image.cpu(), "image") for image in x)]
    rows += [tuple(Cell(image.cpu(), name) for image in images) for name, images in shown.items()]
    rows += [tuple(Cell(i.cpu(), name) for i in images[:count]) for name, images in tasks.items()]
    return Gallery(
        "masks-and-tasks",
        "Test images; below, what is left of them when the pixels are covered where each net's "
        "gradient is longest; last, images of the tasks that features are transferred to.",
        ("",) * count,
        tuple(rows),
    )
