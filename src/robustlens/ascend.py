"""The engine: maximise an objective inside a ball by a rule. Every projected ascent is this one.

    found = ascend(misclassify(model, y), x, Linf(8 / 255), Steepest(2 / 255), steps=20)
    found.last, found.best            # images; found.value: the objective at `best`

It owns no randomness, no device and no model, and waits for no device inside the loop.
"""

from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from robustlens.balls import Ball, per_example
from robustlens.errors import InputError
from robustlens.rules import Rule
from robustlens.types import Objective, Points, Values

S = TypeVar("S")


class Ascent(NamedTuple):
    """Where an ascent ended: the last point, the best point, its value, and every value met."""

    last: Points
    best: Points
    value: Values
    trace: Tensor  # (steps + 1, b)


def ascend(
    objective: Objective,
    x: Points,
    ball: Ball,
    rule: Rule[S],
    *,
    steps: int,
    start: Points | None = None,
) -> Ascent:
    """Maximise `objective` over the points of `ball` around `x`, by `rule`, in `steps` steps.

    Scores steps + 1 points, the start and every iterate including the last, at the cost of
    `steps` gradients and one more forward pass. `best` is the point of the largest value met
    (a value that is NaN never wins), so the objective never ends below its value at the start.

    Args:
        objective: (b, ...) to (b,); the values of different examples must not depend on each
            other, as with batch norm in training mode (see `frozen`).
        x: the centers, (b, ...).
        ball: where points may be.
        rule: how to step; its state lives as long as this call.
        steps: the number of gradient steps, >= 0.
        start: the first point, shaped like x; projected before use. Default: x itself.

    Raises:
        InputError: steps < 0, or the objective does not give one value per example.
    """
    if steps < 0:
        raise InputError(f"steps is {steps}", "a whole number >= 0", "change steps")
    project = partial(ball.project, center=x.detach())
    point = project((x if start is None else start).detach())
    best, highest = point, point.new_full(x.shape[:1], -torch.inf)
    state = rule.init(point, ball, steps)
    trace = []
    for _ in range(steps):
        value, gradient = value_and_gradient(objective, point)
        best, highest = _better(point, value, best, highest)
        trace.append(value)
        with torch.no_grad():
            point, state = rule.update(point, gradient, value, state, project, ball)
    with torch.no_grad():
        value = _one_each(objective(point), point)
    best, highest = _better(point, value, best, highest)
    return Ascent(point, best, highest, torch.stack([*trace, value]))


def value_and_gradient(objective: Objective, x: Points) -> tuple[Values, Points]:
    """Return the objective and its gradient with respect to `x` alone, both detached.

    Parameters of a model inside the objective receive no gradient.
    """
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        value = _one_each(objective(x), x)
        (gradient,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), gradient


def _better(point: Points, value: Values, best: Points, highest: Values) -> tuple[Points, Values]:
    wins = value > highest
    return torch.where(per_example(wins, point), point, best), torch.where(wins, value, highest)


def _one_each(value: Tensor, x: Points) -> Values:
    if value.shape != x.shape[:1]:
        raise InputError(
            f"an objective of shape {tuple(value.shape)} for {x.shape[0]} examples",
            f"one value per example, shape ({x.shape[0]},)",
            "do not average over the batch",
        )
    return value
