"""Pictures of a class out of a blurred guess and gradient ascent on one classifier."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.pictures import Picture
from robustlens.recipes import Recipe
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.generation import pictures, sizes
from robustlens.studies.generation.measures import (
    Measured,
    measured,
    neighbours,
    pictures_of,
    seeds_of,
)
from robustlens.studies.kit.judges import CIFAR, FASHION, ROBUST, STANDARD, Nets, Trio, unseen
from robustlens.studies.kit.samples import LEARNER, TINY_GRID
from robustlens.studies.kit.synthesis import better, gain, rates, recognised
from robustlens.studies.kit.words import above, first_of_each, mean
from robustlens.types import Images, Labels
from robustlens.vision import Seeds

SEED, REAL = "seed (baseline)", "test images"
SEEN, KERNEL = "the judge sees the class", "kernel distance to test images"
DIVERSE = 0.5
"""The rule: how diverse pictures of a class must be, as a share of real images of it."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nets that generate, a net that judges, how many pictures, and where they begin."""

    nets: Trio = FASHION
    samples: int = 100  # pictures by each net, as many of every class
    steps: int = 60
    rank: int = 32  # directions of a class's Gaussian
    fitted: int = 250  # training images of each class it is fitted to
    reference: int = 0  # training images among which neighbours are looked for; 0: all
    sizes: tuple[int, ...] = ()  # also by nets trained on so many images; none: no such figure
    learner: Recipe = LEARNER  # of those nets
    length: int = 10000  # of their epochs
    shown: int = 10  # rows of the pictures
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 30 or self.reference < 0:
            raise InputError(
                f"samples {self.samples}, reference {self.reference}",
                "at least 30 pictures, three of each of ten classes; reference >= 0",
            )


def study(config: Config, bench: Bench) -> Findings:
    """Generate with both nets from the same seeds; ask the judge, and compare the sets."""
    nets, test = config.nets.taken(bench), unseen(config.nets.robust, 0).split(0.5, config.seed)
    data, others = (half.take(config.samples) for half in test)  # REAL is compared as pictures are
    train = config.nets.robust.dataset()
    seeds = Seeds.fit(train, rank=config.rank, images=config.fitted)
    real, y = unit(data.images).to(bench.device), data.labels.to(bench.device)
    made = {
        name: pictures_of(name, net, seeds, y, config.steps, config.seed)
        for name, net in nets.makers.items()
    }
    made |= {SEED: seeds_of(seeds, y, config.seed), REAL: real}
    seen = recognised(nets, made, y)
    reference = train.take(config.reference) if config.reference else train
    other = unit(others.images).to(bench.device)
    sets = measured(nets, made, y, other, config.seed)
    gains = compared(seen)
    near = {name: neighbours(nets, made[name], reference) for name in (ROBUST, REAL)}
    numbers = {**rates(seen, SEEN), **gains, **_of_sets(sets)}
    numbers |= {f"{name}: distance to the nearest training image": mean(found.distance[:, 0])
                for name, found in near.items()}  # fmt: skip
    found = _over_sizes(config, nets, seeds, y, other, bench)
    for n, one in found.items():
        numbers[f"robust net of {n} images: {SEEN}"] = Number.of(one.seen)
        numbers[f"robust net of {n} images: {KERNEL}"] = one.kernel
    at = first_of_each(y.cpu(), torch.ones(len(y), dtype=torch.bool), config.shown)
    drawn: tuple[Picture, ...] = (
        pictures.samples(nets, made, y, at, (SEED, ROBUST, STANDARD, REAL)),
        pictures.many(nets, made[ROBUST], y, 5),
        pictures.copies(made[ROBUST], y, at, near[ROBUST], reference),
        pictures.heights(numbers, SEEN, tuple(made)),
        pictures.heights(numbers, KERNEL, tuple(made)),
    )
    return Findings(
        judge(gains, sets),
        _summary(len(y), numbers),
        numbers,
        drawn + (sizes.curves(found) if found else ()),
        config.seed,
        {train.name: train.digest, f"{data.name}, test": data.digest},
    )


def judge(gains: dict[str, Number], sets: dict[str, Measured]) -> Verdict:
    """Apply the rule: recognised more often, nearer to test images, and as diverse by half."""
    seen = all(better(number) for number in gains.values())
    nearer = above(sets[STANDARD].kernel, sets[ROBUST].kernel)
    diverse = sets[ROBUST].diversity.value >= DIVERSE * sets[REAL].diversity.value
    return Verdict.REPRODUCED if seen and nearer and diverse else Verdict.NOT_REPRODUCED


def compared(seen: dict[str, Tensor]) -> dict[str, Number]:
    """Return the differences that decide, the robust net minus another, seed by seed."""
    return {
        "judge's accuracy, robust net minus standard net": gain(seen[ROBUST], seen[STANDARD]),
        "judge's accuracy, robust net minus the seeds": gain(seen[ROBUST], seen[SEED]),
    }


def _over_sizes(
    config: Config, nets: Nets, seeds: Seeds, y: Labels, real: Images, bench: Bench
) -> dict[int, sizes.Learned]:
    if not config.sizes:
        return {}
    source = config.nets.robust.dataset()
    trained = sizes.over_sizes(
        config.learner, config.sizes, config.length, source, bench, config.seed
    )
    return {
        n: sizes.learned(nets, net, seeds, y, real, config.steps, config.seed)
        for n, net in trained.items()
    }


def _of_sets(sets: dict[str, Measured]) -> dict[str, Number]:
    """Return the measures of the sets as numbers, by their names."""
    names = (KERNEL, "Frechet distance to test images", "diversity within a class")
    return {f"{who}: {what}": value for who, found in sets.items()
            for what, value in zip(names, found, strict=True)}  # fmt: skip


def _summary(n: int, numbers: dict[str, Number]) -> str:
    seen = {who: numbers[f"{who}: {SEEN}"].value for who in (ROBUST, STANDARD, SEED, REAL)}
    far = {who: numbers[f"{who}: {KERNEL}"].value for who in seen}
    return (
        f"The judge sees the class asked for in {seen[ROBUST]:.1%} of {n} pictures of the robust "
        f"net, {seen[STANDARD]:.1%} of the standard one's and {seen[SEED]:.1%} of the seeds "
        f"({seen[REAL]:.1%} of test images); kernel distance to other test images "
        f"{far[ROBUST]:.3g}, {far[STANDARD]:.3g} and {far[SEED]:.3g}."
    )


STUDY = Study(
    id="generation",
    title="Pictures out of a classifier",
    claim="A robust classifier and gradient ascent generate images of any class it knows.",
    rule="Reproduced if, compared seed by seed with a 95 % interval above 0, the judge sees the "
    "class asked for in more of the robust net's pictures than of the standard net's and than of "
    "the seeds they begin at; the robust net's pictures are nearer to test images than the "
    "standard net's in kernel distance, in the judge's features, with intervals that do not meet; "
    "and two of them of one class differ at least half as much, in those features, as two test "
    "images do. Frechet distance, nearest training images and the figure over training-set size "
    "are shown and do not decide.",
    published="Inception Score 7.5 +- 0.1 on CIFAR-10 and 259.0 +- 4 on ImageNet (Santurkar et al. "
    "2019, Table 1): a score that such pictures win above real images, so ours are other measures "
    "and the claim is compared in direction.",
    presets={
        "tiny": Config(
            samples=40, steps=5, rank=4, fitted=50, reference=200, shown=3,
            sizes=(50, 200), learner=TINY_GRID.learner, length=TINY_GRID.length,
        ),
        "quick": Config(),
        "full": Config(nets=CIFAR, samples=1000),
        "training-set-size": Config(sizes=(100, 300, 1000, 3000, 10000)),
    },
    function=study,
)  # fmt: skip
register(STUDY)
