"""What the study of capacity shows: accuracies over the width, and who fits the training images."""

from collections.abc import Callable
from dataclasses import replace

from robustlens.pictures import Curves, Series
from robustlens.result import Number
from robustlens.studies.harder_training_capacity.nets import FGSM, PGD, STANDARD, Cell, Cells, Sweep
from robustlens.studies.kit.words import band

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
    lines: tuple[tuple[str, str, Callable[[Cell], Number]], ...] = (
        ("clean images", "plain", lambda cell: cell.clean),
        ("after FGSM", "bad", lambda cell: cell.fgsm),
        (f"PGD-{steps}", "good", lambda cell: cell.pgd),
    )
    return Curves(
        f"accuracy-over-width-{NAMES[way].split()[0].lower()}",
        f"{NAMES[way][0].upper()}{NAMES[way][1:]}: accuracy on test images over the width of the "
        "net. A point is a training, a line their mean, with 95 % intervals over test images. "
        + SEEN[way],
        "channels of the first layer",
        f"accuracy ({sweep.learner.norm} {sweep.learner.eps})",
        tuple(
            series
            for name, tone, number in lines
            for series in (
                replace(band(name, sweep.widths, [*map(number, column)], tone), dots=False),
                _points(name, column, sweep, number, tone),
            )
        ),
        log="x",
    )


def _losses(cells: Cells, sweep: Sweep) -> Curves:
    columns = {way: [cells[way, width] for width in sweep.widths] for way in (PGD, FGSM, STANDARD)}
    return Curves(
        "own-loss-over-width",
        "Cross-entropy of each net on its own training images, under the attack it was trained "
        "with: a point is a training, a line their mean. A net that only guesses among ten "
        "classes has 2.30. Low: the net fits what it was asked to fit.",
        "channels of the first layer",
        "own training loss",
        tuple(
            series
            for way, column in columns.items()
            for series in (
                Series(NAMES[way], sweep.widths, [cell.loss.value for cell in column],
                       tone=TONES[way], dots=False),
                _points(NAMES[way], column, sweep, lambda cell: cell.loss, TONES[way]),
            )
        ),
        log="x",
    )  # fmt: skip


def _points(
    name: str, column: list[Cell], sweep: Sweep, number: Callable[[Cell], Number], tone: str
) -> Series:
    """Return a point for each training."""
    pairs = zip(sweep.widths, column, strict=True)
    each = [(width, number(Cell((net,))).value) for width, cell in pairs for net in cell.nets]
    x, y = zip(*each, strict=True)
    return Series(name, x, y, tone=tone, line=False)
