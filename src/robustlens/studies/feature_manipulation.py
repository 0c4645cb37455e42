"""A feature can be added to an image directly, and by degrees."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data.augment import unit as to_unit
from robustlens.pictures import Cell, Curves, Gallery, Picture
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number
from robustlens.streams import Draws, stream
from robustlens.studies.kit.presets import TINY, TINY_ROBUST
from robustlens.studies.kit.representations import (
    CIFAR,
    CIFAR_ROBUST,
    Compared,
    Measure,
    Twins,
    chance,
    findings,
)
from robustlens.studies.kit.units import Known, gradients
from robustlens.studies.kit.words import above, band, mean
from robustlens.types import Images
from robustlens.vision import add_feature, wander

REACHED = 0.9
"""The rule: the share of pictures in which a unit must come to its level."""
SLACK = 0.01
"""A level counts as reached from so far below, relative to the way there."""


@dataclass(frozen=True, kw_only=True)
class Config(Compared):
    """Which units are added to how many images, and to which degrees."""

    units: int = 10  # evenly by position
    images: int = 2  # for each unit, of other classes than it answers to
    degrees: tuple[float, ...] = (0.9, 0.99, 1.0)  # shares of test images below the level, growing
    steps: int = 120
    rms: float = 0.45  # how far a pixel may change, in the root mean square
    strides: float = 80.0  # steps of their length that cross that radius
    through: bool = False  # the last ReLU passes gradients as they come, for units that are off
    shown: int = 4  # units of the gallery, an image each


class Added(NamedTuple):
    """Units of one net added to images, averaged over the images of each unit."""

    units: Tensor  # (u,)
    start: Images  # (u, c, h, w): the first image of each
    images: Tensor  # (u, degrees, c, h, w): with more and more of the unit
    reached: Tensor  # (u, degrees): share of the images in which the level is reached
    moved: Tensor  # (u, degrees): l2 length of the change
    seen: Tensor  # (u, 1 + degrees): probability of the unit's class to the other net
    shuffled: Tensor  # (u,): the same at the last degree, the change's pixels shuffled (control)
    off: Tensor  # (u,): share of its images in which the unit is 0: no true gradient leads there
    known: Known


class Measured(NamedTuple):
    """Both nets of one data set."""

    by: dict[str, Added]
    pictures: tuple[Picture, ...]


def study(config: Config, bench: Bench) -> Findings:
    """Add units of both nets to images by degrees, and ask the other net what it sees."""
    how = Measure(
        measure=lambda one: measure(one, config),
        holds=lambda found: holds(found.by),
        summary=lambda name, found: _summary(name, found.by),
        numbers=lambda found: _numbers(found.by, config),
        pictures=lambda found: found.pictures,
    )
    return findings(config, bench, how)


def measure(one: Twins, config: Config) -> Measured:
    """Return what both nets make of images when units are added to them."""
    by = {name: add(one, name, config) for name in one.nets}
    return Measured(by, (_gallery(one, by, config), _curves(one, by, config)))


def add(one: Twins, name: str, config: Config) -> Added:
    """Return units of one of the nets, each added to images that lack what it answers to."""
    net, judge = one.nets[name], one.other(name)
    known = Known.of(net, one.test)
    units = known.units(config.units)
    parts = [_one_unit(one, net, judge, known, int(unit), config) for unit in units]
    start, images, reached, moved, seen, mixed, off = map(torch.stack, zip(*parts, strict=True))
    return Added(units, start, images, reached, moved, seen, mixed, off, known)


def lacking(one: Twins, known: Known, unit: int, count: int) -> Tensor:
    """Return places of images of other classes than the unit's, where it is below its median.

    Begun at another place for every unit, so that units meet different images.
    """
    values = known.values[:, unit]
    among = (one.test.labels != known.label[unit]) & (values <= values.median())
    found = one.places(len(one.test), among.cpu())
    at = (unit * count + torch.arange(count)) % len(found)
    return found[at]


def _one_unit(
    one: Twins, net: nn.Module, judge: nn.Module, known: Known, unit: int, config: Config
) -> tuple[Tensor, ...]:
    """Return the columns of `Added` for one unit."""
    x, _ = one.images(lacking(one, known, unit, config.images))
    levels = [known.level(unit, share) for share in config.degrees]
    walk = wander(x, config.rms, config.steps, config.strides)
    with gradients(net, config.through):
        made = add_feature(net, x, unit, levels, walk=walk)
    k, n = len(levels), len(x)
    label = known.label[unit].expand(n)
    groups, numbers = made.groups(k), made.numbers
    need = (numbers["level"] - numbers["before"]).clamp_min(0)
    reached = numbers["after"] >= numbers["level"] - SLACK * need
    views = [x, *groups.unbind(dim=1)]
    seen = torch.stack([chance(judge, view, label).mean() for view in views])
    other = chance(judge, shuffled(x, groups[:, -1], config.seed), label).mean()
    columns = (reached.float().view(n, k).mean(dim=0), numbers["moved"].view(n, k).mean(dim=0))
    off = (numbers["before"] == 0).float().mean()
    return x[0], groups[0], *columns, seen, other, off


def shuffled(x: Images, moved: Images, seed: int) -> Images:
    """Return x changed by as much as `moved`, the places of the change in random order.

    Channels stay together. Pixels are cut to [0, 1].
    """
    change = (moved - x).flatten(2)
    order = Draws.of(x, stream(seed, "shuffled")).uniform(change.shape[2]).argsort(dim=1)
    mixed = change.gather(2, order[:, None].expand_as(change)).view_as(x)
    return (x + mixed).clamp(0.0, 1.0)


def gained(added: Added) -> Tensor:
    """Return by how much the other net's probability of the unit's class grew, (u,)."""
    return added.seen[:, -1] - added.seen[:, 0]


def holds(by: dict[str, Added]) -> bool:
    """Apply the rule to one data set."""
    robust, standard = by["robust"], by["standard"]
    reached = all(float(one.reached.mean()) >= REACHED for one in by.values())
    steps = robust.seen.diff(dim=1)
    grows = all(mean(steps[:, k]).low > 0 for k in range(steps.shape[1]))
    mine = mean(gained(robust))
    mixed = mean(robust.shuffled - robust.seen[:, 0])
    return reached and grows and above(mine, mean(gained(standard))) and above(mine, mixed)


def _numbers(by: dict[str, Added], config: Config) -> dict[str, Number]:
    numbers = {}
    for name, one in by.items():
        twin = f"{name} net, as its twin sees it"
        numbers[f"{twin}: growth of the probability of the unit's class"] = mean(gained(one))
        for k, share in enumerate(config.degrees):
            step = one.seen[:, k + 1] - one.seen[:, k]
            numbers[f"{twin}: growth by the step to degree {share:g}"] = mean(step)
        numbers[f"{twin}: growth with the change's pixels shuffled (control)"] = mean(
            one.shuffled - one.seen[:, 0]
        )
        numbers[f"{name} net, share of pictures that reach their level"] = _share(one.reached)
        numbers[f"{name} net, share of images in which the unit is off"] = _share(one.off[:, None])
        numbers[f"{name} net, l2 length of the change at the last degree"] = mean(one.moved[:, -1])
    return numbers


def _share(reached: Tensor) -> Number:
    """Return the mean over units of the share of a unit's pictures."""
    return _cut(mean(reached.mean(dim=1)))


def _cut(n: Number) -> Number:
    """Return a mean of shares with its interval cut to where a share can be."""
    return Number(n.value, max(n.low, 0.0), min(n.high, 1.0), n.n)


def _summary(name: str, by: dict[str, Added]) -> str:
    r, s = by["robust"], by["standard"]
    return (
        f"{name}, {len(r.units)} units: added up to the last degree, which "
        f"{r.reached[:, -1].mean():.0%} of the robust and {s.reached[:, -1].mean():.0%} of the "
        f"standard net's pictures reach, with changes of l2 {r.moved[:, -1].mean():.2f} and "
        f"{s.moved[:, -1].mean():.2f}, a unit raises the probability that the other net gives to "
        f"its class by {gained(r).mean():+.2f} (robust net's pictures) and "
        f"{gained(s).mean():+.2f} (standard net's); the robust net's changes with their pixels "
        f"shuffled by {(r.shuffled - r.seen[:, 0]).mean():+.2f}."
    )


def _gallery(one: Twins, by: dict[str, Added], config: Config) -> Gallery:
    rows = []
    for name, added in by.items():
        count = min(config.shown, len(added.units))
        for i in (k * len(added.units) // count for k in range(count)):
            unit = int(added.units[i])
            place = int(added.known.most(unit, 1))
            like = to_unit(one.test.images[place])
            title = one.test.classes[int(added.known.label[unit])]
            tone = "good" if name == "robust" else "bad"
            cells = [Cell(like, f"{name}, unit {unit}: {title}"), Cell(added.start[i], "as it is")]
            for image in added.images[i]:  # its own length: `moved` is the mean over images
                cells.append(Cell(image, f"l2 {float((image - added.start[i]).norm()):.2f}", tone))
            rows.append(tuple(cells))
    return Gallery(
        f"degrees-{one.name}",
        f"{one.name}: the test image that a unit answers to most, with the commonest class of its "
        "strongest images; an image of another class; and that with the unit raised to what it "
        "is at its stronger and stronger test images. In the standard net's rows hardly anything "
        "is to be seen: its units rise by changes too small and too fine to see.",
        ("answers to", "image", *map(_degree, config.degrees)),
        tuple(rows),
    )


def _degree(share: float) -> str:
    return "as the strongest" if share == 1 else f"above {share:.0%}"


def _curves(one: Twins, by: dict[str, Added], config: Config) -> Curves:
    x = [float(k) for k in range(1 + len(config.degrees))]
    tones = {"robust": "good", "standard": "bad"}
    return Curves(
        f"seen-{one.name}",
        f"{one.name}: what the net that did not make the pictures gives to the class that the "
        "added unit answers to, image as it is (0) and degree by degree; the mean over units "
        "with its 95 % interval.",
        "degree",
        "probability of the unit's class",
        tuple(
            band(f"{name} net's pictures", x, [_cut(mean(p)) for p in added.seen.T], tones[name])
            for name, added in by.items()
        ),
    )


STUDY = Study(
    id="feature-manipulation",
    title="More of one feature, by degrees",
    claim="A feature of a robust net can be added to an image directly, by raising one unit, and "
    "by degrees: what is added is seen by others.",
    rule="Reproduced if, on every data set measured, over units: (1) in both nets at least 90 % of "
    "the pictures reach the activation they are to reach; (2) in the robust net's pictures the "
    "probability that the other net, which did not make them, gives to the class of the unit's 20 "
    "strongest test images grows from each degree to the next (the interval of the mean growth "
    "lies above 0); (3) its growth up to the last degree is larger than in the standard net's "
    "pictures as the robust net sees them, and than with the same change, its pixels in random "
    "order, both with intervals that do not meet.",
    published="Pictures (Engstrom et al. 2019, section 4.2: three units raised to 1.0); the "
    "numbers are ours, so the claim is compared in direction.",
    presets={
        "tiny": Config(
            standard=TINY, robust=TINY_ROBUST, units=3, images=1, degrees=(0.9, 1.0), steps=4,
            shown=2,
        ),
        "quick": Config(),
        "full": Config(
            standard=CIFAR,
            robust=CIFAR_ROBUST,
            also=("imagenette64",),
            units=32,
            images=4,
            shown=5,
        ),
    },
    function=study,
)  # fmt: skip
register(STUDY)
