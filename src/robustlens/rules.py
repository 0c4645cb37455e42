"""How to walk uphill: from a gradient to the next point, always by way of the projection.

    ascend(objective, x, Linf(8 / 255), Steepest(2 / 255), steps=20)
    ascend(objective, x, Linf(8 / 255), AutoStep(), steps=100)      # chooses its step sizes

A rule is a value; what it remembers between steps is a state that the engine carries.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from robustlens.balls import Ball, radius
from robustlens.errors import InputError
from robustlens.norms import per_example
from robustlens.types import Points, Values

S = TypeVar("S")
Project = Callable[[Tensor], Tensor]
"""The ball's projection, with the center already given."""


@runtime_checkable
class Rule(Protocol[S]):
    """A step rule with a state of type S."""

    def init(self, x: Points, ball: Ball, steps: int) -> S:
        """Return the state before the first step, for a start `x` and a number of steps."""
        ...

    def update(
        self, x: Points, gradient: Points, value: Values, state: S, project: Project, ball: Ball
    ) -> tuple[Points, S]:
        """Return the next point, projected, and the next state."""
        ...


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise InputError(f"{name} is {value!r}", "a number > 0", f"change {name}")


@dataclass(frozen=True)
class Steepest:
    """Projected steepest ascent with a fixed step length, in the norm of the ball.

    Source: Madry et al. 2018, section 2.1 (PGD).
    """

    step_size: float

    def __post_init__(self) -> None:
        _positive("step_size", self.step_size)

    def init(self, x: Points, ball: Ball, steps: int) -> None:
        """Return None: nothing is remembered."""

    def update(
        self, x: Points, gradient: Points, value: Values, state: None, project: Project, ball: Ball
    ) -> tuple[Points, None]:
        """Return project(x + step_size * steepest(gradient))."""
        return project(torch.add(x, ball.steepest(gradient, x), alpha=self.step_size)), None


@dataclass(frozen=True)
class Momentum:
    """Steepest ascent along a decaying sum of gradients, each divided by its mean |entry|.

    Source: Dong et al. 2018, Algorithm 1 (MI-FGSM), with l1 normalisation up to the constant d.
    """

    step_size: float
    decay: float = 1.0

    def __post_init__(self) -> None:
        _positive("step_size", self.step_size)

    def init(self, x: Points, ball: Ball, steps: int) -> Tensor:
        """Return zero velocity."""
        return torch.zeros_like(x)

    def update(
        self,
        x: Points,
        gradient: Points,
        value: Values,
        state: Tensor,
        project: Project,
        ball: Ball,
    ) -> tuple[Points, Tensor]:
        """Return the step along the velocity, and the velocity."""
        most = torch.finfo(gradient.dtype).max  # a sum may leave the range of floats
        size = per_example(gradient.flatten(1).abs().mean(dim=1).clamp_max(most), x)
        velocity = self.decay * state + gradient / torch.where(size > 0, size, 1.0)
        return project(x + self.step_size * ball.steepest(velocity, x)), velocity


class AdamState(NamedTuple):
    """First and second moments, and the number of steps taken."""

    mean: Tensor
    square: Tensor
    step: int


@dataclass(frozen=True)
class Adam:
    """Projected Adam on the pixels (Kingma & Ba 2015, Algorithm 1), maximising."""

    lr: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        _positive("lr", self.lr)

    def init(self, x: Points, ball: Ball, steps: int) -> AdamState:
        """Return zero moments."""
        return AdamState(torch.zeros_like(x), torch.zeros_like(x), 0)

    def update(
        self,
        x: Points,
        gradient: Points,
        value: Values,
        state: AdamState,
        project: Project,
        ball: Ball,
    ) -> tuple[Points, AdamState]:
        """Return project(x + lr * mean / (sqrt(square) + epsilon)), bias-corrected."""
        step = state.step + 1
        mean = torch.lerp(gradient, state.mean, self.beta1)
        square = torch.lerp(gradient.square(), state.square, self.beta2)
        scale = (square / (1 - self.beta2**step)).sqrt_().add_(self.epsilon)
        moved = x + self.lr / (1 - self.beta1**step) * mean / scale
        return project(moved), AdamState(mean, square, step)


class AutoState(NamedTuple):
    """What Auto-PGD remembers; tensors have one entry, or one image, per example."""

    step_size: Values
    previous: Points
    previous_value: Values
    best: Points
    best_gradient: Points
    best_value: Values
    rises: Values
    reduced: Tensor
    best_value_then: Values
    step: int
    checkpoints: tuple[int, ...]


@dataclass(frozen=True)
class AutoStep:
    """Auto-PGD: momentum, and a step size that halves where progress stalls; none to choose.

    Each example starts with step size 2 eps. At checkpoints (22 % of the steps, then ever closer,
    at least 6 % apart) its step is halved and the walk goes on from its best point, when fewer
    than `rho` of the steps since the last checkpoint raised the objective, or when neither its
    step size nor its best value changed since then.
    Source: Croce & Hein 2020, Algorithm 1, with the check as soon as the checkpoint's own point
    is scored, as in the authors' code; the pseudo-code walks one step more before it goes back.
    Needs a ball with an `eps`.
    """

    rho: float = 0.75
    alpha: float = 0.75

    def init(self, x: Points, ball: Ball, steps: int) -> AutoState:
        """Return the state at a start `x`; raise `InputError` for a ball without a radius."""
        low = torch.full_like(x.flatten(1)[:, 0], -torch.inf)
        return AutoState(
            step_size=torch.full_like(low, 2 * radius(ball)),
            previous=x,
            previous_value=low,
            best=x,
            best_gradient=torch.zeros_like(x),
            best_value=low,
            rises=torch.zeros_like(low),
            reduced=torch.zeros_like(low, dtype=torch.bool),
            best_value_then=low,
            step=0,
            checkpoints=checkpoints(steps),
        )

    def update(
        self,
        x: Points,
        gradient: Points,
        value: Values,
        state: AutoState,
        project: Project,
        ball: Ball,
    ) -> tuple[Points, AutoState]:
        """Return the momentum step from x, or from the best point where the walk stalled."""
        state = _score(x, gradient, value, state)
        if state.step in state.checkpoints:
            x, gradient, state = self._check(x, gradient, state)
        size = per_example(state.step_size, x)
        z = project(torch.addcmul(x, size, ball.steepest(gradient, x)))
        if state.step > 0:
            z = project(x + self.alpha * (z - x) + (1 - self.alpha) * (x - state.previous))
        return z, state._replace(previous=x, previous_value=value, step=state.step + 1)

    def _check(
        self, x: Points, gradient: Points, state: AutoState
    ) -> tuple[Points, Points, AutoState]:
        """Halve the step and go back to the best point where the walk stalled."""
        here = state.checkpoints.index(state.step)
        since = state.step - (state.checkpoints[here - 1] if here else 0)
        stalled = ~state.reduced & (state.best_value <= state.best_value_then)
        halve = (state.rises < self.rho * since) | stalled
        pick = per_example(halve, x)
        state = state._replace(
            step_size=torch.where(halve, state.step_size / 2, state.step_size),
            rises=torch.zeros_like(state.rises),
            reduced=halve,
            best_value_then=state.best_value,
        )
        x = torch.where(pick, state.best, x)
        return x, torch.where(pick, state.best_gradient, gradient), state


def _score(x: Points, gradient: Points, value: Values, state: AutoState) -> AutoState:
    """Count a rise and keep the best point so far, with its gradient."""
    better = value > state.best_value
    pick = per_example(better, x)
    rose = (value > state.previous_value) if state.step > 0 else torch.zeros_like(better)
    return state._replace(
        best=torch.where(pick, x, state.best),
        best_gradient=torch.where(pick, gradient, state.best_gradient),
        best_value=torch.where(better, value, state.best_value),
        rises=state.rises + rose,
        best_value_then=state.best_value_then if state.step > 0 else value,
    )


def checkpoints(steps: int) -> tuple[int, ...]:
    """Return the steps at which Auto-PGD reconsiders: w_j = ceil(p_j * steps).

    p_0 = 0, p_1 = 0.22, p_{j+1} = p_j + max(p_j - p_{j-1} - 0.03, 0.06), kept as whole per cents.
    """
    before, now, found = 0, 22, []
    while now <= 100:
        found.append(-(-now * steps // 100))
        before, now = now, now + max(now - before - 3, 6)
    return tuple(dict.fromkeys(found))
