"""A robust representation determines its image: pictures from the representation alone."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.pictures import Bar, Bars, Cell, Curves, Gallery, Picture
from robustlens.rate import Rate
from robustlens.registry import Bench, Findings, Study, register
from robustlens.result import Number
from robustlens.streams import stream
from robustlens.studies.kit.presets import TINY, TINY_ROBUST
from robustlens.studies.kit.representations import (
    CIFAR,
    CIFAR_ROBUST,
    Compared,
    Measure,
    Twins,
    alike,
    findings,
    partners,
    strides,
)
from robustlens.studies.kit.words import above, band, mean
from robustlens.types import Images, Values
from robustlens.vision import Made, Walk, cosine, invert, noise
from robustlens.vision.measures import psnr, ssim

NEAR = 0.1
"""The rule: how near representations must come, relative to their length."""
FAR = 0.1
"""The rule: by how much SSIM must be larger for the robust net."""
POINTS = 25
"""Steps at which the curves are drawn."""


@dataclass(frozen=True, kw_only=True)
class Config(Compared):
    """How many images are made again from what two nets see in them, and how long."""

    images: int = 24  # test images, alike from every class
    steps: int = 200
    stride: float = 8.0  # length of a step, in default steps of the tool
    shown: int = 5  # rows of the galleries


class Found(NamedTuple):
    """What inversions of one net are, from noise; one value an image."""

    made: Made
    distance: Values  # of the representations, relative
    ssim: Values  # to the target
    psnr: Values
    own: Rate  # how often the own target is the nearest of all


class Measured(NamedTuple):
    """Inversions of both nets of one data set, and controls without a net."""

    x: Images
    by: dict[str, Found]
    start: Values  # SSIM of the start
    another: Values  # SSIM of another image of the class
    pictures: tuple[Picture, ...]


def study(config: Config, bench: Bench) -> Findings:
    """Invert the representations of both nets from noise, and look how like the targets are."""
    how = Measure(
        measure=lambda one: measure(one, config),
        holds=holds,
        summary=_summary,
        numbers=_numbers,
        pictures=lambda found: found.pictures,
    )
    return findings(config, bench, how)


def measure(one: Twins, config: Config) -> Measured:
    """Return the inversions of both nets for the same images, from the same noise."""
    places = one.places(config.images)
    x, _ = one.images(places)
    begin = noise(len(x), one.test.shape, generator=stream(config.seed, "noise")).to(x)
    walk = strides(x, config.steps, config.stride)
    by = {name: invert_all(net, x, begin, walk) for name, net in one.nets.items()}
    another, _ = one.images(alike(one.test.labels, places))
    found = Measured(x, by, ssim(begin, x), ssim(another, x), ())
    pictures = (_gallery(one, by, config, walk), _curves(one, by), _bars(one, found))
    return found._replace(pictures=pictures)


def invert_all(net: nn.Module, x: Images, begin: Images, walk: Walk) -> Found:
    """Return inversions of images, and how like their targets they are."""
    made = invert(net, x, begin, walk=walk)
    image = made.images
    own = nearest(image, x) == torch.arange(len(x), device=x.device)
    return Found(made, made.numbers["distance"], ssim(image, x), psnr(image, x), Rate.of(own))


def nearest(made: Images, x: Images) -> Tensor:
    """Return for each picture which of x it is most correlated with, pixel by pixel, (b,)."""
    a, b = (part - part.mean(dim=(1, 2, 3), keepdim=True) for part in (made, x))
    return torch.stack([cosine(a, b[i : i + 1].expand_as(a)) for i in range(len(x))]).argmax(dim=0)


def holds(found: Measured) -> bool:
    """Apply the rule to one data set."""
    robust, standard = found.by["robust"], found.by["standard"]
    near = all(mean(one.distance).high <= NEAR for one in found.by.values())
    like = mean(robust.ssim - standard.ssim).low >= FAR
    like = like and above(mean(robust.psnr), mean(standard.psnr))
    return near and like and above(Number.of(robust.own), Number.of(standard.own))


def _numbers(found: Measured) -> dict[str, Number]:
    numbers = {}
    for name, one in found.by.items():
        numbers[f"{name} net, SSIM of inversions to their targets"] = mean(one.ssim)
        numbers[f"{name} net, PSNR of inversions (dB)"] = mean(one.psnr)
        numbers[f"{name} net, relative distance of representations"] = mean(one.distance)
        numbers[f"{name} net, own target is the nearest of all"] = Number.of(one.own)
    by = found.by
    gain = by["robust"].ssim - by["standard"].ssim
    return numbers | {
        "SSIM, robust minus standard": mean(gain),
        "SSIM of the noise they begin at (control)": mean(found.start),
        "SSIM of another image of the class (control)": mean(found.another),
    }


def _summary(name: str, found: Measured) -> str:
    r, s = found.by["robust"], found.by["standard"]
    return (
        f"{name}, {len(found.x)} images from noise: representations come as near as "
        f"{r.distance.mean():.3f} (robust net) and {s.distance.mean():.3f} (standard net) of their "
        f"length; SSIM to the target is {r.ssim.mean():.2f} against {s.ssim.mean():.2f}, PSNR "
        f"{r.psnr.mean():.1f} against {s.psnr.mean():.1f} dB, and the own target is the nearest of "
        f"all for {r.own.value:.0%} against {s.own.value:.0%}."
    )


def _gallery(one: Twins, by: dict[str, Found], config: Config, walk: Walk) -> Gallery:
    """Return targets and inversions: from noise, and from an image of another class."""
    at = one.places(config.images)[: config.shown]
    x, _ = one.images(at)
    every, labels = one.images(one.places(config.images))
    begin = every[partners(labels)][: len(x)]
    away = {name: invert(net, x, begin, walk=walk) for name, net in one.nets.items()}
    rows = []
    for i, place in enumerate(at.tolist()):
        cells = [Cell(x[i], f"test image {place}")]
        cells += [_cell(found.made, i) for found in by.values()]
        cells.append(Cell(begin[i]))
        cells += [_cell(made, i) for made in away.values()]
        rows.append(tuple(cells))
    return Gallery(
        f"inversions-{one.name}",
        f"{one.name}: images made again from what a net sees in them, by {walk.steps} steps of "
        "gradient ascent and nothing else, from noise and from an image of another class. Under "
        "each, how near its representation came to that of the target. Both nets come near; "
        "look in whose pictures the target is.",
        ("target", *(f"{name}: from noise" for name in by), "another start",
         *(f"{name}: from there" for name in by)),
        tuple(rows),
    )  # fmt: skip


def _cell(made: Made, i: int) -> Cell:
    distance = float(made.numbers["distance"][i])
    return Cell(made.images[i], f"{distance:.3f}", "good" if distance <= NEAR else "bad")


def _curves(one: Twins, by: dict[str, Found]) -> Curves:
    series = []
    for name, found in by.items():
        steps = len(found.made.trace) - 1
        at = sorted({round(k * steps / POINTS) for k in range(POINTS + 1)})
        values = [mean(-found.made.trace[k]) for k in at]
        tone = "good" if name == "robust" else "bad"
        series.append(band(f"{name} net", [float(k) for k in at], values, tone))
    return Curves(
        f"distance-{one.name}",
        f"{one.name}: relative distance of the picture's representation to the target's as it is "
        "made from noise, the mean over images with its 95 % interval. That both fall says that "
        "both nets are matched; how the pictures look is another matter.",
        "step",
        "relative distance",
        tuple(series),
    )


def _bars(one: Twins, found: Measured) -> Bars:
    rows = {
        "robust net": (found.by["robust"].ssim, "good"),
        "standard net": (found.by["standard"].ssim, "bad"),
        "the noise they begin at": (found.start, "plain"),
        "another image of the class": (found.another, "plain"),
    }
    means = {name: (mean(values), tone) for name, (values, tone) in rows.items()}
    return Bars(
        f"likeness-{one.name}",
        f"{one.name}: structural similarity (SSIM) of inversions from noise to their targets, and "
        "of what no net made. Another image of the class shares background and outline.",
        "SSIM to the target",
        tuple(
            Bar(name, max(n.value, 0.0), max(n.low, 0.0), max(n.high, 0.0), tone)
            for name, (n, tone) in means.items()
        ),
    )


STUDY = Study(
    id="representation-inversion",
    title="Pictures from the representation alone",
    claim="A robust representation determines its image: whatever a robust net cannot tell from "
    "an image looks like it; what a standard net cannot tell from it may look like noise.",
    rule="Reproduced if, on every data set measured, from noise, over the images: (1) the mean "
    "relative distance to the target's representation is at most 0.1 for both nets (upper end of "
    "the interval); (2) SSIM to the target is larger for the robust net by at least 0.1 (lower "
    "end of the interval of the paired difference), and so is PSNR, with intervals that do not "
    "meet; (3) of all targets the own one is the most correlated with the picture, pixel by "
    "pixel, more often for the robust net, with intervals that do not meet. Noise and another "
    "image of the class are shown as controls and do not decide.",
    published="Pictures (Engstrom et al. 2019, section 3; ImageNet, ResNet-50, l2 3, 10,000 steps "
    "at 224 pixels); the numbers are ours, so the claim is compared in direction.",
    presets={
        "tiny": Config(standard=TINY, robust=TINY_ROBUST, images=6, steps=5, shown=2),
        "quick": Config(),
        "full": Config(
            standard=CIFAR,
            robust=CIFAR_ROBUST,
            also=("imagenette64",),
            images=100,
            steps=1000,
            stride=1.0,
            shown=8,
        ),
    },
    function=study,
)
register(STUDY)
