"""How far each net can be pushed before it falls, by attacks that agree with each other."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from robustlens.attacks import autoattack, bind, fmn
from robustlens.balls import ball
from robustlens.data import Dataset
from robustlens.evaluation import (
    Curve,
    Evaluation,
    Rate,
    attacked_accuracy,
    minimum_norm_curve,
    on_device_of,
    pgd_accuracy,
)
from robustlens.norms import NORMS
from robustlens.pictures import Cell, Curves, Gallery
from robustlens.radii import parse_eps
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.kit.presets import FULL, FULL_ROBUST, QUICK, QUICK_ROBUST, TINY, TINY_ROBUST
from robustlens.studies.kit.words import above, band, images_at, says

FLATTERY = 0.05
"""The rule: PGD may leave at most this much more than the ensemble."""
POINTS = 40
"""Radii of the curve: evenly up to four times the radius of training."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """A standard and a robust model of the same data, and how hard they are attacked."""

    standard: Recipe = QUICK
    robust: Recipe = QUICK_ROBUST
    version: str = "standard"  # of the ensemble
    steps: int = 100  # of the minimum-norm attack
    images: int = 100  # test images, alike from every class; 0: all
    shown: int = 5  # images of the gallery
    seed: int = 0


class Measured:
    """What is known of one net."""

    def __init__(self, recipe: Recipe, config: Config, data: Dataset, bench: Bench) -> None:
        self.model: nn.Module = fit(recipe, bench.folder, bench.device)[0]
        images = on_device_of(self.model, data)
        norm, eps = config.robust.norm, parse_eps(config.robust.eps)
        within, seed = ball(norm, eps), config.seed
        self.pgd: Rate = pgd_accuracy(self.model, images, within, steps=20, seed=seed).rate
        ensemble = bind(autoattack, within, version=config.version)
        self.worst: Evaluation = attacked_accuracy(self.model, images, ensemble, seed=seed)
        radii = [4 * eps * i / POINTS for i in range(POINTS + 1)]
        attack = bind(fmn, ball(norm, widest(norm, data)), steps=config.steps)
        self.curve: Curve = minimum_norm_curve(self.model, images, attack, radii, seed=seed)

    def share(self, eps: float) -> Rate:
        """Return the share of images that the smallest change found leaves right at eps."""
        return Rate.of((self.curve.smallest > eps) & (self.curve.smallest > 0))


def study(config: Config, bench: Bench) -> Findings:
    """Measure both nets by PGD, by the ensemble and by the smallest change that breaks them."""
    data = config.robust.dataset("test")
    data = data.limited(config.images)
    standard = Measured(config.standard, config, data, bench)
    robust = Measured(config.robust, config, data, bench)
    eps = parse_eps(config.robust.eps)
    where = f"{config.robust.norm} {config.robust.eps}"
    held, weak = Number.of(robust.worst.rate, "69.24 % at l2 0.5", SOURCE), standard.worst.rate
    numbers = {
        f"robust net, AutoAttack accuracy at {where}": held,
        f"robust net, PGD-20 accuracy at {where}": Number.of(robust.pgd, "70.11 %", SOURCE),
        f"standard net, AutoAttack accuracy at {where}": Number.of(weak),
        f"robust net, accuracy at {where} by FMN": Number.of(robust.share(eps)),
        "robust net, accuracy at the largest radius": Number.of(robust.curve.rates[-1]),
        "standard net, accuracy at the largest radius": Number.of(standard.curve.rates[-1]),
    }
    flattery = robust.pgd.value - held.value
    fell = max(m.curve.rates[-1].value for m in (standard, robust)) == 0
    good = above(held, Number.of(weak)) and 0 <= flattery <= FLATTERY and fell
    summary = (
        f"At {where} the ensemble leaves the robust net {held.value:.1%}, {flattery:.1%} less than "
        f"PGD-20, and the standard net {weak.value:.1%}; half of the images fall within "
        f"{_median(robust.curve):.2f} and {_median(standard.curve):.2f}."
    )
    return Findings(
        Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED,
        summary,
        numbers,
        (
            _curves(standard, robust, config, eps),
            _gallery("nearest-standard", "standard", standard, data, config),
            _gallery("nearest-robust", "robust", robust, data, config),
        ),
        config.seed,
        {data.name: data.digest},
    )


def widest(norm: str, data: Dataset) -> float:
    """Return the distance between a black and a white image: a radius that cannot bind."""
    return NORMS[norm].widest(math.prod(data.shape))


def _median(curve: Curve) -> float:
    """Return the median smallest change, over the images that are right as they are."""
    return float(curve.smallest[curve.smallest > 0].median())


def _curves(standard: Measured, robust: Measured, config: Config, eps: float) -> Curves:
    lines = [
        band(name, measured.curve.radii, measured.curve.rates, tone)
        for name, measured, tone in (
            ("standard training", standard, "bad"),
            ("robust training", robust, "good"),
        )
    ]
    for name, measured, tone in (
        ("standard, AutoAttack", standard, "bad"),
        ("robust, AutoAttack", robust, "good"),
    ):
        lines.append(band(name, [eps], [measured.worst.rate], tone))
    return Curves(
        "security-curve",
        "The security curve: accuracy at the smallest change that a minimum-norm attack (FMN) "
        "finds for each image. The points are the AutoAttack ensemble at the radius of training, "
        "an independent search; where point and line agree, neither has been fooled.",
        f"eps ({config.robust.norm})",
        "accuracy",
        tuple(lines),
        ((eps, "radius of training"),),
    )


def _gallery(name: str, words: str, measured: Measured, data: Dataset, config: Config) -> Gallery:
    """Show the images that fall to the smallest changes: where each net is weakest."""
    smallest = measured.curve.smallest
    order = torch.where(smallest > 0, smallest, torch.inf).argsort()[: config.shown]
    x, y = images_at(data, order)
    norm = config.robust.norm
    within = ball(norm, widest(norm, data))
    moved = fmn(
        measured.model, x, y, within, steps=config.steps, generator=stream(config.seed, "attack")
    )
    rows = [
        _row(x[i], moved[i], float(smallest[order[i]]), before.text, after.text)
        for i, (before, after) in enumerate(
            zip(
                says(measured.model, x, data.classes),
                says(measured.model, moved, data.classes),
                strict=True,
            )
        )
    ]
    return Gallery(
        name,
        f"The test images that the {words} net loses to the smallest changes, nearest first: "
        "how near the boundary its worst cases are.",
        ("image", "change", "image + change"),
        tuple(rows),
    )


def _row(x: Tensor, moved: Tensor, size: float, before: str, after: str) -> tuple[Cell, ...]:
    change = moved - x
    factor = 0.5 / max(float(change.abs().amax()), 1e-6)
    return (
        Cell(x, before, "good"),
        Cell((0.5 + factor * change).clamp(0, 1), f"{size:.3f}, x {factor:.0f}"),
        Cell(moved, after, "bad"),
    )


SOURCE = "CIFAR-10, ResNet-50 (Engstrom et al. 2019; RobustBench)"
STUDY = Study(
    id="security-curve",
    title="How far until it falls",
    claim="Robust accuracy is only as honest as the attack: independent strong attacks agree on "
    "it, it falls to nothing as the allowed change grows, and PGD alone flatters a little.",
    rule="Reproduced if AutoAttack leaves the robust net more than the standard one with intervals "
    "that do not meet, PGD-20 leaves the robust net 0 to 5 points more than AutoAttack, and at "
    "four times the radius of training no image of either net is left.",
    published="CIFAR-10, ResNet-50, l2 0.5: PGD 70.11 %, AutoAttack 69.24 %; at l-inf 8/255 PGD "
    "53.29 %, AutoAttack 49.25 % (Engstrom et al. 2019, nets re-evaluated on RobustBench). Other "
    "data and net here: compared in direction.",
    presets={
        "tiny": Config(standard=TINY, robust=TINY_ROBUST, images=10, steps=10, shown=2),
        "quick": Config(standard=QUICK, robust=QUICK_ROBUST),
        "full": Config(standard=FULL, robust=FULL_ROBUST, images=1000),
    },
    function=study,
)
register(STUDY)
