"""Measuring: accuracy as they are and under attack, streamed, saved, resumed.

result = attacked_accuracy(model, data, bind(autoattack, L2(0.5)), seed=0, save=path)
result.rate                  # Rate(value=0.648, low=0.627, high=0.669, n=2000)
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from robustlens.answers import Answers, decision, is_answer
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
from robustlens.balls import L2, Ball, Linf, radius, unmasked
from robustlens.data import Dataset, batches
from robustlens.data.walk import walk
from robustlens.describe import shown
from robustlens.errors import InputError
from robustlens.evaluation.decisions import checked_logits, some_answer
from robustlens.evaluation.doubtful import second_look, told
from robustlens.evaluation.identity import identity
from robustlens.evaluation.records import RECORDS, UNATTACKED, Evaluation, Record
from robustlens.files import AnyPath
from robustlens.journal import Journal
from robustlens.modes import frozen
from robustlens.objectives import logit_margin
from robustlens.rate import Rate
from robustlens.streams import stream
from robustlens.types import Attack, Images, Labels, Logits, Model


def accuracy(model: Model, data: Dataset, *, batch_size: int = 250) -> Evaluation:
    """Return the share of images whose label the model predicts.

    Raises:
        InputError: the model's output does not fit the data, or is not finite for any image.
    """
    journal = Journal.open(None, {}, RECORDS, batch_size=batch_size, total=len(data))
    with second_look(model, data), frozen(model):
        for start, x, y in walk(data, batch_size, "clean accuracy", todo=journal.todo):
            z = checked_logits(model, x, y)
            journal.add(_rows(start, z, z, y, unattacked(x, z, y), torch.zeros(len(x))))
    records = tuple(journal.close())
    some_answer(record.clean for record in records)
    return Evaluation("clean accuracy", records)


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
            the beginning of this very run, the run goes on from there, to the same records: the
            same model by weights, parts and answers, the same attack in everything that it reads
            (see `identity`).

    Warns:
        Doubtful: the model answers otherwise at a second look (see `doubts`), or a success is not
            confirmed by a last one.

    Raises:
        InputError: the model's output does not fit the data or is not finite for any image, or
            `save` holds another run (`AnotherRun`) or something else.
    """
    name = f"accuracy under {shown(attack)}"
    with second_look(model, data, attack):
        header = {} if save is None else identity(
            name, model, attack, data, seed=seed, batch_size=batch_size
        )  # fmt: skip
        attack = _with_twin(attack, model, data)
        journal = Journal.open(save, header, RECORDS, batch_size=batch_size, total=len(data))
        with frozen(model):
            for start, x, y in walk(
                data, batch_size, shown(attack), todo=journal.todo, done=len(journal.rows),
                note=lambda: _so_far(journal.rows),
            ):  # fmt: skip
                journal.add(_attacked(model, x, y, attack, start, stream(seed, "attack")))
        result = Evaluation(name, tuple(journal.close()))
    some_answer(record.clean for record in result.records)
    return told(result)


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
    done = decision(z) != y
    return Found(x, done, torch.where(done, 0, -1), not_finite=(~is_answer(z)).long())


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
        name = attack.name if isinstance(attack, Bound) else shown(attack)
        found = found.merge(right, new._replace(by=new.by or names(new.done, name)))
    within: Ball | None = getattr(attack, "ball", None)
    moved = torch.zeros_like(y) if within is None else within.distance(found.images, x)
    _inside(found, moved, attack)
    with torch.no_grad():
        after = Answers(model)(found.images)
    after = torch.where(is_answer(after)[:, None], after, clean)  # where it is none, none was found
    return _rows(start, clean, after, y, found, moved)


def _inside(found: Found, moved: Tensor, attack: Attack) -> None:
    """Raise `InputError` if an attack left the images, or the norm ball it was given."""
    within: Any = getattr(attack, "ball", None)
    eps = radius(within) if hasattr(within, "eps") else torch.inf
    images = found.images
    framed = ((images > -1e-4) & (images < 1 + 1e-4)).all(dim=(1, 2, 3))
    outside = ~framed | ~(moved <= eps * (1 + 1e-4) + _rounding(within, images))
    if outside.any():
        raise InputError(
            f"{int(outside.sum())} of {len(images)} images outside what the attack may return",
            f"finite pixels in [0, 1]{'' if within is None else f', inside {within}'}",
            f"end {attack} with ball.project(x_adv, x)",
        )


def _rounding(within: Any, images: Images) -> float:
    """Return by how much rounded pixels may lie outside: one rounding each, by the norm."""
    powers: dict[object, float] = {Linf: 0.0, L2: 0.5}
    kind = None if within is None else type(unmasked(within))
    count = images[:1].numel() ** powers.get(kind, 1.0)
    return float(torch.finfo(images.dtype).eps * count)


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
        decision(clean).tolist(),
        decision(after).tolist(),
        logit_margin(after, y).nan_to_num(nan=torch.finfo(torch.float32).max).tolist(),
        distance.float().tolist(),
        found.by or names(found.done, UNATTACKED),
        found.step.tolist(),
        (torch.zeros_like(y) if found.not_finite is None else found.not_finite).tolist(),
    )
    return [Record(*cells) for cells in zip(*columns, strict=True)]


def _so_far(records: list[Record]) -> dict[str, str]:
    """Return the accuracies so far, as a table."""
    if not records:
        return {}
    n = len(records)
    clean, held = (Rate.share(sum(flags), n) for flags in zip(*_flags(records), strict=True))
    return {"images": str(n), "clean so far": str(clean), "robust so far": str(held)}


def _flags(records: list[Record]) -> Iterator[tuple[bool, bool]]:
    return ((record.clean == record.label, not record.by) for record in records)
