"""Models that someone brings, found by name.

subject = bring("fashion-l2-1.5")                               # shipped
subject = bring("my_pkg:build", weights="w.safetensors")        # your function, filled
subject = bring("runs/models/mine/weights.safetensors")         # a checkpoint with a card
"""

from pathlib import Path

import torch
from torch import nn

from robustlens.errors import InputError, UnknownName
from robustlens.files import AnyPath, as_path
from robustlens.nets import Checkpoint, load
from robustlens.subject.code import built
from robustlens.subject.subject import Subject
from robustlens.zoo import entries, pretrained, resolve


def bring(
    spec: str | nn.Module | None = None,
    *,
    weights: AnyPath | None = None,
    device: torch.device | str = "cpu",
) -> Subject:
    """Return the model that `spec`, `weights` or both name, on a device.

    Args:
        spec: a name of a shipped model, `module:function` that builds one, a checkpoint
            (.safetensors), or a model itself.
        weights: a checkpoint, or the name of a shipped model, whose weights fill the model of
            `spec`; without one its card says what to build.

    Raises:
        InputError: neither is given, or they do not fit together, or as `zoo.pretrained`.
    """
    if spec is None:
        if weights is None:
            raise InputError("neither --weights nor --model", "at least one of them")
        return _checkpoint(as_path(weights)).to(device)
    found = _found(spec)
    if weights is not None:
        found = _filled(found, as_path(weights))
    return found.to(device)


def _found(spec: str | nn.Module) -> Subject:
    """Return the model of a spec, without other weights."""
    if isinstance(spec, nn.Module):
        kind = type(spec).__name__
        return Subject(spec, kind, f"a {kind} that was handed over")
    if ":" in spec:
        return Subject(built(spec), spec, f"what {spec} builds")
    if spec.endswith(".safetensors"):
        return _checkpoint(Path(spec))
    try:
        return _of_card(pretrained(spec), spec, f"the shipped model {spec}")
    except UnknownName as error:
        yours = "module:function that returns your own"
        raise InputError(error.received, f"{yours}, or {error.expected}", error.change) from None


def _checkpoint(path: Path) -> Subject:
    """Return the model of a checkpoint or of a shipped name, where a file of the name is first."""
    file = resolve(path)
    shipped = str(path) in entries() and file != path
    origin = f"the shipped model {path}" if shipped else f"the checkpoint {path}"
    return _of_card(load(file), str(path), origin)


def _filled(found: Subject, path: Path) -> Subject:
    """Return a model filled with the weights of a checkpoint, whose card it takes over."""
    filled = load(resolve(path), into=found.model)
    return _of_card(filled, found.name, f"{found.origin}, with the weights {path}")


def _of_card(found: Checkpoint, name: str, origin: str) -> Subject:
    classes = tuple(map(str, found.card.get("classes", ())))
    return Subject(found.model, name, origin, classes, found.card)
