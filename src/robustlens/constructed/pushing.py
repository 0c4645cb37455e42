"""What a push climbs: the target class in some nets, while others are held where they are.

goal = Push([net], against=[other], hold="logits").goal(x, y, target, start=0)
found = ascend(goal, x, ball, rule, steps=100).best
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from torch import nn

from robustlens.attacks import twin_of
from robustlens.constructed.kinds import Hold
from robustlens.constructed.sources import shaken, towards
from robustlens.data import Augmentation, Dataset
from robustlens.data.augment import unit
from robustlens.errors import UnknownName
from robustlens.objectives import match, toward, weighted
from robustlens.streams import stream
from robustlens.types import Images, Labels, Model, Objective

AS_IT_IS = Augmentation()
"""No augmentation."""


@dataclass(frozen=True)
class Push:
    """The nets that images are pushed in, and those that must not be moved.

    Raises:
        UnknownName: `hold` is none of `Hold`.
    """

    nets: Sequence[Model]
    against: Sequence[Model] = ()
    penalty: float = 1.0  # weight of `against`, shared among them
    hold: Hold = "class"
    augment: Augmentation = AS_IT_IS  # `nets` see a fresh draw of the image in every step
    seed: int = 0  # of the augmentation

    def __post_init__(self) -> None:
        if self.hold not in get_args(Hold):
            raise UnknownName("hold", self.hold, get_args(Hold))

    def goal(self, x: Images, y: Labels, target: Labels, start: int) -> Objective:
        """Return what is to be maximised for the images x, the batch that begins at `start`."""
        nets = self.nets
        if self.augment != AS_IT_IS:
            generator = stream(self.seed, "augment", start)
            nets = [shaken(model, self.augment, generator) for model in nets]
        goal = towards(nets, target)
        if not self.against:
            return goal
        share = self.penalty / len(self.against)
        return weighted((1.0, goal), *((share, one) for one in self._held(x, y)))

    def _held(self, x: Images, y: Labels) -> list[Objective]:
        """Return for each net of `against` what is largest where it is not moved."""
        if self.hold == "class":
            return [toward(model, y) for model in self.against]
        with torch.no_grad():
            return [match(model, model(x)) for model in self.against]


def quick(model: nn.Module, source: Dataset) -> Model:
    """Return the fast twin of a model where it can be trusted, else the model."""
    part = source.take(min(128, len(source)))
    found = twin_of(model, unit(part.images))
    return model if found is None else found
