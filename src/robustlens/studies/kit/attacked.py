"""How studies attack the nets they compare, and on how many images.

attacked = Attacked(steps=20, few=60)
attacked.autoattack(model, test, L2(1.5), seed=0)     # a Rate, on the first 60 images
"""

from dataclasses import dataclass

from torch import nn

from robustlens.attacks import autoattack, bind
from robustlens.balls import Ball
from robustlens.data import Dataset
from robustlens.evaluation import attacked_accuracy, on_device_of
from robustlens.rate import Rate


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """How nets are attacked, and on how many test images."""

    images: int = 1000  # test images, alike from every class; 0: all
    steps: int = 20  # of PGD
    version: str = "standard"  # of AutoAttack
    few: int = 100  # test images for AutoAttack; 0: all

    def many(self, test: Dataset) -> Dataset:
        """Return the images for everything but AutoAttack."""
        return test.limited(self.images)

    def autoattack(self, model: nn.Module, test: Dataset, within: Ball, seed: int) -> Rate:
        """Return the accuracy under AutoAttack, on the few."""
        few = test.limited(self.few)
        strongest = bind(autoattack, within, version=self.version)
        return attacked_accuracy(model, on_device_of(model, few), strongest, seed=seed).rate


@dataclass(frozen=True, kw_only=True)
class AttackedWithin(Attacked):
    """How nets are attacked in a ball that no training names."""

    norm: str = "l2"
    eps: str = "0.75"  # radius in [0, 1] units

    def where(self) -> str:
        """Return the ball in words."""
        return f"{self.norm} {self.eps}"
