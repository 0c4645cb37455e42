"""Models that someone brings: found by name, and tried on one image before the work."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from robustlens.answers import Answers
from robustlens.ascend import value_and_gradient
from robustlens.cli.tracing import in_words, own_frames
from robustlens.data import Dataset, batches
from robustlens.doubts import LOOKED_AT, doubt, untouched
from robustlens.errors import InputError, ModelFailed, NoGradient, UnknownName
from robustlens.evaluation import checked_logits
from robustlens.modes import frozen
from robustlens.nets import Checkpoint, load
from robustlens.nets.cards import Card
from robustlens.objectives import misclassify
from robustlens.zoo import pretrained, resolve


def brought(weights: Path | None, model: str | None, where: torch.device) -> Checkpoint:
    """Return the model that --weights, --model or both name, on a device, and its card.

    Each may be the name of a shipped model; else --weights is a file, --model a function, whose
    card is empty.

    Raises:
        InputError: neither is given, or they do not fit together, or as `zoo.pretrained`.
    """
    if weights is None and model is None:
        raise InputError("neither --weights nor --model", "at least one of them")
    built = None if model is None else named(model)
    if weights is not None:
        found = load(resolve(weights), into=None if built is None else built.model)
    else:
        assert built is not None
        found = built
    return found._replace(model=found.model.to(where))


def named(model: str) -> Checkpoint:
    """Return the shipped model of a name, or what `module:function` builds, with its card."""
    if ":" in model:
        return Checkpoint(imported(model), Card())
    try:
        return pretrained(model)
    except UnknownName as error:
        yours = "module:function that returns your own"
        raise InputError(error.received, f"{yours}, or {error.expected}", error.change) from None


def imported(path: str) -> nn.Module:
    """Return what `module:function` builds; modules of the working folder are found too."""
    module, _, function = path.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        model = getattr(importlib.import_module(module), function)()
    except Exception as error:  # it is someone's code: it may raise anything
        file = Path(module.removesuffix(".py"))
        hint = f"no file: {file.stem}:{function}, run in its folder"
        raise InputError(
            f"--model {path}: {in_words(error)}",
            "module:function that returns a torch.nn.Module",
            hint if module.endswith(".py") or len(file.parts) > 1 else "",
        ) from error
    finally:
        sys.path.pop(0)
    if not isinstance(model, nn.Module):
        raise InputError(
            f"--model {path} gives something of type {type(model).__name__}", "a torch.nn.Module"
        )
    return model


WITHOUT_GRADIENT = ("square", "hopskipjump", "random_search", "autoattack")
"""Attacks that work, or go on, where a model has no gradient."""


def probe(model: nn.Module, data: Dataset, *, attack: str = "") -> None:
    """Try a few images forwards and backwards, so that a misfit is said in words before."""
    x, y = next(batches(data, min(len(data), LOOKED_AT)))
    with _told(data), frozen(model):
        classes = checked_logits(model, x, 0 * y).shape[1]
        objective = misclassify(Answers(model), y.clamp(max=classes - 1))
        try:
            _, gradient = value_and_gradient(objective, x)
        except NoGradient:
            if attack not in WITHOUT_GRADIENT:
                raise
            gradient = torch.ones_like(x)  # nothing to warn of: none is asked for
    _check_classes(classes, data)
    if not gradient.any():
        doubt(
            "the gradient at the first images is zero everywhere. PGD follows gradients, so its "
            "accuracy may say nothing about this model."
        )


def ask(model: nn.Module, data: Dataset) -> None:
    """Try a few images forwards, so that a misfit is said in words; nothing is left changed."""
    x, y = next(batches(data, min(len(data), LOOKED_AT)))
    with _told(data), frozen(model), untouched(model, x):
        classes = checked_logits(model, x, 0 * y).shape[1]
    _check_classes(classes, data)


@contextmanager
def _told(data: Dataset) -> Iterator[None]:
    """Say in words what a model raises in the body."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # it is someone's code: it may raise anything
        if own_frames(error):
            raise ModelFailed(f"the model fails on images of shape {data.shape}") from error
        raise InputError(
            f"the model fails on images of shape {data.shape}: {in_words(error)}",
            "a differentiable model, and images like those it was made for",
            "change --data or --model",
        ) from error


def _check_classes(classes: int, data: Dataset) -> None:
    if classes != len(data.classes):
        raise InputError(
            f"a model with {classes} classes for data with {len(data.classes)}",
            "the same number, in the same order",
            "change --data or --model",
        )
