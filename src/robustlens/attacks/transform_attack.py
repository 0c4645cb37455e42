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
from typing import Any, NamedTuple

import torch
from torch import Tensor

from robustlens.ascend import Stay, ascend
from robustlens.attacks.method import Found, attack, confirmed, nothing_found, wrong
from robustlens.attacks.search import Failed
from robustlens.balls import Box
from robustlens.errors import InputError
from robustlens.objectives import MakeObjective, misclassify
from robustlens.rules import Rule, Steepest
from robustlens.streams import Draws
from robustlens.threats.family import Threat
from robustlens.types import Images, Labels, Logits, Model, Objective, Values

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
    if tries < 0:
        raise InputError(f"tries is {tries}", "a whole number >= 0", "change tries")
    if not len(x):
        return nothing_found(x)
    hunt = _Hunt(model, x.detach(), y, ball, objective, twin, failed)
    draws = Draws.of(x, generator)
    hunt.look(hunt.everywhere(point) for point in (ball.neutral, *points))
    if ball.parameters:
        hunt.look(draws.uniform(ball.parameters) for _ in range(tries))
        hunt.climb(rule or Steepest(1.25 / max(steps, 1)), steps)
    return hunt.found()


class _Met(NamedTuple):
    """The worst change met, for each image."""

    theta: Tensor  # (b, k)
    value: Values
    done: Tensor  # bool: it fools
    step: Tensor  # int64: the number of points seen before it; -1 without success


class _Hunt:
    """The worst theta met so far, for each image: success first, then the objective.

    As `search.Hunt`, but the points are theta and the model sees images: `met` has a row for
    every image, `rows` says which of them are still searched.
    """

    def __init__(
        self,
        model: Model,
        x: Images,
        y: Labels,
        threat: Threat,
        make: MakeObjective,
        twin: Model | None,
        failed: Failed,
    ) -> None:
        self.model, self.x, self.y, self.threat = model, x, y, threat
        self.make, self.twin, self.failed = make, twin, failed
        self.rows = torch.arange(len(x), device=x.device)
        self.points = 0
        done = torch.zeros_like(self.rows, dtype=torch.bool)
        low = x.new_full(x.shape[:1], -torch.inf)
        self.met = _Met(self.everywhere(threat.neutral), low, done, torch.full_like(self.rows, -1))
        self.sure = done

    def everywhere(self, point: tuple[float, ...]) -> Tensor:
        """Return one point of the box for all images, (b, k)."""
        return self.x.new_tensor(point).expand(len(self.x), self.threat.parameters)

    def look(self, thetas: Iterable[Tensor]) -> None:
        """Try points, each (b, k) for all images, and let the fooled images go now and then."""
        objective = self.objective()
        for number, theta in enumerate(thetas, 1):
            if not len(self.rows):
                return
            with torch.no_grad():
                objective(theta[self.rows])
            stay = self.leave(number)
            objective = objective if stay is None else stay.objective

    def climb(self, rule: Rule[Any], steps: int) -> None:
        """Ascend from the worst points met, over theta."""
        if len(self.rows) and steps:
            theta = self.met.theta[self.rows]
            ascend(self.objective(), theta, Box(), rule, steps=steps, leave=self.leave)
        elif steps < 0:
            raise InputError(f"steps is {steps}", "a whole number >= 0", "change steps")

    def objective(self) -> Objective:
        """Return the objective over theta of those still searched; it remembers what it meets."""
        seen: list[Logits] = []
        search = self.twin or self.model

        def remembering(images: Images) -> Logits:
            z = search(images)
            seen.append(z.detach())
            return z

        x, y = self.x[self.rows], self.y[self.rows]
        inner = self.make(remembering, y)

        def watched(theta: Tensor) -> Values:
            seen.clear()
            images = self.threat.apply(x, theta)
            value = inner(images)
            if not seen:  # the objective looks elsewhere than at this model's logits
                with torch.no_grad():
                    remembering(images)
            self.keep(theta.detach(), value.detach(), wrong(seen[-1], y))
            return value

        return watched

    def keep(self, theta: Tensor, value: Values, hit: Tensor) -> None:
        """Take over the points that are worse than those kept, without waiting for the device."""
        now = _Met(*(part[self.rows] for part in self.met))
        first = hit & ~now.done
        open_ = ~hit if self.failed == "clean" else torch.ones_like(hit)
        wins = first | (open_ & (hit == now.done) & (value > now.value))
        new = _Met(
            torch.where(wins[:, None], theta, now.theta),
            torch.where(wins, value, now.value),
            now.done | hit,
            torch.where(first, self.points, now.step),
        )
        pairs = zip(self.met, new, strict=True)
        self.met = _Met(*(whole.index_copy(0, self.rows, part) for whole, part in pairs))
        self.points += 1

    def leave(self, step: int) -> Stay | None:
        """Let the fooled go, now and then, when they are an eighth of those still searched."""
        if self.failed == "worst" or (step > 4 and step % 4):
            return None
        self.judge()
        stay = torch.nonzero(~self.met.done[self.rows]).flatten()
        gone = len(self.rows) - len(stay)
        if not gone or gone < len(self.rows) / 8:
            return None
        self.rows = self.rows[stay]
        return Stay(stay, self.objective())

    def judge(self) -> None:
        """Ask the model about the successes of its twin; those it denies are searched on."""
        new = torch.nonzero(self.met.done & ~self.sure).flatten()
        if self.twin is not None and len(new):
            with torch.no_grad():
                z = self.model(self.threat.apply(self.x[new], self.met.theta[new]))
            doubtful = new[~wrong(z, self.y[new])]
            self.met = self.met._replace(
                done=self.met.done.index_fill(0, doubtful, False),
                step=self.met.step.index_fill(0, doubtful, -1),
            )
        self.sure = self.met.done

    def found(self) -> Found:
        """Return the worst images, as the model itself decides, or the clean ones elsewhere."""
        images = self.threat.apply(self.x, self.met.theta)
        step = torch.where(self.met.done, self.met.step, self.points)  # the twin may have missed it
        found = confirmed(self.model, self.x, self.y, images, step)
        return found if self.failed == "clean" else found._replace(images=images)


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
