"""Measuring shipped models again: do they still do what their cards say?

verify(entry("cifar10-l2-0.5")).outcome     # Outcome.AGREES
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import torch

from robustlens.data import load as load_data
from robustlens.errors import InputError
from robustlens.nets import load
from robustlens.rate import Rate
from robustlens.zoo.measure import REPEATED, Measured
from robustlens.zoo.places import absent, find, located
from robustlens.zoo.table import Entry


class Outcome(Enum):
    """What came of a verification."""

    AGREES = "agrees"
    DIFFERS = "differs"  # a number lies outside the card's interval
    REFUSED = "refused"  # the file is not what was shipped
    SKIPPED = "skipped"  # weights or data are not on this machine


@dataclass(frozen=True)
class Verdict:
    """What came of one model: the outcome, why, and each number of the card beside the new one."""

    name: str
    outcome: Outcome
    reason: str = ""
    numbers: Sequence[tuple[Measured, Rate]] = ()

    @property
    def failed(self) -> bool:
        """Whether the model is not what its card says."""
        return self.outcome in (Outcome.DIFFERS, Outcome.REFUSED)


def verify(
    entry: Entry,
    *,
    attacks: Sequence[str] = REPEATED,
    limit: int = 0,
    device: torch.device | None = None,
) -> Verdict:
    """Compare a model's files with the table, and its accuracy with its card.

    Args:
        attacks: which numbers of the card to measure again.
        limit: at most this many images for each; 0: as many as the card.
    """
    if find(entry) is None:
        return Verdict(entry.name, Outcome.SKIPPED, str(absent(entry)))
    try:
        model = load(located(entry)).model.to(device or torch.device("cpu"))
    except InputError as error:
        return Verdict(entry.name, Outcome.REFUSED, str(error))
    said = entry.tested
    try:
        data = load_data(said.data, said.split, size=said.size or None)
    except InputError as error:
        return Verdict(entry.name, Outcome.SKIPPED, f"the files are right; but {error}")
    if data.digest != said.digest:
        reason = f"the files are right; but the images of {data.name} are not those of the card"
        return Verdict(entry.name, Outcome.SKIPPED, reason)
    pairs = [
        (row, row.trial.shorter(limit).on(model, data).rate)
        for row in said.numbers
        if row.trial.attack in attacks
    ]
    return _judged(entry.name, pairs)


def _judged(name: str, pairs: Sequence[tuple[Measured, Rate]]) -> Verdict:
    wrong = [f"{row.trial.short} is {now}" for row, now in pairs if not row.agrees(now)]
    outcome = Outcome.DIFFERS if wrong else Outcome.AGREES
    return Verdict(name, outcome, "; ".join(wrong), pairs)
