"""Min-max training gives a net that holds where a standard one falls, at a price."""

from dataclasses import dataclass

from robustlens.data import Dataset
from robustlens.evaluation import Curve, on_device_of, pgd_curve
from robustlens.pictures import Curves
from robustlens.radii import parse_eps
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.kit.presets import (
    FULL,
    FULL_ROBUST,
    QUICK,
    QUICK_ROBUST,
    TINY,
    TINY_ROBUST,
)
from robustlens.studies.kit.words import above, band

POINTS = 8
"""Radii above 0, evenly up to twice the radius of training; even, so that it is one of them."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A standard and a robust model of the same data, and the attack that compares them."""

    standard: Recipe = QUICK
    robust: Recipe = QUICK_ROBUST
    steps: int = 20
    images: int = 0  # test images, alike from every class; 0: all
    seed: int = 0


def study(config: Config, bench: Bench) -> Findings:
    """Measure both models over the radius, from 0 to twice the radius of training."""
    data = config.standard.dataset("test")
    data = data.limited(config.images)
    eps = parse_eps(config.robust.eps)
    standard = _curve(config.standard, data, eps, config, bench)
    robust = _curve(config.robust, data, eps, config, bench)
    where = f"PGD-{config.steps} accuracy at {config.robust.norm} {config.robust.eps}"
    r1, s1 = (
        Number.of(curve.rates[POINTS // 2], published, SOURCE)  # the picture's own point
        for curve, published in (
            (robust, "70.17 % at l2 0.5"),
            (standard, "0.28 % at l2 0.5"),
        )
    )
    r0 = Number.of(robust.rates[0], "90.83 %", SOURCE)
    s0 = Number.of(standard.rates[0], "95.25 %", SOURCE)
    numbers = {
        f"robust net, {where}": r1,
        f"standard net, {where}": s1,
        "robust net, clean accuracy": r0,
        "standard net, clean accuracy": s0,
    }
    good = above(r1, s1) and r1.value - s1.value > 0.3 and s0.value > r0.value
    return Findings(
        Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED,
        f"At the radius of training the robust net keeps {r1.value:.1%}, the standard one "
        f"{s1.value:.1%}; on unchanged images they reach {r0.value:.1%} and {s0.value:.1%}.",
        numbers,
        (_picture(standard, robust, config.robust.norm, eps),),
        config.seed,
        {data.name: data.digest},
    )


def _curve(recipe: Recipe, data: Dataset, eps: float, config: Config, bench: Bench) -> Curve:
    model, _ = fit(recipe, bench.folder, bench.device)
    radii = [2 * eps * i / POINTS for i in range(POINTS + 1)]
    return pgd_curve(
        model,
        on_device_of(model, data),
        config.robust.norm,
        radii,
        steps=config.steps,
        seed=config.seed,
    )


def _picture(standard: Curve, robust: Curve, norm: str, eps: float) -> Curves:
    return Curves(
        "accuracy-over-eps",
        "Accuracy under attack as the allowed change grows, with 95 % intervals; an image "
        "broken at a radius counts as broken above it. The dashed line "
        "is the radius that the robust net was trained for, where the table reads its numbers.",
        f"eps ({norm})",
        f"accuracy ({standard.name.split(' ')[0]})",
        tuple(
            band(name, curve.radii, curve.rates, tone)
            for name, curve, tone in (
                ("standard training", standard, "bad"),
                ("robust training", robust, "good"),
            )
        ),
        ((eps, "radius of training"),),
    )


SOURCE = "CIFAR-10, ResNet-50 (Engstrom et al. 2019)"
STUDY = Study(
    id="robust-erm",
    title="Training against the worst case",
    claim="Minimising the worst loss around each image, instead of the loss at it, gives a net "
    "that still answers rightly after the attack, and costs some accuracy on unchanged images.",
    rule="Reproduced if at the radius of training the robust net's PGD accuracy exceeds the "
    "standard net's by more than 30 points with intervals that do not meet, and its clean "
    "accuracy is lower.",
    published="CIFAR-10, ResNet-50, l2 0.5: 90.83 % clean and 70.17 % under PGD-20 (69.24 % under "
    "AutoAttack) with robust training, 95.25 % and 0.28 % without (Engstrom et al. 2019). Other "
    "data and net here: compared in direction.",
    presets={
        "tiny": Config(standard=TINY, robust=TINY_ROBUST, images=40, steps=3),
        "quick": Config(standard=QUICK, robust=QUICK_ROBUST),
        "full": Config(standard=FULL, robust=FULL_ROBUST),
    },
    function=study,
)
register(STUDY)
