"""Does a robust net's representation say how much a shift of the images will cost?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.nets import load
from robustlens.progress import bar
from robustlens.rate import Rate
from robustlens.recipes import fit
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.shift import CLASSIFIER
from robustlens.streams import initialised
from robustlens.studies.kit.judges import CIFAR, FASHION, Trio
from robustlens.studies.kit.presets import TINY, TINY_ROBUST
from robustlens.studies.shift_by_representations import pictures
from robustlens.studies.shift_by_representations.measures import (
    PIXELS,
    Agreement,
    Found,
    agreement,
    distances,
    look,
)
from robustlens.studies.shift_by_representations.shifts import (
    NATURAL,
    Kinds,
    Shift,
    sharing,
    shifts,
)
from robustlens.types import Images, Labels
from robustlens.zoo import resolve

ROBUST, STANDARD, RANDOM, JUDGE = "robust net", "standard net", "random net", "judge"
LEAST = 15
"""The rule: with fewer shifts there is no order to speak of."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nets, shifts, and how many images."""

    nets: Trio = FASHION
    more_robust: tuple[str, ...] = ()  # further robust nets for the same images: names or files
    more_standard: tuple[str, ...] = ()  # further standard nets
    random: int = 3  # nets as they are initialised, of the robust net's shape
    kinds: Kinds = field(default_factory=Kinds)
    images: int = 150  # of each of the two sets that distances are between
    judged: int = 400  # images that the judge's accuracy is measured on
    resamples: int = 1000  # of the kinds of shift, for the intervals
    seed: int = 0

    def __post_init__(self) -> None:
        if self.images < 8 or self.judged < self.images or self.resamples < 10 or self.random < 1:
            raise InputError(
                f"images {self.images}, judged {self.judged}, resamples {self.resamples}, "
                f"random {self.random}",
                "images of at least 8, judged at least as many, 10 resamples, 1 random net",
            )


class Nets(NamedTuple):
    """The nets of each kind, and the judge, in whose representation nothing is measured."""

    spaces: Mapping[str, list[nn.Module]]
    judge: nn.Module


class Sets(NamedTuple):
    """A set that all are compared with, one that is shifted, and one that comes from elsewhere."""

    first: Dataset
    second: Dataset
    natural: Dataset | None


class Measured(NamedTuple):
    """Everything that was measured: a column for each shift."""

    found: Found
    kinds: list[str]
    names: list[str]
    none: Mapping[str, Number]  # the control: the two-sample classifier without a shift
    right: Mapping[str, list[Rate]]  # accuracy by net, first without a shift
    shown: Mapping[str, Tensor]  # an image under each kind, the last strength


def study(config: Config, bench: Bench) -> Findings:
    """Measure all distances and all losses, and compare their orders."""
    nets = taken(config, bench)
    test = on_device_of(nets.judge, config.nets.robust.dataset("test"))
    sets = cut(config, test)
    seen = measured(config, nets, sets)
    agreed = {
        who: agreement(seen.found, seen.kinds, lost, config.resamples, config.seed)
        for who, lost in seen.found.lost.items()
    }
    whole, ahead = agreed[JUDGE]
    counts = ", ".join(f"{k} {len(n)}" for k, n in nets.spaces.items())
    said = "; ".join(f"{space} {found.mean.value:+.2f}" for space, found in whole.items())
    return Findings(
        judge(len(seen.kinds), ahead),
        f"{len(seen.kinds)} shifts of {len(set(seen.kinds))} kinds. Rank correlation of distance "
        f"and accuracy lost by the judge, mean of four distances: {said}. How many nets of a kind: "
        f"{counts} (three were wanted; give others with --more-robust and --more-standard).",
        numbers(seen, agreed),
        (
            pictures.bars(whole),
            pictures.plane(seen.found, seen.kinds, seen.found.lost[JUDGE]),
            pictures.gallery(seen.shown),
        ),
        config.seed,
        {f"{one.name}, {k}": one.digest for k, one in zip(Sets._fields, sets, strict=True) if one},
    )


def judge(count: int, ahead: Mapping[str, Number]) -> Verdict:
    """Apply the rule to how far the robust net's agreement is above each other one."""
    if count < LEAST:
        return Verdict.NOT_COMPARABLE
    good = all(number.low > 0 for number in ahead.values())
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def taken(config: Config, bench: Bench) -> Nets:
    """Return the nets, trained, taken up or as they are initialised."""
    trio = config.nets
    robust, standard, judge = (
        fit(r, bench.folder, bench.device) for r in (trio.robust, trio.standard, trio.judge)
    )
    shape = robust.card.architecture
    if shape is None:
        raise InputError("a robust net whose card names no architecture", "a card that does")
    fresh = [initialised(config.seed + k, shape.build) for k in range(config.random)]
    more = [
        [load(resolve(Path(name))).model.to(bench.device) for name in names]
        for names in (config.more_robust, config.more_standard)
    ]
    spaces = {
        ROBUST: [robust.model, *more[0]],
        STANDARD: [standard.model, *more[1]],
        RANDOM: [net.to(bench.device).eval() for net in fresh],
    }
    return Nets(spaces, judge.model)


def cut(config: Config, test: Dataset) -> Sets:
    """Return the sets: no image is in two of them, and all are alike from their classes."""
    test, natural = sharing(test, config.kinds.natural)
    total = config.images + config.judged
    split = test.take(min(total, len(test))).split(config.images / total, config.seed)
    if natural is not None:
        natural = natural.take(min(config.judged, len(natural))).to(test.images.device)
    return Sets(split.part, split.rest, natural)


def measured(config: Config, nets: Nets, sets: Sets) -> Measured:
    """Return distances from the first set and accuracies of the second one under each shift."""
    x, y = unit(sets.second.images), sets.second.labels
    todo = shifts(config.kinds, x.shape[1], config.seed)
    first = unit(sets.first.images)
    spaces = {
        space: [look(net, first, sets.first.labels).r for net in found]
        for space, found in nets.spaces.items()
    }
    spaces[PIXELS] = [first.flatten(1)]
    found = Found()
    shown = dict[str, Tensor]()
    moved = [(shift, x, y) for shift in (Shift("none", "", lambda x: x), *todo)]
    if sets.natural is not None:
        its = sets.natural
        moved.append((Shift(NATURAL, its.name, lambda x: x), unit(its.images), its.labels))
    right = dict[str, list[Rate]]()
    with bar("measuring shifts", len(moved)) as advance:
        for shift, source, labels in moved:
            images = shift.change(source)
            for who, rate in _add(found, nets, spaces, images, labels, config.images).items():
                right.setdefault(who, []).append(rate)
            shown[shift.kind] = images[0].cpu()
            advance(1)
    found.lost.update(
        {who: [rates[0].value - now.value for now in rates[1:]] for who, rates in right.items()}
    )
    none = {}
    for space, its_nets in found.distances.items():
        first_values = [{name: net[name].pop(0) for name in net} for net in its_nets]
        none[space] = _control(first_values[0][CLASSIFIER], config.images)
    listed = [shift for shift, *_ in moved[1:]]
    names = [shift.name for shift in listed]
    return Measured(found, [s.kind for s in listed], names, none, right, shown)


def _control(accuracy: float, images: int) -> Number:
    """Return the accuracy of a two-sample classifier on the halves that it has not seen."""
    held = 2 * (images - images // 2)
    return Number.of(Rate.share(round(accuracy * held), held))


def _add(
    found: Found,
    nets: Nets,
    spaces: Mapping[str, list[Tensor]],
    x: Images,
    y: Labels,
    few: int,
) -> dict[str, Rate]:
    """Add the distances of images from the first set; return accuracies by net.

    Distances are between sets of equal size: a bias that depends on it is the same everywhere.
    """
    at = torch.linspace(0, len(x) - 1, min(few, len(x))).round().long().to(x.device)
    part, labels = x[at], y[at]
    right = {JUDGE: Rate.of(look(nets.judge, x, y).right)}
    for space, models in nets.spaces.items():
        seen = [look(net, part, labels) for net in models]
        for k, one in enumerate(seen):
            found.add(space, k, distances(spaces[space][k], one.r))
        if space != RANDOM:
            right[space] = Rate.of(torch.cat([one.right for one in seen]))
    found.add(PIXELS, 0, distances(spaces[PIXELS][0], part.flatten(1)))
    return right


def numbers(
    seen: Measured, agreed: Mapping[str, tuple[Mapping[str, Agreement], Mapping[str, Number]]]
) -> dict[str, Number]:
    """Return all numbers, the most telling first."""
    whole, ahead = agreed[JUDGE]
    found = {f"{space}: rank correlation": one.mean for space, one in whole.items()}
    found |= {f"robust net above {other}": number for other, number in ahead.items()}
    for space, one in whole.items():
        found |= {f"{space}, {name}: rank correlation": n for name, n in one.each.items()}
    for who, (theirs, _) in agreed.items():
        if who != JUDGE:
            for space, one in theirs.items():
                found[f"{space}: rank correlation with the loss of the {who}"] = one.mean
    for space, values in seen.none.items():
        found[f"{space}, no shift: two-sample accuracy"] = values
    for who, rates in seen.right.items():
        found[f"{who}: accuracy without a shift"] = Number.of(rates[0])
    for name, rate in zip(seen.names, seen.right[JUDGE][1:], strict=True):
        found[f"judge: accuracy under {name}"] = Number.of(rate)
    return found


STUDY = Study(
    id="shift-by-representations",
    title="Measured where the net looks",
    claim="Distances between sets of images, measured in the representation of a robust net, "
    "order shifts as the accuracy does that is lost, better than in a standard net, a random one "
    "or in pixels.",
    rule="Reproduced if, over at least 15 shifts, the rank correlation (Spearman) of the distance "
    "with the accuracy lost by a judge, a net of another family in which no distance is measured, "
    "averaged over Frechet, kernel and nearest-neighbour distance and a two-sample classifier, "
    "is larger in the robust net than in its standard twin, in a random net and in pixels, each "
    "time by a difference whose 95 % interval (kinds of shift drawn with replacement) is above 0.",
    published="No number: the talk asks it as a question (section 19). That distances in a net's "
    "representation go with the accuracy lost: Deng & Zheng 2021, with Frechet distance in the "
    "classifier itself.",
    presets={
        "tiny": Config(
            nets=Trio(robust=TINY_ROBUST, standard=TINY),
            random=1,
            kinds=Kinds(corruptions=("gaussian_noise", "fog"), severities=(1, 5), degrees=(30.0,),
                        darker=(0.3,)),
            images=20,
            judged=40,
            resamples=50,
        ),
        # About 28 seconds of one core: nothing is trained.
        "quick": Config(
            random=1,
            kinds=Kinds(
                corruptions=("gaussian_noise", "impulse_noise", "gaussian_blur", "motion_blur",
                             "fog", "brightness", "contrast", "pixelate", "jpeg"),
                severities=(1, 5),
                degrees=(20.0, 45.0),
                darker=(0.2, 0.5),
            ),
        ),
        "full": Config(
            nets=CIFAR, images=280, judged=700, kinds=Kinds(natural="tinyimagenet32")
        ),
    },
    function=study,
)  # fmt: skip
register(STUDY)
