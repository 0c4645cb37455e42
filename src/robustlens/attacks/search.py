"""Restarts of one ascent, keeping the worst image met for each example.

Search(ball, steps=20, step_size=None, restarts=5, rule=None, start=None)(
    model, x, y, misclassify, wrong, generator)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from robustlens.ascend import ascend
from robustlens.balls import Ball, per_example, radius
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.rules import Rule, Steepest
from robustlens.types import Images, Labels, Logits, Model, Objective, Values

MakeObjective = Callable[[Model, Labels], Objective]
"""From a model and labels to what is to be maximised."""
Success = Callable[[Logits, Labels], Tensor]
"""From logits and labels to which examples the attack has won, boolean (b,)."""
SHORTEST = 1e-12
"""The step size of an attack on a ball of radius 0: positive, and put back by the projection."""


@dataclass(frozen=True)
class Search:
    """The restarts of one projected gradient attack."""

    ball: Ball
    steps: int
    step_size: float | None
    restarts: int
    rule: Rule[Any] | None
    start: Images | None

    def __call__(
        self,
        model: Model,
        x: Images,
        y: Labels,
        objective: MakeObjective,
        success: Success,
        generator: torch.Generator,
    ) -> Images:
        """Return the worst images; raise `InputError` as `pgd` says."""
        check_images(x, y)
        if self.restarts < 1:
            raise InputError(f"restarts is {self.restarts}", "at least 1", "change restarts")
        if self.rule is not None and self.step_size is not None:
            raise InputError("both rule and step_size", "one of them", "drop step_size")
        size = self.step_size
        rule = self.rule or Steepest(step_length(self.ball, self.steps) if size is None else size)
        worst = Worst(x)
        with frozen(model):
            watched = worst.watch(model, y, objective, success)
            for restart in range(self.restarts):
                given = self.start if restart == 0 else None
                start = self.ball.sample(x, generator) if given is None else given
                ascend(watched, x, self.ball, rule, steps=self.steps, start=start)
        return worst.images


class Worst:
    """The worst image met so far, for each example: success first, then the objective."""

    def __init__(self, x: Images) -> None:
        self.images = x.detach()
        self.value = x.new_full(x.shape[:1], -torch.inf)
        self.done = torch.zeros(x.shape[:1], dtype=torch.bool, device=x.device)

    def watch(
        self,
        model: Model,
        y: Labels,
        objective: MakeObjective,
        success: Success,
    ) -> Objective:
        """Return the objective, looking over its shoulder at the logits it computes."""
        seen: list[Logits] = []

        def remembering(x: Images) -> Logits:
            z = model(x)
            seen.append(z.detach())
            return z

        inner = objective(remembering, y)

        def watched(x: Images) -> Values:
            seen.clear()
            value = inner(x)
            if not seen:  # the objective looks elsewhere than at this model's logits
                with torch.no_grad():
                    remembering(x)
            self.keep(x.detach(), value.detach(), success(seen[-1], y))
            return value

        return watched

    def keep(self, x: Images, value: Values, done: Tensor) -> None:
        """Take over the points that are worse than those kept, without waiting for the device."""
        wins = (done & ~self.done) | ((done == self.done) & (value > self.value))
        self.images = torch.where(per_example(wins, x), x, self.images)
        self.value = torch.where(wins, value, self.value)
        self.done = self.done | done


def step_length(ball: Ball, steps: int) -> float:
    """Return 2.5 * eps / steps, which can cross the ball and come back (Madry et al. 2018)."""
    return max(2.5 * radius(ball) / max(steps, 1), SHORTEST)


def check_images(x: Images, y: Labels) -> None:
    """Raise `InputError` unless x are floating-point images in [0, 1] with one int64 label each.

    One look at the smallest and largest pixel: one wait for the device a call, not one a step.
    """
    if not x.is_floating_point() or x.dim() != 4:
        raise InputError(
            f"x of {x.dtype} and shape {tuple(x.shape)}",
            "floating-point images (b, c, h, w) in [0, 1]",
            "divide uint8 images by 255",
        )
    if y.shape != x.shape[:1] or y.dtype != torch.int64:
        raise InputError(
            f"labels of {y.dtype} and shape {tuple(y.shape)}", f"int64 of shape ({len(x)},)"
        )
    if len(x):
        low, high = (float(v) for v in x.aminmax())
        if not (low >= -1e-5 and high <= 1 + 1e-5):
            raise InputError(
                f"pixels from {low:g} to {high:g}",
                "finite pixels in [0, 1]",
                "divide by 255, or move the normalisation into the model (nets.normalised)",
            )


def wrong(z: Logits, y: Labels) -> Tensor:
    """Say where the decision is not y: the success of an untargeted attack."""
    return z.argmax(dim=1) != y


def right(z: Logits, y: Labels) -> Tensor:
    """Say where the decision is y: the success of an attack with target y."""
    return z.argmax(dim=1) == y
