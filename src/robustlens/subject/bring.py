"""Models that someone brings, found by name.

subject = bring("fashion-l2-1.5")                               # shipped
subject = bring("my_pkg:build", weights="w.safetensors")        # your function, filled
subject = bring("nets/mine.py:build")                           # a function of a file
subject = bring("runs/models/mine/weights.safetensors")         # a checkpoint with a card
subject = bring("hf:vit-tiny")                                  # a Hugging Face folder
subject = bring("model.onnx")                                   # with its gradient, if it can be

Every one is a model for images in [0, 1]. Where a net comes with what it expects of its pixels
(`preprocessor_config.json`, `pretrained_cfg`), that is moved inside.
"""

import os
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from robustlens.errors import InputError, UnknownName
from robustlens.files import AnyPath, as_path
from robustlens.nets import Checkpoint, load
from robustlens.nets.checkpoints import exists
from robustlens.subject.code import built
from robustlens.subject.huggingface import checkpoint
from robustlens.subject.onnx_files import onnx_model
from robustlens.subject.preprocessing import of_timm
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
        spec: a name of a shipped model; `module:function` or `file.py:function` that builds one;
            `hf:FOLDER`, a Hugging Face checkpoint for image classification (extra [hub]); an
            .onnx file (extra [onnx]); a checkpoint (.safetensors); or a model itself.
        weights: a checkpoint, or the name of a shipped model, whose weights fill the model of
            `spec`; without one its card says what to build. What `spec` can be is understood too.

    Raises:
        InputError: neither is given, or they do not fit together, or as `zoo.pretrained`.
    """
    if spec is None:
        if weights is None:
            raise InputError("neither --weights nor --model", "at least one of them")
        text = os.fspath(weights)
        if text.startswith("hf:") or text.endswith(".onnx") or (":" in text and not exists(text)):
            return bring(text, device=device)
        return _checkpoint(as_path(weights)).to(device)
    found = _found(spec)
    if weights is not None:
        found = _filled(found, as_path(weights))
    return _as_it_says(found).to(device)


def _found(spec: str | nn.Module) -> Subject:
    """Return the model of a spec, without other weights."""
    if isinstance(spec, nn.Module):
        kind = type(spec).__name__
        return Subject(spec, kind, f"the {kind} that was handed over")
    if spec.startswith("hf:"):
        return checkpoint(Path(spec.removeprefix("hf:")).expanduser())
    if spec.lower().endswith(".onnx"):
        return onnx_model(Path(spec).expanduser())
    if ":" in spec:
        return Subject(built(spec), spec, f"what {spec} builds")
    if spec.endswith(".safetensors"):
        return _checkpoint(Path(spec))
    try:
        return _of_card(pretrained(spec), spec, f"the shipped model {spec}")
    except UnknownName as error:
        yours = "file.py:function, hf:FOLDER, model.onnx, module:function that returns your own"
        raise InputError(error.received, f"{yours}, or {error.expected}", error.change) from None


def _checkpoint(path: Path) -> Subject:
    """Return the model of a checkpoint or of a shipped name, where a file of the name is first."""
    file = resolve(path)
    shipped = str(path) in entries() and file != path
    origin = f"the shipped model {path}" if shipped else f"the checkpoint {path}"
    return _of_card(load(file), str(path), origin)


def _filled(found: Subject, path: Path) -> Subject:
    """Return a model filled with the weights of a checkpoint, whose card it takes over."""
    if found.notes:
        raise InputError(
            f"--weights {path} for {found.origin}, which has its own", "one of them", "drop one"
        )
    filled = load(resolve(path), into=found.model)
    return _of_card(filled, found.name, f"{found.origin}, with the weights {path}")


def _as_it_says(found: Subject) -> Subject:
    """Return a net that has a `pretrained_cfg`, as timm's have, with its normalisation inside."""
    config = getattr(found.model, "pretrained_cfg", None)
    if not config or found.card.get("architecture"):
        return found
    how = of_timm(config)
    note = f"pixels as its pretrained_cfg says: {how}"
    return replace(
        found, model=how.inside(found.model), preprocessing=how, notes=(*found.notes, note)
    )


def _of_card(found: Checkpoint, name: str, origin: str) -> Subject:
    classes = tuple(map(str, found.card.get("classes", ())))
    return Subject(found.model, name, origin, classes, found.card)
