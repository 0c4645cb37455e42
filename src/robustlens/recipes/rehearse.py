"""A rehearsal of a training: two steps, timed, and nothing written.

    rehearse(named("cifar10-resnet18-l2-0.5").recipe)     # Rehearsal(images=8, seconds=4.1, ...)

Where the data are not on this machine, made-up images of the right shape stand in.
"""

import math
import time
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.recipes.recipe import LOSSES, Recipe
from robustlens.streams import initialised, stream
from robustlens.training import train
from robustlens.types import Images, Labels

FEW = 8
"""Images in a step of a processor's first try."""
PATIENCE = 10.0
"""Seconds that a step with a whole batch may take to be tried as well."""


class Shape(NamedTuple):
    """What made-up images are made by: number, channels and side in pixels, classes."""

    images: int
    channels: int
    side: int
    classes: int


SHAPES = {
    "fashion": Shape(10_000, 1, 28, 10),
    "fashion-full": Shape(60_000, 1, 28, 10),
    "cifar10": Shape(50_000, 3, 32, 10),
    "catdog": Shape(10_000, 3, 32, 2),
    "imagenette128": Shape(9_469, 3, 128, 10),
    "tinyimagenet32": Shape(18_000, 3, 32, 11),
}
"""The training sets by name."""


class Rehearsal(NamedTuple):
    """How long a step takes, and so the whole training."""

    images: int  # in a step that was timed
    seconds: float  # of the second of two such steps
    batch: int  # images in a step of the training
    steps: int  # of the training
    absent: str  # why the images were made up; "" when they were not

    @property
    def estimate(self) -> float:
        """Seconds of all steps; loading, compiling and validation come on top."""
        return self.seconds * self.batch / self.images * self.steps


def rehearse(recipe: Recipe, device: torch.device | None = None) -> Rehearsal:
    """Return how long a step of the training takes here, from two of them; write nothing.

    On an accelerator a step has a whole batch. On a processor it has 8 images first, and then a
    whole batch too if that takes less than ten seconds. Raises what `fit` raises, except that
    the data of a source with a name need not be here.
    """
    device = device or torch.device("cpu")
    data, total, absent = _images(recipe)
    config = recipe.training
    steps = math.ceil(total * (1 - config.validation) / config.batch_size) * config.epochs
    few = min(FEW, config.batch_size) if device.type == "cpu" else config.batch_size
    found = Rehearsal(
        few, _second_step(recipe, data, few, device), config.batch_size, steps, absent
    )
    if found.seconds * found.batch / few < PATIENCE and few < found.batch:
        whole = _second_step(recipe, data, found.batch, device)
        found = found._replace(images=found.batch, seconds=whole)
    return found


def _images(recipe: Recipe) -> tuple[Dataset, int, str]:
    """Return images for two steps, how many the training has, and why they are made up, if so."""
    wanted = 2 * recipe.training.batch_size
    try:
        data = recipe.dataset()
        return _repeated(data, wanted), len(data), ""
    except InputError as error:
        if recipe.data not in SHAPES:
            raise
        shape = SHAPES[recipe.data]
        side = recipe.size or shape.side
        images = torch.randint(
            256, (wanted, shape.channels, side, side), dtype=torch.uint8, generator=stream(0, "x")
        )
        classes = tuple(map(str, range(shape.classes)))
        made = Dataset(images, torch.arange(wanted) % shape.classes, classes, recipe.data)
        return made, recipe.images or shape.images, str(error)


def _repeated(data: Dataset, wanted: int) -> Dataset:
    return data.subset(torch.arange(wanted) % len(data))


def _second_step(recipe: Recipe, data: Dataset, images: int, device: torch.device) -> float:
    """Return the seconds of the second of two steps: the first also warms up."""
    loss, began = LOSSES[recipe.loss](recipe), 0.0

    def timed(model: nn.Module, x: Images, y: Labels, generator: torch.Generator) -> Tensor:
        nonlocal began
        began = time.perf_counter()
        return loss(model, x, y, generator)

    model = initialised(recipe.seed, recipe.architecture(data).build).to(device)
    config = replace(recipe.training, epochs=1, batch_size=images, validation=0)
    train(model, data.take(2 * images), timed, config, seed=recipe.seed)
    return time.perf_counter() - began
