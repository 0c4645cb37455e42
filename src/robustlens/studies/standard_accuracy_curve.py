"""Robust training helps accuracy on unchanged images while images are few, and costs it later."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.bounds import mean_interval
from robustlens.pictures import Curves
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.kit.made import right
from robustlens.studies.kit.samples import (
    FULL_GRID,
    NOISE,
    STANDARD,
    TINY_GRID,
    Cell,
    Grid,
    Nets,
)
from robustlens.studies.kit.words import band, dots, mean


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which nets, and the images that judge them."""

    grid: Grid = field(default_factory=Grid)
    images: int = 0  # test images, alike from every class; 0: all
    seed: int = 0


class Gain(NamedTuple):
    """How much more accurate than standard training, on the same images."""

    mean: Number  # over the draws, with an interval over test images
    draws: tuple[float, ...]  # of each draw of training images


def study(config: Config, bench: Bench) -> Findings:
    """Train at every size and radius; compare what the nets say of unchanged test images."""
    grid = config.grid
    source, test = grid.learner.dataset(), grid.learner.dataset("test")
    nets = Nets(grid, source, bench, config.seed)
    test = test.limited(config.images)

    def hits(cells: Iterable[Cell]) -> Tensor:
        return torch.stack([right(nets.model(cell), test) for cell in cells]).double().cpu()

    found = {eps: {n: hits(grid.cells(eps, n)) for n in grid.sizes} for eps in grid.all_radii}
    largest = grid.radii[-1]
    noise = {n: hits(grid.cells(largest, n, NOISE)) for n in (grid.sizes[0], grid.sizes[-1])}
    gains = {
        eps: [gain(found[eps][n], found[STANDARD][n], len(grid.radii)) for n in grid.sizes]
        for eps in grid.radii
    }
    shaken = {n: gain(one, found[STANDARD][n], 1) for n, one in noise.items()}
    best = max((each[0] for each in gains.values()), key=lambda one: one.mean.value)
    last = gains[largest][-1]
    return Findings(
        judge([each[0] for each in gains.values()], [each[-1] for each in gains.values()]),
        f"With {grid.sizes[0]} training images robust training gains up to {best.mean.value:+.1%} "
        f"of accuracy on unchanged images (noise of the same length "
        f"{shaken[grid.sizes[0]].mean.value:+.1%}); with {grid.sizes[-1]} images and "
        f"{grid.learner.norm} {largest} it changes {last.mean.value:+.1%}.",
        _numbers(grid, found, gains, shaken),
        (_accuracies(grid, found, noise), _differences(grid, gains, shaken)),
        config.seed,
        {source.name: source.digest, f"{test.name}, test": test.digest},
    )


def gain(mine: Tensor, standard: Tensor, together: int) -> Gain:
    """Compare right answers (draws, images) of two trainings on the same sets.

    The interval is Student's over test images, of the mean over draws; `together` such intervals
    hold at the same time with probability 95 % (Bonferroni).
    """
    differences = mine - standard
    each = differences.mean(dim=0).tolist()
    low, high = mean_interval(each, alpha=0.05 / together)
    value = min(max(float(differences.mean()), low), high)
    return Gain(
        Number(value, low, high, len(each), *PUBLISHED),
        tuple(differences.mean(dim=1).tolist()),
    )


def judge(few: Iterable[Gain], many: Iterable[Gain]) -> Verdict:
    """Apply the rule to the gains of all radii with the fewest and with the most images."""
    helps = any(one.mean.low > 0 and min(one.draws) > 0 for one in few)
    hurts = all(one.mean.high < 0 for one in many)
    return Verdict.REPRODUCED if helps and hurts else Verdict.NOT_REPRODUCED


def _numbers(
    grid: Grid,
    found: dict[str, dict[int, Tensor]],
    gains: dict[str, list[Gain]],
    shaken: dict[int, Gain],
) -> dict[str, Number]:
    few, many = grid.sizes[0], grid.sizes[-1]
    numbers = {
        f"gain in clean accuracy, n = {n}, {grid.named(eps)}": gains[eps][at].mean
        for at, n in ((0, few), (-1, many))
        for eps in grid.radii
    }
    numbers |= {
        f"gain in clean accuracy, n = {n}, trained with noise as long as {grid.learner.norm} "
        f"{grid.radii[-1]}": replace(one.mean, published=None, source=None)
        for n, one in shaken.items()
    }
    return numbers | {
        f"clean accuracy, n = {n}, {grid.named(eps)}": mean(hits.mean(dim=0))
        for eps, sizes in found.items()
        for n, hits in sizes.items()
    }


def _accuracies(
    grid: Grid, found: dict[str, dict[int, Tensor]], noise: dict[int, Tensor]
) -> Curves:
    lines = [
        band(
            grid.named(eps),
            list(sizes),
            [mean(hits.mean(dim=0)) for hits in sizes.values()],
            "bad" if eps == STANDARD else "good",
        )
        for eps, sizes in found.items()
    ]
    control = dots(
        "trained with noise", list(noise), [mean(hits.mean(dim=0)) for hits in noise.values()]
    )
    return Curves(
        "accuracy-over-n",
        "Accuracy on unchanged test images as the training set grows. All nets took the same "
        "number of steps. The bands are 95 % intervals over test images; where a size was drawn "
        "more than once, the mean over the draws is shown.",
        "training images",
        "clean accuracy",
        (*lines, control),
        log="x",
    )


def _differences(grid: Grid, gains: dict[str, list[Gain]], shaken: dict[int, Gain]) -> Curves:
    lines = [
        band(grid.named(eps), list(grid.sizes), [_points(one.mean) for one in each], "good")
        for eps, each in gains.items()
    ]
    control = dots(
        "trained with noise", list(shaken), [_points(one.mean) for one in shaken.values()]
    )
    nothing = band(
        grid.named(STANDARD), list(grid.sizes), [Number.exact(0.0)] * len(grid.sizes), "bad"
    )
    return Curves(
        "gain-over-n",
        "How much robust training adds to the accuracy on unchanged test images, or takes from "
        "it: above the line of standard training it helps, below it hurts. Noise of the same "
        "length as the largest radius stands beside it.",
        "training images",
        "points gained over standard training",
        (nothing, *lines, control),
        log="x",
    )


def _points(number: Number) -> Number:
    return Number(100 * number.value, 100 * number.low, 100 * number.high, number.n)


PUBLISHED = (
    "positive with few images, negative with many",
    "Tsipras et al. 2018, Figure 1 (shape only)",
)
STUDY = Study(
    id="standard-accuracy-curve",
    title="Robust training helps with few images",
    claim="Robust training gives higher accuracy on unchanged images while training images are "
    "few, and lower accuracy when they are many.",
    rule="Reproduced if with the fewest images at least one robust training is right on more "
    "unchanged test images than standard training on the same training images, in every draw of "
    "them and with an interval of the mean difference above 0; and with the most images every "
    "robust training is right on fewer, with intervals below 0. Intervals hold for all radii "
    "together.",
    published="Shape only: standard accuracy over the number of training samples on MNIST, "
    "CIFAR-10 and Restricted ImageNet; with few samples robust training helps, strongly on MNIST "
    "and weakly on CIFAR-10, with all samples it hurts (Tsipras et al. 2018, Figures 1 and 6).",
    presets={
        "tiny": Config(grid=TINY_GRID, images=100),
        "quick": Config(),
        "full": Config(grid=FULL_GRID),
    },
    function=study,
)
register(STUDY)
