"""Pictures of learning from few images and from many."""

from collections.abc import Mapping

from torch import Tensor

from robustlens.pictures import Curves
from robustlens.result import Number
from robustlens.studies.data_efficiency.measures import Seen
from robustlens.studies.kit.samples import STANDARD, Grid
from robustlens.studies.kit.words import band, dots, mean

Found = Mapping[str, Mapping[int, Seen]]
"""By radius, then by size."""


def over_draws(hits: Tensor) -> Number:
    """Return accuracy over the draws, with Student's interval over test images."""
    return mean(hits.mean(dim=0))


def accuracies(
    grid: Grid, found: Found, undefended: Mapping[int, Tensor], made: tuple[int, Tensor], steps: int
) -> Curves:
    """Return accuracy over the size: each training under its own attack, and two controls."""
    largest = f"{grid.learner.norm} {grid.radii[-1]}"
    lines = [
        band(
            "standard, not attacked" if eps == STANDARD else f"{grid.named(eps)}, and attacked",
            list(sizes),
            [over_draws(seen.own) for seen in sizes.values()],
            "plain" if eps == STANDARD else "good",
        )
        for eps, sizes in found.items()
    ]
    control = band(
        f"standard, attacked at {largest}",
        list(undefended),
        [over_draws(hits) for hits in undefended.values()],
        "bad",
    )
    more = dots(f"{made[0]} and made-up images", [made[0]], [mean(made[1])])
    return Curves(
        "robust-accuracy-over-n",
        f"Each net under PGD-{steps} at the radius that it was trained for; beside them, as it is "
        f"and under attack, the standard net. The single point: half of the images are made up "
        f"from {made[0]} real ones; trained and attacked at {largest}.",
        "training images",
        "accuracy on test images",
        (*lines, control, more),
        log="x",
    )


def gaps(grid: Grid, found: Found) -> Curves:
    """Return what is lost from training to test images over the size."""
    lines = [
        band(
            "standard, not attacked" if eps == STANDARD else f"{grid.named(eps)}, and attacked",
            list(sizes),
            [seen.gap for seen in sizes.values()],
            "bad" if eps == STANDARD else "good",
        )
        for eps, sizes in found.items()
    ]
    return Curves(
        "gap-over-n",
        "Accuracy on training images minus accuracy on test images, each under the attack of the "
        "training: what a net learned of its images and cannot use on others.",
        "training images",
        "training accuracy minus test accuracy",
        tuple(lines),
        log="x",
    )


def clean(grid: Grid, found: Found) -> Curves:
    """Return accuracy on unchanged images over the size."""
    lines = [
        band(
            grid.named(eps),
            list(sizes),
            [over_draws(seen.clean) for seen in sizes.values()],
            "bad" if eps == STANDARD else "good",
        )
        for eps, sizes in found.items()
    ]
    return Curves(
        "clean-accuracy-over-n",
        "The same nets on images as they are: the study standard-accuracy-curve looks closer.",
        "training images",
        "clean accuracy",
        tuple(lines),
        log="x",
    )
