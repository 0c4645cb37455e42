"""What a model decides: its logits, checked before anything is counted."""

import warnings
from collections.abc import Iterable

import torch
from torch import nn

from robustlens.answers import Answers, is_answer
from robustlens.data import Dataset
from robustlens.errors import Doubtful, InputError
from robustlens.types import Images, Labels, Logits, Model


def checked_logits(model: Model, x: Images, y: Labels) -> Logits:
    """Return the logits of a batch; of a row without an answer (see `answers`) NaN, and a warning.

    What one batch holds is no reason to end a run: see `some_answer`.

    Raises:
        InputError: they are not (b, k), or a label is none of their classes.
    """
    with torch.no_grad():
        z = Answers(model, y)(x)
    lost = int((~is_answer(z)).sum())
    if lost:
        warnings.warn(
            f"logits that are not finite for {lost} of {len(x)} images, which count as wrong",
            Doubtful,
            stacklevel=2,
        )
    return z


def some_answer(said: Iterable[int]) -> None:
    """Raise `InputError` if a model decided nothing, -1, on each of the images of a whole run."""
    decided = list(said)
    if decided and max(decided) < 0:
        raise InputError(
            f"logits that are not finite for {len(decided)} of {len(decided)} images",
            "finite logits",
            "look for a division by zero or an overflow in the model",
        )


def on_device_of(model: Model, data: Dataset) -> Dataset:
    """Return the data on the device of the model's parameters (as it is for a plain function)."""
    if not isinstance(model, nn.Module):
        return data
    first = next(model.parameters(), None)
    return data if first is None else data.to(first.device)
