"""Images rebuilt from what a robust net sees in them: trained on normally, they give robustness."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from robustlens.data import Dataset, load
from robustlens.data.augment import unit
from robustlens.evaluation import Curve, on_device_of, pgd_curve
from robustlens.nets import Checkpoint
from robustlens.pictures import Cell, Curves, Gallery, Picture
from robustlens.radii import parse_eps
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.kit.attacked import AttackedWithin
from robustlens.studies.kit.distilled import (
    LEARNER,
    Distilling,
    Held,
    distilled,
    hold,
    part,
    untouched,
)
from robustlens.studies.kit.made import taught
from robustlens.studies.kit.presets import FULL, FULL_ROBUST, QUICK, QUICK_ROBUST, TINY, TINY_ROBUST
from robustlens.studies.kit.words import above, band, dots, first_of_each

MARGIN = 0.1
"""The rule: how much more the net must hold than its controls."""
LEARNS = 0.2
"""The rule: how far above chance the nets must be on images as they are."""
ROBUSTIFIED, OTHERWISE, ORIGINAL = "robustified set", "non-robust set", "original images"
POINTS = 4
"""Radii above 0 in the picture, evenly up to twice the radius of the attack."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Two nets to rebuild images with, and the net that is trained normally on the results."""

    standard: Recipe = QUICK  # its features make the non-robust set
    robust: Recipe = QUICK_ROBUST  # its features make the robustified set
    learner: Recipe = QUICK  # trained normally, once on each set
    distilling: Distilling = field(default_factory=Distilling)
    attacked: AttackedWithin = field(default_factory=AttackedWithin)
    curve: int = 300  # test images of the picture over the radius
    shown: int = 6  # images in the gallery
    seed: int = 0


def study(config: Config, bench: Bench) -> Findings:
    """Rebuild the training images with both nets, train on each set, attack all."""
    source = config.standard.dataset()
    test = config.standard.dataset("test")
    nets = {recipe.loss: fit(recipe, bench.folder, bench.device) for recipe in _makers(config)}
    sets = {
        recipe.loss: distilled(
            source, nets[recipe.loss], recipe, config.distilling, config.seed, bench
        )
        for recipe in _makers(config)
    }
    models = _models(config, bench, sets)
    held = {name: hold(model, test, config.attacked, config.seed) for name, model in models.items()}
    numbers = _numbers(held, config.attacked)
    mine, *others = (held[name] for name in (ROBUSTIFIED, OTHERWISE, ORIGINAL))
    robust = nets[config.robust.loss]
    return Findings(
        judge(held, 1 / len(test.classes)),
        f"Trained normally on robustified images, the net keeps {mine.pgd.value:.1%} under "
        f"PGD-{config.attacked.steps} and {mine.autoattack.value:.1%} under AutoAttack at "
        f"{config.attacked.where()} (clean {mine.clean.value:.1%}); on the non-robust set "
        f"{others[0].autoattack.value:.1%}, on the original images "
        f"{others[1].autoattack.value:.1%}.",
        numbers,
        _pictures(config, source, test, sets, models, robust, held),
        config.seed,
        {source.name: source.digest, f"{test.name}, test": test.digest},
    )


def judge(held: dict[str, Held], chance: float) -> Verdict:
    """Apply the rule: robust under both attacks, where both controls are not, and all learn."""
    mine, *others = (held[name] for name in (ROBUSTIFIED, OTHERWISE, ORIGINAL))
    pairs = [
        (a, b) for other in others for a, b in zip(mine[1:], other[1:], strict=True)
    ]  # PGD, AutoAttack
    holds = all(above(Number.of(a), Number.of(b)) and a.value - b.value >= MARGIN for a, b in pairs)
    learns = all(one.clean.low >= chance + LEARNS for one in (mine, *others))
    return Verdict.REPRODUCED if holds and learns else Verdict.NOT_REPRODUCED


def _makers(config: Config) -> tuple[Recipe, Recipe]:
    return config.robust, config.standard


def _models(config: Config, bench: Bench, sets: dict[str, Path]) -> dict[str, nn.Module]:
    robust, standard = (sets[recipe.loss] for recipe in _makers(config))
    return {
        ROBUSTIFIED: taught(config.learner, robust, bench),
        OTHERWISE: taught(config.learner, standard, bench),
        ORIGINAL: untouched(config.learner, config.distilling, bench),
    }


def _numbers(held: dict[str, Held], attacked: AttackedWithin) -> dict[str, Number]:
    names = (f"AutoAttack accuracy at {attacked.where()}",
             f"PGD-{attacked.steps} accuracy at {attacked.where()}", "clean accuracy")  # fmt: skip
    return {
        f"{name}, trained on the {which}": Number.of(rate, published, SOURCE if published else None)
        for which, one in held.items()
        for name, rate, published in zip(
            names, (one.autoattack, one.pgd, one.clean), PUBLISHED[which], strict=True
        )
    }


def _pictures(
    config: Config,
    source: Dataset,
    test: Dataset,
    sets: dict[str, Path],
    models: dict[str, nn.Module],
    robust: Checkpoint,
    held: dict[str, Held],
) -> tuple[Picture, ...]:
    robustified, otherwise = (load(str(sets[recipe.loss])) for recipe in _makers(config))
    before = part(source, config.distilling)
    tones = dict(zip(models, ("good", "bad", "plain"), strict=True))
    curves = {name: (_curve(model, test, config), tones[name]) for name, model in models.items()}
    shown = {f"trained normally, {name}": pair for name, pair in curves.items()}
    shown["robust training, original images"] = (_curve(robust.model, test, config), "good")
    return (
        _gallery(before, robustified, otherwise, config.shown),
        _curves(shown, {f"trained normally, {name}": one for name, one in held.items()}, config),
    )


def _gallery(before: Dataset, robustified: Dataset, otherwise: Dataset, count: int) -> Gallery:
    rows = first_of_each(before.labels, torch.ones(len(before), dtype=torch.bool), count)
    x, a, b = (unit(data.images[rows]) for data in (before, robustified, otherwise))
    labels = [before.classes[int(k)] for k in before.labels[rows]]
    return Gallery(
        "before-and-after",
        "Training images, and what is put in their place: images that begin at another image and "
        "are changed until a net sees in them what it sees in the original. With a robust net "
        "the object appears; with a standard net more of the other image stays, and what says the "
        "label is less for people to see.",
        ("original", "rebuilt with a robust net", "rebuilt with a standard net"),
        tuple(
            (
                Cell(x[i], label),
                Cell(a[i], f"label: {label}", "good"),
                Cell(b[i], f"label: {label}", "bad"),
            )
            for i, label in enumerate(labels)
        ),
    )


def _curve(model: nn.Module, test: Dataset, config: Config) -> Curve:
    eps = parse_eps(config.attacked.eps)
    radii = [2 * eps * i / POINTS for i in range(POINTS + 1)]
    images = on_device_of(model, test)
    images = images.limited(config.curve)
    attacked = config.attacked
    return pgd_curve(model, images, attacked.norm, radii, steps=attacked.steps, seed=config.seed)


def _curves(curves: dict[str, tuple[Curve, str]], held: dict[str, Held], config: Config) -> Curves:
    attacked = config.attacked
    eps = parse_eps(attacked.eps)
    points = (dots(name, [eps], [one.pgd], curves[name][1]) for name, one in held.items())
    return Curves(
        "accuracy-over-eps",
        f"PGD-{attacked.steps} accuracy on real test images as the allowed change grows. Three of "
        "the nets were trained in the same normal way, on other images; the dashed line is the "
        "radius of the numbers. The dots on it are the numbers of the table; the curves are of "
        "fewer images, and an image broken at a radius counts as broken above it.",
        f"eps ({attacked.norm})",
        f"PGD-{attacked.steps} accuracy",
        (
            *(band(name, curve.radii, curve.rates, tone) for name, (curve, tone) in curves.items()),
            *points,
        ),
        ((eps, "radius of the numbers"),),
    )


SOURCE = "Ilyas et al. 2019, Table 7, CIFAR-10, ResNet-50"
PUBLISHED: dict[str, tuple[str | None, str, str]] = {
    ROBUSTIFIED: (None, "48.20 % at l2 0.25, 21.85 % at l2 0.5", "85.40 %"),
    OTHERWISE: (None, "0.82 % at l2 0.25", "87.68 %"),
    ORIGINAL: (None, "4.49 % at l2 0.25", "95.25 %"),
}
STUDY = Study(
    id="robustification",
    title="Robustness from the images alone",
    claim="Standard training on images that hold only what a robust net sees in the originals "
    "gives a net that withstands attacks on real images.",
    rule="Reproduced if under PGD and under AutoAttack at half the robust net's radius of training "
    "the net trained on the robustified set is right on at least 10 points more real test images "
    "than the same net trained on the non-robust set, and than the same net trained on the "
    "original images, with intervals that do not meet; and all three are at least 20 points "
    "above chance on images as they are (the lower end of the interval).",
    published="CIFAR-10, ResNet-50: trained on D_R 85.40 % clean, 48.20 % at l2 0.25 and 21.85 % "
    "at l2 0.5; on D_NR 87.68 %, 0.82 % and 0 %; on the originals 95.25 %, 4.49 % and 0 % (Ilyas "
    "et al. 2019, Table 7, under PGD). Under AutoAttack others report less: 15.55 % for D_R. "
    "Other data and net in quick: compared in direction.",
    presets={
        "tiny": Config(
            standard=TINY,
            robust=TINY_ROBUST,
            learner=TINY,
            distilling=Distilling(images=200, steps=3),
            attacked=AttackedWithin(steps=3, images=60, version="adaptive", few=2),
            curve=20,
            shown=2,
        ),
        "quick": Config(learner=LEARNER),
        "full": Config(
            standard=FULL,
            robust=FULL_ROBUST,
            learner=FULL,
            distilling=Distilling(images=0, steps=1000, step_size=0.1),
            attacked=AttackedWithin(eps="0.25", images=0, few=1000),
        ),
    },
    function=study,
)
register(STUDY)
