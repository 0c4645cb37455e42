"""What does a net's alignment with people buy afterwards, and what does it cost?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.rate import Rate
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.alignment_at_training_time import pictures
from robustlens.studies.alignment_at_training_time.measures import (
    Explained,
    accurate,
    explained,
    student,
    transferred,
)
from robustlens.studies.alignment_at_training_time.tasks import task
from robustlens.studies.kit.judges import CIFAR, FASHION, Trio
from robustlens.studies.kit.presets import TINY, TINY_ROBUST
from robustlens.types import Images
from robustlens.usefulness.reading import represented

STANDARD, ROBUST, NOISY, PIXELS = "standard net", "robust net", "noise net", "pixels (control)"
SHOWN = 6


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nets, tasks, and how many images."""

    nets: Trio = FASHION
    noisy: str = ""  # weights of a net trained with noise on the same images; "": none
    tasks: tuple[str, ...] = ("digits", "letters")  # drawn, or names of data sets
    labels: tuple[int, ...] = (5, 20)  # a class, from few to many
    held: int = 10  # test images a class, of each draw
    draws: int = 8  # of labelled and test images of a task
    images: int = 300  # test images, alike from every class, for the masks
    accuracy: int = 2000  # test images for accuracy; 0: all
    share: float = 0.2  # of the pixels that are covered
    seed: int = 0

    def __post_init__(self) -> None:
        if min(*self.labels, self.held, self.images) < 1 or self.draws < 2 or not self.tasks:
            raise InputError(
                f"labels {self.labels}, held {self.held}, draws {self.draws}, images "
                f"{self.images}, tasks {self.tasks}",
                "at least 1 of each, 2 draws and one task",
            )
        if list(self.labels) != sorted(self.labels):
            raise InputError(f"labels {self.labels}", "from few to many", "change --labels")
        if not 0 < self.share < 1:
            raise InputError(f"share is {self.share}", "a number between 0 and 1", "change --share")


class Seen(NamedTuple):
    """What one net gives: accuracies by draw, answers by image."""

    transfer: Mapping[str, Tensor]  # by task and labels, (draws,)
    right: Tensor  # boolean (n,), on the images it was trained for
    masks: Explained


class Measured(NamedTuple):
    """Everything that was measured, by net."""

    seen: Mapping[str, Seen]
    transfer: Mapping[str, Mapping[str, Tensor]]  # of the pixels too
    shown: Images
    pools: Mapping[str, Dataset]


def study(config: Config, bench: Bench) -> Findings:
    """Measure every net in everything, and compare it with the standard one."""
    nets, judge = taken(config, bench)
    test = on_device_of(judge, config.nets.robust.dataset("test"))
    found = measured(config, nets, judge, test)
    ahead = {name: compared(found.seen, name) for name in nets if name != STANDARD}
    mine = ahead[ROBUST]
    bought = [name for name in after(mine) if mine[name].low > 0]
    even = [name for name in after(mine) if mine[name].low <= 0]
    cost = mine[ACCURACY]
    without = "" if config.noisy else " No net trained with noise is shipped for these images."
    return Findings(
        judge_of(mine),
        f"The robust net is ahead of its standard twin in {len(bought)} of {len(bought + even)} "
        f"things that come after ({'; '.join(bought) or 'none'}), not in "
        f"{'; '.join(even) or 'none'}. Clean accuracy: {100 * cost.value:+.1f} points. Covering "
        f"where its own gradient is longest changes {_gain(found.seen[ROBUST]):+.1f} points more "
        f"of its answers than a random mask does, in the standard net "
        f"{_gain(found.seen[STANDARD]):+.1f}.{without}",
        numbers(found, ahead),
        (
            *(pictures.two_sides(table, name) for name, table in ahead.items()),
            pictures.transfer(transfers(found.transfer)),
            pictures.masks(changes(found.seen)),
            pictures.gallery(
                found.shown,
                {name: one.masks.shown[:SHOWN] for name, one in found.seen.items()},
                {name: list(unit(pool.images[:SHOWN])) for name, pool in found.pools.items()},
            ),
        ),
        config.seed,
        {f"{test.name}, test": test.digest}
        | {f"{name}, as drawn": pool.digest for name, pool in found.pools.items()},
    )


ACCURACY = "clean accuracy"
OWN, OTHERS = "masks of its own answers", "masks of the judge's answers"


def after(ahead: Mapping[str, Number]) -> list[str]:
    """Return the names of what comes after training: all but the accuracy."""
    return [name for name in ahead if name != ACCURACY]


def _gain(one: Seen) -> float:
    return 100 * float(one.masks.own.gain.mean())


def judge_of(ahead: Mapping[str, Number]) -> Verdict:
    """Apply the rule to how far the robust net is ahead in everything."""
    gains = [ahead[name].low > 0 for name in after(ahead)]
    good = any(gains) and not all(gains) and ahead[ACCURACY].high < 0
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def taken(config: Config, bench: Bench) -> tuple[dict[str, nn.Module], nn.Module]:
    """Return the nets that are compared, and the judge."""
    trio = config.nets
    recipes = {STANDARD: trio.standard, ROBUST: trio.robust}
    if config.noisy:
        recipes[NOISY] = Recipe(data=trio.robust.data, weights=config.noisy)
    nets = {name: fit(r, bench.folder, bench.device).model for name, r in recipes.items()}
    return nets, fit(trio.judge, bench.folder, bench.device).model


def measured(
    config: Config, nets: Mapping[str, nn.Module], judge: nn.Module, test: Dataset
) -> Measured:
    """Return what all nets and the pixels give."""
    transfer, pools = _transfers(config, nets, test.shape)
    part = test.take(min(config.images, len(test)))
    x, fill = unit(part.images), unit(test.images).mean(dim=(0, 2, 3))
    whole = test.limited(min(config.accuracy, len(test)))
    seen = {}
    for name, net in nets.items():
        right = accurate(net, unit(whole.images), whole.labels)
        masks = explained(net, judge, x, share=config.share, fill=fill, seed=config.seed)
        seen[name] = Seen(transfer[name], right, masks)
    return Measured(seen, transfer, x[:SHOWN], pools)


def _transfers(
    config: Config, nets: Mapping[str, nn.Module], shape: tuple[int, int, int]
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Dataset]]:
    """Return accuracies by net and task, and the images of each task."""
    size = max(config.labels) + config.held
    found: dict[str, dict[str, Tensor]] = {name: {} for name in (PIXELS, *nets)}
    pools = {}
    for name in config.tasks:
        pool = task(name, shape, config.draws * size, config.seed)
        pools[name] = pool
        features = {PIXELS: unit(pool.images).flatten(1)}
        features |= {who: represented(net, pool) for who, net in nets.items()}
        for few in config.labels:
            for who, r in features.items():
                found[who][f"{name}, {few} labels a class"] = transferred(
                    r, pool.labels, few, config.held, config.draws
                )
    return found, pools


def compared(seen: Mapping[str, Seen], name: str) -> dict[str, Number]:
    """Return how far a net is ahead of the standard one, in pairs of equal draws or images.

    Of the transfers those with the fewest labels. Intervals hold together at 95 % (Bonferroni).
    """
    mine, base = seen[name], seen[STANDARD]
    few = dict[str, str]()
    for key in mine.transfer:
        few.setdefault(key.split(",")[0], key)
    pairs = {f"transfer to {k}": mine.transfer[k] - base.transfer[k] for k in few.values()}
    pairs[OWN] = mine.masks.own.gain - base.masks.own.gain
    pairs[OTHERS] = mine.masks.judge.gain - base.masks.judge.gain
    pairs[ACCURACY] = mine.right.double() - base.right.double()
    return {key: student(values, 0.05 / len(pairs)) for key, values in pairs.items()}


def transfers(transfer: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Number]:
    """Return the accuracies of all heads, cut to where an accuracy can be."""
    found = {}
    for key in transfer[PIXELS]:
        for name, values in transfer.items():
            n = student(values[key])
            found[f"{name}: {key}"] = Number(n.value, max(0.0, n.low), min(1.0, n.high), n.n)
    return found


def changes(seen: Mapping[str, Seen]) -> dict[str, Number]:
    """Return how often answers change, cut to where a share can be."""
    found = {}
    for name, one in seen.items():
        for whose in ("own", "judge"):
            masks = one.masks.own if whose == "own" else one.masks.judge
            for by in ("gradient", "other", "random"):
                n = student(getattr(masks, by))
                word = {"other": "another's gradient"}.get(by, by)
                who = "own answers" if whose == "own" else "judge's answers"
                found[f"{name}: {who}, {word}"] = Number(
                    n.value, max(0.0, n.low), min(1.0, n.high), n.n
                )
    return found


def numbers(seen: Measured, ahead: Mapping[str, Mapping[str, Number]]) -> dict[str, Number]:
    """Return all numbers, the most telling first."""
    found = {
        f"{name} minus standard net: {key}": number
        for name, table in ahead.items()
        for key, number in table.items()
    }
    found |= {
        f"{name}: clean accuracy": Number.of(Rate.of(one.right)) for name, one in seen.seen.items()
    }
    found |= {f"{key}: accuracy of a linear head": n for key, n in transfers(seen.transfer).items()}
    for name, one in seen.seen.items():
        for whose, masks in (("own", one.masks.own), ("judge's", one.masks.judge)):
            found[f"{name}: gradient minus random, {whose} answers"] = student(masks.gain)
            found[f"{name}: gradient minus another's, {whose} answers"] = student(masks.own_place)
    return found | {f"{key}: share that changes": n for key, n in changes(seen.seen).items()}


STUDY = Study(
    id="alignment-at-training-time",
    title="What alignment buys, and what it costs",
    claim="A net that was aligned with people in training is worth more for some of what comes "
    "after, not for all of it, and costs accuracy.",
    rule="Reproduced if, against its standard twin, the robust net is ahead in at least one and "
    "not in all of these: the accuracy of a linear head on its features with the fewest labels, "
    "for each new task; how much more often its own answer changes when pixels are covered where "
    "its gradient is longest than where chance says; the same of a judge's answer to the same "
    "images. And it is behind in clean accuracy. Differences are of pairs, and count where their "
    "interval leaves out 0, all intervals together at 95 %.",
    published="No number: the talk asks it as a question (section 19). Salman et al. 2020: robust "
    "nets of ImageNet transfer better than standard ones to 10 of 12 data sets by a linear head, "
    "with all labels.",
    presets={
        "tiny": Config(
            nets=Trio(robust=TINY_ROBUST, standard=TINY),
            labels=(2, 4),
            held=2,
            draws=3,
            images=20,
            accuracy=100,
        ),
        # About 34 seconds of one core: nothing is trained.
        "quick": Config(),
        "full": Config(
            nets=CIFAR,
            noisy="cifar10-noise-0.25",
            tasks=("tinyimagenet32", "fashion", "digits"),
            draws=15,
            images=1000,
            accuracy=0,
        ),
    },
    function=study,
)
register(STUDY)
