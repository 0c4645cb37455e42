"""Nets that learn more from the features of one net are easier to fool with its examples."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from robustlens.attacks import bind, pgd
from robustlens.balls import ball
from robustlens.data import Dataset
from robustlens.evaluation import Rate, TransferMatrix, on_device_of, transfer_matrix
from robustlens.recipes import Recipe, fit, untrained
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.kit.families import FAMILIES, members
from robustlens.studies.kit.made import Making, pushed, quick_learner, right, taught
from robustlens.studies.kit.presets import FULL, FULL_ROBUST, QUICK, QUICK_ROBUST, TINY, TINY_ROBUST
from robustlens.studies.kit.ranks import RankCorrelation, rank_correlation, spearman
from robustlens.studies.kit.words import above
from robustlens.studies.transferability_plot.pictures import bars, scatter

P_VALUE = 0.05
SOURCE, ROBUST, UNTRAINED = "source", "robust net", "untrained net"
DRAWS = 2000
"""Of the bootstrap over test images."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The net whose examples are shown around, and the nets that are shown them."""

    standard: Recipe = QUICK  # the source of the examples, and of the pushed set
    robust: Recipe = QUICK_ROBUST  # a net that should not fall for them
    learner: Recipe = QUICK  # how the nets of all families are trained
    size: str = "quick"  # of these nets: tiny, quick or full
    nets: tuple[str, ...] = FAMILIES
    making: Making = field(default_factory=Making)
    steps: int = 20  # of the attack that is shown around, in the ball of the making
    images: int = 0  # test images, alike from every class; 0: all
    seed: int = 0


class Measured(NamedTuple):
    """One family of nets, on the same test images."""

    name: str
    learned: Tensor  # which images the net trained on the pushed set gets right, bool (n,)
    clean: Tensor  # which the net trained on the original set gets right, bool (n,)
    fooled: Tensor  # which of these it gets wrong after the source's change, bool (n,)

    @property
    def accuracy(self) -> Rate:
        """Accuracy on real images after training on the pushed set alone."""
        return Rate.of(self.learned)

    @property
    def success(self) -> Rate:
        """Transfer success on the net trained on the original set."""
        return Rate.of(self.fooled[self.clean])


def study(config: Config, bench: Bench) -> Findings:
    """Train every family on the original set and on the pushed one; show it the examples."""
    source = config.standard.dataset()
    test = config.standard.dataset("test")
    test = test.limited(config.images)
    net = fit(config.standard, bench.folder, bench.device)
    folder = pushed(source, net, config.standard, config.making, "next", config.seed, bench)
    recipes = members(config.learner, config.size, config.nets)
    last = {name: replace(r, training=replace(r.training, validation=0))
            for name, r in recipes.items()}  # fmt: skip
    own = {name: fit(recipe, bench.folder, bench.device)[0] for name, recipe in last.items()}
    table = _table(config, bench, test, net.model, own)
    found = [
        _measured(name, table, right(taught(recipe, folder, bench), test))
        for name, recipe in recipes.items()
    ]
    ranks = _ranks(found)
    plain = rank_correlation(
        [float(m.clean.float().mean()) for m in found], [m.success.value for m in found]
    )
    numbers = _numbers(found, table, ranks, plain, config.seed)
    success = {m.name: Number.of(m.success) for m in found}
    blank = {name: Number.of(table.rate(UNTRAINED, name)) for name in own}
    return Findings(
        judge(ranks, list(success.values()), list(blank.values())),
        f"Over {len(found)} families of nets, the accuracy learned from one net's perturbations "
        f"and the share of its adversarial examples that transfer have a rank correlation of "
        f"{ranks.rho:.2f} (exact p = {ranks.p:.3f}); to a robust net transfer "
        f"{table.rate(SOURCE, ROBUST).value:.0%} of them.",
        numbers,
        (
            scatter([(m.name, m.accuracy, m.success) for m in found]),
            bars(table, SOURCE, UNTRAINED, [*own, ROBUST]),
        ),
        config.seed,
        {source.name: source.digest, f"{test.name}, test": test.digest},
    )


def judge(ranks: RankCorrelation, success: list[Number], blank: list[Number]) -> Verdict:
    """Apply the rule: the orders agree, and an untrained net's examples transfer less."""
    agree = ranks.rho > 0 and ranks.p <= P_VALUE
    learned = all(above(real, none) for real, none in zip(success, blank, strict=True))
    return Verdict.REPRODUCED if agree and learned else Verdict.NOT_REPRODUCED


def _table(
    config: Config, bench: Bench, test: Dataset, net: nn.Module, own: dict[str, nn.Module]
) -> TransferMatrix:
    """Show all nets the examples of the source and of a net of its kind that learned nothing."""
    robust = fit(config.robust, bench.folder, bench.device)[0]
    blank = untrained(config.standard, test, bench.device)
    models = {SOURCE: net, **own, ROBUST: robust, UNTRAINED: blank}
    attack = bind(pgd, ball(config.making.norm, config.making.eps), steps=config.steps)
    images = on_device_of(net, test)
    return transfer_matrix(models, images, attack, sources=(SOURCE, UNTRAINED), seed=config.seed)


def _measured(name: str, table: TransferMatrix, learned: Tensor) -> Measured:
    at = table.targets.index(name)
    clean = table.clean[at] == table.labels
    fooled = clean & (table.attacked[table.sources.index(SOURCE), at] != table.labels)
    return Measured(name, learned, clean, fooled)


def _ranks(found: list[Measured]) -> RankCorrelation:
    return rank_correlation([m.accuracy.value for m in found], [m.success.value for m in found])


def _numbers(
    found: list[Measured],
    table: TransferMatrix,
    ranks: RankCorrelation,
    plain: RankCorrelation,
    seed: int,
) -> dict[str, Number]:
    numbers = {
        "rank correlation of transfer and learning": _with_interval(ranks, found, seed),
        "its exact p-value, one-sided": Number.exact(ranks.p),
        "rank correlation of transfer and plain accuracy": Number.exact(plain.rho),
    }
    for m in found:
        numbers[f"{m.name}, share of the source's examples that transfer"] = Number.of(
            m.success, "60 to 100 %", FIGURE
        )
        numbers[f"{m.name}, accuracy learned from the pushed set"] = Number.of(
            m.accuracy, "25 to 50 %", FIGURE
        )
        numbers[f"{m.name}, accuracy learned from the original set"] = Number.of(Rate.of(m.clean))
        numbers[f"{m.name}, share of an untrained net's examples that transfer"] = Number.of(
            table.rate(UNTRAINED, m.name)
        )
    for name in (SOURCE, ROBUST):
        what = f"{name}, share of the source's examples that succeed"
        numbers[what] = Number.of(table.rate(SOURCE, name))
    return numbers


def _with_interval(ranks: RankCorrelation, found: list[Measured], seed: int) -> Number:
    """Return rho with the middle 95 % of its values over draws of the test images.

    It says how sure the order of these nets is; other nets are not drawn.
    """
    n = len(found[0].clean)
    rows = torch.randint(n, (DRAWS, n), generator=stream(seed, "bootstrap"))
    accuracy = [m.learned[rows].float().mean(dim=1) for m in found]
    success = [m.fooled[rows].sum(dim=1) / m.clean[rows].sum(dim=1).clamp_min(1) for m in found]
    pairs = zip(torch.stack(accuracy, 1).tolist(), torch.stack(success, 1).tolist(), strict=True)
    low, high = np.quantile([spearman(x, y) for x, y in pairs], [0.025, 0.975])
    return Number(ranks.rho, min(float(low), ranks.rho), max(float(high), ranks.rho), n)


FIGURE = "Ilyas et al. 2019, Figure 3, CIFAR-10"
LEARNER = quick_learner(epochs=8)
STUDY = Study(
    id="transferability-plot",
    title="Who learns from a net falls for its examples",
    claim="Adversarial examples transfer because nets pick the same non-robust features: a kind of "
    "net that learns more from one net's perturbations is fooled by more of its examples.",
    rule="Reproduced if over all families of nets the accuracy on real images after training on "
    "the source's pushed set, and the share of its adversarial examples that fool the same family "
    "trained on the original set, have a positive rank correlation with an exact one-sided p of "
    "at most 0.05; and on every family the source's examples succeed more often than those of an "
    "untrained net of its kind, with intervals that do not meet. No family is left out.",
    published="CIFAR-10, source ResNet-50: success 60 to 100 % and accuracy 25 to 50 %, both in "
    "the order VGG-16, Inception-v3, ResNet-18, DenseNet, ResNet-50 (Ilyas et al. 2019, Figure "
    "3). Other nets here: compared in direction.",
    presets={
        "tiny": Config(
            standard=TINY,
            robust=TINY_ROBUST,
            learner=TINY,
            size="tiny",
            nets=("small", "resnet", "vgg", "mlp"),
            making=Making(steps=3, step_size=0.5),
            steps=3,
            images=200,
        ),
        "quick": Config(learner=LEARNER),
        "full": Config(
            standard=FULL,
            robust=FULL_ROBUST,
            learner=FULL,
            size="full",
            making=Making(eps="0.5", steps=100, step_size=0.1),
        ),
    },
    function=study,
)
register(STUDY)
