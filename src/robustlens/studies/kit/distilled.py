"""What studies of robustified sets share: how a set is made, and how the nets it taught hold.

folder = distilled(source, net, recipe, Distilling(), seed, bench)
held = hold(model, test, AttackedWithin(), seed)    # clean, under PGD, under AutoAttack
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from torch import nn

from robustlens.balls import ball
from robustlens.constructed import robustified
from robustlens.data import Dataset
from robustlens.evaluation import Rate, accuracy, on_device_of, pgd_accuracy
from robustlens.nets import Checkpoint
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench
from robustlens.studies.kit.attacked import AttackedWithin
from robustlens.studies.kit.made import place, quick_learner


@dataclass(frozen=True, kw_only=True)
class Distilling:
    """How images are rebuilt from what a net sees in others."""

    images: int = 3000  # of the training set, alike from every class; 0: all
    start: str = "images"  # or noise
    steps: int = 50
    step_size: float = 0.5


class Held(NamedTuple):
    """How often a net is right."""

    clean: Rate
    pgd: Rate
    autoattack: Rate


def part(source: Dataset, distilling: Distilling) -> Dataset:
    """Return the images of the training set that are rebuilt."""
    return source.limited(distilling.images)


def distilled(
    source: Dataset,
    net: Checkpoint,
    recipe: Recipe,
    distilling: Distilling,
    seed: int,
    bench: Bench,
) -> Path:
    """Return the folder of part of `source`, rebuilt from what the net of `recipe` sees in it."""
    settings = {name: v for name, v in vars(distilling).items() if name != "images"}
    images = part(source, distilling)
    what = {"seed": seed, "n": len(images), **settings}
    folder = place(bench, f"robustified-{recipe.loss}", what, recipe)
    robustified(images, net, folder, seed=seed, **settings)
    return folder


def untouched(learner: Recipe, distilling: Distilling, bench: Bench) -> nn.Module:
    """Return a net taught in the same way on the same images as they were."""
    training = replace(learner.training, validation=0)
    recipe = replace(learner, images=distilling.images, loss="standard", training=training)
    return fit(recipe, bench.folder, bench.device)[0]


def hold(model: nn.Module, test: Dataset, attacked: AttackedWithin, seed: int) -> Held:
    """Return how often a net is right on test images: as they are, and under both attacks."""
    test = on_device_of(model, test)
    many, within = attacked.many(test), ball(attacked.norm, attacked.eps)
    return Held(
        accuracy(model, many).rate,
        pgd_accuracy(model, many, within, steps=attacked.steps, seed=seed).rate,
        attacked.autoattack(model, test, within, seed),
    )


LEARNER = quick_learner(epochs=25)
"""The quick net, as studies of robustified sets teach it."""
