"""The engine: maximise an objective inside a ball by a rule. Every projected ascent is this one.

    found = ascend(misclassify(model, y), x, Linf(8 / 255), Steepest(2 / 255), steps=20)
    found.last, found.best            # images; found.value: the objective at `best`

It owns no randomness, no device and no model, and waits for no device inside the loop.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from robustlens.balls import Ball, around, rows_of
from robustlens.errors import InputError, NoGradient
from robustlens.norms import per_example
from robustlens.rules import Rule
from robustlens.types import Objective, Points, Values

S = TypeVar("S")


class Ascent(NamedTuple):
    """Where an ascent ended: the last point, the best point, its value, and every value met.

    For an example that left early, `last` is where it stood and the rest of its trace is NaN.
    """

    last: Points
    best: Points
    value: Values
    trace: Tensor  # (steps + 1, b)
    not_finite: Tensor  # int64 (b,): at how many points the value or the gradient was no number
    flat: Tensor  # int64 (b,): at how many points every entry of the gradient was 0


class Stay(NamedTuple):
    """Which examples go on, as int64 places among those still walking, and their objective."""

    rows: Tensor
    objective: Objective


Leave = Callable[[int], Stay | None]
"""Asked after every step, with the number of steps done: None if all stay."""


def ascend(
    objective: Objective,
    x: Points,
    ball: Ball,
    rule: Rule[S],
    *,
    steps: int,
    start: Points | None = None,
    leave: Leave | None = None,
) -> Ascent:
    """Maximise `objective` over the points of `ball` around `x`, by `rule`, in `steps` steps.

    Scores steps + 1 points, the start and every iterate including the last, at the cost of
    `steps` gradients and one more forward pass. `best` is the point of the largest value met
    (a value that is NaN never wins), so the objective never ends below its value at the start.
    An entry of a gradient that is not finite counts as 0; `not_finite` counts such points.

    Args:
        objective: (b, ...) to (b,); the values of different examples must not depend on each
            other, as with batch norm in training mode (see `frozen`).
        x: the centers, (b, ...).
        ball: where points may be.
        rule: how to step; its state lives as long as this call. With `leave` it must be made of
            tensors with a row an example, of numbers, and of tuples of these.
        steps: the number of gradient steps, >= 0.
        start: the first point, shaped like x; projected before use. Default: x itself.
        leave: lets examples that are finished go, so that the batch shrinks.

    Raises:
        InputError: steps < 0, or the objective does not give one value per example.
        NoGradient: the objective cannot be differentiated.
    """
    if steps < 0:
        raise InputError(f"steps is {steps}", "a whole number >= 0", "change steps")
    x = x.detach()
    project = around(ball, x)
    point = project(x if start is None else torch.empty_like(x).copy_(start.detach()))
    walk = _Walk(point, point, point.new_full(x.shape[:1], -torch.inf))
    state: Any = rule.init(point, ball, steps)
    record = _Record(walk, steps)
    for step in range(steps):
        value, gradient, finite, flat = slope(objective, walk.point)
        walk = record.score(walk, value, step, finite, flat)
        with torch.no_grad():
            point, state = rule.update(walk.point, gradient, value, state, project, ball)
        walk = walk._replace(point=point)
        stay = None if leave is None else leave(step + 1)
        if stay is not None:
            rows, objective = stay
            record.leave(walk, rows)
            walk, state, x = _rows((walk, state, x), rows, len(x))
            ball = rows_of(ball, rows)
            project = around(ball, x)
        if not len(x):
            return record.found
    with torch.no_grad():
        value = _one_each(objective(walk.point), walk.point)
    walk = record.score(walk, value, steps, value.isfinite(), torch.zeros_like(value).bool())
    record.save(walk)
    return record.found


class Slope(NamedTuple):
    """An objective at a point, its gradient, where both were finite, and where it was 0, (b,)."""

    value: Values
    gradient: Points
    finite: Tensor
    flat: Tensor


def value_and_gradient(objective: Objective, x: Points) -> tuple[Values, Points]:
    """Return the objective and its gradient with respect to `x` alone, both detached.

    Parameters of a model inside the objective receive no gradient. An entry of the gradient that
    is not finite is 0. Raises `NoGradient` where the objective cannot be differentiated.
    """
    return slope(objective, x)[:2]


def slope(objective: Objective, x: Points) -> Slope:
    """Return `value_and_gradient`, where both were finite, and where the gradient was 0."""
    with torch.enable_grad():
        x = x.detach().requires_grad_(True)
        value = _one_each(objective(x), x)
        gradient = gradient_of(value, x)
    value = value.detach()
    size = torch.linalg.vector_norm(gradient.flatten(1), ord=math.inf, dim=1)
    finite = (size + value).isfinite()
    return Slope(value, gradient.nan_to_num(nan=0.0, posinf=0.0, neginf=0.0), finite, size == 0)


def gradient_of(value: Tensor, x: Points, *, again: bool = False) -> Points:
    """Return the gradient of the sum of `value` with respect to x, as it comes.

    With `again` the graph is kept for another call. Raises `NoGradient` where x has no part in
    it, or where the model can be differentiated with `.backward()` only.
    """
    if not value.requires_grad:
        raise NoGradient("its answer does not depend on the images, or is detached from them")
    try:
        (found,) = torch.autograd.grad(value.sum(), x, retain_graph=again, allow_unused=True)
    except RuntimeError as error:
        if "use_reentrant" not in str(error):
            raise
        raise NoGradient("a reentrant checkpoint: pass use_reentrant=False to it") from error
    if found is None:
        raise NoGradient("its answer does not depend on the images")
    return found


class _Walk(NamedTuple):
    """The examples that are still walking: where they are, their best points and values."""

    point: Points
    best: Points
    highest: Values


class _Record:
    """What `ascend` returns, for all examples; `here` are the places of those still walking."""

    def __init__(self, walk: _Walk, steps: int) -> None:
        trace = walk.highest.new_full((steps + 1, len(walk.highest)), torch.nan)
        none = torch.zeros_like(walk.highest, dtype=torch.int64)
        self.found = Ascent(walk.point, walk.best, walk.highest, trace, none, none.clone())
        self.here: Tensor | None = None

    def score(self, walk: _Walk, value: Values, step: int, finite: Tensor, flat: Tensor) -> _Walk:
        """Write down values, count points not finite and points without a slope, keep the best."""
        here = slice(None) if self.here is None else self.here
        self.found.trace[step, here] = value
        self.found.not_finite[here] += ~finite
        self.found.flat[here] += flat
        wins = value > walk.highest
        best = torch.where(per_example(wins, walk.point), walk.point, walk.best)
        return _Walk(walk.point, best, torch.where(wins, value, walk.highest))

    def save(self, walk: _Walk) -> None:
        """Write down where everyone is."""
        last, best, value, *rest = self.found
        if self.here is not None:
            point = last.index_copy(0, self.here, walk.point)
            top = best.index_copy(0, self.here, walk.best)
            walk = _Walk(point, top, value.index_copy(0, self.here, walk.highest))
        self.found = Ascent(walk.point, walk.best, walk.highest, *rest)

    def leave(self, walk: _Walk, rows: Tensor) -> None:
        """Write down where everyone is, and who goes on."""
        self.save(walk)
        self.here = rows if self.here is None else self.here[rows]


def _rows(state: Any, rows: Tensor, size: int) -> Any:
    """Cut the tensors of a state that have a row an example; the rest stays."""
    if isinstance(state, Tensor):
        return state[rows] if state.dim() and len(state) == size else state
    if not isinstance(state, tuple):
        return state
    parts = [_rows(part, rows, size) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def _one_each(value: Tensor, x: Points) -> Values:
    if value.shape != x.shape[:1]:
        raise InputError(
            f"an objective of shape {tuple(value.shape)} for {x.shape[0]} examples",
            f"one value per example, shape ({x.shape[0]},)",
            "do not average over the batch",
        )
    return value
