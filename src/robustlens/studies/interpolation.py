"""Any two images morph through a robust representation: a straight line in what the net sees."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.nets.reading import reader
from robustlens.pictures import Cell, Curves, Gallery, Picture
from robustlens.rate import Rate
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number
from robustlens.studies.kit.presets import TINY, TINY_ROBUST
from robustlens.studies.kit.representations import (
    CIFAR,
    CIFAR_ROBUST,
    Compared,
    Measure,
    Twins,
    findings,
    partners,
    strides,
)
from robustlens.studies.kit.words import above, band, mean
from robustlens.types import Images, Values
from robustlens.vision import interpolate
from robustlens.vision.made import seen_by

NEAR, MOST = 0.1, 0.9
"""The rule: how near the straight line a way must be, and for how many pairs it must not turn."""
SLACK = 0.01
"""A way turns where a point goes back by more than this share of the distance of the ends."""
BLEND = "pixels blended"


@dataclass(frozen=True, kw_only=True)
class Config(Compared):
    """How many pairs of images, how many points between them, and how long each is looked for."""

    pairs: int = 8  # of test images, of two classes each
    points: int = 7  # of each way, its ends included
    steps: int = 120
    stride: float = 4.0  # length of a step, in default steps of the tool
    shown: int = 3  # pairs of the gallery


class Way(NamedTuple):
    """A way from one image to another as a net sees it, for each pair."""

    off: Tensor  # (n, points): relative distance to the point of the straight line
    from_a: Tensor  # (n, points): distance to the first image's representation
    to_b: Tensor  # (n, points): to the second's
    length: Values  # (n,): of the straight line

    def inner(self) -> Values:
        """Return how far the points between the ends are off the line, on average, (n,)."""
        return self.off[:, 1:-1].mean(dim=1)

    def steady(self) -> Tensor:
        """Return where no point is nearer to a, or farther from b, than the one before, (n,)."""
        slack = SLACK * self.length[:, None]
        away = (self.from_a.diff(dim=1) >= -slack).all(dim=1)
        return away & (self.to_b.diff(dim=1) <= slack).all(dim=1)


class Found(NamedTuple):
    """The ways of one net and of blended pixels, seen by that net and by its twin."""

    images: Tensor  # (n, points, c, h, w)
    own: Way
    blend: Way
    share: Values  # (n,): how far off the line its twin sees the way, over how far the blend


class Measured(NamedTuple):
    """Both nets of one data set."""

    by: dict[str, Found]
    pictures: tuple[Picture, ...]


def study(config: Config, bench: Bench) -> Findings:
    """Walk between images with both nets, beside the mixture of the pixels."""
    how = Measure(
        measure=lambda one: measure(one, config),
        holds=lambda found: holds(found.by),
        summary=lambda name, found: _summary(name, found.by),
        numbers=lambda found: _numbers(found.by),
        pictures=lambda found: found.pictures,
    )
    return findings(config, bench, how)


def measure(one: Twins, config: Config) -> Measured:
    """Return the ways of both nets between the same images."""
    a, y = one.images(one.places(config.pairs))
    b = a[partners(y)]
    walk = strides(a, config.steps, config.stride)
    mixed = blended(a, b, config.points)
    by = {}
    for name, net in one.nets.items():
        made = interpolate(net, a, b, points=config.points, walk=walk)
        images, other = made.groups(config.points), one.other(name)
        theirs = seen(other, images, a, b).inner() / seen(other, mixed, a, b).inner()
        by[name] = Found(images, seen(net, images, a, b), seen(net, mixed, a, b), theirs)
    return Measured(by, (_gallery(one, by, mixed, config), _curves(one, by)))


def blended(a: Images, b: Images, points: int) -> Tensor:
    """Return mixtures of the pixels, (n, points, c, h, w), from a to b."""
    share = torch.linspace(0.0, 1.0, points, dtype=a.dtype, device=a.device)
    return torch.lerp(a[:, None], b[:, None], share.view(1, -1, 1, 1, 1))


def seen(net: nn.Module, images: Tensor, a: Images, b: Images) -> Way:
    """Return how a net sees ways (n, points, c, h, w) from a to b."""
    read = reader(net, None, a)
    n, points = images.shape[:2]
    at_a, at_b = (seen_by(net, read, x).flatten(1)[:, None] for x in (a, b))
    r = torch.stack([seen_by(net, read, images[:, k]).flatten(1) for k in range(points)], dim=1)
    share = torch.linspace(0.0, 1.0, points, dtype=r.dtype, device=r.device)
    line = torch.lerp(at_a, at_b, share.view(1, -1, 1))

    def apart(p: Tensor, q: Tensor) -> Tensor:
        found: Tensor = torch.linalg.vector_norm(p - q, dim=-1)
        return found

    off = apart(r, line) / torch.linalg.vector_norm(line, dim=-1)
    return Way(off, apart(r, at_a), apart(r, at_b), apart(at_a, at_b).view(n))


def holds(by: dict[str, Found]) -> bool:
    """Apply the rule to one data set."""
    robust, standard = by["robust"], by["standard"]
    steady = Rate.of(robust.own.steady())
    off = mean(robust.own.inner())
    straight = off.high <= NEAR and above(mean(robust.blend.inner()), off)
    turns = steady.value >= MOST and steady.low > 0.5
    shared = mean(robust.share)
    return straight and turns and shared.high < 1 and above(mean(standard.share), shared)


def _numbers(by: dict[str, Found]) -> dict[str, Number]:
    numbers = {}
    for name, one in by.items():
        numbers[f"{name} net, ways that never turn"] = Number.of(Rate.of(one.own.steady()))
        numbers[f"{name} net, distance to the straight line"] = mean(one.own.inner())
        key = f"{name} net's ways as its twin sees them, distance over that of blended pixels"
        numbers[key] = mean(one.share)
    for name, one in by.items():
        key = f"{name} net, blended pixels (control)"
        numbers[f"{key}: ways that never turn"] = Number.of(Rate.of(one.blend.steady()))
        numbers[f"{key}: distance to the straight line"] = mean(one.blend.inner())
    return numbers


def _summary(name: str, by: dict[str, Found]) -> str:
    r, s = by["robust"], by["standard"]
    return (
        f"{name}, {len(r.share)} pairs: points between the ends are off the straight line by "
        f"{r.own.inner().mean():.3f} of its length in the robust net and "
        f"{s.own.inner().mean():.3f} in the standard one (blended pixels "
        f"{r.blend.inner().mean():.3f} and {s.blend.inner().mean():.3f}); no point goes back in "
        f"{r.own.steady().float().mean():.0%} and {s.own.steady().float().mean():.0%} of the "
        f"ways. Seen by the other net, the robust net's ways are {r.share.mean():.2f} times as "
        f"far off as blended pixels, the standard net's {s.share.mean():.2f} times."
    )


def _gallery(one: Twins, by: dict[str, Found], mixed: Tensor, config: Config) -> Gallery:
    """Return strips: robust, standard and blended, pair by pair."""
    rows = []
    for i in range(min(config.shown, len(mixed))):
        strips = {f"{name} net": found.images[i] for name, found in by.items()} | {BLEND: mixed[i]}
        for name, strip in strips.items():
            tone = "good" if name == "robust net" else "plain"
            rows.append(
                tuple(Cell(image, "" if k else name, tone) for k, image in enumerate(strip))
            )
    places = one.places(config.pairs)
    listed = ", ".join(str(place) for place in places[: config.shown].tolist())
    return Gallery(
        f"ways-{one.name}",
        f"{one.name}: from one test image to another of another class (beginning at test images "
        f"{listed}). Every point is looked for by {config.steps} steps from the mixture of the "
        "pixels, until the net sees so much of the one and so much of the other. Look whether "
        "one thing becomes the other, or two pictures lie over each other.",
        tuple(f"{k / (config.points - 1):.0%}" for k in range(config.points)),
        tuple(rows),
    )


def _curves(one: Twins, by: dict[str, Found]) -> Curves:
    robust = by["robust"]
    points = robust.own.to_b.shape[1]
    x = [k / (points - 1) for k in range(points)]
    rows = (
        ("robust net", robust.own, "good"),
        ("standard net", by["standard"].own, "bad"),
        (f"{BLEND}, seen by the robust net", robust.blend, "plain"),
    )
    series = []
    for name, way, tone in rows:
        left = way.to_b / way.length[:, None]
        series.append(band(name, x, [mean(left[:, k]) for k in range(points)], tone))
    return Curves(
        f"left-{one.name}",
        f"{one.name}: how far from the second image's representation the points are, over the "
        "distance of the ends; the mean over pairs with its 95 % interval. A straight way at "
        "even speed is the diagonal.",
        "share of the way",
        "distance that is left",
        tuple(series),
    )


STUDY = Study(
    id="interpolation",
    title="From any image to any other",
    claim="Any two images morph through a robust representation: pictures on the straight line "
    "between two representations turn one thing into the other.",
    rule="Reproduced if, on every data set measured, over pairs of test images of two classes: "
    "(1) the robust net's points between the ends are off the straight line of representations by "
    "at most 0.1 of their length (mean over pairs, upper end of the interval), and less than "
    "blended pixels, with intervals that do not meet; (2) in at least 90 % of the pairs, and in "
    "more than half by the lower end of the interval, no point is nearer to the first image or "
    "farther from the second than the one before, by more than 1 % of the distance of the ends; "
    "(3) the standard net, which made none of the pictures, sees them nearer to its own straight "
    "line than blended pixels (the ratio lies below 1 with its interval), and the ratio of the "
    "standard net's pictures as the robust one sees them is larger, with intervals that do not "
    "meet.",
    published="Pictures (Engstrom et al. 2019, section 4.1); the numbers are ours, so the claim "
    "is compared in direction.",
    presets={
        "tiny": Config(standard=TINY, robust=TINY_ROBUST, pairs=4, points=4, steps=4, shown=2),
        "quick": Config(),
        "full": Config(
            standard=CIFAR,
            robust=CIFAR_ROBUST,
            also=("imagenette64",),
            pairs=40,
            points=10,
            steps=400,
            stride=1.0,
            shown=4,
        ),
    },
    function=study,
)
register(STUDY)
