"""Pictures of the study `smoothing-as-prior`."""

from collections.abc import Mapping

import torch
from torch import nn

from robustlens.data import Dataset
from robustlens.pictures import Bar, Bars, Cell, Curves, Gallery
from robustlens.result import Number
from robustlens.studies.kit.words import band, first_of_each, images_at
from robustlens.studies.smoothing_as_prior.measures import Kept
from robustlens.vision import loss_gradient, picture

SHOWN = 5


def units(found: Mapping[str, Kept], sigmas: tuple[float, ...]) -> Curves:
    """Return what noise leaves of units of two kinds."""
    return _left(
        "units",
        "Which share of their usefulness units keep under noise: those of the standard net that "
        "are useful and that a small change flips, and those of the robust net that it does not. "
        "Both are scaled anew on noisy training images.",
        found,
        sigmas,
    )


def labels(found: Mapping[str, Kept], sigmas: tuple[float, ...]) -> Curves:
    """Return what noise leaves of written and of true labels."""
    return _left(
        "labels",
        "Which share of its usefulness for the label each logit of a standard net keeps under "
        "noise: for the labels it wrote into images, and for the true labels of the same images "
        "before.",
        found,
        sigmas,
    )


def _left(name: str, caption: str, found: Mapping[str, Kept], sigmas: tuple[float, ...]) -> Curves:
    tones = ("bad", "good")
    return Curves(
        name,
        caption,
        "sigma of the noise",
        "share of rho left",
        tuple(
            band(words, sigmas, [kept.share(level) for level in range(len(sigmas))], tone)
            for tone, (words, kept) in zip(tones, found.items(), strict=True)
        ),
    )


def learned(found: Mapping[str, Number], level: float) -> Bars:
    """Return what is learned from written labels without noise and under it."""
    return Bars(
        "learned",
        "What a net learns from images with labels written into them, and nothing else: accuracy "
        "on real test images. Under noise it cannot read what was written.",
        "accuracy on real test images",
        tuple(
            Bar(name, n.value, n.low, n.high, tone)
            for tone, (name, n) in zip(("bad", "good"), found.items(), strict=True)
        ),
        ((level, "chance"),),
    )


def gradients(
    nets: Mapping[str, nn.Module], test: Dataset, cosines: Mapping[str, Number]
) -> Gallery:
    """Return loss gradients of each net at the first image of some classes."""
    everywhere = torch.ones(len(test), dtype=torch.bool)
    x, y = images_at(test, first_of_each(test.labels, everywhere, SHOWN))
    columns = [[Cell(image, test.classes[k]) for image, k in zip(x, y.tolist(), strict=True)]]
    heads = ["image"]
    for name, net in nets.items():
        there = x.to(next(net.parameters()).device), y.to(next(net.parameters()).device)
        columns.append([Cell(image) for image in picture(loss_gradient(net, *there).cpu())])
        heads.append(f"{name}, cosine {cosines[name].value:.3f}")
    return Gallery(
        "gradients",
        "What each net's loss gradient looks like (clipped at 3 standard deviations, nothing "
        "smoothed), and its mean cosine to the direction of the other class. Look whether it has "
        "the shape of the object.",
        tuple(heads),
        tuple(zip(*columns, strict=True)),
    )
