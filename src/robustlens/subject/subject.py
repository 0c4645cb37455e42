"""A model that someone brings, with what is known of it.

subject = Subject(net, "their net", "a Net that was handed over", classes=("cat", "dog"))
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from torch import nn

from robustlens.data.framing import Framing
from robustlens.errors import InputError
from robustlens.nets import Checkpoint
from robustlens.nets.cards import Card
from robustlens.subject.preprocessing import PLAIN, Preprocessing

CHANNELS: Mapping[int, Literal[1, 3]] = {1: 1, 3: 3}
"""Of pictures: grey, or colours."""


@dataclass(frozen=True)
class Subject:
    """A model for images in [0, 1], and what is known of it."""

    model: nn.Module
    name: str
    origin: str  # in words: what it is and where it came from
    classes: tuple[str, ...] = ()  # their names in the order of the logits; (): not known
    card: Mapping[str, Any] = field(default_factory=dict)  # of a checkpoint; empty if it has none
    notes: tuple[str, ...] = ()  # what a person should know, a sentence each
    preprocessing: Preprocessing = PLAIN  # size and crop; what is moved inside the model
    gradient: bool = True  # False: a black box, for attacks that need none

    def to(self, device: torch.device | str) -> "Subject":
        """Return the subject with its model on `device`."""
        return replace(self, model=self.model.to(device))

    def as_dict(self) -> dict[str, Any]:
        """Return name, origin, preprocessing and notes, for a JSON file."""
        return {
            "name": self.name,
            "origin": self.origin,
            "pixels": str(self.preprocessing),
            "gradient": self.gradient,
            "notes": list(self.notes),
        }

    @property
    def framing(self) -> Framing | None:
        """How pictures are brought to the size that the model reads; None: as they are.

        Of a checkpoint whose card says which net it is: the middle, of the size it was trained on.
        A card of other people's, whose net is none of ours, says nothing of it.
        """
        if self.preprocessing.framing is not None:
            return self.preprocessing.framing
        try:
            net = Card.of(self.card).architecture
        except InputError:
            return None
        if net is None or net.channels not in CHANNELS:
            return None
        return Framing(net.size, net.size, channels=CHANNELS[net.channels])

    @property
    def checkpoint(self) -> Checkpoint:
        """The model with its card."""
        return Checkpoint(self.model, dict(self.card))
