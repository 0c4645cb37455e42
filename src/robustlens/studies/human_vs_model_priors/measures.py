"""The measuring part of the study `human-vs-model-priors`: pictures of a net, and the net itself.

What a person expects to matter is taken to be the direction to the mean of the other class, the
wrong one that the net finds likeliest, as in `perception-alignment`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.balls import Ball, radius
from robustlens.data import Dataset, batches
from robustlens.errors import InputError
from robustlens.evaluation import Rate, on_device_of, pgd_accuracy
from robustlens.evaluation.records import UNATTACKED
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.objectives import misclassify
from robustlens.streams import Draws, stream
from robustlens.studies.kit.ranks import spearman
from robustlens.types import Images, Labels, Model
from robustlens.vision import cosine, loss_gradient, runner_up
from robustlens.vision.explain import (
    blurred_gradient,
    gradient_times_input,
    integrated_gradients,
    smooth_gradient,
)

GRADIENT = "gradient"
TIMES, SMOOTH, INTEGRATED, BLURRED = EXPLANATIONS = (
    "gradient times input",
    "SmoothGrad",
    "Integrated Gradients",
    "gradient through a blur",
)
"""What is made of a net after training; the plain gradient stands beside them."""
BATCH = 250


@dataclass(frozen=True, kw_only=True)
class Look:
    """How pictures are made and nets are tried; see the config of the study."""

    within: Ball  # of the attack; steps along a picture are as long
    steps: int
    samples: int
    sigma: float
    blur: float
    seed: int


class Shown(NamedTuple):
    """Explanations of one kind, of a trained net, on all images.

    Attributes:
        angle: cosine to the direction to the other class, (n,).
        untrained: the same for a net that has learned nothing.
        likeness: rank correlation of its sizes with those of the untrained net's, (n,).
        broken: of the images that the net gets right, those that a step along it breaks.
    """

    angle: Tensor
    untrained: Tensor
    likeness: Tensor
    broken: Rate


class Net(NamedTuple):
    """What a net does, whatever is drawn of it.

    Attributes:
        angle: cosine of its loss gradient to the direction to the other class, (n,).
        clean: accuracy on the images as they are.
        held: accuracy under PGD.
        human: of the images that PGD breaks, those that a step as long to the other class breaks.
        random: those that a random step as long breaks.
    """

    angle: Tensor
    clean: Rate
    held: Rate
    human: Rate
    random: Rate


def pictures_of(model: Model, x: Images, y: Labels, how: Look) -> dict[str, Images]:
    """Return the loss gradient and every explanation of the loss, by name."""
    objective = misclassify(model, y)
    noise = stream(how.seed, "smooth")
    with frozen(model):
        return {
            GRADIENT: loss_gradient(model, x, y),
            TIMES: gradient_times_input(objective, x),
            SMOOTH: smooth_gradient(
                objective, x, sigma=how.sigma, samples=how.samples, generator=noise
            ),
            INTEGRATED: integrated_gradients(objective, x, steps=how.samples),
            BLURRED: blurred_gradient(objective, x, sigma=how.blur),
        }


def shown(
    trained: nn.Module, untrained: nn.Module, data: Dataset, means: Tensor, how: Look
) -> dict[str, Shown]:
    """Return what the explanations of a trained net are like, beside those of an untrained one."""
    parts: dict[str, list[tuple[Tensor, ...]]] = {}
    for x, y in batches(on_device_of(trained, data), BATCH):
        mine, blank = (pictures_of(net, x, y, how) for net in (trained, untrained))
        there, elsewhere = (_across(net, x, y, means) for net in (trained, untrained))
        right = ~_broken(trained, x, y)
        for name, picture in mine.items():
            hit = _broken(trained, _step(x, picture, how.within), y)
            row = (
                cosine(picture, there),
                cosine(blank[name], elsewhere),
                _likeness(picture, blank[name]),
                right,
                right & hit,
            )
            parts.setdefault(name, []).append(row)
    return {name: _shown(rows) for name, rows in parts.items()}


def _shown(rows: list[tuple[Tensor, ...]]) -> Shown:
    angle, blank, likeness, right, hit = (torch.cat(c).cpu() for c in zip(*rows, strict=True))
    return Shown(angle, blank, likeness, Rate.of(hit[right]))


def net(model: nn.Module, data: Dataset, means: Tensor, how: Look) -> Net:
    """Return what a net does: its gradient, its accuracy, and which steps break it."""
    data = on_device_of(model, data)
    angles, human, random = [], [], []
    noise = stream(how.seed, "random")
    for x, y in batches(data, BATCH):
        across = _across(model, x, y, means)
        anywhere = Draws.of(x, noise).normal(*x.shape[1:])
        angles.append(cosine(loss_gradient(model, x, y), across))
        human.append(_broken(model, _step(x, across, how.within), y))
        random.append(_broken(model, _step(x, anywhere, how.within), y))
    attacked = pgd_accuracy(model, data, how.within, steps=how.steps, seed=how.seed)
    fell = torch.tensor([r.by not in ("", UNATTACKED) for r in attacked.records])
    return Net(
        torch.cat(angles).cpu(),
        attacked.clean,
        attacked.rate,
        *(_share(torch.cat(hits).cpu(), fell) for hits in (human, random)),
    )


def _share(hits: Tensor, among: Tensor) -> Rate:
    if not bool(among.any()):
        raise InputError("PGD breaks no image", "at least one", "change --robust.eps or --images")
    return Rate.of(hits[among])


def _across(model: Model, x: Images, y: Labels, means: Tensor) -> Images:
    """Return the direction from the mean of each image's class to that of the other class."""
    means = means.to(x.device)
    return means[runner_up(model, x, y)] - means[y]


def _step(x: Images, direction: Images, within: Ball) -> Images:
    """Return x after one step along a direction, to the border of the ball, inside [0, 1]."""
    return within.project(x + radius(within) * within.steepest(direction, x), x)


def _broken(model: Model, x: Images, y: Labels) -> Tensor:
    with frozen(model), torch.no_grad():
        return logits(model, x).argmax(dim=1) != y


def _likeness(a: Images, b: Images) -> Tensor:
    """Return Spearman's correlation of the sizes of pixels in two pictures, image by image.

    Source: Adebayo et al. 2018, section 3: an explanation that comes out alike for random weights
    explains the image, not the net.
    """
    pairs = zip(a.abs().flatten(1).cpu(), b.abs().flatten(1).cpu(), strict=True)
    return torch.tensor([spearman(p.tolist(), q.tolist()) for p, q in pairs])
