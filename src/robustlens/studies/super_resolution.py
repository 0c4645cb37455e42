"""A small image in large, sharpened by what a robust net sees in it."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.pictures import Picture
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number, Verdict
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
from robustlens.studies.kit.words import first_of_each
from robustlens.types import Images, Labels
from robustlens.vision import upscale
from robustlens.vision.made import wander
from robustlens.vision.measures import enlarged, psnr, ssim
from robustlens.vision.starts import Large
from robustlens.vision.upscale import RMS

WHOLE, BICUBIC, BLOCKS = "image as it is", "bicubic (baseline)", "blocks (baseline)"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nets that sharpen, a net that judges, and how small the images are made first."""

    nets: Trio = FASHION
    images: int = 200  # test images, alike from every class
    factor: int = 4  # by which images are reduced, over blocks, and enlarged again
    steps: int = 40  # of each walk
    shown: int = 6  # rows of the picture
    seed: int = 0

    def __post_init__(self) -> None:
        if self.factor < 2 or self.images < 3:
            raise InputError(
                f"factor {self.factor}, images {self.images}", "a factor >= 2, images >= 3"
            )


def study(config: Config, bench: Bench) -> Findings:
    """Reduce images, enlarge them with both nets and without, and ask the judge what it sees."""
    nets, data = config.nets.taken(bench), unseen(config.nets.robust, config.images)
    x, y = unit(data.images).to(bench.device), data.labels.to(bench.device)
    x = cropped(x, config.factor)
    made = versions(config, nets, x)
    seen = recognised(nets, made, y)
    likeness = {name: ssim(made[name], x) for name in made if name != WHOLE}
    ratio = {name: psnr(made[name], x) for name in likeness}
    gains = compared(seen, likeness)
    numbers = {
        **gains,
        **rates(seen, "the judge sees the class"),
        **means(likeness, "SSIM to the truth"),
        **means(ratio, "PSNR, dB"),
    }
    judged = {name: numbers[f"{name}: the judge sees the class"].value for name in seen}
    return Findings(
        judge(gains),
        f"Reduced by {config.factor} and enlarged again, the judge sees the class in "
        f"{judged[BICUBIC]:.1%} of {len(x)} images enlarged bicubically, {judged[ROBUST]:.1%} by "
        f"the robust net and {judged[STANDARD]:.1%} by the standard one ({judged[WHOLE]:.1%} as "
        f"they are); PSNR {ratio[BICUBIC].mean():.2f}, {ratio[ROBUST].mean():.2f} and "
        f"{ratio[STANDARD].mean():.2f} dB.",
        numbers,
        _pictures(config, nets, made, y, numbers),
        config.seed,
        {f"{data.name}, test": data.digest},
    )


def judge(gains: dict[str, Number]) -> Verdict:
    """Apply the rule: every difference above 0 with its whole interval."""
    good = all(better(number) for number in gains.values())
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def compared(seen: dict[str, Tensor], likeness: dict[str, Tensor]) -> dict[str, Number]:
    """Return the differences that decide, the robust net minus another, image by image."""
    return {
        "judge's accuracy, robust net minus bicubic": gain(seen[ROBUST], seen[BICUBIC]),
        "judge's accuracy, robust net minus standard net": gain(seen[ROBUST], seen[STANDARD]),
        "SSIM, robust net minus standard net": gain(likeness[ROBUST], likeness[STANDARD]),
    }


def versions(config: Config, nets: Nets, x: Images) -> dict[str, Images]:
    """Return the images as they are, and reduced and enlarged by each net and each baseline.

    Classes are not told: a net sharpens by what it sees itself in the bicubic enlargement.
    """
    small = avg_pool2d(x, config.factor)
    walk = wander(x, RMS, config.steps)
    made = {WHOLE: x}
    for name, net in nets.makers.items():
        tool = lambda part, net=net: upscale(net, part, config.factor, walk=walk)  # noqa: E731
        made[name] = in_parts(f"enlarging: {name}", tool, small).images
    made[BICUBIC] = enlarged(small, config.factor, "bicubic")
    made[BLOCKS] = enlarged(small, config.factor, "nearest")
    return made


def cropped(x: Images, factor: int) -> Large:
    """Return images without the last rows and columns that are no whole block."""
    h, w = (side - side % factor for side in x.shape[2:])
    return x[..., :h, :w]


def _pictures(
    config: Config, nets: Nets, made: dict[str, Images], y: Labels, numbers: dict[str, Number]
) -> tuple[Picture, ...]:
    at = first_of_each(y.cpu(), torch.ones(len(y), dtype=torch.bool), config.shown)
    order = (BLOCKS, BICUBIC, ROBUST, STANDARD, WHOLE)
    return (
        gallery(
            nets,
            "enlarged",
            "The first test image of each class, reduced and enlarged: as blocks, bicubically, by "
            "what each net sees in the bicubic one, and the truth. The words are the judge's, a "
            "net that made none of them. Look whether the net adds edges that belong to the "
            "object, or those of the class that it wrongly sees.",
            {name: rows(made[name], at) for name in order},
            y[at],
        ),
        bars(
            "recognised",
            "In how many images the judge sees the class, by who enlarged them.",
            "judge's accuracy",
            {name: numbers[f"{name}: the judge sees the class"] for name in order},
        ),
    )


STUDY = Study(
    id="super-resolution",
    title="Enlarging with a classifier",
    claim="A robust classifier enlarges small images and restores what belongs to their class.",
    rule="Reproduced if, compared image by image with a 95 % interval above 0, the judge sees the "
    "true class in more of the robust net's enlargements than in bicubic ones and than in the "
    "standard net's, and their SSIM to the true image is higher than the standard net's. PSNR and "
    "SSIM beside bicubic are shown and do not decide: both reward blur, and in trials on a few "
    "other images the PSNR of every net was below bicubic's. The nets are not told the class.",
    published="Pictures only (Santurkar et al. 2019, section 4.3: CIFAR-10 by 7, Restricted "
    "ImageNet by 8), so the claim is compared in direction.",
    presets={
        "tiny": Config(images=20, steps=5, shown=2),
        "quick": Config(),
        "full": Config(nets=CIFAR, images=500),
    },
    function=study,
)
register(STUDY)
