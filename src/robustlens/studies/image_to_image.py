"""The same picture, as a robust net would have the other class."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.pictures import Picture
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
from robustlens.studies.kit.judges import FASHION, PETS, ROBUST, STANDARD, Nets, Trio, unseen
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
from robustlens.vision import class_means, class_of, translate
from robustlens.vision.made import wander
from robustlens.vision.measures import ssim
from robustlens.vision.translate import RMS

BEFORE, BLEND = "unchanged image", "as far to the other mean (baseline)"
HALF = 0.5
"""The rule: in how many translations the judge must see the other class."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nets that translate, a net that judges, and the two classes."""

    nets: Trio = FASHION
    first: str = "Pullover"
    second: str = "Dress"  # translated both ways
    images: int = 120  # test images, half of each class; 0: all
    steps: int = 60
    shown: int = 3  # rows of the picture for each way
    seed: int = 0

    def __post_init__(self) -> None:
        if self.first == self.second or self.images == 1 or self.images < 0:
            raise InputError(
                f"first {self.first}, second {self.second}, images {self.images}",
                "two classes, and 0 or at least 2 images",
            )


def study(config: Config, bench: Bench) -> Findings:
    """Translate images of two classes both ways with both nets; ask the judge what it sees."""
    nets, data = config.nets.taken(bench), _pair(config)
    x, y = unit(data.images).to(bench.device), data.labels.to(bench.device)
    target = y.new_tensor([class_of(name, nets.classes) for name in (config.first, config.second)])
    target = target.sum() - y
    made = versions(config, nets, x, target)
    seen = recognised(nets, made, target)
    likeness = {name: ssim(images, x) for name, images in made.items() if name != BEFORE}
    gains = compared(seen)
    numbers = {
        **gains,
        **rates(seen, "the judge sees the other class"),
        **means(likeness, "SSIM to the image before"),
    }
    judged = {name: numbers[f"{name}: the judge sees the other class"] for name in seen}
    return Findings(
        judge(gains, judged[ROBUST]),
        f"{config.first} to {config.second} and back: the judge sees the class asked for in "
        f"{judged[ROBUST].value:.1%} of {len(x)} translations by the robust net, "
        f"{judged[STANDARD].value:.1%} by the standard one, {judged[BLEND].value:.1%} where the "
        f"image was moved as far to the other mean, and {judged[BEFORE].value:.1%} before.",
        numbers,
        _pictures(config, nets, made, target, judged),
        config.seed,
        {f"{data.name}, test": data.digest},
    )


def judge(gains: dict[str, Number], robust: Number) -> Verdict:
    """Apply the rule: every difference above 0, and half of the robust net's seen."""
    good = robust.value >= HALF and all(better(number) for number in gains.values())
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def compared(seen: dict[str, Tensor]) -> dict[str, Number]:
    """Return the differences that decide, the robust net minus another, image by image."""
    return {
        f"judge's accuracy, robust net minus {words}": gain(seen[ROBUST], seen[name])
        for name, words in ((STANDARD, "standard net"), (BLEND, "the other mean"),
                            (BEFORE, "unchanged"))
    }  # fmt: skip


def versions(config: Config, nets: Nets, x: Images, target: Labels) -> dict[str, Images]:
    """Return the images before, as each net translates them, and moved to the class means."""
    walk = wander(x, RMS, config.steps)
    made = {BEFORE: x}
    for name, net in nets.makers.items():
        tool = lambda part, y, net=net: translate(net, part, y, walk=walk)  # noqa: E731
        made[name] = in_parts(f"translating: {name}", tool, x, target).images
    means = class_means(config.nets.robust.dataset()).to(x)
    made[BLEND] = moved_to(x, means[target], (made[ROBUST] - x).flatten(1).norm(dim=1))
    return made


def moved_to(x: Images, goal: Images, distance: Tensor) -> Images:
    """Return images moved straight towards others, so far in l2, and at most all the way."""
    across = goal - x
    share: Tensor = (distance / across.flatten(1).norm(dim=1).clamp_min(1e-12)).clamp_max(1.0)
    moved: Images = x + share.view(-1, 1, 1, 1) * across
    return moved


def _pair(config: Config) -> Dataset:
    """Return test images of the two classes, the first so many of each, in the test order."""
    data = unseen(config.nets.robust, 0)
    both = [class_of(name, data.classes) for name in (config.first, config.second)]
    n = config.images // 2 or len(data)
    at = torch.cat([torch.nonzero(data.labels == label).flatten()[:n] for label in both])
    return data.subset(at.sort().values)


def _pictures(
    config: Config,
    nets: Nets,
    made: dict[str, Images],
    target: Labels,
    judged: dict[str, Number],
) -> tuple[Picture, ...]:
    at = torch.cat(
        [torch.nonzero(target == k).flatten()[: config.shown] for k in sorted(set(target.tolist()))]
    )
    order = (BEFORE, ROBUST, STANDARD, BLEND)
    return (
        gallery(
            nets,
            "translated",
            f"Test images of {config.first} and {config.second}, the first of each; what each net "
            "makes of them when asked for the other class; and the image moved as far towards the "
            "mean of the other class. Green where the judge, a net that made none of them, sees "
            "the class asked for. Look whether the shape changes, or only texture and colour.",
            {name: rows(made[name], at) for name in order},
            target[at],
        ),
        bars(
            "recognised",
            "In how many pictures the judge sees the class asked for.",
            "judge's accuracy",
            {name: judged[name] for name in order},
        ),
    )


STUDY = Study(
    id="image-to-image",
    title="From one class to another",
    claim="A robust classifier of two classes turns images of one into images of the other, with "
    "no tuning.",
    rule="Reproduced if the judge, which knows all classes of the data and made no picture, sees "
    "the class asked for in at least half of the robust net's translations, and, compared image "
    "by image with a 95 % interval above 0, in more of them than of the standard net's, than of "
    "the images moved as far towards the mean of that class, and than of the unchanged images. "
    "SSIM to the image before is shown and does not decide.",
    published="Pictures only (Santurkar et al. 2019, section 4.1, Figure 3: horse and zebra, apple "
    "and orange, summer and winter, about 1,000 images, l2 80 at 224 pixels). The shipped net of "
    "cats and dogs learned from 10,000 images; so compared in direction.",
    presets={
        "tiny": Config(images=20, steps=5, shown=1),
        "quick": Config(),
        "full": Config(nets=PETS, first="cat", second="dog", images=500),
    },
    function=study,
)
register(STUDY)
