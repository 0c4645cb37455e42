"""One unit of a robust net, raised in a region that someone marked: does it paint its class?"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.nets.reading import head_of
from robustlens.pictures import Picture
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.streams import stream
from robustlens.studies.kit.judges import CIFAR, FASHION, ROBUST, STANDARD, Nets, Trio, unseen
from robustlens.studies.kit.synthesis import (
    bars,
    better,
    gain,
    gallery,
    in_parts,
    means,
    rates,
    recognised,
    rows,
)
from robustlens.types import Images, Labels
from robustlens.vision import activations, paint_feature
from robustlens.vision.made import wander
from robustlens.vision.paint import RMS

BEFORE, OTHER = "unchanged image", "another unit of the robust net (control)"
PASTED = "region of the image that excites the unit most (baseline)"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nets whose units paint, a net that judges, and the region."""

    nets: Trio = FASHION
    images: int = 100  # test images, alike from every class
    region: float = 0.5  # the right part of each image, as a share of its width
    steps: int = 40
    chosen_on: int = 1000  # training images on which units are chosen; 0: all
    shown: int = 6  # rows of the picture
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.region <= 1 or self.images < 3 or self.chosen_on < 0:
            raise InputError(
                f"region {self.region}, images {self.images}, chosen_on {self.chosen_on}",
                "a region above 0 and at most 1, images >= 3, chosen_on >= 0",
            )


class Chosen(NamedTuple):
    """For each class a unit that speaks for it, and the training image that excites it most."""

    unit: Tensor  # (k,) int64
    image: Tensor  # (k,) int64, places in the data set they were chosen on


class Painted(NamedTuple):
    """The images in all versions, how far each net raised its unit, what changed outside."""

    versions: dict[str, Images]
    raised: dict[str, Tensor]  # (b,): activation after minus before
    outside: float


def study(config: Config, bench: Bench) -> Findings:
    """Paint in half of each image with a unit of another class; ask the judge what it sees."""
    nets, data = config.nets.taken(bench), unseen(config.nets.robust, config.images)
    train = config.nets.robust.dataset()
    train = train.take(config.chosen_on) if config.chosen_on else train
    x, y = unit(data.images).to(bench.device), data.labels.to(bench.device)
    target = another(y, len(data.classes))
    made = painted(config, nets, train, x, target)
    belief = {name: believes(nets, images, target) for name, images in made.versions.items()}
    gains = compared(belief)
    numbers = {
        **gains,
        **means(belief, "judge's probability of the unit's class"),
        **rates(recognised(nets, made.versions, target), "the judge sees the unit's class"),
        **means(made.raised, "the unit, after minus before"),
        "largest change of a pixel outside the region": Number.exact(made.outside),
    }
    mean = {name: float(p.mean()) for name, p in belief.items()}
    return Findings(
        judge(gains, made.outside),
        f"A unit that speaks for another class, raised in part of {len(x)} images, takes the "
        f"judge's probability of that class from {mean[BEFORE]:.1%} to {mean[ROBUST]:.1%} with the "
        f"robust net, {mean[STANDARD]:.1%} with the standard one, {mean[OTHER]:.1%} with another "
        f"unit; a pasted region of a real image gives {mean[PASTED]:.1%}.",
        numbers,
        _pictures(config, nets, made.versions, target, numbers),
        config.seed,
        {train.name: train.digest, f"{data.name}, test": data.digest},
    )


def judge(gains: dict[str, Number], outside: float) -> Verdict:
    """Apply the rule: every difference above 0, and nothing outside the region changed."""
    good = outside == 0 and all(better(number) for number in gains.values())
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def compared(belief: dict[str, Tensor]) -> dict[str, Number]:
    """Return the differences that decide, the robust net minus another, image by image."""
    return {
        f"judge's probability, robust net minus {words}": gain(belief[ROBUST], belief[name])
        for name, words in ((STANDARD, "standard net"), (OTHER, "another unit"),
                            (BEFORE, "unchanged"))
    }  # fmt: skip


def another(y: Labels, classes: int) -> Labels:
    """Return for each image a class that is not its own, all others in turn."""
    turn = torch.arange(len(y), device=y.device) % (classes - 1)
    return (y + 1 + turn) % classes


def believes(nets: Nets, x: Images, y: Labels) -> Tensor:
    """Return the judge's probability of each image's class, one of the makers', (b,)."""
    with frozen(nets.judge), torch.no_grad():
        p = torch.cat([logits(nets.judge, part).softmax(dim=1) for part in torch.split(x, 250)])
    return p.gather(1, nets.asked(y)[:, None]).squeeze(1)


def chosen(net: nn.Module, train: Dataset) -> Chosen:
    """Return for each class the unit i with the largest w_i (mean R_i of the class - mean R_i).

    That is how much the unit brings the class's own logit above what it brings it elsewhere.
    """
    r = activations(net, train)
    labels = train.labels.to(r.device)
    x = unit(train.images[:1]).to(r.device)
    weight = head_of(net, x).weight.detach()
    own = torch.stack([r[labels == k].mean(dim=0) for k in range(len(train.classes))])
    best = (weight * (own - r.mean(dim=0))).argmax(dim=1)
    return Chosen(best, r[:, best].argmax(dim=0))


def painted(config: Config, nets: Nets, train: Dataset, x: Images, target: Labels) -> Painted:
    """Return the images painted on by each net, by another unit, and with a pasted region."""
    mask = right_part(x, config.region)
    walk = wander(x, RMS, config.steps)
    units = {name: chosen(net, train) for name, net in nets.makers.items()}
    of_target = {name: found.unit.to(x.device)[target] for name, found in units.items()}
    width = head_of(nets.makers[ROBUST], x[:1]).in_features
    drawn = torch.randint(1, width, (len(x),), generator=stream(config.seed, "units")).to(x.device)
    todo = [(name, net, of_target[name]) for name, net in nets.makers.items()]
    todo.append((OTHER, nets.makers[ROBUST], (of_target[ROBUST] + drawn) % width))
    versions, raised, outside = {BEFORE: x}, {}, 0.0
    for name, net, unit_of in todo:
        tool = lambda part, u, net=net: paint_feature(net, part, mask, u, walk=walk)  # noqa: E731
        made = in_parts(f"painting: {name}", tool, x, unit_of)
        versions[name] = made.images
        raised[name] = made.numbers["after"] - made.numbers["before"]
        outside = max(outside, float(made.numbers["outside"].max()))
    source = unit(train.images[units[ROBUST].image.cpu()]).to(x.device)[target]
    versions[PASTED] = torch.where(mask.to(x.device), source, x)
    return Painted(versions, raised, outside)


def right_part(x: Images, share: float) -> Tensor:
    """Return the mask (h, w) of the right part of an image, `share` of its width in pixels."""
    h, w = x.shape[2:]
    wide = max(1, round(share * w))
    return (torch.arange(w) >= w - wide).expand(h, w)


def _pictures(
    config: Config, nets: Nets, made: dict[str, Images], target: Labels, numbers: dict[str, Number]
) -> tuple[Picture, ...]:
    at = torch.arange(min(config.shown, len(target)))
    order = (BEFORE, ROBUST, STANDARD, OTHER, PASTED)
    belief = "judge's probability of the unit's class"
    return (
        gallery(
            nets,
            "painted",
            "The first test images; their right part painted with a unit that speaks for another "
            "class, of each net; with a unit of the robust net drawn at random; and with the same "
            "part of the training image that excites the unit most. Green where the judge, a net "
            "that made none of them, sees the unit's class.",
            {name: rows(made[name], at) for name in order},
            target[at],
        ),
        bars(
            "belief",
            "The judge's mean probability of the class that the unit speaks for.",
            "judge's probability",
            {name: numbers[f"{name}: {belief}"] for name in order},
        ),
    )


STUDY = Study(
    id="paint-with-features",
    title="Painting with a single feature",
    claim="Raising one unit of a robust net in a marked region paints what the unit stands for.",
    rule="Reproduced if not a pixel outside the region changes, and, compared image by image with "
    "a 95 % interval above 0, the judge's probability of the class that the unit speaks for is "
    "higher after painting with the robust net than with the standard net, than with another unit "
    "of the robust net drawn at random, and than before. The unit of a class is chosen on "
    "training images, as the one that brings its logit most above what it brings it on other "
    "images. A pasted region of a real image is shown beside and does not decide.",
    published="Pictures only (Santurkar et al. 2019, section 4.4, Figure 8: a duck, grass and sky "
    "at 224 pixels, units chosen by hand), so the claim is compared in direction.",
    presets={
        "tiny": Config(images=20, steps=5, chosen_on=100, shown=2),
        "quick": Config(),
        "full": Config(nets=CIFAR, images=500, steps=60, chosen_on=5000),
    },
    function=study,
)
register(STUDY)
