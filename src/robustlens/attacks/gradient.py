"""Gradient attacks: thin functions over the one engine.

    x_adv = pgd(model, x, y, Linf(8 / 255), steps=40, generator=g)
    x_cat = pgd_targeted(model, x, cat, L2(3.0), steps=40, generator=g)
    attack = bind(pgd, L2(1.5), steps=7)      # an Attack: model, x, y, generator -> images

Every attack returns images of the ball around x and leaves the model as it was. `pgd` returns,
per image and over all restarts, the worst iterate met: one that the model gets wrong if there is
any, and of those the one with the largest objective.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor

from robustlens.ascend import ascend
from robustlens.balls import Ball, per_example, radius
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.objectives import kl_from, misclassify, toward
from robustlens.rules import Rule, Steepest
from robustlens.streams import normal
from robustlens.types import Images, Labels, Logits, Model, Objective, Values

MakeObjective = Callable[[Model, Labels], Objective]
SHORTEST = 1e-12
"""The step size of an attack on a ball of radius 0: positive, and put back by the projection."""


def fgsm(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    objective: MakeObjective = misclassify,
    generator: torch.Generator | None = None,
) -> Images:
    """Return x after one step of length eps: the fast gradient sign method, in any norm.

    Deterministic; `generator` is accepted so that all attacks are called alike.
    Source: Goodfellow, Shlens, Szegedy 2015, section 4 (l-inf).

    Raises:
        InputError: images or labels of the wrong kind, or a ball without a radius.
    """
    check_images(x, y)
    with frozen(model):
        rule = Steepest(max(radius(ball), SHORTEST))
        return ascend(objective(model, y), x, ball, rule, steps=1).last


def pgd(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 40,
    step_size: float | None = None,
    restarts: int = 1,
    objective: MakeObjective = misclassify,
    rule: Rule[Any] | None = None,
    start: Images | None = None,
    generator: torch.Generator,
) -> Images:
    """Return the worst images found in the ball by projected gradient ascent.

    Args:
        model: images in [0, 1] to logits; put in evaluation mode meanwhile if it is a module.
        x, y: images (b, c, h, w) and their true labels (b,).
        ball: the threat model.
        steps: gradient steps of each restart.
        step_size: default 2.5 * eps / steps (Madry et al. 2018, p. 12).
        restarts: how many random starts; the worst result is kept for each image.
        objective: what to maximise; `misclassify`, `margin` or `dlr`, say.
        rule: the step rule, instead of `Steepest(step_size)`; `AutoStep()` makes this Auto-PGD.
        start: where the first restart begins (x itself for none at random).
        generator: the source of the random starts.

    Raises:
        InputError: bad images, labels, steps, restarts, or both a step size and a rule.
    """
    search = _Search(ball, steps, step_size, restarts, rule, start)
    return search(model, x, y, objective, _wrong, generator)


def pgd_targeted(
    model: Model,
    x: Images,
    target: Labels,
    ball: Ball,
    *,
    steps: int = 40,
    step_size: float | None = None,
    restarts: int = 1,
    rule: Rule[Any] | None = None,
    start: Images | None = None,
    generator: torch.Generator,
) -> Images:
    """Return images of the ball that the model takes for `target`, where the search finds any.

    Maximises `toward(model, target)`; arguments and errors are those of `pgd`.
    """
    search = _Search(ball, steps, step_size, restarts, rule, start)
    return search(model, x, target, toward, _right, generator)


def pgd_kl(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    steps: int = 10,
    step_size: float | None = None,
    generator: torch.Generator,
) -> Images:
    """Return images whose predictions are far from those at x, by KL divergence: TRADES's attack.

    Starts at x + 0.001 * N(0, 1), where the gradient is not zero. The labels are not used.
    Source: Zhang et al. 2019, Algorithm 1.
    """
    check_images(x, y)
    with frozen(model):
        start = x + 0.001 * normal(x, generator)
        rule = Steepest(step_length(ball, steps) if step_size is None else step_size)
        return ascend(kl_from(model, x), x, ball, rule, steps=steps, start=start).best


def random_search(
    model: Model,
    x: Images,
    y: Labels,
    ball: Ball,
    *,
    tries: int = 1,
    generator: torch.Generator,
) -> Images:
    """Return the worst of `tries` random points of the ball: the control of every attack.

    In high dimension a uniform point of an l2 ball has almost the full length eps. Raises as
    `pgd`.
    """
    return pgd(model, x, y, ball, steps=0, step_size=1.0, restarts=tries, generator=generator)


@dataclass(frozen=True)
class Bound:
    """An attack with its ball and settings filled in; printed, it says what it is."""

    method: Callable[..., Tensor]
    ball: Ball
    settings: Mapping[str, Any]

    def __call__(self, model: Model, x: Images, y: Labels, generator: torch.Generator) -> Images:
        """Return the attacked images."""
        return self.method(model, x, y, self.ball, generator=generator, **self.settings)

    def __str__(self) -> str:
        defaults = {name: p.default for name, p in signature(self.method).parameters.items()}
        shown: dict[str, Any] = {
            name: defaults[name] for name in ("steps", "restarts", "tries") if name in defaults
        }
        shown.update(self.settings)
        words = [f"{name} {getattr(v, '__name__', v)}" for name, v in shown.items()]
        return ", ".join([f"{self.method.__name__} {self.ball}", *words])


def bind(method: Callable[..., Tensor], ball: Ball, **settings: Any) -> Bound:
    """Return an `Attack` from an attack function, a ball and keyword settings.

    Raises:
        InputError: a setting that the attack does not have.
    """
    parameters = signature(method).parameters.values()
    known = {p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY} - {"generator"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise InputError(
            f"{method.__name__} with {', '.join(unknown)}",
            f"settings among {', '.join(sorted(known))}",
        )
    return Bound(method, ball, settings)


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


@dataclass(frozen=True)
class _Search:
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
        success: Callable[[Logits, Labels], Tensor],
        generator: torch.Generator,
    ) -> Images:
        check_images(x, y)
        if self.restarts < 1:
            raise InputError(f"restarts is {self.restarts}", "at least 1", "change restarts")
        if self.rule is not None and self.step_size is not None:
            raise InputError("both rule and step_size", "one of them", "drop step_size")
        size = self.step_size
        rule = self.rule or Steepest(step_length(self.ball, self.steps) if size is None else size)
        worst = _Worst(x)
        with frozen(model):
            watched = worst.watch(model, y, objective, success)
            for restart in range(self.restarts):
                given = self.start if restart == 0 else None
                start = self.ball.sample(x, generator) if given is None else given
                ascend(watched, x, self.ball, rule, steps=self.steps, start=start)
        return worst.images


class _Worst:
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
        success: Callable[[Logits, Labels], Tensor],
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
            self.keep(x.detach(), value.detach(), success(seen[-1], y))
            return value

        return watched

    def keep(self, x: Images, value: Values, done: Tensor) -> None:
        """Take over the points that are worse than those kept, without waiting for the device."""
        wins = (done & ~self.done) | ((done == self.done) & (value > self.value))
        self.images = torch.where(per_example(wins, x), x, self.images)
        self.value = torch.where(wins, value, self.value)
        self.done = self.done | done


def _wrong(z: Logits, y: Labels) -> Tensor:
    return z.argmax(dim=1) != y


def _right(z: Logits, y: Labels) -> Tensor:
    return z.argmax(dim=1) == y
