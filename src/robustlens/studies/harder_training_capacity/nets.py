"""One kind of net in several widths, trained in three ways, and what is known of each.

recipes = Sweep().recipes(PGD, 8)      # one for each training of that net
cells[PGD, 8].pgd                      # its PGD accuracy, the mean of the trainings
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.evaluation import Rate
from robustlens.recipes import Recipe
from robustlens.result import Number
from robustlens.studies.kit.words import mean
from robustlens.training import TrainConfig

STANDARD, FGSM, PGD = "standard", "fgsm", "adversarial"
"""The three ways of training, by the names of their losses."""
WAYS = (STANDARD, FGSM, PGD)
LEARNER = Recipe(
    images=2000,
    norm="linf",
    eps="0.3",
    seed=3,
    training=TrainConfig(epochs=12, batch_size=64, validation=0),
)
"""The radius is that of the paper's nets for digits, which is large for clothes.

The last epoch is kept: to select by PGD accuracy would hide what FGSM training ends in. Seeds 0 to
2 served to choose radius and length of training, on training images that no net learned from.
"""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Which nets are trained: one recipe in several widths, each several times."""

    learner: Recipe = LEARNER
    widths: tuple[int, ...] = (1, 2, 4, 8)  # growing
    repeats: int = 2  # trainings of each net, from the learner's seed on

    def __post_init__(self) -> None:
        if len(self.widths) < 2 or [*self.widths] != sorted({*self.widths}):
            raise InputError(f"widths {self.widths}", "two or more, growing", "change widths")
        if self.widths[0] < 1 or self.repeats < 1:
            raise InputError(
                f"width {self.widths[0]}, repeats {self.repeats}", "at least 1 of each"
            )

    def recipes(self, way: str, width: int) -> list[Recipe]:
        """Return the recipes of one net, one for each training."""
        one = replace(self.learner, loss=way, width=width)
        return [replace(one, seed=one.seed + i) for i in range(self.repeats)]


class Net(NamedTuple):
    """What one training gave: which test images are right, boolean (n,), and more."""

    clean: Tensor  # as they are
    fgsm: Tensor  # after one step of FGSM, whether or not they were right before
    pgd: Tensor  # as they are and after PGD
    one_answer: float  # share of the test images that get the commonest answer
    loss: float  # own training loss


class Cell(NamedTuple):
    """What the trainings of one net gave."""

    nets: tuple[Net, ...]

    @property
    def clean(self) -> Number:
        """Accuracy on the test images as they are, the mean of the trainings."""
        return self._mean(lambda net: net.clean)

    @property
    def fgsm(self) -> Number:
        """Accuracy on the images that FGSM makes of the test images."""
        return self._mean(lambda net: net.fgsm)

    @property
    def pgd(self) -> Number:
        """PGD accuracy."""
        return self._mean(lambda net: net.pgd)

    @property
    def loss(self) -> Number:
        """Own training loss: a mean over all training images, so its interval is a point."""
        value = sum(net.loss for net in self.nets) / len(self.nets)
        return Number(value, value, value, len(self.nets))

    @property
    def one_answer(self) -> Number:
        """Share of the test images that get the commonest answer, the largest of the trainings.

        A net that gives every image the same answer has 1.
        """
        value = max(net.one_answer for net in self.nets)
        return Number(value, value, value, len(self.nets[0].clean))

    def _mean(self, hits: Callable[[Net], Tensor]) -> Number:
        """Return the mean over images of the share of trainings that are right on them.

        The interval is over test images, for these nets; it does not hold for other trainings.
        """
        if len(self.nets) == 1:
            return Number.of(Rate.of(hits(self.nets[0])))
        found = mean(torch.stack([hits(net).double() for net in self.nets]).mean(dim=0))
        return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))


Cells = Mapping[tuple[str, int], Cell]
"""What is known, by way of training and width."""
