"""Checks of the answers: are they logits, the same each time, and each image's own?

    checks = [softmax_output(z), random_output(z, again), logit_scale(z, y)]

Nothing is attacked here: forward passes only.
"""

import torch
from torch import nn

from robustlens.answers import Answers
from robustlens.doubts import MODE, RANDOM, gap, probabilities, untouched
from robustlens.modes import frozen
from robustlens.sanity.check import NOTICEABLE, Check, judged, share
from robustlens.types import Images, Labels, Logits, Model

SATURATED = 88.0
"""exp(-88) is the smallest normal float32: of a larger gap softmax keeps nothing."""
FLAT = 1e-2
"""A gap of the two largest logits this small leaves the top class 1 % more likely than the next."""


def softmax_output(z: Logits) -> Check:
    """Warn if every row lies in [0, 1] and sums to 1."""
    total = float((z.sum(dim=1) - 1).abs().max())
    low, high = (float(v) for v in z.aminmax())
    return judged(
        "the output is logits",
        probabilities(z),
        {"lowest": low, "highest": high, "distance of a row's sum from 1": total},
        "Rows in [0, 1] that sum to 1 are probabilities, of which a loss takes the softmax again.",
        "Return the logits: drop the softmax at the end of the model.",
        "every row lies in [0, 1] and sums to 1",
    )


def random_output(model: Model, x: Images) -> Check:
    """Warn if two passes over the same images differ, as given or in evaluation mode."""
    ask = Answers(model)
    with torch.no_grad(), untouched(model, x):
        given = gap(ask(x), ask(x))
        with frozen(model):
            held = gap(ask(x), ask(x))
    return judged(
        "the same image gets the same answer",
        max(given, held) > RANDOM,
        {"change as given": given, "change in evaluation mode": held},
        "The model draws random numbers, so that a gradient is not the gradient of the next answer "
        "and every repetition of an attack gets another chance.",
        "Switch dropout and noise off, or average over the randomness (Athalye et al. 2018, EOT).",
        f"a change > {RANDOM:g} of the logits' spread",
    )


def training_mode(model: Model, x: Images) -> Check:
    """Warn if the model as given answers otherwise than in evaluation mode."""
    ask = Answers(model)
    with torch.no_grad(), untouched(model, x):
        given = ask(x)
        with frozen(model):
            held = ask(x)
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    return judged(
        "the model is in evaluation mode",
        gap(given, held) > MODE,
        {"change": gap(given, held), "modules in training mode": sum(m.training for m in modules)},
        "Dropout or batch norm works as in training, so that what was measured elsewhere on this "
        "model is of another function.",
        "Call model.eval() before measuring.",
        f"a change > {MODE:g} of the logits' spread",
    )


def alone(model: Model, x: Images) -> Check:
    """Warn if images get another answer alone than in their batch."""
    some, ask = x[: min(4, len(x))], Answers(model)
    with torch.no_grad():
        apart = torch.cat([ask(image[None]) for image in some])
        together = ask(x)
    change = gap(together[: len(some)], apart, together)
    return judged(
        "an image's answer is its own",
        change > MODE,
        {"change when alone": change},
        "The answer depends on the other images of the batch, so that an attack found in one batch "
        "may fail in another.",
        "Let batch norm use its running statistics: track_running_stats=True, model.eval().",
        f"a change > {MODE:g} of the logits' spread",
    )


def logit_scale(z: Logits, y: Labels) -> Check:
    """Warn if the gap of the two largest logits is too large, or too small, for a softmax."""
    top = z.topk(min(2, z.shape[1]), dim=1).values
    lead = (top[:, 0] - top[:, -1])[z.argmax(dim=1) == y]
    middle = float(lead.median()) if len(lead) else 1.0
    in_unit = float(z.min()) >= 0 and float(z.max()) <= 1 + 1e-6
    blind = share(lead > SATURATED)
    return judged(
        "the logits have a usual scale",
        blind > NOTICEABLE or (middle < FLAT and not in_unit),
        {"median gap of the two largest": middle, "share of saturated softmax": blind},
        "Cross-entropy is exactly 0, or the same for all classes, in float32: its gradient says "
        "nothing, whatever the model has learned.",
        "Divide the logits by a constant (decisions stay the same), or attack the margin or DLR.",
        f"a share > {NOTICEABLE:g}, or a median < {FLAT:g} where logits leave [0, 1]",
    )
