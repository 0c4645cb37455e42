"""Checks of the inputs: is normalisation inside the model, and once?

    check = normalisation(model, x, y)

Two ways of seeing it: a normalising layer that reads another one's output, and an accuracy that
rises when the images are rescaled, which no model has that was trained on images as they come.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from robustlens.answers import Answers, decision
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


class Way(NamedTuple):
    """One rescaling of the images, and what it means for a model to do better on them."""

    name: str
    images: Images
    meaning: str
    advice: str


def normalisation(model: Model, x: Images, y: Labels) -> Check:
    """Warn of a chain of normalising layers, or of a rescaling that raises accuracy.

    Each rescaling is a contest with the images as they are, at `DOUBT` shared by all of them.
    """
    ask = Answers(model)
    right = _right(ask, x, y)
    best, gained, lowest = "none", right, 1.0
    meaning, advice = "", ""
    ways = rescaled(x)
    for way in ways:
        hits = _right(ask, way.images, y)
        p = p_value(int((hits & ~right).sum()), int((right & ~hits).sum()))
        if p < lowest:
            best, gained, lowest = way.name, hits, p
            meaning, advice = way.meaning, way.advice
    chained, level = chain(model, x[:1]), DOUBT / len(ways)
    before, after = float(right.double().mean()), float(gained.double().mean())
    if lowest < level:
        seen = f"The model is right on {before:.1%} of the images in [0, 1], and on {after:.1%} "
        meaning = f"{seen}when they are {best}: {meaning}."
    else:
        meaning = "A normalising layer reads what another one gives: images are normalised twice."
        advice = "Keep one of them, the one that the model was trained with."
    return judged(
        "normalisation is inside the model, once",
        chained > 0 or lowest < level,
        {
            "normalising layers that read another": chained,
            "accuracy": before,
            "accuracy rescaled": after,
            "p": lowest,
        },
        meaning,
        advice,
        f"one layer reads another, or p < {level:.2g} for one of {len(ways)} rescalings",
    )


INSIDE = "it seems made for images that are rescaled so before it sees them"
UNDONE = "it seems to rescale images that were meant to reach it as they are, or to do so twice"


def rescaled(x: Images) -> list[Way]:
    """Return the images under each mistake that is to be undone."""
    wider = "Multiply by 255 inside the model, before everything else."
    narrower = "Take a multiplication by 255 out of the model, or divide by 255 inside it."
    ways = [
        Way("multiplied by 255", 255 * x, INSIDE, wider),
        Way("divided by 255", x / 255, UNDONE, narrower),
    ]
    known = [
        (name, x.new_tensor(mean), x.new_tensor(std))
        for name, mean, std in USUAL
        if len(mean) in (1, x.shape[1])
    ]
    known += [("these images", x.mean(dim=(0, 2, 3)), x.std(dim=(0, 2, 3)).clamp_min(1e-3))]
    for name, mean, std in known:
        numbers = ", ".join(str(tuple(round(float(v), 4) for v in part)) for part in (mean, std))
        what = f"the mean and deviation of {name} ({numbers})"
        m, s = mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)
        into = (
            "If nothing in the model normalises, put that inside, with the numbers of training, as "
            f"nets.normalised(model, {numbers}); if something does, its numbers are not those of "
            "training: mend them, and add no second layer."
        )
        out = (
            "Take out the normalisation that the model was not trained with: keep one, inside the "
            "model, or none if it was trained on images in [0, 1]."
        )
        ways += [
            Way(f"normalised by {what}", (x - m) / s, INSIDE, into),
            Way(f"un-normalised by {what}", x * s + m, UNDONE, out),
        ]
    return ways


def chain(model: Model, x: Images) -> int:
    """Return how many normalising layers read the very output of another one.

    A normalising layer is any module that has both a `mean` and a `std`.
    """
    if not isinstance(model, nn.Module):
        return 0
    layers = [m for m in model.modules() if hasattr(m, "mean") and hasattr(m, "std")]
    with _watched(layers) as seen, torch.no_grad():
        model(x.clone())  # it may write into its input
    return sum(any(given is out for _, out in seen) for given, _ in seen)


@contextmanager
def _watched(layers: Sequence[nn.Module]) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Yield the inputs and outputs of the layers, in the order of their calls."""
    seen: list[tuple[Tensor, Tensor]] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        if inputs:
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
            return decision(model(x)) == y
    except Exception:  # someone's code, on pixels that it was not made for
        return torch.zeros_like(y, dtype=torch.bool)
