"""A hole in an image, filled by what a robust net sees in the rest."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

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
from robustlens.vision import inpaint
from robustlens.vision.inpaint import RMS
from robustlens.vision.made import wander
from robustlens.vision.measures import mean_filled, nearest_filled, psnr, ssim

WHOLE, MEAN, NEAREST = "image as it is", "mean fill (baseline)", "nearest pixel (baseline)"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Nets that fill, a net that judges, and the hole in the middle of each image."""

    nets: Trio = FASHION
    images: int = 150  # test images, alike from every class
    hole: float = 0.375  # side of the square hole, as a share of the image's
    steps: int = 60  # of each fill
    shown: int = 6  # rows of the picture
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.hole < 1 or self.images < 3:
            raise InputError(
                f"hole {self.hole}, images {self.images}", "a hole between 0 and 1, images >= 3"
            )


class Filled(NamedTuple):
    """The images in all versions by who filled them, and what the fills changed outside."""

    versions: dict[str, Images]
    outside: Tensor  # (b,): the largest change of a known pixel, of any net


def study(config: Config, bench: Bench) -> Findings:
    """Fill the hole with both nets and without any, and ask the judge what it sees."""
    nets, data = config.nets.taken(bench), unseen(config.nets.robust, config.images)
    x, y = unit(data.images).to(bench.device), data.labels.to(bench.device)
    made = filled(config, nets, x)
    seen = recognised(nets, made.versions, y)
    likeness = {name: ssim(made.versions[name], x) for name in made.versions if name != WHOLE}
    gains = compared(seen, likeness)
    inside = {name: _in_hole(config, made.versions[name], x) for name in likeness}
    numbers = {
        **gains,
        **rates(seen, "the judge sees the class"),
        "largest change of a pixel outside the hole": Number.exact(float(made.outside.max())),
        **means(likeness, "SSIM to the truth"),
        **means(inside, "PSNR in the hole, dB"),
    }
    judged = {name: numbers[f"{name}: the judge sees the class"].value for name in seen}
    return Findings(
        judge(gains, float(made.outside.max())),
        f"Of {len(x)} images the judge sees the class in {judged[WHOLE]:.1%} as they are, in "
        f"{judged[MEAN]:.1%} with the hole filled by the mean, {judged[ROBUST]:.1%} by the robust "
        f"net and {judged[STANDARD]:.1%} by the standard one; SSIM to the truth "
        f"{likeness[MEAN].mean():.3f}, {likeness[ROBUST].mean():.3f} and "
        f"{likeness[STANDARD].mean():.3f}.",
        numbers,
        _pictures(config, nets, made.versions, y, numbers),
        config.seed,
        {f"{data.name}, test": data.digest},
    )


def judge(gains: dict[str, Number], outside: float) -> Verdict:
    """Apply the rule: every difference above 0, and nothing outside the hole changed."""
    good = outside == 0 and all(better(number) for number in gains.values())
    return Verdict.REPRODUCED if good else Verdict.NOT_REPRODUCED


def compared(seen: dict[str, Tensor], likeness: dict[str, Tensor]) -> dict[str, Number]:
    """Return the differences that decide, the robust net's fill minus another, image by image."""
    return {
        "judge's accuracy, robust net minus mean fill": gain(seen[ROBUST], seen[MEAN]),
        "judge's accuracy, robust net minus standard net": gain(seen[ROBUST], seen[STANDARD]),
        "SSIM, robust net minus standard net": gain(likeness[ROBUST], likeness[STANDARD]),
    }


def hole_in(x: Images, share: float) -> Tensor:
    """Return the mask (h, w) of a centred rectangle, `share` of each side rounded to pixels."""
    h, w = x.shape[2:]
    mask = torch.zeros(h, w, dtype=torch.bool)
    high, wide = (max(1, round(share * side)) for side in (h, w))
    top, left = (h - high) // 2, (w - wide) // 2
    mask[top : top + high, left : left + wide] = True
    return mask


def filled(config: Config, nets: Nets, x: Images) -> Filled:
    """Return the images filled by each net and by each baseline; classes are not told."""
    mask = hole_in(x, config.hole)
    walk = wander(x, RMS, config.steps)
    versions, outside = {WHOLE: x}, torch.zeros(len(x), device=x.device)
    for name, net in nets.makers.items():
        made = in_parts(
            f"filling: {name}", lambda part, net=net: inpaint(net, part, mask, walk=walk), x
        )
        versions[name] = made.images
        outside = torch.maximum(outside, made.numbers["outside"])
    versions |= {MEAN: mean_filled(x, mask), NEAREST: nearest_filled(x, mask)}
    return Filled(versions, outside)


def _in_hole(config: Config, images: Images, x: Images) -> Tensor:
    """Return the PSNR of what was filled in, alone."""
    mask = hole_in(x, config.hole)
    down, across = (torch.nonzero(mask.any(dim=axis)).flatten() for axis in (1, 0))
    window = (
        ...,
        slice(int(down[0]), int(down[-1]) + 1),
        slice(int(across[0]), int(across[-1]) + 1),
    )
    return psnr(images[window], x[window])


def _pictures(
    config: Config, nets: Nets, made: dict[str, Images], y: Labels, numbers: dict[str, Number]
) -> tuple[Picture, ...]:
    at = first_of_each(y.cpu(), torch.ones(len(y), dtype=torch.bool), config.shown)
    order = (WHOLE, MEAN, ROBUST, STANDARD, NEAREST)
    shown = {name: numbers[f"{name}: the judge sees the class"] for name in order}
    return (
        gallery(
            nets,
            "filled",
            "The first test image of each class; its middle lost and filled with the mean of the "
            "rest; then with what each net makes of it, by the class that the net itself sees; and "
            "with the nearest known pixel. The words are the judge's, a net that made none of "
            "them. Look whether lines go on through the hole, or only its colours fit.",
            {name: rows(made[name], at) for name in order},
            y[at],
        ),
        bars(
            "recognised",
            "In how many images the judge sees the class, by who filled the hole.",
            "judge's accuracy",
            shown,
        ),
    )


STUDY = Study(
    id="in-painting",
    title="Filling holes with a classifier",
    claim="A robust classifier fills a hole in an image with what belongs there.",
    rule="Reproduced if not a pixel outside the hole changes; and, compared image by image with a "
    "95 % interval above 0, the judge sees the true class in more of the images that the robust "
    "net filled than in those filled with the mean of the known pixels and than in those that the "
    "standard net filled; and the SSIM to the true image is higher for the robust net's fills than "
    "for the standard net's. SSIM and PSNR beside mean fill are shown and do not decide: there are "
    "many right fills, and both reward blur. The nets are not told the class.",
    published="Pictures only (Santurkar et al. 2019, section 4.2, Figure 5: a hole of 60 x 60 in "
    "224 x 224 pixels), so the claim is compared in direction.",
    presets={
        "tiny": Config(images=20, steps=5, shown=2),
        "quick": Config(),
        "full": Config(nets=CIFAR, images=500, steps=100),
    },
    function=study,
)
register(STUDY)
