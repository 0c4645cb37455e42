"""A few images shown to a model before the work, so that a misfit is said in words.

probe(model, data)     # forwards and backwards
ask(model, data)       # forwards alone, and nothing is left changed
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from robustlens.answers import Answers
from robustlens.ascend import value_and_gradient
from robustlens.data import Dataset, batches
from robustlens.doubts import LOOKED_AT, doubt, untouched
from robustlens.errors import InputError, ModelFailed, NoGradient
from robustlens.evaluation import checked_logits
from robustlens.modes import frozen
from robustlens.objectives import misclassify
from robustlens.subject.tracing import in_words, theirs


def probe(model: nn.Module, data: Dataset, *, gradient: bool = True) -> None:
    """Try a few images forwards and backwards.

    Args:
        gradient: whether what follows needs one; if not, a model may have none.

    Warns:
        Doubtful: the gradient is zero everywhere.

    Raises:
        InputError: the model fails on such images, has another number of classes than the data,
            or has no gradient (`NoGradient`) and needs one.
        ModelFailed: an error inside the model's own code.
    """
    x, y = next(batches(data, min(len(data), LOOKED_AT)))
    with _told(data), frozen(model):
        classes = checked_logits(model, x, 0 * y).shape[1]
        objective = misclassify(Answers(model), y.clamp(max=classes - 1))
        try:
            _, found = value_and_gradient(objective, x)
        except NoGradient:
            if gradient:
                raise
            found = torch.ones_like(x)  # nothing to warn of: none is asked for
    check_classes(classes, data)
    if not found.any():
        doubt(
            "the gradient at the first images is zero everywhere. PGD follows gradients, so its "
            "accuracy may say nothing about this model."
        )


def ask(model: nn.Module, data: Dataset) -> None:
    """Try a few images forwards; nothing is left changed. Raises as `probe`."""
    check_classes(classes_of(model, data), data)


def classes_of(model: nn.Module, data: Dataset) -> int:
    """Return how many classes a model has, asked with a few images. Raises as `probe`."""
    x, y = next(batches(data, min(len(data), LOOKED_AT)))
    with _told(data), frozen(model), untouched(model, x):
        return int(checked_logits(model, x, 0 * y).shape[1])


def check_classes(classes: int, data: Dataset) -> None:
    """Raise `InputError` unless a model with so many classes fits the data."""
    if classes != len(data.classes):
        raise InputError(
            f"a model with {classes} classes for data with {len(data.classes)}",
            "the same number, in the same order",
            "change --data or --model",
        )


@contextmanager
def _told(data: Dataset) -> Iterator[None]:
    """Say in words what a model raises in the body."""
    what = f"the model fails on images of shape {data.shape}"
    try:
        with theirs(what):
            yield
    except (InputError, ModelFailed):
        raise
    except Exception as error:  # a misfit, met in code of ours or of torch
        raise InputError(
            f"{what}: {in_words(error)}",
            "a differentiable model, and images like those it was made for",
            "change --data or --model",
        ) from error
