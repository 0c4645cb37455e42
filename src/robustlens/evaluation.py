"""Measuring: rates with exact intervals, and one record per image.

result = pgd_accuracy(model, data, L2(1.5), steps=20, restarts=2, seed=0)
result.rate                  # Rate(value=0.648, low=0.627, high=0.669, n=2000)
result.records[17]           # what happened to image 17
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.attacks import bind, pgd
from robustlens.balls import Ball, ball
from robustlens.bounds import clopper_pearson
from robustlens.data import Dataset, batches
from robustlens.errors import InputError
from robustlens.files import write_text
from robustlens.modes import frozen
from robustlens.nets import logits
from robustlens.objectives import logit_margin
from robustlens.progress import bar
from robustlens.streams import stream
from robustlens.types import Attack, Model


class Rate(NamedTuple):
    """A proportion of n, with its exact 95 % interval (Clopper & Pearson 1934)."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, hits: Tensor) -> "Rate":
        """Return the share of true entries of a boolean tensor (n,)."""
        successes, n = int(hits.sum()), hits.numel()
        interval = clopper_pearson(successes, n)
        return cls(successes / n, interval.low, interval.high, n)

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"


@dataclass(frozen=True, slots=True)
class Record:
    """What happened to one image. `margin` is best wrong logit minus true logit, attacked."""

    index: int
    label: int
    clean: int  # prediction on the image as it is
    attacked: int  # prediction on the attacked image
    margin: float
    distance: float  # from the image to the attacked one, in the ball's norm; 0 without attack


@dataclass(frozen=True)
class Evaluation:
    """A measurement, named in full, with one record per image, in the order of the data."""

    name: str
    rate: Rate
    records: tuple[Record, ...]

    def write(self, path: Path) -> None:
        """Write the records as JSON lines, atomically."""
        write_text(path, "".join(json.dumps(asdict(record)) + "\n" for record in self.records))


def accuracy(model: Model, data: Dataset, *, batch_size: int = 250) -> Evaluation:
    """Return the share of images whose label the model predicts.

    Raises:
        InputError: the model's output does not fit the data.
    """
    with frozen(model), torch.no_grad():
        rows = [_Rows.of(model, x, y) for x, y in _progress(data, batch_size, "clean accuracy")]
    return _evaluation("clean accuracy", rows)


def attacked_accuracy(
    model: Model, data: Dataset, attack: Attack, *, seed: int, batch_size: int = 250
) -> Evaluation:
    """Return the share of images that the model gets right as they are and after `attack`.

    Images that are wrong as they are count as broken and are not attacked. The draws for a batch
    depend on `seed` and on the batch's number.
    """
    rows = []
    within: Ball | None = getattr(attack, "ball", None)
    with frozen(model):
        for number, (x, y) in enumerate(_progress(data, batch_size, str(attack))):
            rows.append(_attack(model, x, y, attack, within, stream(seed, "attack", number)))
    return _evaluation(f"accuracy under {attack}", rows)


def pgd_accuracy(
    model: Model,
    data: Dataset,
    within: Ball,
    *,
    steps: int = 20,
    restarts: int = 1,
    seed: int = 0,
    batch_size: int = 250,
) -> Evaluation:
    """Return the accuracy under projected gradient descent: an upper bound of robust accuracy.

    Raises:
        InputError: as `pgd`, or the model's output does not fit the data.
    """
    attack = bind(pgd, within, steps=steps, restarts=restarts)
    return attacked_accuracy(model, data, attack, seed=seed, batch_size=batch_size)


class Curve(NamedTuple):
    """Accuracy under attack at growing radii, and the smallest radius that broke each image."""

    name: str
    radii: tuple[float, ...]
    rates: tuple[Rate, ...]
    smallest: Tensor  # (n,) float, inf where no radius did, 0 where the image is wrong as it is


def pgd_curve(
    model: Model,
    data: Dataset,
    norm: str,
    radii: Sequence[float],
    *,
    steps: int = 20,
    seed: int = 0,
    batch_size: int = 250,
) -> Curve:
    """Return PGD accuracy at each of the growing `radii`, in one pass over the data.

    An image broken at a radius stays broken above it and is not attacked again, so the curve
    never rises; radius 0 is clean accuracy.

    Raises:
        UnknownName, InputError: the norm, radii that do not grow from >= 0, or as `pgd`.
    """
    if list(radii) != sorted(set(radii)) or not radii:
        raise InputError(f"radii {list(radii)}", "at least one, growing", "sort them")
    attacks = [bind(pgd, ball(norm, eps), steps=steps) for eps in radii]
    parts = []
    with frozen(model):
        title = f"pgd {norm}, steps {steps}, {len(radii)} radii"
        for number, (x, y) in enumerate(_progress(data, batch_size, title)):
            parts.append(_smallest(model, x, y, attacks, radii, stream(seed, "curve", number)))
    smallest = torch.cat(parts).cpu()
    rates = tuple(Rate.of((smallest > 0) & (smallest > eps)) for eps in radii)
    return Curve(f"PGD-{steps} accuracy, {norm}", tuple(radii), rates, smallest)


def _smallest(
    model: Model,
    x: Tensor,
    y: Tensor,
    attacks: Sequence[Attack],
    radii: Sequence[float],
    generator: torch.Generator,
) -> Tensor:
    with torch.no_grad():
        right = _Rows.of(model, x, y).clean == y
    smallest = torch.where(right, torch.inf, 0.0).double()
    for eps, attack in zip(radii, attacks, strict=True):
        (left,) = torch.nonzero(torch.isinf(smallest), as_tuple=True)
        if eps == 0 or not len(left):
            continue
        moved = attack(model, x[left], y[left], generator)
        with torch.no_grad():
            broken = _Rows.of(model, moved, y[left]).attacked != y[left]
        smallest[left[broken]] = eps
    return smallest


class _Rows(NamedTuple):
    """Columns of records of one batch."""

    label: Tensor
    clean: Tensor
    attacked: Tensor
    margin: Tensor
    distance: Tensor

    @classmethod
    def of(cls, model: Model, x: Tensor, y: Tensor) -> "_Rows":
        z = logits(model, x)
        _check_classes(z, y)
        guess = z.argmax(dim=1)
        return cls(y, guess, guess, logit_margin(z.float(), y), torch.zeros_like(z[:, 0]))


def _attack(
    model: Model, x: Tensor, y: Tensor, attack: Attack, within: Ball | None, g: torch.Generator
) -> _Rows:
    with torch.no_grad():
        rows = _Rows.of(model, x, y)
    (right,) = torch.nonzero(rows.clean == y, as_tuple=True)
    if not len(right):
        return rows
    moved = attack(model, x[right], y[right], g)
    with torch.no_grad():
        after = _Rows.of(model, moved, y[right])
    distance = after.distance if within is None else within.distance(moved, x[right])
    return rows._replace(
        attacked=rows.attacked.index_copy(0, right, after.attacked),
        margin=rows.margin.index_copy(0, right, after.margin),
        distance=rows.distance.index_copy(0, right, distance.to(rows.distance.dtype)),
    )


def _evaluation(name: str, rows: list[_Rows]) -> Evaluation:
    columns = [torch.cat(column).cpu() for column in zip(*rows, strict=True)]
    whole = _Rows(*columns)
    right = (whole.clean == whole.label) & (whole.attacked == whole.label)
    cells = zip(range(len(right)), *(column.tolist() for column in columns), strict=True)
    return Evaluation(name, Rate.of(right), tuple(Record(*cell) for cell in cells))


def _progress(data: Dataset, size: int, title: str) -> Iterator[tuple[Tensor, Tensor]]:
    with bar(title, len(data)) as advance:
        for x, y in batches(data, size):
            yield x, y
            advance(len(x))


def _check_classes(z: Tensor, y: Tensor) -> None:
    if int(y.max()) >= z.shape[1]:
        raise InputError(
            f"label {int(y.max())} for a model with {z.shape[1]} classes",
            f"labels from 0 to {z.shape[1] - 1}",
            "use the data set that the model was trained for",
        )


def on_device_of(model: Model, data: Dataset) -> Dataset:
    """Return the data on the device of the model's parameters (as it is for a plain function)."""
    if not isinstance(model, nn.Module):
        return data
    first = next(model.parameters(), None)
    return data if first is None else data.to(first.device)
