"""How robust features are: each against an adversary of its own.

found = scores(net, probes, test, L2(1.5), images=100)
kind(found[3])                         # Kind.NON_ROBUST
table(found)[Kind.ROBUST]              # Rate: which share of the features

The adversary climbs on -y f(x + change) with the engine of all attacks (`ascend`). It may miss
the worst change, so gamma is an upper estimate of the robust usefulness: a feature called not
robust is not, a feature called robust might fall to a stronger search.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.ascend import ascend
from robustlens.balls import Ball, radius
from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.evaluation import Rate, on_device_of
from robustlens.modes import frozen
from robustlens.progress import bar
from robustlens.rules import Steepest
from robustlens.streams import stream
from robustlens.theory.usefulness import Kind, Score, kind, usefulness
from robustlens.types import Images, Objective, Representation, Values
from robustlens.usefulness.probes import Probes
from robustlens.usefulness.reading import representation


def scores(
    model: nn.Module,
    probes: Probes,
    test: Dataset,
    within: Ball,
    *,
    layer: str | None = None,
    images: int = 100,
    steps: int = 10,
    seed: int = 0,
    alpha: float = 0.05,
    batch_size: int = 250,
) -> list[Score]:
    """Return rho and gamma of each feature, with intervals of 1 - alpha for each alone.

    Every feature gets `images` images of its own: half of its class, half of the others, drawn
    without replacement. Both numbers are means over the same images, so gamma <= rho.

    Args:
        model, probes, layer: a net and features of its layer (see `representation`), fitted on
            training images.
        test: images that nothing was fitted on.
        within: the allowed changes; results are images in [0, 1].
        images: even; fewer where a side has fewer.
        steps: of projected ascent, each 2.5 eps / steps long. It starts at the image; where no
            step raised the objective, as behind a ReLU that is off, it starts again from the
            image moved towards one of the other side.

    Raises:
        InputError: images < 4 or odd, steps < 1, or a feature whose class has no test image.
    """
    if images < 4 or images % 2 or steps < 1:
        raise InputError(
            f"images {images}, steps {steps}", "images even and >= 4, steps >= 1", "change them"
        )
    test = on_device_of(model, test)
    pairs = _pairs(probes, test, images // 2, seed)
    read, before, after = representation(model, layer), [], []
    with frozen(model), bar("attacking features", len(pairs.image)) as advance:
        for first in range(0, len(pairs.image), batch_size):
            part = Pairs(*(column[first : first + batch_size] for column in pairs))
            goal = _against(read, probes, part)
            found = _attacked(goal, _unit(test, part.image), _unit(test, part.other), within, steps)
            before.append(-found[0].cpu())
            after.append(-found[1].cpu())
            advance(len(part.image))
    return [
        Score(usefulness(plain * y, y, alpha), usefulness(moved * y, y, alpha))
        for plain, moved, y in zip(
            *(
                _split(column, pairs.feature)
                for column in (torch.cat(before), torch.cat(after), pairs.y)
            ),
            strict=True,
        )
    ]


def table(found: Sequence[Score]) -> dict[Kind, Rate]:
    """Return which share of the features is of each kind, with its exact interval.

    The interval speaks of features drawn at random from many like them.
    """
    kinds = [kind(score) for score in found]
    return {wanted: Rate.share(kinds.count(wanted), len(kinds)) for wanted in Kind}


class Pairs(NamedTuple):
    """A feature, an image to change, an image of the other side, and the sign y; a row a pair."""

    feature: Tensor
    image: Tensor
    other: Tensor
    y: Tensor


def _pairs(probes: Probes, test: Dataset, each: int, seed: int) -> Pairs:
    """Draw images for each feature, as many of its class as of the others."""
    columns: list[Pairs] = []
    labels = test.labels.cpu()
    for i, positive in enumerate(probes.positive.tolist()):
        sides = [torch.nonzero(side).flatten() for side in (labels == positive, labels != positive)]
        count = min(each, *(len(side) for side in sides))
        if count < 2:
            raise InputError(
                f"{len(sides[0])} test images of class {positive} among {len(labels)}",
                "at least two of it and two of others",
                "use more test images",
            )
        g = stream(seed, "features", i)
        ours, others = (side[torch.randperm(len(side), generator=g)[:count]] for side in sides)
        y = torch.ones(count, dtype=torch.float64)
        columns.append(
            Pairs(
                torch.full((2 * count,), i),
                torch.cat([ours, others]),
                torch.cat([others, ours]),
                torch.cat([y, -y]),
            )
        )
    return Pairs(*(torch.cat(column) for column in zip(*columns, strict=True)))


def _against(read: Representation, probes: Probes, part: Pairs) -> Objective:
    """Return -y f, a feature of its own for each image."""
    weights, offset = probes.weights[part.feature], probes.offset[part.feature]

    def worse(x: Images) -> Values:
        value: Values = (read(x) * weights.to(x)).sum(dim=1) - offset.to(x)
        return -part.y.to(x) * value

    return worse


def _attacked(
    goal: Objective, x: Images, other: Images, within: Ball, steps: int
) -> tuple[Values, Values]:
    """Return the objective as it is and at the best point of the search."""
    size = radius(within)
    if size == 0:
        with torch.no_grad():
            value = goal(x)
        return value, value
    rule = Steepest(2.5 * size / steps)
    found = ascend(goal, x, within, rule, steps=steps)
    start, best = found.trace[0], found.value
    if bool((best > start).all()):
        return start, best
    toward = x + size * within.steepest(other - x, x)
    again = ascend(goal, x, within, rule, steps=steps, start=toward)
    return start, torch.where(best > start, best, best.maximum(again.value))


def _unit(data: Dataset, rows: Tensor) -> Images:
    return unit(data.images.index_select(0, rows.to(data.images.device)))


def _split(column: Tensor, feature: Tensor) -> tuple[Tensor, ...]:
    """Cut a column into one piece for each feature."""
    ends = torch.bincount(feature).cumsum(dim=0)[:-1].tolist()
    return column.double().tensor_split(ends)
