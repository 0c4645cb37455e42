"""What a model answers, read in one place: its scores, whatever they come wrapped in.

    ask = Answers(model, y)
    z = ask(x)                    # logits (b, k), each row finite or all NaN; x as it was

A tuple, a dict or an object with `.logits` is unwrapped where only one thing in it can be meant,
numbers become at least float32, and a model that writes into its input is given a copy. What is
no answer at all is NaN in a whole row, so that no comparison takes it for a decision.
"""

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from robustlens.errors import Doubtful, InputError
from robustlens.types import Images, Labels, Logits, Model


class Answers:
    """A model as attacks and measurements ask it.

    The first answer is looked at closely, once with a gradient and once without: are the labels
    among its classes, and are the images still what they were? After that a call costs what the
    model costs. With a `dtype` the model is shown the images in it, whatever they are searched in.

    Raises:
        InputError: when asked, if the answer is not one row of at least two scores an image, if a
            label is none of its classes, or if the model begins to write into its input later.
    """

    def __init__(
        self, model: Model, y: Labels | None = None, dtype: torch.dtype | None = None
    ) -> None:
        self.model: Model = model.model if isinstance(model, Answers) else model
        self.dtype: torch.dtype | None = model.dtype if isinstance(model, Answers) else dtype
        self.y = y if y is not None and y.numel() else None
        self.asked: set[tuple[bool, bool]] = set()
        self.copies = False

    def __call__(self, x: Images) -> Logits:
        """Return the logits (b, k), rows without an answer NaN; `x` stays as it is."""
        way = torch.is_grad_enabled(), x.requires_grad  # a model may write in one of them only
        first, cast = way not in self.asked, self.dtype not in (None, x.dtype)
        given = x.to(self.dtype) if cast else x.clone() if first or self.copies else x
        version = _writes(given)
        z = scores(self.model(given), x)
        if first:
            wrote = _writes(given) != version or not (cast or torch.equal(given, x))
            self.copies = self.copies or wrote
            if self.y is not None and not self.asked:
                check_labels(self.y, z.shape[1])
            self.asked.add(way)
        elif not (self.copies or cast) and _writes(given) != version:
            raise writes_late()
        return answered(z)


def writes_late() -> InputError:
    """Return the error of a model that begins to write into its input after the first look."""
    return InputError(
        "a model that writes into its input, but did not at first",
        "the images left as they are",
        "begin its forward with x = x.clone()",
    )


def scores(output: Any, x: Images) -> Logits:
    """Return the logits (b, k) in what a model returned for images x, as float32 or better.

    Of a mapping or an object the entry `logits`, of several tensors the only one with a row of
    scores an image; that it was taken is said once, by a warning. Doubles are shifted by their
    largest before they are rounded, which no decision and no loss notices.

    Raises:
        InputError: nothing in it, or more than one thing, can be the logits; or a single score.
    """
    z = output if isinstance(output, Tensor) else _unwrapped(output, len(x))
    if z.dim() != 2 or len(z) != len(x) or z.is_complex():
        raise InputError(
            f"a model that returns shape {tuple(z.shape)} for {len(x)} images",
            f"logits of shape ({len(x)}, classes)",
            "wrap the model so that it returns one row of scores per image"
            if z.dim() != 1
            else "for two classes return torch.stack([0 * z, z], dim=1)",
        )
    if z.shape[1] < 2:
        raise InputError(
            f"a model with {z.shape[1]} logit an image",
            "at least two classes",
            "wrap a net of one logit in nets.two_classes: class 1 where the logit is positive",
        )
    if z.dtype == torch.float32 or z.dtype == x.dtype == torch.float64:
        return z
    z = z if z.is_floating_point() else z.double()
    if z.dtype == torch.float64:
        z = z - z.detach().amax(dim=1, keepdim=True).nan_to_num(posinf=0.0, neginf=0.0)
    return z.float()


def answered(z: Logits) -> Logits:
    """Return z with NaN in every entry of a row that is no answer: a NaN, +inf, or -inf alone.

    A class at -inf is one that a model rules out, and stays.
    """
    return torch.where(is_answer(z)[:, None], z, torch.nan)


def is_answer(z: Logits) -> Tensor:
    """Say which rows decide something, boolean (b,): their largest entry is a finite number."""
    return z.detach().amax(dim=1).isfinite()


def decision(z: Logits) -> Labels:
    """Return the class that each row decides for, (b,) int64, and -1 where it is no answer."""
    return torch.where(is_answer(z), z.argmax(dim=1), -1)


def check_labels(y: Labels, classes: int) -> None:
    """Raise `InputError` unless all labels are classes, 0 to classes - 1."""
    low, high = (int(v) for v in y.aminmax())
    if low < 0 or high >= classes:
        raise InputError(
            f"label {low if low < 0 else high} for a model with {classes} classes",
            f"labels from 0 to {classes - 1}",
            "leave out images without a class, or use the data the model was trained for",
        )


def _writes(x: Tensor) -> int:
    """Return how often x was written into; inference mode does not count."""
    return 0 if x.is_inference() else x._version


def _unwrapped(output: Any, count: int) -> Tensor:
    """Return the tensor that is meant, and say so."""
    named = output.get("logits") if isinstance(output, Mapping) else None
    named = getattr(output, "logits", None) if named is None else named
    if isinstance(named, Tensor):
        return _taken(output, "its logits are taken", named)
    parts = output.values() if isinstance(output, Mapping) else output
    listed = [part for part in parts if isinstance(part, Tensor)] if _several(output) else []
    rows = [part for part in listed if part.dim() == 2 and len(part) == count]
    if len(rows) == 1:
        return _taken(output, "its only tensor of one row an image is taken", rows[0])
    shapes = ", ".join(str(tuple(part.shape)) for part in listed) or "none"
    raise InputError(
        f"a model that returns a {type(output).__name__} (tensors in it: {shapes})",
        f"logits of shape ({count}, classes)",
        "wrap the model so that it returns the logits alone: lambda x: model(x)[0], say",
    )


def _several(output: Any) -> bool:
    return isinstance(output, Mapping | tuple | list)


def _taken(output: Any, what: str, part: Tensor) -> Tensor:
    kind = type(output).__name__
    warnings.warn(f"the model returns a {kind}; {what}", Doubtful, stacklevel=2)
    return part
