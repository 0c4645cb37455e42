"""Units of a net: to climb on, and the images that they answer to.

read = reader(model, None, x)              # the penultimate layer, (b, f): see `nets.reading`
raised(read, units)                        # an objective: one unit an image
most, least = exemplars(model, data, unit=17)
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data import Dataset, batches
from robustlens.errors import InputError
from robustlens.evaluation import on_device_of
from robustlens.modes import frozen
from robustlens.nets.reading import pooled, reader
from robustlens.types import Images, Objective, Representation, Values


def raised(read: Representation, units: Tensor, level: Tensor | None = None) -> Objective:
    """Activation of one unit an image, `units` (b,); up to `level` (b,) and no further.

    With a level it is min(R_i - level, 0): once it is reached the gradient is 0, and the image
    stays where it is. Source: Engstrom et al. 2019, section 4.3 and appendix (feature addition).
    """

    def objective(x: Images) -> Values:
        value = pooled(read(x)).gather(1, units[:, None]).squeeze(1)
        return value if level is None else (value - level).clamp_max(0.0)

    return objective


class Activated(NamedTuple):
    """A representation, the units to be raised, and where they are before, (b,)."""

    read: Representation
    units: Tensor
    before: Values


def activated(model: nn.Module, x: Images, unit: int | Tensor, layer: str | None) -> Activated:
    """Return how to read a unit of each image, and what it is there; raises as `units_for`."""
    read = reader(model, layer, x)
    with frozen(model), torch.no_grad():
        r = pooled(read(x))
    units = units_for(x, unit, r.shape[1])
    return Activated(read, units, r.gather(1, units[:, None]).squeeze(1))


def units_for(x: Tensor, unit: int | Tensor, width: int) -> Tensor:
    """Return one unit an image, (b,) int64.

    Raises:
        InputError: it is neither a unit nor one for each image, or out of range.
    """
    units = torch.as_tensor(unit, device=x.device)
    if units.dtype != torch.int64 or units.dim() > 1 or units.numel() not in (1, len(x)):
        raise InputError(
            f"unit {unit!r}", f"the index of a unit, or an int64 tensor of shape ({len(x)},)"
        )
    low, high = (int(v) for v in units.aminmax())
    if low < 0 or high >= width:
        raise InputError(
            f"unit {low if low < 0 else high} of a layer with {width} units",
            f"0 to {width - 1}",
            "change unit, or layer",
        )
    return units.expand(len(x)).contiguous()


def activations(
    model: nn.Module, data: Dataset, layer: str | None = None, *, batch_size: int = 250
) -> Tensor:
    """Return the value of every unit at every image of a data set, (n, f)."""
    data = on_device_of(model, data)
    read = reader(model, layer, next(iter(batches(data, 1)))[0])
    with frozen(model), torch.no_grad():
        return torch.cat([pooled(read(x)) for x, _ in batches(data, batch_size)])


class Exemplars(NamedTuple):
    """The images of a data set that a unit answers to most, and least."""

    most: Tensor  # (k,) int64 places in the data set, the most activating first
    least: Tensor  # (k,), the least activating first
    values: Tensor  # (n,): the unit at every image


def exemplars(
    model: nn.Module, data: Dataset, unit: int, *, layer: str | None = None, k: int = 5
) -> Exemplars:
    """Return the `k` most and the `k` least activating images of a data set, to print beside a
    visualisation: people guess a unit's answer better from them than from synthetic pictures
    (Borowski et al. 2021), and a visualisation can be forged (Geirhos et al. 2024).

    Raises:
        InputError: unit out of range, or not 1 <= k <= n.
    """
    if not 1 <= k <= len(data):
        raise InputError(f"k is {k}", f"1 to {len(data)}, the images of {data.name}", "change k")
    seen = activations(model, data, layer)
    units_for(seen, unit, seen.shape[1])
    values = seen[:, unit]
    order = values.argsort(descending=True, stable=True)
    return Exemplars(order[:k], order.flip(0)[:k], values)
