"""A net with a hidden gradient looks robust to PGD; checks see it, another attack breaks it."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.attacks import apgd, bind, pgd
from robustlens.attacks.method import flat_expected
from robustlens.balls import L1, L2, Linf, ball
from robustlens.data import Dataset
from robustlens.evaluation import Rate, accuracy, attacked_accuracy, on_device_of
from robustlens.modes import frozen
from robustlens.objectives import MakeObjective, margin, misclassify
from robustlens.pictures import Curves, Panel, Surfaces
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.sanity import Check, check_model, loss_surface
from robustlens.studies.kit.presets import (
    FULL,
    FULL_ROBUST,
    QUICK,
    QUICK_ROBUST,
    TINY,
    TINY_ROBUST,
)
from robustlens.studies.kit.words import above, band, images_at
from robustlens.types import Images, Labels, Logits, Model

GAIN = 0.3
"""The rule: by how much PGD accuracy must be too high before we call a net masked."""
AGREE = 0.05
"""The rule: how far two good attacks may be apart on an honest net."""

ROUND = (1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A net to be masked, an honest robust one, and how to attack both."""

    standard: Recipe = QUICK
    robust: Recipe = QUICK_ROBUST
    norm: str = "l2"  # linf, l2 or l1
    eps: str = "1.5"
    temperature: float = 1e4  # what the logits of the masked net are multiplied by
    steps: int = 40  # of PGD, for the numbers; the curve also shows fewer
    images: int = 1000  # test images, alike from every class; 0: all
    checked: int = 100  # of them, for the sanity checks
    points: int = 41  # a side of the loss surfaces
    seed: int = 0


class Sharpened(nn.Module):
    """A net whose logits are multiplied: the same decisions, and a softmax without a slope."""

    def __init__(self, net: nn.Module, factor: float) -> None:
        super().__init__()
        self.net, self.factor = net, factor

    def forward(self, x: Images) -> Logits:
        """Return the logits (b, k), times the factor."""
        z: Logits = self.net(x) * self.factor
        return z


class Seen(NamedTuple):
    """What one net shows: PGD accuracy over the steps on two losses, and its sanity checks."""

    loss: list[Rate]
    margin: list[Rate]
    checks: tuple[Check, ...]

    @property
    def warned(self) -> int:
        """How many checks warn."""
        return sum(check.warned for check in self.checks)


def study(config: Config, bench: Bench) -> Findings:
    """Attack a masked and an honest net alike, and let the sanity checks look at both."""
    plain = fit(config.standard, bench.folder, bench.device).model
    masked = Sharpened(plain, config.temperature).eval()
    honest = fit(config.robust, bench.folder, bench.device).model
    data = on_device_of(honest, config.standard.dataset("test"))
    data = data.limited(config.images)
    within = ball(config.norm, config.eps)
    m, h = (_look(net, data, within, config) for net in (masked, honest))
    where = f"at {config.norm} {config.eps}"
    auto = bind(apgd, within, objective=margin, steps=config.steps)
    numbers = {
        f"masked net, PGD-{config.steps} accuracy {where}": Number.of(m.loss[-1]),
        f"masked net, the same on the margin {where}, accuracy": Number.of(m.margin[-1]),
        f"masked net, accuracy under Auto-PGD on the margin {where}": Number.of(
            attacked_accuracy(masked, data, auto, seed=config.seed).rate
        ),
        f"masked net, accuracy under PGD from the unmasked net {where}": Number.of(
            _transfer(plain, masked, data, within, config)
        ),
        "masked net, clean accuracy": Number.of(accuracy(masked, data).rate),
        f"masked net, checks that warn, of {len(m.checks)}": _count(m, config),
        f"honest robust net, PGD-{config.steps} accuracy {where} (control)": Number.of(h.loss[-1]),
        f"honest robust net, the same on the margin {where}, accuracy (control)": Number.of(
            h.margin[-1]
        ),
        f"honest robust net, checks that warn, of {len(h.checks)} (control)": _count(h, config),
    }
    return Findings(
        verdict(m, h),
        f"Within {config.norm} {config.eps} the masked net keeps {m.loss[-1].value:.1%} under PGD "
        f"on cross-entropy and {m.margin[-1].value:.1%} under PGD on the margin; {m.warned} of "
        f"{len(m.checks)} checks warn. The honest robust net keeps {h.loss[-1].value:.1%} and "
        f"{h.margin[-1].value:.1%}; {h.warned} warn.",
        numbers,
        (_surfaces(masked, honest, data, within, config), _picture(m, h, config)),
        config.seed,
        {data.name: data.digest},
    )


def verdict(masked: Seen, honest: Seen) -> Verdict:
    """Return the verdict by the rule of the study."""
    loss, other = Number.of(masked.loss[-1]), Number.of(masked.margin[-1])
    fooled = above(loss, other) and loss.value - other.value > GAIN
    agrees = abs(honest.loss[-1].value - honest.margin[-1].value) < AGREE
    good = fooled and agrees and masked.warned > 0 and honest.warned == 0
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def _look(net: Model, data: Dataset, within: Linf | L2 | L1, config: Config) -> Seen:
    with flat_expected():  # it is what the study shows
        return Seen(
            _over_steps(net, data, within, misclassify, config),
            _over_steps(net, data, within, margin, config),
            check_model(net, data, within, images=config.checked, seed=config.seed),
        )


def _over_steps(
    model: Model, data: Dataset, within: Linf | L2 | L1, objective: MakeObjective, config: Config
) -> list[Rate]:
    """Return PGD accuracy for each number of steps, each a run of its own."""
    attacks = [bind(pgd, within, steps=steps, objective=objective) for steps in _counts(config)]
    return [attacked_accuracy(model, data, attack, seed=config.seed).rate for attack in attacks]


def _counts(config: Config) -> tuple[int, ...]:
    """Return the numbers of steps of the curve: round ones below the config's, and its own."""
    return (*(n for n in ROUND if n < config.steps), config.steps)


def _transfer(
    source: Model, target: Model, data: Dataset, within: Linf | L2 | L1, config: Config
) -> Rate:
    """Return the target's accuracy on the worst points that PGD finds for the source."""

    def attack(model: Model, x: Images, y: Labels, generator: torch.Generator) -> Images:
        return pgd(source, x, y, within, steps=config.steps, failed="worst", generator=generator)

    return attacked_accuracy(target, data, attack, seed=config.seed).rate


def _count(seen: Seen, config: Config) -> Number:
    """Return the number of warnings: counted, not estimated, so its interval is a point."""
    warned = float(seen.warned)
    return Number(warned, warned, warned, config.checked)


def _surfaces(
    masked: Model, honest: Model, data: Dataset, within: Linf | L2 | L1, config: Config
) -> Surfaces:
    """Show the loss around the first image that both nets get right."""
    x, y = images_at(data, torch.arange(min(len(data), config.checked)))
    with frozen(masked), frozen(honest):
        with torch.no_grad():
            both = (masked(x).argmax(dim=1) == y) & (honest(x).argmax(dim=1) == y)
        at = int(both.int().argmax())
        panels = tuple(
            _panel(name, net, x[at : at + 1], y[at : at + 1], within, config)
            for name, net in (("masked net", masked), ("honest robust net", honest))
        )
    return Surfaces(
        "loss-surfaces",
        "Cross-entropy around one test image (the cross), up to eps in each direction: the "
        "stronger the colour the larger, each net on its own scale. Across: the direction in "
        "which the net's loss grows most, or its margin where the loss has no gradient. Up: a "
        "random direction. Where a panel has one colour and no lines the loss does not move.",
        "along the gradient, in eps",
        "a random direction, in eps",
        panels,
    )


def _panel(
    name: str, net: Model, x: Tensor, y: Tensor, within: Linf | L2 | L1, config: Config
) -> Panel:
    found = loss_surface(net, x, y, within, points=config.points, seed=config.seed)
    return Panel(name, found.along, found.across, found.loss)


def _picture(masked: Seen, honest: Seen, config: Config) -> Curves:
    lines = (
        ("masked, cross-entropy", masked.loss, "bad"),
        ("masked, margin", masked.margin, "bad"),
        ("honest, cross-entropy", honest.loss, "good"),
        ("honest, margin", honest.margin, "good"),
    )
    return Curves(
        "accuracy-over-steps",
        "Accuracy under PGD of more and more steps, with 95 % intervals, on cross-entropy and on "
        "the margin (best wrong logit minus true logit). Every number of steps is a run of its "
        "own.",
        f"PGD steps ({config.norm} {config.eps})",
        "accuracy",
        tuple(band(name, _counts(config), rates, tone) for name, rates, tone in lines),
    )


STUDY = Study(
    id="gradient-masking",
    title="Robust, or only hard to attack?",
    claim="A net whose loss has no gradient looks robust to a gradient attack, and is not: checks "
    "see it before the number is believed, and an attack that does not need that gradient breaks "
    "it.",
    rule="Reproduced if the masked net's PGD accuracy on cross-entropy exceeds its PGD accuracy on "
    "the margin, at the same steps and radius, by more than 30 points with intervals that do not "
    "meet, at least one sanity check warns of it, none warns of the honest robust net, and that "
    "net's two PGD accuracies differ by less than 5 points.",
    published="Seven of nine defences of ICLR 2018 relied on hidden gradients; six were broken "
    "completely and one in part (Athalye, Carlini & Wagner 2018). Defensive distillation, whose "
    "logits are scaled as here, was to let 0.5 % of attacks through and let 100 % through "
    "(Carlini & Wagner 2017). Other nets here: compared in direction.",
    presets={
        "tiny": Config(standard=TINY, robust=TINY_ROBUST, images=60, checked=40, steps=6, points=9),
        "quick": Config(),
        "full": Config(standard=FULL, robust=FULL_ROBUST, eps="0.5"),
    },
    function=study,
)
register(STUDY)
