"""What nets of one training do at each size: under attack, unattacked, from training to test.

seen = measure(nets, "1.5", 1000, test, BothAttacked())
seen.own.mean(), seen.gap.value
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.balls import ball
from robustlens.data import Dataset
from robustlens.evaluation import (
    Evaluation,
    Rate,
    accuracy,
    on_device_of,
    pgd_accuracy,
)
from robustlens.result import Number
from robustlens.studies.data_efficiency.needed import SHARE, Needed, compare, gap
from robustlens.studies.kit.attacked import Attacked
from robustlens.studies.kit.samples import GENERATED, STANDARD, Cell, Nets


@dataclass(frozen=True, kw_only=True)
class BothAttacked(Attacked):
    """How nets are attacked, and on how many test and training images."""

    trained: int = 300  # training images for the gap, or as many as there are
    few: int = 50  # test images for AutoAttack; 0: all


class Seen(NamedTuple):
    """What the nets of one training and size do."""

    own: Tensor  # right answers (draws, images) under the attack of training; if none, unattacked
    clean: Tensor  # right answers (draws, images) on images as they are
    gap: Number  # of the first draw, from training to test images, under the same attack


class Extra(NamedTuple):
    """Made-up images in the place of more images: right answers (images,) as `Seen.own` has."""

    alone: Tensor  # n images
    made: Tensor  # n images, and images made up from them
    most: Tensor  # the most images


class Measured(NamedTuple):
    """Everything that was measured."""

    seen: Mapping[str, Mapping[int, Seen]]  # by radius, then by size
    need: Needed
    extra: Mapping[str, Extra]  # at the largest radius, and in standard training
    strongest: Rate  # under AutoAttack, with the most images, at the largest radius


def measured(nets: Nets, test: Dataset, attacked: BothAttacked, generated: int) -> Measured:
    """Train and attack all nets; add made-up images to the size `generated`."""
    grid = nets.grid
    pair = (grid.radii[-1], STANDARD)
    seen = {
        eps: {n: measure(nets, eps, n, test, attacked) for n in grid.sizes}
        for eps in grid.all_radii
    }
    robust, standard = (
        torch.stack([one.own.mean(dim=0) for one in seen[eps].values()]) for eps in pair
    )
    return Measured(
        seen,
        compare(grid.sizes, robust, standard, 1 / len(test.classes), SHARE, nets.seed),
        {eps: extra(nets, eps, seen[eps], generated, test, attacked) for eps in pair},
        strongest(nets, test, attacked),
    )


def measure(nets: Nets, eps: str, n: int, test: Dataset, attacked: BothAttacked) -> Seen:
    """Return what the nets of one training and size do."""
    cells = nets.grid.cells(eps, n)
    found = [_evaluated(nets, cell, eps, test, attacked) for cell in cells]
    own = nets.images(cells[0])
    training = _evaluated(nets, cells[0], eps, own.take(min(n, attacked.trained)), attacked)
    unattacked = [[r.clean == r.label for r in one.records] for one in found]
    return Seen(
        torch.stack([_held(one) for one in found]),
        torch.tensor(unattacked, dtype=torch.float64),
        gap(training.rate, found[0].rate),
    )


def undefended(nets: Nets, n: int, test: Dataset, attacked: BothAttacked) -> Tensor:
    """Return right answers (draws, images) of the standard nets at the largest radius."""
    cells = nets.grid.cells(STANDARD, n)
    largest = nets.grid.radii[-1]
    return torch.stack([_held(_evaluated(nets, c, largest, test, attacked)) for c in cells])


def extra(nets: Nets, eps: str, sizes: dict[int, Seen], n: int, test: Dataset,
          attacked: BothAttacked) -> Extra:  # fmt: skip
    """Return what made-up images do for the first draw of size n."""
    made = _evaluated(nets, Cell(n, 0, eps, GENERATED), eps, test, attacked)
    return Extra(sizes[n].own[0], _held(made), [*sizes.values()][-1].own[0])


def strongest(nets: Nets, test: Dataset, attacked: BothAttacked) -> Rate:
    """Return accuracy under AutoAttack at the largest radius, with the most training images."""
    grid = nets.grid
    model = nets.model(Cell(grid.sizes[-1], 0, grid.radii[-1]))
    return attacked.autoattack(model, test, ball(grid.learner.norm, grid.radii[-1]), nets.seed)


def _evaluated(
    nets: Nets, cell: Cell, eps: str, data: Dataset, attacked: BothAttacked
) -> Evaluation:
    model = nets.model(cell)
    data = on_device_of(model, data)
    if eps == STANDARD:
        return accuracy(model, data)
    within = ball(nets.grid.learner.norm, eps)
    return pgd_accuracy(model, data, within, steps=attacked.steps, seed=nets.seed)


def _held(found: Evaluation) -> Tensor:
    return torch.tensor([not record.by for record in found.records], dtype=torch.float64)
