"""The worst change of a family: a grid, random tries, then the one engine over theta.

    x_adv = transform_search(model, x, y, Spatial(30, 0.1), generator=g)
    found = transform_search.found(model, x, y, Colour(), grid=0, tries=50, generator=g)

A few parameters leave few ways out, and the loss over them has many local maxima: looking
everywhere beats climbing (Engstrom et al. 2019, "Exploring the landscape of spatial robustness").
The climb starts from the worst point that the looking found.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor

from robustlens.ascend import ascend
from robustlens.attacks.method import Found, attack, confirmed, nothing_found, wrong
from robustlens.attacks.search import Failed, Hunt
from robustlens.balls import Box
from robustlens.errors import InputError
from robustlens.objectives import MakeObjective, misclassify
from robustlens.rules import Rule, Steepest
from robustlens.streams import Draws
from robustlens.threats.family import Threat
from robustlens.types import Images, Labels, Model

LARGEST_GRID = 100_000
"""Points of a grid above which it is refused."""


@attack
def transform_search(
    model: Model,
    x: Images,
    y: Labels,
    ball: Threat,
    *,
    grid: int | tuple[int, ...] = 5,
    tries: int = 10,
    steps: int = 10,
    rule: Rule[Any] | None = None,
    objective: MakeObjective = misclassify,
    failed: Failed = "clean",
    twin: Model | None = None,
    generator: torch.Generator,
) -> Found:
    """Return changed images that the model gets wrong: the worst of a grid, of tries, of a climb.

    Args:
        model: images in [0, 1] to logits; put in evaluation mode meanwhile if it is a module.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: the family of changes, `Spatial`, `Colour`, `Corruption` or their `Chain`.
        grid: values along each parameter from 0 to 1, ends included, or a number for each
            parameter; 0 for no grid.
        tries: random points, after the grid.
        steps: gradient steps over theta, from the worst point so far.
        rule: how to step; default `Steepest(1.25 / steps)`, which can cross the unit box.
        objective: what to maximise; decides nothing, `done` is the model's decision.
        failed: what to return where nothing fools the model: the clean image, or the worst met.
            With "worst" no image stops early.
        twin: a faster model to search on, `fast(model)` say; successes are confirmed on `model`.
        generator: the source of the tries.

    `Found.step` counts the changed images that the model was shown until the one returned.
    Raises `InputError` for images or labels of the wrong kind, and for a grid, tries or steps that
    are negative or too many.
    """
    points = _grid(ball, grid)
    for name, value in (("tries", tries), ("steps", steps)):
        if value < 0:
            raise InputError(f"{name} is {value}", "a whole number >= 0", f"change {name}")
    if not len(x):
        return nothing_found(x)
    x, draws = x.detach(), Draws.of(x, generator)

    def see(theta: Tensor, rows: Tensor) -> Images:
        return ball.apply(x[rows], theta)

    def everywhere(point: tuple[float, ...]) -> Tensor:
        return x.new_tensor(point).expand(len(x), ball.parameters)

    hunt = Hunt(model, everywhere(ball.neutral), y, objective, wrong, twin, failed, see)
    hunt.begin(0)
    _look(hunt, (everywhere(point) for point in (ball.neutral, *points)))
    if ball.parameters:
        _look(hunt, (draws.uniform(ball.parameters) for _ in range(tries)))
    if ball.parameters and steps and len(hunt.rows):
        climb, leave = rule or Steepest(1.25 / steps), hunt.leave if failed == "clean" else None
        rows = hunt.rows
        climbed = ascend(hunt.objective(), hunt.now.points, Box(), climb, steps=steps, leave=leave)
        hunt.not_finite.index_add_(0, rows, climbed.not_finite)
    hunt.judge()
    images = ball.apply(x, hunt.all.points)
    step = torch.where(hunt.all.done, hunt.all.step, hunt.points)  # the twin may have missed it
    found = confirmed(model, x, y, images, step)._replace(not_finite=hunt.not_finite)
    return found if failed == "clean" else found._replace(images=images)


def _look(hunt: Hunt, thetas: Iterable[Tensor]) -> None:
    """Try points, each (b, k) for all images, and let the fooled images go now and then."""
    objective = hunt.objective()
    for number, theta in enumerate(thetas, 1):
        if not len(hunt.rows):
            return
        with torch.no_grad():
            value = objective(theta[hunt.rows])
        hunt.not_finite.index_add_(0, hunt.rows, (~value.isfinite()).long())
        stay = hunt.leave(number) if hunt.failed == "clean" else None
        objective = objective if stay is None else stay.objective


def _grid(threat: Threat, grid: int | tuple[int, ...]) -> Iterator[tuple[float, ...]]:
    """Return the points of a grid over the unit box, the corners of the first axis first."""
    k = threat.parameters
    counts = (grid,) * k if isinstance(grid, int) else grid
    if counts == (0,) * k:
        return iter(())
    if len(counts) != k or min(counts) < 2 or math.prod(counts) > LARGEST_GRID:
        raise InputError(
            f"grid {grid} for {k} parameters",
            f"0, or at least 2 values for each of them and {LARGEST_GRID} points at most",
            "change grid",
        )
    return product(*([i / (n - 1) for i in range(n)] for n in counts))
