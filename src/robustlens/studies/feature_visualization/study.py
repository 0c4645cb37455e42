"""Single units of robust nets show things with names: pictures of a unit, and of what it sees."""

from dataclasses import dataclass
from typing import NamedTuple

from robustlens.pictures import Picture
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number
from robustlens.studies.feature_visualization import pictures
from robustlens.studies.feature_visualization.measures import IMAGES, NOISE, PRIOR, Found, draw
from robustlens.studies.kit.presets import TINY, TINY_ROBUST
from robustlens.studies.kit.representations import (
    CIFAR,
    CIFAR_ROBUST,
    Compared,
    Measure,
    Twins,
    findings,
)
from robustlens.studies.kit.words import above, mean
from robustlens.vision.visualize import STEPS


@dataclass(frozen=True, kw_only=True)
class Config(Compared):
    """How many units are drawn, and how long."""

    units: int = 24  # evenly by position
    steps: int = STEPS
    through: bool = False  # the last ReLU passes gradients as they come, for units that are off
    shown: int = 5  # units of the galleries
    natural: int = 3  # most and least activating images beside each picture


class Measured(NamedTuple):
    """Both nets of one data set."""

    by: dict[str, Found]
    pictures: tuple[Picture, ...]


def study(config: Config, bench: Bench) -> Findings:
    """Draw units of both nets, and compare with the images that activate them most."""
    how = Measure(
        measure=lambda one: measure(one, config),
        holds=lambda found: holds(found.by),
        summary=lambda name, found: _summary(name, found.by),
        numbers=lambda found: _numbers(found.by),
        pictures=lambda found: found.pictures,
    )
    return findings(config, bench, how)


def measure(one: Twins, config: Config) -> Measured:
    """Return pictures of units of both nets; those with a prior are a control."""
    by = {
        name: draw(one, name, config.units, config.steps, config.seed, config.through)
        for name in one.nets
    }
    return Measured(
        by,
        (
            pictures.browsed(one, by["robust"], config.shown, config.natural),
            pictures.columns(one, by, config.shown),
            pictures.bars(one, by),
        ),
    )


def holds(by: dict[str, Found]) -> bool:
    """Apply the rule to one data set."""
    robust, standard = by["robust"].by[NOISE], by["standard"].by[NOISE]
    natural = above(mean(robust.rank), mean(standard.rank))
    own = above(mean(robust.rank), mean(robust.others))
    return natural and own and above(Number.of(robust.named), Number.of(standard.named))


def _numbers(by: dict[str, Found]) -> dict[str, Number]:
    numbers = {}
    for how in (NOISE, IMAGES, PRIOR):
        for name, found in by.items():
            drawn = found.by[how]
            key = f"{name} net, {how}"
            numbers[f"{key}: rank correlation with the strongest images"] = mean(drawn.rank)
            numbers[f"{key}: the same with images at random (control)"] = mean(drawn.others)
            numbers[f"{key}: its twin sees the class of the strongest images"] = Number.of(
                drawn.named
            )
    for name, found in by.items():
        for how in (NOISE, IMAGES):
            numbers[f"{name} net, {how}: units off at the start"] = Number.of(found.by[how].off)
    return numbers


def _summary(name: str, by: dict[str, Found]) -> str:
    r, s = by["robust"].by, by["standard"].by
    return (
        f"{name}, {len(by['robust'].units)} units drawn from noise: the layer's activations at a "
        "picture and at the images that activate its unit most have a rank correlation of "
        f"{r[NOISE].rank.mean():.2f} in the robust net and {s[NOISE].rank.mean():.2f} in the "
        f"standard one ({s[PRIOR].rank.mean():.2f} with a prior), and the net that did not make it "
        f"sees the class of those images in {r[NOISE].named.value:.0%} against "
        f"{s[NOISE].named.value:.0%} ({s[PRIOR].named.value:.0%} with a prior)."
    )


STUDY = Study(
    id="feature-visualization",
    title="What a single unit wants to see",
    claim="Single units of robust nets show things with names: raised by plain gradient ascent "
    "they give pictures that stand for what the unit answers to.",
    rule="Reproduced if, on every data set measured, over units, in pictures made from noise "
    "without a prior: (1) the rank correlation of the penultimate layer's activations at the "
    "picture with those at the 5 test images that activate its unit most is larger for the robust "
    "net than for the standard one; (2) for the robust net it is larger than with test images at "
    "random; (3) the net that did not make the picture decides for the class that the unit's 20 "
    "strongest test images have most, more often for pictures of the robust net than for those of "
    "the standard one. All with 95 % intervals that do not meet. Pictures from images, and those "
    "with a prior, are shown and do not decide.",
    published="Pictures (Engstrom et al. 2019, section 4.1; the talk's page on insect legs). That "
    "pictures can be forged and then go another way through the net: Geirhos et al. 2024. The "
    "numbers are ours.",
    presets={
        "tiny": Config(standard=TINY, robust=TINY_ROBUST, units=4, steps=4, shown=2, natural=2),
        "quick": Config(),
        "full": Config(
            standard=CIFAR,
            robust=CIFAR_ROBUST,
            also=("imagenette64",),
            units=128,
            shown=8,
            natural=2,
        ),
    },
    function=study,
)
register(STUDY)
