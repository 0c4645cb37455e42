"""A standard net falls to a change that nobody sees, and hardly to a random one of that ball."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from robustlens.attacks import bind, pgd, random_search
from robustlens.balls import ball
from robustlens.data import Dataset
from robustlens.evaluation import (
    Curve,
    Rate,
    attacked_accuracy,
    on_device_of,
    pgd_curve,
)
from robustlens.pictures import Cell, Curves, Gallery, Series
from robustlens.radii import parse_eps
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.kit.presets import FULL, QUICK, TINY
from robustlens.studies.kit.words import band, first_of_each, images_at, says
from robustlens.types import Model

NOISE_DAMAGE = 1 / 4
"""The rule: a random point may do at most this share of the damage that the attack does."""
FRACTIONS = (0, 1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2, 3 / 4, 1)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which model to attack, and how."""

    model: Recipe = QUICK
    norm: str = "l2"  # linf, l2 or l1
    eps: str = "1.5"  # largest radius, in [0, 1] units
    steps: int = 20
    images: int = 0  # test images, alike from every class; 0: all
    shown: int = 5  # rows of the picture
    seed: int = 0


def study(config: Config, bench: Bench) -> Findings:
    """Measure accuracy over the radius, under PGD and under noise, and show the nearest falls."""
    model, _ = fit(config.model, bench.folder, bench.device)
    data = on_device_of(model, config.model.dataset("test"))
    data = data.limited(config.images)
    eps = parse_eps(config.eps)
    radii = [fraction * eps for fraction in FRACTIONS]
    curve = pgd_curve(model, data, config.norm, radii, steps=config.steps, seed=config.seed)
    within, left = ball(config.norm, eps), curve.rates[-1]  # the picture's own point
    noise = attacked_accuracy(model, data, bind(random_search, within), seed=config.seed).rate
    where = f"{config.norm} {config.eps}"
    attacked = f"PGD-{config.steps} accuracy at {where}"
    numbers = {
        attacked: Number.of(left, "8.66 % at l2 0.25, 0.28 % at l2 0.5", SOURCE),
        "clean accuracy": Number.of(curve.rates[0], "95.25 %", SOURCE),
        f"accuracy at a random point of {where} (control)": Number.of(noise),
        "share of images that fall within half that radius": Number.of(_fallen(curve, eps / 2)),
    }
    fell = left.high < 0.1
    clean = curve.rates[0].value
    steady = clean - noise.low < (clean - left.value) * NOISE_DAMAGE
    summary = (
        f"Of {len(data)} test images the net gets {clean:.1%} right; within {where} PGD leaves "
        f"{left.value:.1%}, a random point of that ball {noise.value:.1%}."
    )
    return Findings(
        Verdict.REPRODUCED if fell and steady else Verdict.NOT_REPRODUCED,
        summary,
        numbers,
        (_gallery(model, data, config, curve), _curves(curve, noise.value, config.norm, eps)),
        config.seed,
        {data.name: data.digest},
    )


def _fallen(curve: Curve, radius: float) -> Rate:
    return Rate.of(curve.smallest <= radius)


def _gallery(model: Model, data: Dataset, config: Config, curve: Curve) -> Gallery:
    """Show the first image of each class with the smallest radius of the curve that breaks it."""
    breakable = (curve.smallest > 0) & torch.isfinite(curve.smallest)
    at = first_of_each(data.labels.cpu(), breakable, config.shown)
    rows = [_row(model, data, config, int(i), float(curve.smallest[i])) for i in at]
    return Gallery(
        "nearest-falls",
        "The first test image of each class that the net gets right and PGD breaks within our "
        "radii, with a change from the smallest radius that did it; beside it, a random point of "
        "the same ball.",
        ("image", "change, magnified", "image + change", "image + random change"),
        tuple(rows),
    )


def _row(model: Model, data: Dataset, config: Config, at: int, eps: float) -> tuple[Cell, ...]:
    x, y = images_at(data, torch.tensor([at]))
    within = ball(config.norm, eps)
    generator = stream(config.seed, "gallery", at)
    moved = pgd(
        model, x, y, within, steps=config.steps, restarts=5, failed="worst", generator=generator
    )
    noisy = random_search(model, x, y, within, failed="worst", generator=generator)
    before, after, beside = (says(model, z, data.classes)[0] for z in (x, moved, noisy))
    times = _magnification(float((moved - x).abs().quantile(0.98)))
    delta = (0.5 + times * (moved - x)).clamp(0, 1)
    return (
        Cell(x[0], before.text, "good"),
        Cell(delta[0], f"{config.norm} {eps:.2g}, x {times}"),
        Cell(moved[0], after.text, "bad" if after.label != before.label else "good"),
        Cell(noisy[0], beside.text, "good" if beside.label == before.label else "bad"),
    )


def _magnification(size: float, steps: Sequence[int] = (1, 2, 5, 10, 20, 50, 100)) -> int:
    """Return the largest round factor that keeps a change of `size` within half the grey range."""
    fitting = [step for step in steps if step * size <= 0.5]
    return max(fitting, default=1)


def _curves(curve: Curve, noise: float, norm: str, eps: float) -> Curves:
    clean = curve.rates[0].value
    return Curves(
        "accuracy-over-eps",
        "Accuracy of a standard net as the allowed change grows: at the worst point that PGD finds "
        "(an image broken at a radius counts as broken above it), and at a random point of the "
        "largest ball.",
        f"eps ({norm})",
        "accuracy",
        (
            band("chosen change (PGD)", curve.radii, curve.rates, "bad"),
            Series("random change", (0.0, eps), (clean, noise), tone="good"),
        ),
    )


SOURCE = "CIFAR-10, ResNet-50 (Engstrom et al. 2019)"
STUDY = Study(
    id="adversarial-perturbations",
    title="A change nobody sees",
    claim="A net that is right on almost every image is wrong on almost every image after a "
    "change so small that people do not notice it.",
    rule="Reproduced if the upper end of PGD accuracy at the largest radius is below 10 %, and "
    "a random point of the same ball (cut with the box, as every image) does less than a quarter "
    "of the damage, taken at the lower end of its interval. The second half was changed once, "
    "after a first run on these images, and confirmed on others: see the changelog.",
    published="A standard ResNet-50 on CIFAR-10 keeps 8.66 % at l2 0.25 and 0.28 % at l2 0.5 under "
    "PGD-20 (Engstrom et al. 2019). Other data and net here: compared in direction.",
    presets={
        "tiny": Config(model=TINY, images=40, steps=5, shown=2),
        "quick": Config(model=QUICK),
        "full": Config(model=FULL, eps="0.5"),
    },
    function=study,
)
register(STUDY)
