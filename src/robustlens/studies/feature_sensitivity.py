"""A mistake can be traced to the feature that caused it: found, shown, and taken away."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data import batches
from robustlens.data.augment import unit as to_unit
from robustlens.nets import logits
from robustlens.pictures import Bar, Bars, Cell, Gallery, Picture
from robustlens.rate import Rate
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number
from robustlens.streams import stream
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
from robustlens.studies.kit.units import Known
from robustlens.studies.kit.words import above, mean
from robustlens.types import Images, Labels, Values
from robustlens.vision import Sensitivity, feature_sensitivity, wander
from robustlens.vision.made import seen_by
from robustlens.vision.sensitivity import RMS, STEPS

OFTEN = 0.1
"""The rule: the share of mistakes that must change without the unit (lower end)."""


@dataclass(frozen=True, kw_only=True)
class Config(Compared):
    """How many mistakes of each net are traced, and how long their unit is raised to be seen."""

    mistakes: int = 60  # test images, alike from every class; fewer if there are
    steps: int = STEPS
    shown: int = 5  # rows of each gallery
    natural: int = 2  # images that the unit answers to most, beside each


class Traced(NamedTuple):
    """Mistakes of one net, the unit behind each, and decisions without it."""

    places: Tensor
    x: Images
    y: Labels
    found: Sensitivity
    grown: Values  # the other net's probability of the mistaken class, after minus before
    known: Known

    @property
    def changed(self) -> Rate:
        """How often the decision is another one without the unit."""
        return Rate.of(self.found.changed)

    @property
    def control(self) -> Rate:
        """The same without a random unit of nearly equal activation."""
        return Rate.of(self.found.control_changed)

    @property
    def mended(self) -> Rate:
        """How often the decision is right without the unit."""
        return Rate.of(self.found.without == self.y)


class Measured(NamedTuple):
    """Both nets of one data set."""

    by: dict[str, Traced]
    pictures: tuple[Picture, ...]


def study(config: Config, bench: Bench) -> Findings:
    """Trace mistakes of both nets to a unit each, and take that unit away."""
    how = Measure(
        measure=lambda one: measure(one, config),
        holds=lambda found: holds(found.by),
        summary=lambda name, found: _summary(name, found.by),
        numbers=lambda found: _numbers(found.by),
        pictures=lambda found: found.pictures,
    )
    return findings(config, bench, how)


def measure(one: Twins, config: Config) -> Measured:
    """Return mistakes of both nets, traced."""
    by = {name: trace(one, name, config) for name in one.nets}
    robust, standard = by["robust"], by["standard"]
    changed = robust.found.changed.cpu()
    every = torch.ones_like(standard.found.changed.cpu())
    galleries = (
        _gallery(one, "changed", "robust net, decisions that change", robust, changed, config),
        _gallery(one, "kept", "robust net, decisions that do not", robust, ~changed, config),
        _gallery(one, "standard", "standard net", standard, every, config),
    )
    return Measured(by, (*(g for g in galleries if g.rows), _bars(one, by)))


def trace(one: Twins, name: str, config: Config) -> Traced:
    """Return mistakes of one of the nets, the unit behind each, and what is without it."""
    net, judge = one.nets[name], one.other(name)
    places = one.places(config.mistakes, wrong(net, one))
    x, y = one.images(places)
    walk = wander(x, RMS, config.steps)
    found = feature_sensitivity(net, x, y, walk=walk, generator=stream(config.seed, "control"))
    before, after = (chance(judge, part, found.predicted) for part in (x, found.made.images))
    return Traced(places, x, y, found, after - before, Known.of(net, one.test))


def wrong(net: nn.Module, one: Twins) -> Tensor:
    """Return which test images a net gets wrong, boolean (n,)."""

    def look(x: Images) -> Tensor:
        return logits(net, x)

    guesses = [seen_by(net, look, x).argmax(dim=1) for x, _ in batches(one.test, 250)]
    return (torch.cat(guesses) != one.test.labels).cpu()


def holds(by: dict[str, Traced]) -> bool:
    """Apply the rule to one data set."""
    robust, standard = by["robust"], by["standard"]
    needed = above(Number.of(robust.changed), Number.of(robust.control))
    shown = above(mean(robust.grown), mean(standard.grown))
    return needed and robust.changed.low >= OFTEN and shown


def _numbers(by: dict[str, Traced]) -> dict[str, Number]:
    numbers = {}
    for name, one in by.items():
        numbers[f"{name} net, decisions that change without the unit"] = Number.of(one.changed)
        key = f"{name} net, decisions that change without a unit as active (control)"
        numbers[key] = Number.of(one.control)
        numbers[f"{name} net, decisions that are right without the unit"] = Number.of(one.mended)
        key = f"{name} net, with more of the unit: growth of the mistaken class to its twin"
        numbers[key] = mean(one.grown)
        share = (one.found.share / one.found.gap.clamp_min(1e-6)).clamp(0, 10)
        numbers[f"{name} net, the unit's share of the gap between the logits"] = mean(share)
    return numbers


def _summary(name: str, by: dict[str, Traced]) -> str:
    r, s = by["robust"], by["standard"]
    return (
        f"{name}: of {len(r.x)} mistakes of the robust net {r.changed.value:.0%} change without "
        f"the found unit ({r.mended.value:.0%} become right), {r.control.value:.0%} without a "
        f"random unit as active; of {len(s.x)} mistakes of the standard net {s.changed.value:.0%} "
        f"and {s.control.value:.0%}. With more of the unit in the very image the other net's "
        f"probability of the mistaken class grows by {r.grown.mean():+.2f} in the robust net's "
        f"pictures and by {s.grown.mean():+.2f} in the standard net's."
    )


def _gallery(
    one: Twins, name: str, whose: str, traced: Traced, among: Tensor, config: Config
) -> Gallery:
    """Return the first mistakes for which `among` holds: image, unit, what is without it."""
    found, classes = traced.found, one.test.classes
    rows = []
    for i in torch.nonzero(among).flatten().tolist()[: config.shown]:
        unit = int(found.unit[i])
        true, said_of, without, control = (
            classes[int(labels[i])]
            for labels in (traced.y, found.predicted, found.without, found.control_without)
        )
        natural = traced.known.most(unit, config.natural).to(one.test.images.device)
        likes = to_unit(one.test.images[natural])
        x = traced.x[i]
        cells = [Cell(x, f"{true}, seen as {said_of} ({int(traced.places[i])})", "bad")]
        cells += [Cell(image, f"unit {unit}") for image in likes]
        cells.append(Cell(found.made.images[i], f"more of unit {unit}"))
        cells.append(Cell(x, f"without it: {without}", "good" if without == true else "plain"))
        cells.append(Cell(x, f"without unit {int(found.control[i])}: {control}"))
        rows.append(tuple(cells))
    return Gallery(
        f"mistakes-{name}-{one.name}",
        f"{one.name}, {whose} without the unit: a mistake with its place in the test set, the "
        "test images that the unit behind it answers to most, the very image with more of the "
        "unit, and what the net decides without it and without a random unit as active. The unit "
        "is the one that adds most to the logit of the mistake over that of the true class.",
        ("mistake", *["answers to"] * config.natural, "the unit raised", "the unit taken away",
         "control"),
        tuple(rows),
    )  # fmt: skip


def _bars(one: Twins, by: dict[str, Traced]) -> Bars:
    bars = []
    for name, traced in by.items():
        tone = "good" if name == "robust" else "bad"
        for what, rate, how in (
            ("the found unit", traced.changed, tone),
            ("a random unit as active (control)", traced.control, "plain"),
        ):
            bars.append(Bar(f"{name} net, {what}", rate.value, rate.low, rate.high, how))
    return Bars(
        f"without-{one.name}",
        f"{one.name}: share of mistakes whose decision is another one without a unit. That a "
        "decision changes says that the unit was needed, not that it was enough.",
        "share of mistakes that change",
        tuple(bars),
    )


STUDY = Study(
    id="feature-sensitivity",
    title="Which feature made this mistake",
    claim="A mistake of a robust net can be traced to the feature that caused it: one unit, which "
    "can be shown in the very image, and without which the decision changes.",
    rule="Reproduced if, on every data set measured, over mistakes on test images: (1) without the "
    "unit that adds most to the mistaken logit over the true one, more decisions of the robust net "
    "change than without a random unit of nearly equal activation, with intervals that do not "
    "meet, and (2) at least one in ten does (lower end of the interval); (3) with more of the unit "
    "in the very image, the probability that the other net gives to the mistaken class grows more "
    "in the robust net's pictures than in those of the standard net, with intervals that do not "
    "meet. Whether decisions become right is shown and does not decide.",
    published="One picture (the talk, section 17: an insect seen as a dog; Engstrom et al. 2019, "
    "section 4.3); the shares are ours.",
    presets={
        "tiny": Config(
            standard=TINY, robust=TINY_ROBUST, mistakes=8, steps=4, shown=2, natural=1
        ),
        "quick": Config(),
        "full": Config(
            standard=CIFAR,
            robust=CIFAR_ROBUST,
            also=("imagenette64",),
            mistakes=300,
            shown=8,
        ),
    },
    function=study,
)  # fmt: skip
register(STUDY)
