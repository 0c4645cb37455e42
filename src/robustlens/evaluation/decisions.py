"""What a model decides: its logits, checked before anything is counted."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from robustlens.data import Dataset, batches
from robustlens.errors import InputError
from robustlens.nets import logits
from robustlens.progress import bar
from robustlens.types import Images, Labels, Logits, Model


def right_as_they_are(model: Model, x: Images, y: Labels) -> Tensor:
    """Return where the model predicts y, boolean (b,); raises as `checked_logits`."""
    return checked_logits(model, x, y).argmax(dim=1) == y


def checked_logits(model: Model, x: Images, y: Labels) -> Logits:
    """Return the logits of a batch.

    Raises:
        InputError: they are not (b, k), not finite, or a label is none of their classes.
    """
    with torch.no_grad():
        z = logits(model, x)
    if z.dim() != 2 or len(z) != len(x):
        raise InputError(
            f"a model that gives shape {tuple(z.shape)} for {len(x)} images",
            f"logits of shape ({len(x)}, classes)",
            "wrap the model so that it returns logits alone",
        )
    finite = z.isfinite().all(dim=1)
    if not finite.all():
        raise InputError(
            f"logits that are not finite for {int((~finite).sum())} of {len(x)} images",
            "finite logits",
            "look for a division by zero or an overflow in the model",
        )
    if int(y.max()) >= z.shape[1]:
        raise InputError(
            f"label {int(y.max())} for a model with {z.shape[1]} classes",
            f"labels from 0 to {z.shape[1] - 1}",
            "use the data set that the model was trained for",
        )
    return z


def progress(data: Dataset, size: int, title: str) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Walk over batches with a bar: place of the first image, images, labels."""
    with bar(title, len(data)) as advance:
        for start, (x, y) in zip(range(0, len(data), size), batches(data, size), strict=True):
            yield start, x, y
            advance(len(x))


def on_device_of(model: Model, data: Dataset) -> Dataset:
    """Return the data on the device of the model's parameters (as it is for a plain function)."""
    if not isinstance(model, nn.Module):
        return data
    first = next(model.parameters(), None)
    return data if first is None else data.to(first.device)
