"""Noise as a prior: what it drowns, and what a net that was trained with it listens to."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from robustlens.balls import ball
from robustlens.data import Dataset, load
from robustlens.errors import InputError
from robustlens.recipes import Recipe, fit, untrained
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.kit.made import Making, chance, over_classes, pushed, right
from robustlens.studies.kit.presets import FULL, FULL_ROBUST, TINY, TINY_ROBUST
from robustlens.studies.kit.smoothing import SHIPPED_NOISE, cifar_net, tiny_net
from robustlens.studies.kit.words import above, mean
from robustlens.studies.smoothing_as_prior import pictures
from robustlens.studies.smoothing_as_prior.measures import (
    Kept,
    alignment,
    labels_under_noise,
    of_kind,
    shortened,
    units_under_noise,
)
from robustlens.theory.usefulness import Kind
from robustlens.training import TrainConfig
from robustlens.vision import class_means

FRAGILE, STURDY = "units useful, not robust", "units robustly useful"
WRITTEN, TRUE = "labels written into images", "true labels"
"""What noise falls on: units of two kinds, sets of two kinds."""


STANDARD = Recipe(width=32, weights="fashion-standard")
ROBUST = Recipe(width=32, loss="adversarial", weights="fashion-l2-1.5")
LEARNER = Recipe(
    width=8, training=TrainConfig(epochs=12, batch_size=100, average=0.98, validation=0)
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Three nets of the same data, a set that is made with one of them, and who learns from it."""

    standard: Recipe = STANDARD
    robust: Recipe = ROBUST
    noisy: Recipe = SHIPPED_NOISE["0.5"]  # its sigma is the one that decides
    learner: Recipe = LEARNER  # of the written labels, without noise and under it
    making: Making = field(default_factory=lambda: Making(steps=10, step_size=0.4))
    pushed: int = 1000  # images that a label is written into, alike from every class; 0: all
    sigmas: tuple[float, ...] = (0.0, 0.125, 0.25, 0.5)  # growing from 0 to the noisy net's
    units: int = 24  # of the standard and of the robust net, drawn at random
    images: int = 40  # test images for each unit, half of its class
    steps: int = 8  # of each unit's adversary, in the ball of the robust net
    train: int = 1000  # training images that units are scaled on, alike from every class
    test: int = 500  # test images, alike from every class; 0: all
    seed: int = 0


class Seen(NamedTuple):
    """All that was measured."""

    units: Mapping[str, Kept]
    labels: Mapping[str, Kept]
    learned: Mapping[str, Number]  # by how the learner was taught
    cosines: Mapping[str, Number]  # by net


CALM, SHAKEN = "taught without noise", "taught under noise"


def study(config: Config, bench: Bench) -> Findings:
    """Measure units, constructed labels, what is learned from them, and gradients."""
    check(config)
    train = shortened(config.standard.dataset(), config.train)
    test = shortened(config.standard.dataset("test"), config.test)
    nets = {
        name: fit(recipe, bench.folder, bench.device).model
        for name, recipe in (
            ("standard net", config.standard),
            ("robust net", config.robust),
            ("noise-trained net", config.noisy),
        )
    }
    folder, source = _made(config, bench)
    made = load(str(folder))
    means = class_means(config.standard.dataset())
    controls = {"untrained net (control)": untrained(config.noisy, test, bench.device)}
    seen = Seen(
        _units(config, nets, train, test),
        {
            WRITTEN: labels_under_noise(nets["standard net"], made, config.sigmas, config.seed),
            TRUE: labels_under_noise(nets["standard net"], source, config.sigmas, config.seed),
        },
        _learned(config, folder, config.standard.dataset("test"), bench),
        {name: mean(alignment(net, test, means)) for name, net in {**nets, **controls}.items()},
    )
    return Findings(
        judge(seen),
        _summary(seen, config),
        _numbers(seen, config),
        (
            pictures.units(seen.units, config.sigmas),
            pictures.labels(seen.labels, config.sigmas),
            pictures.learned(seen.learned, chance(test)),
            pictures.gradients(nets, test, seen.cosines),
        ),
        config.seed,
        {train.name: train.digest, f"{test.name}, test": test.digest},
    )


def check(config: Config) -> None:
    """Raise `InputError` for a value out of range, named as on the command line."""
    sigmas = list(config.sigmas)
    if len(sigmas) < 2 or sigmas != sorted(set(sigmas)) or sigmas[0] != 0:
        raise InputError(f"sigmas {config.sigmas}", "growing from 0", "change --sigmas")
    if config.units < 4:
        raise InputError(f"units is {config.units}", "at least 4", "change --units")


def _made(config: Config, bench: Bench) -> tuple[Path, Dataset]:
    """Return the folder of images that the standard net wrote labels into; and as they were."""
    source = shortened(config.standard.dataset(), config.pushed)
    net = fit(config.standard, bench.folder, bench.device)
    folder = pushed(source, net, config.standard, config.making, "random", config.seed, bench)
    return folder, source


def _units(
    config: Config, nets: Mapping[str, nn.Module], train: Dataset, test: Dataset
) -> dict[str, Kept]:
    """Return units of the standard net that are not robust, and of the robust net that are."""
    within = ball(config.robust.norm, config.robust.eps)
    found = {}
    for words, name, wanted in (
        (FRAGILE, "standard net", Kind.NON_ROBUST),
        (STURDY, "robust net", Kind.ROBUST),
    ):
        model = nets[name]
        chosen = of_kind(
            model, train, test, wanted, within, config.units, config.images, config.steps,
            config.seed,
        )  # fmt: skip
        if len(chosen) < 2:  # a net of a few images has none: all units stand for them
            chosen = torch.arange(config.units)
        found[words] = units_under_noise(model, train, test, chosen, config.sigmas, config.seed)
    return found


def _learned(config: Config, folder: Path, test: Dataset, bench: Bench) -> dict[str, Number]:
    """Teach a net on the written labels alone, without noise and under it; test on real images."""
    found = {}
    for words, loss in ((CALM, "standard"), (SHAKEN, "noise")):
        recipe = replace(
            config.learner, data=str(folder), images=0, loss=loss, sigma=config.noisy.sigma,
            training=replace(config.learner.training, validation=0),
        )  # fmt: skip
        hits = right(fit(recipe, bench.folder, bench.device).model, test)
        found[words] = over_classes(hits, test.labels, len(test.classes), together=2)
    return found


def judge(seen: Seen) -> Verdict:
    """Return the verdict by the rule of the study, at the largest sigma."""
    units = [seen.units[name].share(-1) for name in (STURDY, FRAGILE)]
    labels = [seen.labels[name].share(-1) for name in (TRUE, WRITTEN)]
    noisy = seen.cosines["noise-trained net"]
    good = (
        above(*units)
        and above(*labels)
        and above(seen.learned[CALM], seen.learned[SHAKEN])
        and all(
            above(noisy, seen.cosines[name]) for name in ("standard net", "untrained net (control)")
        )
    )
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def _numbers(seen: Seen, config: Config) -> dict[str, Number]:
    found = {}
    for group in (seen.units, seen.labels):
        for name, kept in group.items():
            found[f"{name}: mean rho without noise"] = kept.mean(0)
            for level, sigma in list(enumerate(config.sigmas))[1:]:
                found[f"{name}: share of it left at sigma {sigma:g}"] = kept.share(level)
    for name, number in seen.learned.items():
        found[f"net {name} on written labels: accuracy on real images"] = number
    for name, number in seen.cosines.items():
        found[f"{name}: cosine of the gradient to the other class"] = number
    return found


def _summary(seen: Seen, config: Config) -> str:
    left = {name: kept.share(-1).value for name, kept in {**seen.units, **seen.labels}.items()}
    cosines = seen.cosines
    return (
        f"Noise of sigma {config.sigmas[-1]:g} leaves units that are useful and not robust "
        f"{left[FRAGILE]:.0%} of their usefulness, robust ones {left[STURDY]:.0%}; labels written "
        f"into images {left[WRITTEN]:.0%}, true ones {left[TRUE]:.0%}. From written labels a net "
        f"learns to be right on {seen.learned[CALM].value:.0%} of real images without noise and on "
        f"{seen.learned[SHAKEN].value:.0%} under it. The gradient's cosine to the other class is "
        f"{cosines['noise-trained net'].value:.3f} after training with noise and "
        f"{cosines['standard net'].value:.3f} without."
    )


TINY_CONFIG = Config(
    standard=TINY,
    robust=TINY_ROBUST,
    noisy=tiny_net(0.5),
    learner=TINY,
    making=Making(steps=2),
    pushed=200,
    sigmas=(0.0, 0.5),
    units=6,
    images=8,
    steps=2,
    train=100,
    test=50,
)
STUDY = Study(
    id="smoothing-as-prior",
    title="Noise drowns what small changes can flip",
    claim="Noise on the images makes features useless that small changes can flip, so that a net "
    "trained with it stands on others, and its gradient looks more like the object.",
    rule="Reproduced if at the largest sigma, that of the noise-trained net, (1) the units of the "
    "standard net that are useful and not robust keep a smaller share of their usefulness than the "
    "robustly useful units of the robust net, (2) the labels that a standard net wrote into images "
    "keep a smaller share of it, in that net's logits, than true labels do in the same images "
    "untouched, (3) a net taught on written labels alone is right on fewer real images when it is "
    "taught under noise than without, and (4) the loss gradient of the noise-trained net has a "
    "larger cosine to the direction of the other class than that of the standard net and of an "
    "untrained one; each with intervals that do not meet.",
    published="A claim without a number: noise overwhelms the signal that is sensitive to small "
    "changes (the talk, section 14); smoothed nets have gradients that people recognise, in "
    "pictures (Kaur, Cohen, Lipton 2019).",
    presets={
        "tiny": TINY_CONFIG,
        "quick": Config(),
        "full": Config(
            standard=replace(FULL, weights="cifar10-standard"),
            robust=replace(FULL_ROBUST, weights="cifar10-l2-0.5"),
            noisy=cifar_net(0.25),
            learner=replace(cifar_net(0.25, "standard")),
            making=Making(eps="0.5", steps=20, step_size=0.1),
            pushed=10_000,
            sigmas=(0.0, 0.05, 0.125, 0.25),
            units=64,
            images=60,
            steps=10,
            train=2000,
            test=1000,
        ),
    },
    function=study,
)
register(STUDY)
