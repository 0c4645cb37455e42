"""Pictures of the study `human-vs-model-priors`."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.evaluation import on_device_of
from robustlens.pictures import Bar, Bars, Cell, Curves, Gallery, Series
from robustlens.studies.human_vs_model_priors.measures import (
    BLURRED,
    EXPLANATIONS,
    GRADIENT,
    INTEGRATED,
    SMOOTH,
    TIMES,
    Look,
    Net,
    Shown,
    pictures_of,
)
from robustlens.studies.kit.words import band, images_at, mean
from robustlens.types import Images
from robustlens.vision import loss_gradient, picture

SHORT = {
    GRADIENT: "gradient",
    TIMES: "gradient x input",
    SMOOTH: "Smooth- Grad",
    INTEGRATED: "inte- grated",
    BLURRED: "through a blur",
}
"""Names of at most eight letters in a row: they stand over small images."""
MOST = 3
"""Nets in the gallery, those of the largest radii: with more, images are too small to see much."""


def gallery(
    standard: nn.Module, nets: Mapping[str, nn.Module], data: Dataset, at: Tensor, how: Look
) -> Gallery:
    """Return all pictures of the standard net, then the plain gradients of `MOST` other nets."""
    data = on_device_of(standard, data)
    x, y = images_at(data, at)
    columns = [_cells(x, [data.classes[k] for k in y.tolist()])]
    columns += [_cells(picture(p)) for p in pictures_of(standard, x, y, how).values()]
    few = list(nets)[-MOST:]
    columns += [_cells(picture(loss_gradient(nets[name], x, y))) for name in few]
    return Gallery(
        "explanations",
        "The first test image of each class; pictures of what the standard net's loss hangs on, "
        "plain and as four methods redraw it; and the plain loss gradients of nets trained against "
        "larger and larger changes. All are clipped at 3 standard deviations. Pictures multiplied "
        "by the image show the object because the image does; look where it appears by itself.",
        ("image", *(f"standard {SHORT[name]}" for name in (GRADIENT, *EXPLANATIONS)), *few),
        tuple(zip(*columns, strict=True)),
    )


def sanity(
    standard: nn.Module, untrained: nn.Module, data: Dataset, at: Tensor, how: Look
) -> Gallery:
    """Return the pictures of the standard net beside those of one that has learned nothing."""
    data = on_device_of(standard, data)
    x, y = images_at(data, at)
    pair = [pictures_of(net, x, y, how) for net in (standard, untrained)]
    columns, names = [_cells(x, [data.classes[k] for k in y.tolist()])], ["image"]
    for name in (GRADIENT, SMOOTH, TIMES, INTEGRATED):
        for who, made in zip(("standard", "random"), pair, strict=True):
            columns.append(_cells(picture(made[name])))
            names.append(f"{who} {SHORT[name]}")
    return Gallery(
        "sanity",
        "The same explanations of the standard net and of a net with random weights. What appears "
        "for both is no knowledge of the net: pictures multiplied by the image show its outline "
        "for any net.",
        tuple(names),
        tuple(zip(*columns, strict=True)),
    )


def bars(curve: Mapping[str, Net], others: Mapping[str, Net], found: Mapping[str, Shown]) -> Bars:
    """Return alignment of nets by their gradients, and of pictures of the standard net."""
    rows = [_bar(f"gradient, {name}", net.angle, "good") for name, net in curve.items()]
    rows += [_bar(f"gradient, {name}", net.angle, "plain") for name, net in others.items()]
    rows += [_bar(f"standard net, {name}", found[name].angle, "bad") for name in EXPLANATIONS]
    name = max(found, key=lambda name: mean(found[name].untrained).value)
    rows.append(_bar(f"untrained net, {name}", found[name].untrained, "plain"))
    return Bars(
        "alignment",
        "Mean cosine to the direction that a person expects, towards the other class. Above: plain "
        "gradients of nets that were trained differently. Then pictures made of one standard net "
        "after training, and last the highest of those of a net that has learned nothing.",
        "cosine to the other class",
        tuple(rows),
    )


def against_eps(
    radii: Sequence[float], nets: Sequence[Net], found: Mapping[str, Shown], norm: str
) -> Curves:
    """Return alignment over the radius of training, with the pictures as level lines."""
    ends = (radii[0], radii[-1])
    levels = [(name, mean(found[name].angle)) for name in EXPLANATIONS]
    return Curves(
        "alignment-eps",
        "Cosine of the plain gradient to the direction of the other class, over the radius that "
        "the net was trained for. Level lines: pictures made of the standard net, at the left "
        "end, after training. The band is the 95 % interval over test images.",
        f"eps of training ({norm})",
        "cosine to the other class",
        (
            band("gradient of each net", radii, [mean(net.angle) for net in nets], "good"),
            *(
                Series(f"standard net: {name}", ends, (n.value,) * 2, tone="bad", dots=False)
                for name, n in levels
            ),
        ),
    )


def reliance(radii: Sequence[float], nets: Sequence[Net], norm: str, within: str) -> Curves:
    """Return what steps of one length break, over the radius of training."""
    return Curves(
        "reliance-eps",
        f"Of the test images that PGD breaks within {within}, the share that one step as long "
        "breaks: to the mean of the other class, or anywhere. It asks the net and no picture: "
        "does it use the direction that a person expects?",
        f"eps of training ({norm})",
        "share of what PGD breaks",
        (
            band("to the other class", radii, [net.human for net in nets], "good"),
            band("a random step", radii, [net.random for net in nets], "plain"),
        ),
    )


def _cells(images: Images, texts: Sequence[str] = ()) -> list[Cell]:
    words = texts or [""] * len(images)
    return [Cell(image, text) for image, text in zip(images.cpu(), words, strict=True)]


def _bar(name: str, angle: Tensor, tone: str) -> Bar:
    n = mean(angle)
    return Bar(name, n.value, n.low, n.high, tone)
