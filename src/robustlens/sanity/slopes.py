"""Checks of the gradients: are there any, are they numbers, and do they tell the truth?

    checks = slopes(subject)

The margin (best wrong logit minus true logit) is what decides; its gradient is held against the
answers themselves, and that of cross-entropy against it.
"""

import torch
from torch import Tensor

from robustlens.ascend import value_and_gradient
from robustlens.norms import per_example
from robustlens.objectives import margin, misclassify
from robustlens.sanity.check import NOTICEABLE, Check, Subject, judged, share, skipped
from robustlens.types import Points, Values

WRONG = 0.5
"""A gradient is called wrong when the rise that it promises is off by more than half. Where it is
right the error is that of curvature and rounding, a few per cent at the length of our step."""
RISE = 1e-3
"""The step is as long as the gradient needs to raise the margin by this share of the largest logit:
a thousand times above float32 rounding, and small beside anything an attack does."""
LONGEST = 0.05
"""The step's largest l2 length, where the gradient is small."""


def slopes(subject: Subject) -> list[Check]:
    """Return the checks of the gradients at the images."""
    objective = margin(subject.ask, subject.y)
    _, gradient = value_and_gradient(objective, subject.x)
    _, loss_gradient = value_and_gradient(misclassify(subject.ask, subject.y), subject.x)
    return [
        zero_gradients(gradient),
        saturated_loss(gradient, loss_gradient),
        broken_gradients(gradient, loss_gradient),
        finite_differences(subject, gradient),
    ]


def zero_gradients(gradient: Points) -> Check:
    """Warn if the margin has no gradient at more than a noticeable share of images."""
    none = share(_size(gradient) == 0)
    pixels = share(gradient == 0)
    return judged(
        "images have gradients",
        none > NOTICEABLE,
        {"share of images without": none, "share of pixels without": pixels},
        "The answer does not react to small changes at all, as behind rounding: a gradient attack "
        "stands still, and its failure says nothing.",
        "Attack without that layer, or with its backward pass replaced (Athalye et al. 2018, BPDA),"
        " or by queries alone.",
        f"the share of images > {NOTICEABLE:g}",
    )


def saturated_loss(gradient: Points, loss_gradient: Points) -> Check:
    """Warn if cross-entropy has no gradient where the margin has one."""
    lost = share((_size(loss_gradient) == 0) & (_size(gradient) > 0))
    return judged(
        "cross-entropy has a gradient where the margin has one",
        lost > NOTICEABLE,
        {"share of images where it is lost": lost},
        "The softmax is so sure that the gradient of cross-entropy is rounded to 0: attacks on that"
        " loss stand still.",
        "Attack the margin or DLR, or divide the logits by a constant.",
        f"the share > {NOTICEABLE:g}",
    )


def broken_gradients(gradient: Points, loss_gradient: Points) -> Check:
    """Warn of gradients that are not finite, or have one value at all pixels of an image.

    One gradient for all images is not held against a model: a linear one has it, and rightly.
    """
    both = torch.stack([gradient, loss_gradient], dim=1).flatten(2)
    infinite = share(~both.isfinite().flatten(1).all(dim=1))
    first = gradient.flatten(1)
    even = (first == first[:, :1]).all(dim=1) & (_size(gradient) > 0)
    constant = share(even) if first.shape[1] > 1 else 0.0
    return judged(
        "gradients are numbers that differ from pixel to pixel",
        infinite > 0 or constant > NOTICEABLE,
        {"share of images not finite": infinite, "share of images constant": constant},
        "A gradient that is not finite or the same at all pixels points nowhere.",
        "Look for divisions by 0, roots and logarithms at 0, and layers with a backward pass of "
        "their own.",
        f"any is not finite, or the share of constant ones > {NOTICEABLE:g}",
    )


def finite_differences(subject: Subject, gradient: Points) -> Check:
    """Warn if the margin does not rise as its gradient promises, over a tiny step.

    The step follows the gradient, without the pixels that it would push out of [0, 1].
    """
    name = "the gradient agrees with finite differences"
    x, g = subject.x, gradient
    inside = torch.where(g > 0, x < 1, x > 0) & g.isfinite()
    g = torch.where(inside, g, 0.0)
    some = torch.nonzero(_size(g) > 0).flatten()
    if not len(some):
        return skipped(name, "No image has a gradient that points into the box.")
    x, g = x[some], g[some]
    ratio = _rise(subject, x, g, some)
    off = float((ratio - 1).abs().nan_to_num(torch.inf).median())
    return judged(
        name,
        off > WRONG,
        {"median relative error": off, "median of measured / promised": float(ratio.median())},
        "The gradient is not that of the answers, as with a staircase whose backward pass pretends "
        "to be straight: attacks are led astray.",
        "Attack with larger steps, by queries alone, or by transfer; take the layer out to see.",
        f"the error > {WRONG:g}",
    )


def _rise(subject: Subject, x: Points, g: Points, rows: Tensor) -> Values:
    """Return the rise of the margin over a step along g, divided by the rise promised."""
    y = subject.y[rows]
    with torch.no_grad():
        z = subject.ask(x)
        slope = _size(g)
        length = (RISE * z.abs().amax(dim=1) / slope).clamp_max(LONGEST)
        moved = (x + g * per_example(length / slope, x)).clamp(0.0, 1.0)
        promised = ((moved - x) * g).flatten(1).sum(dim=1)
        objective = margin(subject.ask, y)
        measured: Values = (objective(moved) - objective(x)) / promised
    return measured


def _size(gradient: Points) -> Values:
    size: Values = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return size
