"""Who falls for whose adversarial examples: every net against the examples of every other.

    table = transfer_matrix({"a": a, "b": b}, data, bind(pgd, L2(1.5), steps=20), seed=0)
    table.rate("a", "b")        # of the images that b gets right: the share that a's examples turn
    print(table)                # rows: made on; columns: shown to; each with its interval

Source: Papernot, McDaniel, Goodfellow 2016, section 3; Madry et al. 2018, Tables 3 and 4.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.answers import Answers, decision
from robustlens.attacks import Bound
from robustlens.data import Dataset
from robustlens.data.walk import walk
from robustlens.doubts import quiet
from robustlens.errors import InputError, UnknownName
from robustlens.evaluation.decisions import checked_logits, some_answer
from robustlens.evaluation.doubtful import second_look
from robustlens.modes import frozen
from robustlens.rate import Rate
from robustlens.streams import stream
from robustlens.types import Images, Model


class Pair(NamedTuple):
    """One cell of the table."""

    source: str
    target: str
    rate: Rate


@dataclass(frozen=True, eq=False)
class TransferMatrix:
    """What each net answers to the adversarial examples that were made on each source.

    A success is an image that the target gets right as it is and wrong after the change: what it
    gets wrong anyway is no success. Whether the source itself was fooled is not asked.
    """

    attack: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    labels: Tensor  # int64 (n,)
    clean: Tensor  # int64 (targets, n): predictions on the images as they are
    attacked: Tensor  # int64 (sources, targets, n): predictions on the changed images; -1: none

    def rate(self, source: str, target: str) -> Rate:
        """Return the transfer success, with its exact interval and the number of images.

        Raises:
            UnknownName: no such source or target.
            InputError: the target is wrong on all images as they are.
        """
        row, column = _place("source", source, self.sources), _place("target", target, self.targets)
        right = self._right[column]
        if not right.any():
            raise InputError(
                f"no image that {target} gets right",
                "at least one",
                "use another net or more images",
            )
        said = self.attacked[row, column][right]
        return Rate.of((said != self.labels[right]) & (said >= 0))  # no answer is no success

    def accuracy(self, target: str) -> Rate:
        """Return the accuracy of a net on the images as they are."""
        return Rate.of(self._right[_place("target", target, self.targets)])

    def pairs(self) -> tuple[Pair, ...]:
        """Return all cells, row by row: for bars, points or a heat map."""
        return tuple(Pair(s, t, self.rate(s, t)) for s in self.sources for t in self.targets)

    def heights(self) -> Tensor:
        """Return the rates as a matrix (sources, targets), for a picture seen from above."""
        rates = [[self.rate(s, t).value for t in self.targets] for s in self.sources]
        return torch.tensor(rates, dtype=torch.float64)

    @cached_property
    def _right(self) -> Tensor:
        return self.clean == self.labels

    def __str__(self) -> str:
        """Return a table in Markdown, each cell with its interval."""
        head = ["made on \\ shown to", *self.targets]
        rows = [[s, *(str(self.rate(s, t)) for t in self.targets)] for s in self.sources]
        lines = [head, ["---"] * len(head), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def transfer_matrix(
    models: Mapping[str, Model],
    data: Dataset,
    attack: Bound,
    *,
    sources: Sequence[str] = (),
    seed: int,
    batch_size: int = 250,
) -> TransferMatrix:
    """Attack some of the models once each, and show what comes out to all of them.

    The attack gives the worst point it meets, also where its own net is not fooled, and does not
    stop at the first success: examples that only just fool their own net transfer less. What an
    image gets does not depend on the batch size.

    Args:
        models: nets of the same classes, by name; all of them are targets.
        data: the images; where the first model's parameters are.
        attack: what is run on each source, as `bind(pgd, L2(1.5), steps=20)`.
        sources: names of the models that are attacked; without it, all of them.
        seed: of the attack's random starts.

    Raises:
        UnknownName: a source that is no model.
        InputError: no models, or a model whose output does not fit the data.
    """
    if not models:
        raise InputError("no models", "at least one", "change models")
    names = tuple(models)
    made_on = tuple(sources) or names
    for name in made_on:
        _place("source", name, names)
    clean, attacked = list[Tensor](), list[Tensor]()
    with ExitStack() as held:
        for model in models.values():
            with second_look(model, data):
                held.enter_context(frozen(model))
        held.enter_context(quiet())
        for _, x, y in walk(data, batch_size, "transfer"):
            for model in models.values():
                checked_logits(model, x, y)
            clean.append(_said(models, x))
            rows = []
            for name in made_on:
                generator = stream(seed, "transfer", name)
                moved = attack.worst().found(models[name], x, y, generator).images
                rows.append(_said(models, moved))
            attacked.append(torch.stack(rows))
    for said in torch.cat(clean, dim=-1):
        some_answer(said.tolist())
    return TransferMatrix(
        str(attack),
        made_on,
        names,
        data.labels.cpu(),
        torch.cat(clean, dim=-1),
        torch.cat(attacked, dim=-1),
    )


def _said(models: Mapping[str, Model], x: Images) -> Tensor:
    """Return the predictions of all models, (models, b), on the CPU; -1 where there is none."""
    with torch.no_grad():
        said = [decision(Answers(model)(x)) for model in models.values()]
    return torch.stack(said).cpu()


def _place(kind: str, name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise UnknownName(kind, name, names)
    return names.index(name)
