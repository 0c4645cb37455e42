"""Checks of the inputs: is normalisation inside the model, and once?

    check = normalisation(model, x, y)

Two ways of seeing it: a normalising layer that reads another one's output, and an accuracy that
rises when the images are rescaled, which no model has that was trained on images as they come.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from robustlens.sanity.check import DOUBT, Check, judged, p_value
from robustlens.types import Images, Labels, Model

USUAL: tuple[tuple[str, Sequence[float], Sequence[float]], ...] = (
    ("1/2, 1/2", (0.5,), (0.5,)),
    ("1/2, 1/4", (0.5,), (0.25,)),
    ("MNIST", (0.1307,), (0.3081,)),
    ("Fashion-MNIST", (0.2860,), (0.3530,)),
    ("CIFAR-10", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    ("ImageNet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
)
"""Means and deviations that people normalise with, as published with each data set."""


def normalisation(model: Model, x: Images, y: Labels) -> Check:
    """Warn of a chain of normalising layers, or of a rescaling that raises accuracy.

    Each rescaling is a contest with the images as they are, at `DOUBT` shared by all of them.
    """
    right = _right(model, x, y)
    best, gained, lowest = "none", right, 1.0
    ways = rescaled(x)
    for name, image in ways:
        hits = _right(model, image, y)
        p = p_value(int((hits & ~right).sum()), int((right & ~hits).sum()))
        if p < lowest:
            best, gained, lowest = name, hits, p
    chained = chain(model, x[:1])
    return judged(
        "normalisation is inside the model, once",
        chained > 0 or lowest < DOUBT / len(ways),
        {
            "normalising layers that read another": chained,
            "accuracy": float(right.double().mean()),
            "accuracy rescaled": float(gained.double().mean()),
            "p": lowest,
        },
        f"The model does better on other inputs than the images in [0, 1] (best: {best}), or "
        "normalises twice, so that eps is measured in a wrong unit.",
        "Normalise exactly once, inside the model: nets.normalised(model, mean, std).",
    )


def rescaled(x: Images) -> list[tuple[str, Images]]:
    """Return the images under each mistake that is to be undone, with its name."""
    known = [("the data's own", x.mean(dim=(0, 2, 3)), x.std(dim=(0, 2, 3)).clamp_min(1e-3))]
    known += [
        (name, x.new_tensor(mean), x.new_tensor(std))
        for name, mean, std in USUAL
        if len(mean) in (1, x.shape[1])
    ]
    ways = [("255 x", 255 * x), ("x / 255", x / 255)]
    for name, mean, std in known:
        m, s = mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)
        ways += [(f"normalised by {name}", (x - m) / s), (f"un-normalised by {name}", x * s + m)]
    return ways


def chain(model: Model, x: Images) -> int:
    """Return how many normalising layers read the very output of another one.

    A normalising layer is any module that has both a `mean` and a `std`.
    """
    if not isinstance(model, nn.Module):
        return 0
    layers = [m for m in model.modules() if hasattr(m, "mean") and hasattr(m, "std")]
    with _watched(layers) as seen, torch.no_grad():
        model(x)
    return sum(any(given is out for _, out in seen) for given, _ in seen)


@contextmanager
def _watched(layers: Sequence[nn.Module]) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Yield the inputs and outputs of the layers, in the order of their calls."""
    seen: list[tuple[Tensor, Tensor]] = []

    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        seen.append((inputs[0], output))

    handles = [layer.register_forward_hook(keep) for layer in layers]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _right(model: Model, x: Images, y: Labels) -> Tensor:
    """Say which images are right; none where the model refuses such pixels."""
    try:
        with torch.no_grad():
            return model(x).argmax(dim=1) == y
    except (ValueError, RuntimeError, AssertionError):
        return torch.zeros_like(y, dtype=torch.bool)
