"""Pictures of units, and whether they go the way of what the units answer to."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.rate import Rate
from robustlens.streams import stream
from robustlens.studies.kit.representations import Twins
from robustlens.studies.kit.units import Known, gradients
from robustlens.types import Images, Labels, Values
from robustlens.vision import (
    Made,
    MultiResolution,
    Walk,
    noise,
    reader,
    visualize_feature,
    wander,
    with_prior,
)
from robustlens.vision.controls import WALK
from robustlens.vision.made import seen_by
from robustlens.vision.measures import judged, rank_correlation
from robustlens.vision.units import raised
from robustlens.vision.visualize import RMS

CLOSEST = 5
"""A picture is compared with so many images that activate its unit most."""


NOISE, IMAGES, PRIOR = "from noise", "from images", "with a prior (control)"
"""How pictures are made, as tables name it."""


class Drawn(NamedTuple):
    """Pictures of the same units, begun at the same images."""

    made: Made
    rank: Values  # correlation of activations with the unit's strongest images
    others: Values  # the same with test images at random (control)
    named: Rate  # how often the twin sees the class of the unit's strongest images
    off: Rate  # units that are 0 at the start, where no true gradient leads them


class Found(NamedTuple):
    """The units of one net, and pictures of them by how they were made."""

    known: Known
    units: Tensor
    by: dict[str, Drawn]  # from noise, from images, with a prior


def draw(one: Twins, name: str, count: int, steps: int, seed: int, through: bool = False) -> Found:
    """Return pictures of units of one of the nets."""
    net = one.nets[name]
    known = Known.of(net, one.test)
    units = known.units(count).to(one.test.images.device)
    n = len(units)
    images, _ = one.images(one.places(n))
    images = images[torch.arange(n) % len(images)]
    begin = noise(n, one.test.shape, generator=stream(seed, "noise")).to(images)
    walk = wander(images, RMS, steps)
    with gradients(net, through):
        made = {
            NOISE: visualize_feature(net, begin, units, walk=walk),
            IMAGES: visualize_feature(net, images, units, walk=walk),
            PRIOR: prior(net, begin, units, steps, seed),
        }
    label = known.label[units]
    judge = one.other(name)
    by = {}
    for how, one_made in made.items():
        rank, others = ranks(net, one_made.images, known, units, seed)
        off = Rate.of(made[IMAGES if how == IMAGES else NOISE].numbers["before"] == 0)
        by[how] = Drawn(one_made, rank, others, judged(judge, one_made.images, label), off)
    return Found(known, units, by)


def prior(net: nn.Module, begin: Images, units: Labels, steps: int, seed: int) -> Made:
    """Return pictures of units under a prior on pictures, as `vision.controls` makes them."""
    sides = tuple(2**k for k in range(1 + min(begin.shape[2:]).bit_length() - 1))
    walk = Walk(WALK.ball, WALK.rule, steps)
    goal = raised(reader(net, None, begin), units)
    jitter = stream(seed, "jitter")
    return with_prior(net, goal, begin, MultiResolution(sides), walk=walk, generator=jitter)


def ranks(
    net: nn.Module, made: Images, known: Known, units: Tensor, seed: int
) -> tuple[Values, Values]:
    """Return how alike a picture and natural images activate the layer, (b,): the mean rank
    correlation with the unit's `CLOSEST` strongest images, and with as many at random.
    """
    r = seen_by(net, reader(net, None, made), made)
    n, total = len(units), len(known.values)
    strongest = known.order[:CLOSEST][:, units]
    drawn = torch.randint(total, (CLOSEST, n), generator=stream(seed, "any images"))
    pair = []
    for places in (strongest, drawn.to(strongest.device)):
        each = [rank_correlation(r, known.values[row]) for row in places]
        pair.append(torch.stack(each).nan_to_num().mean(dim=0))
    return pair[0], pair[1]
