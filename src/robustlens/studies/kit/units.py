"""What studies of single units share: which units, what they answer to, and a name for each.

known = Known.of(net, test)             # the activation of every unit at every test image
known.units(32)                         # by position, among those that answer to something
known.label[17], known.most(17, 5)      # the class that its strongest images have most
"""

from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.types import Labels
from robustlens.vision import activations, straight_through

TOP = 20
"""So many of its strongest test images name a unit."""


class Known(NamedTuple):
    """What the units of a net's penultimate layer answer to in a test set."""

    values: Tensor  # (n, f)
    order: Tensor  # (n, f): places, the strongest first
    label: Labels  # (f,): the commonest class of the `TOP` strongest images

    @classmethod
    def of(cls, net: nn.Module, test: Dataset) -> "Known":
        """Return it, from one pass over the test set."""
        values = activations(net, test)
        order = values.argsort(dim=0, descending=True, stable=True)
        label = test.labels.to(order.device)[order[:TOP]].mode(dim=0).values
        return cls(values, order, label)

    def units(self, n: int) -> Tensor:
        """Return n units evenly by position, of those that do not answer alike to all images.

        Fewer if there are. Raises `InputError` where none is left.
        """
        alive = torch.nonzero(self.values.amax(dim=0) > self.values.amin(dim=0)).flatten().cpu()
        if not len(alive) or n < 1:
            raise InputError(f"{n} of {len(alive)} units", "at least one of at least one")
        count = min(n, len(alive))
        return alive[torch.arange(count) * len(alive) // count]

    def most(self, unit: int, k: int) -> Tensor:
        """Return the places of the k images that a unit answers to most."""
        return self.order[:k, unit].cpu()

    def least(self, unit: int, k: int) -> Tensor:
        """Return the places of the k images that a unit answers to least, the least first."""
        return self.order[:, unit].flip(0)[:k].cpu()

    def level(self, unit: int, share: float) -> float:
        """Return the activation that a share of the test images stays below or at."""
        return float(self.values[:, unit].quantile(share))


def gradients(net: nn.Module, through: bool) -> AbstractContextManager[None]:
    """Return what to walk in: `straight_through` the last ReLU, or the true gradients."""
    return straight_through(net) if through else nullcontext()
