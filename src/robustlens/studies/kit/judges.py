"""Who makes the pictures of a study, and who judges them: never one net in both places.

nets = FASHION.taken(bench)
nets.makers["robust net"], nets.judge
images = unseen(FASHION.robust, 500)       # without those that defaults were chosen on
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench
from robustlens.vision import class_of

ROBUST, STANDARD = "robust net", "standard net (control)"
"""The two that make pictures, by the names of their numbers."""
ROBUST_NET = Recipe(weights="fashion-l2-1.5")
TWIN = Recipe(weights="fashion-standard")
JUDGE = Recipe(weights="fashion-judge")
CHOSEN_ON = {
    "cifar10": (25, 35, 45, 55, 65, 75),
    "imagenette128": (3, 505, 1003, 1503, 2003, 3003),
}
"""Test images on which defaults of the tools were chosen, by their places: none is measured.

Of CIFAR-10 none shows a cat or a dog, so `catdog` has all of its images."""


class Nets(NamedTuple):
    """The nets of a trio, and the classes that the makers and the judge know."""

    makers: Mapping[str, nn.Module]  # ROBUST and STANDARD
    judge: nn.Module
    classes: tuple[str, ...]
    known: tuple[str, ...]  # to the judge; all of `classes` are among them

    def asked(self, y: torch.Tensor) -> torch.Tensor:
        """Return classes of the makers as classes of the judge."""
        places = torch.tensor([class_of(name, self.known) for name in self.classes])
        return places.to(y.device)[y]


@dataclass(frozen=True, kw_only=True)
class Trio:
    """A robust net, its standard twin, and a judge of another family that makes no picture."""

    robust: Recipe = ROBUST_NET
    standard: Recipe = TWIN  # the control
    judge: Recipe = JUDGE  # never makes a picture

    def __post_init__(self) -> None:
        if self.judge in (self.robust, self.standard):
            raise InputError(
                f"the judge {self.judge.weights or self.judge.name}, which makes pictures too",
                "a net that makes none: its own pictures always convince a net",
                "change judge",
            )

    def taken(self, bench: Bench) -> Nets:
        """Return the nets, trained or taken up; all know the makers' classes by name."""
        robust, standard, judge = (
            fit(recipe, bench.folder, bench.device)
            for recipe in (self.robust, self.standard, self.judge)
        )
        nets = Nets(
            {ROBUST: robust.model, STANDARD: standard.model},
            judge.model,
            tuple(robust.card["classes"]),
            tuple(judge.card["classes"]),
        )
        nets.asked(torch.arange(len(nets.classes)))  # a class that the judge lacks is refused
        return nets


def unseen(recipe: Recipe, n: int) -> Dataset:
    """Return `n` test images of a recipe's data, alike from every class; 0: all.

    Left out are those of `CHOSEN_ON`: numbers are of images that nothing was chosen on.
    """
    data = recipe.dataset("test")
    kept = torch.ones(len(data), dtype=torch.bool)
    kept[list(CHOSEN_ON.get(data.name, ()))] = False
    data = data.subset(torch.nonzero(kept).flatten())
    return data.take(n) if n else data


FASHION = Trio()
CIFAR = Trio(
    robust=Recipe(data="cifar10", weights="cifar10-l2-0.5"),
    standard=Recipe(data="cifar10", weights="cifar10-standard"),
    judge=Recipe(data="cifar10", weights="cifar10-judge"),
)
PETS = Trio(
    robust=Recipe(data="catdog", weights="catdog-l2-0.5"),
    standard=Recipe(data="catdog", weights="catdog-standard"),
    judge=CIFAR.judge,
)
"""The shipped trios. The judge of the two domains decides among all ten classes."""
