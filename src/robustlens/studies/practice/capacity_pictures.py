"""What the study of capacity shows: accuracies over the width, and who fits the training images."""

from collections.abc import Callable

from robustlens.studies.pictures import Curves, Series
from robustlens.studies.practice.capacity_nets import FGSM, PGD, STANDARD, Cell, Cells, Net, Sweep
from robustlens.studies.result import Number
from robustlens.studies.words import band

NAMES = {STANDARD: "standard training", FGSM: "FGSM training", PGD: "PGD training"}
TONES = {STANDARD: "plain", FGSM: "bad", PGD: "good"}
SEEN = {
    STANDARD: "Narrow nets suffice, and none holds against an attack.",
    FGSM: "Where the line of FGSM lies far above that of PGD, the net has learned to read the "
    "one step it was trained on, and holds against nothing else.",
    PGD: "The accuracy on clean images, too, is a matter of width; a net that is too narrow may "
    "give all images one answer.",
}


def pictures(cells: Cells, sweep: Sweep, steps: int) -> tuple[Curves, ...]:
    """Return a picture for each way of training, and one of the training losses."""
    return (*(_accuracies(way, cells, sweep, steps) for way in (PGD, FGSM, STANDARD)),
            _losses(cells, sweep))  # fmt: skip


def _accuracies(way: str, cells: Cells, sweep: Sweep, steps: int) -> Curves:
    column = [cells[way, width] for width in sweep.widths]
    where = f"{sweep.learner.norm} {sweep.learner.eps}"
    lines: tuple[tuple[str, Callable[[Cell], Number], str], ...] = (
        ("clean images", lambda cell: cell.clean, "plain"),
        ("after FGSM", lambda cell: cell.fgsm, "bad"),
        (f"PGD-{steps}", lambda cell: cell.pgd, "good"),
    )
    return Curves(
        f"accuracy-over-width-{NAMES[way].split()[0].lower()}",
        f"{NAMES[way][0].upper()}{NAMES[way][1:]}: accuracy on test images over the width of the "
        f"net, the mean of {sweep.repeats} trainings with 95 % intervals over test images. "
        + SEEN[way],
        "channels of the first layer",
        f"accuracy ({where})",
        tuple(band(name, sweep.widths, [*map(get, column)], tone) for name, get, tone in lines),
        log="x",
    )


def _losses(cells: Cells, sweep: Sweep) -> Curves:
    """Show each training as a point, on the line of their means."""
    return Curves(
        "own-loss-over-width",
        "Cross-entropy of each net on its own training images, under the attack it was trained "
        "with: a point for each training, a line through the means. A net that only guesses among "
        "ten classes has 2.30. Low: the net fits what it was asked to fit.",
        "channels of the first layer",
        "own training loss",
        tuple(
            series
            for way in (PGD, FGSM, STANDARD)
            for series in _points(way, [cells[way, width] for width in sweep.widths], sweep)
        ),
        log="x",
    )


def _points(way: str, column: list[Cell], sweep: Sweep) -> tuple[Series, Series]:
    each: list[tuple[int, Net]] = [
        (width, net) for width, cell in zip(sweep.widths, column, strict=True) for net in cell.nets
    ]
    name, tone = NAMES[way], TONES[way]
    means = [cell.loss.value for cell in column]
    return (
        Series(name, sweep.widths, means, tone=tone, dots=False),
        Series(name, [x for x, _ in each], [net.loss for _, net in each], tone=tone, line=False),
    )
