"""Measuring: accuracy as they are and under attack, streamed, saved, resumed.

result = attacked_accuracy(model, data, bind(autoattack, L2(0.5)), seed=0, save=path)
result.rate                  # Rate(value=0.648, low=0.627, high=0.669, n=2000)
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from robustlens.attacks import (
    Bound,
    Found,
    Worst,
    autoattack,
    bind,
    confirmed,
    pgd,
    twin_of,
)
from robustlens.attacks.worst import names
from robustlens.balls import Ball
from robustlens.data import Dataset, batches
from robustlens.data.augment import unit
from robustlens.evaluation.decisions import checked_logits
from robustlens.evaluation.ledger import Ledger
from robustlens.evaluation.rate import Rate
from robustlens.evaluation.records import UNATTACKED, Evaluation, Record
from robustlens.files import AnyPath
from robustlens.modes import frozen
from robustlens.nets.checkpoints import digest_of
from robustlens.objectives import logit_margin
from robustlens.progress import Note, bar
from robustlens.streams import stream
from robustlens.types import Attack, Images, Labels, Logits, Model


def accuracy(model: Model, data: Dataset, *, batch_size: int = 250) -> Evaluation:
    """Return the share of images whose label the model predicts.

    Raises:
        InputError: the model's output does not fit the data, or is not finite.
    """
    ledger = Ledger.open(None, {}, batch_size=batch_size, total=len(data))
    with frozen(model):
        for start, x, y in _walk(data, batch_size, "clean accuracy", ledger):
            z = checked_logits(model, x, y)
            ledger.add(_rows(start, z, z, y, unattacked(x, z, y), torch.zeros(len(x))))
    return Evaluation("clean accuracy", tuple(ledger.close()))


def attacked_accuracy(
    model: Model,
    data: Dataset,
    attack: Attack,
    *,
    seed: int,
    batch_size: int = 250,
    save: AnyPath | None = None,
) -> Evaluation:
    """Return the share of images that the model gets right as they are and after `attack`.

    Images that are wrong as they are count as broken and are not attacked. Attacks made by
    `bind` or `worst_of` say themselves what they broke; the images of any other function are
    judged by the model's decision. Several processes (see `processes`) share the batches; each
    gets the whole result. What an image gets does not depend on the batch size, as far as the
    model's rounding allows.

    Args:
        save: a file that gets the records of each batch as soon as they are there. If it holds
            the beginning of this very run, the run goes on from there, to the same records.

    Raises:
        InputError: the model's output does not fit the data or is not finite, or `save` holds
            another run.
    """
    name = f"accuracy under {attack}"
    header = {} if save is None else _header(name, model, data, seed, batch_size)
    attack = _with_twin(attack, model, data)
    ledger = Ledger.open(save, header, batch_size=batch_size, total=len(data))
    with frozen(model):
        for start, x, y in _walk(data, batch_size, str(attack), ledger, _so_far):
            ledger.add(_attacked(model, x, y, attack, start, stream(seed, "attack")))
    return Evaluation(name, tuple(ledger.close()))


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


def unattacked(x: Images, z: Logits, y: Labels) -> Found:
    """Return what no attack finds: the images that are wrong as they are."""
    done = z.argmax(dim=1) != y
    return Found(x, done, torch.where(done, 0, -1))


def _with_twin(attack: Attack, model: Model, data: Dataset) -> Attack:
    """Give an attack that makes its own twin one for all batches, judged by the first images."""
    if not (isinstance(attack, Bound) and attack.method is autoattack):
        return attack
    if attack.settings.get("version") == "rand" or attack.settings.get("twin", "auto") != "auto":
        return attack
    x, _ = next(batches(data, min(len(data), 128)))
    return attack.on_twin(twin_of(model, x))


def _attacked(
    model: Model, x: Tensor, y: Tensor, attack: Attack, start: int, g: torch.Generator
) -> list[Record]:
    clean = checked_logits(model, x, y)
    found = unattacked(x, clean, y)
    found = found._replace(by=names(found.done, UNATTACKED))
    (right,) = torch.nonzero(~found.done, as_tuple=True)
    if len(right):
        new = _find(model, x[right], y[right], attack, g)
        name = attack.name if isinstance(attack, Bound) else str(attack)
        found = found.merge(right, new._replace(by=new.by or names(new.done, name)))
    within: Ball | None = getattr(attack, "ball", None)
    moved = torch.zeros_like(y) if within is None else within.distance(found.images, x)
    after = checked_logits(model, found.images, y)
    return _rows(start, clean, after, y, found, moved)


def _find(model: Model, x: Tensor, y: Tensor, attack: Attack, g: torch.Generator) -> Found:
    if isinstance(attack, Bound | Worst):
        return attack.found(model, x, y, g)
    return confirmed(model, x, y, attack(model, x, y, g), torch.zeros_like(y))


def _rows(
    start: int, clean: Logits, after: Logits, y: Labels, found: Found, distance: Tensor
) -> list[Record]:
    columns = (
        range(start, start + len(y)),
        y.tolist(),
        clean.argmax(dim=1).tolist(),
        after.argmax(dim=1).tolist(),
        logit_margin(after.float(), y).tolist(),
        distance.float().tolist(),
        found.by or names(found.done, UNATTACKED),
        found.step.tolist(),
    )
    return [Record(*cells) for cells in zip(*columns, strict=True)]


def _walk(
    data: Dataset,
    size: int,
    title: str,
    ledger: Ledger,
    note: Callable[[list[Record]], Note] | None = None,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Walk over what a ledger has to do; `note` of its records stands under the bar."""
    left = sum(min(size, len(data) - start) for start in ledger.todo)
    with bar(title, len(ledger.records) + left) as advance:
        advance(len(ledger.records), note and note(ledger.records))
        for start in ledger.todo:
            rows = slice(start, start + size)
            x, y = unit(data.images[rows]), data.labels[rows]
            yield start, x, y
            advance(len(x), note and note(ledger.records))


def _so_far(records: list[Record]) -> dict[str, str]:
    """Return the accuracies so far, as a table."""
    if not records:
        return {}
    n = len(records)
    clean, held = (Rate.share(sum(flags), n) for flags in zip(*_flags(records), strict=True))
    return {"images": str(n), "clean so far": str(clean), "robust so far": str(held)}


def _flags(records: list[Record]) -> Iterator[tuple[bool, bool]]:
    return ((record.clean == record.label, not record.by) for record in records)


def _header(name: str, model: Model, data: Dataset, seed: int, batch_size: int) -> dict[str, Any]:
    return {
        "name": name,
        "model": digest_of(model),
        "data": data.digest,
        "seed": seed,
        "batch_size": batch_size,
    }
