"""The attack of Carlini and Wagner: shortest perturbation by Adam, with a price on being right.

x_near = carlini_wagner(model, x, y, L2(0.5), steps=200)
distances = smallest(bind(carlini_wagner, L2(55.5)), model, x, y, generator)
"""

import torch
from torch import Tensor

from robustlens.attacks.method import Found, attack
from robustlens.attacks.nearest import FIRM, Nearest, search
from robustlens.balls import L2, Ball, norm_of
from robustlens.errors import InputError
from robustlens.objectives import logit_margin
from robustlens.rules import Adam
from robustlens.types import Images, Labels, Logits, Model, Values

INSIDE = 1 - 1e-6
"""By how much images are drawn in from the walls of the box, where tanh has no inverse."""

ODD = 1e6
"""Margins of clean images above it, or below its inverse, are counted in units of themselves."""


@attack
def carlini_wagner(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 200,
    searches: int = 9,
    constant: float = 0.1,
    confidence: float = 0.0,
    lr: float = 0.01,
    twin: Model | None = None,
    generator: torch.Generator | None = None,
) -> Found:
    """Return the nearest images that the model gets wrong, by Adam on tanh variables; l2.

    With pixels (tanh(w) + 1) / 2, minimises ||x' - x||^2 + c * max(0, confidence - margin(x')),
    where the margin is the best wrong logit minus the true one. The price c of each image is
    searched: ten times as large until a wrong image is found, then by halving the interval
    between the largest price that failed and the smallest that did not.
    Deterministic. Source: Carlini & Wagner 2017, section V and VI.A (f6). The line back to x is
    searched at the end (12 forward passes), which the paper does not do.

    Args:
        model: images in [0, 1] to logits; put in evaluation mode meanwhile if it is a module.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: `L2(eps)`: where the smallest perturbation found is longer, the clean image is
            returned and counts as a failure. `L2(sqrt(d))` never binds.
        steps: gradient steps for each price; the paper takes 10 000.
        searches: how many prices.
        constant: the first price.
        confidence: by how much a wrong logit must beat the true one. Images that are wrong
            already return unchanged, whatever their margin.
        lr: Adam's learning rate, in units of w.
        twin: a faster model to search on, as for `ddn`.

    Raises:
        InputError: bad images, labels or settings, or a ball of another kind.
    """
    norm = norm_of(ball, (L2,))
    settings = {"steps": steps, "searches": searches, "constant": constant, "lr": lr}
    for name, value in settings.items():
        if not value > 0:
            raise InputError(f"{name} is {value}", "a number > 0", f"change {name}")
    if confidence < 0:
        raise InputError(f"confidence is {confidence}", "a number >= 0", "change confidence")

    def walk(nearest: Nearest) -> None:
        price = torch.full_like(nearest.met.length, constant)
        low, high = torch.zeros_like(price), torch.full_like(price, torch.inf)
        for number in range(searches):
            won = _descend(nearest, price, confidence, lr, number * steps, steps)
            low, high = torch.where(won, low, price), torch.where(won, price, high)
            price = torch.where(high < torch.inf, (low + high) / 2, low * 10)

    return search(model, x, y, ball, norm, walk, twin, gap=confidence)


def _descend(
    nearest: Nearest, price: Values, confidence: float, lr: float, done: int, steps: int
) -> Tensor:
    """Run Adam with one price an image, from x; return which images met a wrong decision."""
    rule = Adam(lr)
    w = torch.atanh((2 * nearest.x - 1) * INSIDE)
    state = rule.init(w, L2(0.0), steps)
    won = torch.zeros_like(price, dtype=torch.bool)

    unit = _unit(nearest.firm / FIRM)

    def score(z: Logits, y: Labels) -> Values:
        return price * ((logit_margin(z, y) - confidence) / unit).clamp_max(0.0)

    for step in range(steps + 1):
        squash = torch.tanh(w)
        point = (squash + 1) / 2
        seen = nearest.look(score, point, done + step)
        won = won | seen.wrong
        uphill = seen.gradient - 2 * (point - nearest.x)
        slope = uphill * (1 - squash.square()) / 2  # through tanh
        w, state = rule.update(w, slope, seen.value, state, _unbound, L2(0.0))
    return won


def _unit(margin: Values) -> Values:
    """Return what to count margins in: 1, but where that is out of all reach the clean image's."""
    ordinary = (margin > 1.0 / ODD) & (margin < ODD) | ~margin.isfinite() | (margin == 0)
    return torch.where(ordinary, 1.0, margin)


def _unbound(w: Tensor) -> Tensor:
    return w
