"""A model as a painter: which pictures it takes, its classes, where its pictures begin.

painter = Painter.of(model, card, "cifar10-l2-0.5")
painter.shape, painter.label("ship"), painter.seeds()
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from robustlens.answers import Answers
from robustlens.errors import InputError
from robustlens.types import Images, Labels, Logits, Values
from robustlens.vision.made import fitting, seen_by
from robustlens.vision.seeds import Seeds
from robustlens.vision.starts import class_of

LARGEST = 1024
"""Pixels a side at most, for a net: a walk holds every layer of every picture in memory."""


@dataclass(frozen=True, eq=False)
class Painter:
    """A model, the pictures it takes as (channels, height, width), its classes, its seeds."""

    model: nn.Module
    name: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    given: Callable[[], Seeds] | None = None

    @classmethod
    def of(
        cls,
        model: nn.Module,
        card: Mapping[str, Any],
        name: str,
        *,
        size: int | None = None,
        seeds: Callable[[], Seeds] | None = None,
    ) -> "Painter":
        """Return the painter that a model is, by its card; without one, `size` says what it takes.

        The number of channels of a model without a card is found by asking it, 3 before 1, and its
        classes are called 0, 1 and so on.

        Raises:
            InputError: no size is known, it is out of range, or the model does not take it.
        """
        known = card.get("architecture") or {}
        side = size or known.get("size")
        if side is None:
            raise InputError(
                "a model whose card says no size", "pixels a side of what it takes", "give --size"
            )
        if not 1 <= side <= LARGEST:
            raise InputError(f"size {side}", f"1 to {LARGEST} pixels", "change --size")
        where = next((p.device for p in model.parameters()), torch.device("cpu"))
        options = [known["channels"]] if "channels" in known else [3, 1]
        for channels in options:
            blank = torch.full((1, channels, side, side), 0.5, device=where)
            try:
                blank = fitting(model, blank)
            except InputError:
                if channels == options[-1]:
                    raise
                continue
            count = seen_by(model, Answers(model), blank).shape[1]
            names = tuple(card.get("classes") or map(str, range(count)))
            return cls(model, name, (channels, side, side), names, seeds)
        raise AssertionError("one of the options was returned or raised")

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next((p.device for p in self.model.parameters()), torch.device("cpu"))

    def label(self, name: str) -> int:
        """Return a class by name or index; raise `UnknownName`, with the names there are."""
        return class_of(name, self.classes)

    def takes(self, height: int, width: int) -> bool:
        """Say whether the model takes pictures of a size."""
        blank = torch.full((1, self.shape[0], height, width), 0.5, device=self.device)
        try:
            fitting(self.model, blank)
        except InputError:
            return False
        return True

    def seeds(self) -> Seeds:
        """Return seeds of the classes, of the size that the model takes.

        Raises:
            InputError: there are none, or they are of other classes or channels.
        """
        if self.given is None:
            raise InputError(
                f"no seeds for {self.name}",
                "where pictures of each class begin",
                "fit them to images, robustlens make seeds --data DATA --out seeds.safetensors, "
                "and give --seeds seeds.safetensors",
            )
        seeds = replace(self.given(), size=self.shape[1:])
        channels = seeds.mean.shape[1]
        if len(seeds.classes) != len(self.classes) or channels != self.shape[0]:
            raise InputError(
                f"seeds of {len(seeds.classes)} classes and {channels} channels",
                f"{len(self.classes)} and {self.shape[0]}, those of {self.name}",
                "fit seeds to images like those the model was trained on",
            )
        return seeds

    def decided(self, x: Images) -> Labels:
        """Return what the model takes images for."""
        return seen_by(self.model, Answers(self.model), x).argmax(dim=1)

    def probabilities(self, x: Images) -> Logits:
        """Return what the model gives each class of each image, (b, k)."""
        return seen_by(self.model, Answers(self.model), x).softmax(dim=1)

    def chance(self, x: Images, y: Labels) -> Values:
        """Return the probability that the model gives each image's class, (b,)."""
        z = seen_by(self.model, Answers(self.model, y), x)
        return z.softmax(dim=1).gather(1, y[:, None]).squeeze(1)

    def named(self, y: Labels) -> str:
        """Return the classes of labels in words, each once."""
        names = list(dict.fromkeys(self.classes[int(label)] for label in y))
        return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def root_mean_square(moved: Values, x: Images) -> Values:
    """Return l2 lengths as the root mean square of a pixel of images like x."""
    return moved / math.sqrt(math.prod(x.shape[1:]))
