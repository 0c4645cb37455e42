"""What every tool returns, and the one place where they all walk: one call of `ascend`.

    walk = Walk(L2(12), Steepest(0.5), steps=60, frames=12)      # how far, how, how long
    made = generate(model, seeds, labels, walk=walk, generator=stream(0, "ships"))
    made.images, made.trace, made.numbers["moved"], made.frames

A tool is an objective, a ball, a start: nothing else is done to an image. The last point is
returned, as in the papers, and not the best one.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from robustlens.ascend import ascend
from robustlens.attacks.method import check_images
from robustlens.balls import L2, Ball, Masked
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.progress import part_done
from robustlens.rules import Project, Rule, Steepest
from robustlens.types import Images, Labels, Model, Objective, Points, Values

S = TypeVar("S")
STRIDES = 24
"""Steps of the default length that cross the radius of a ball."""


@dataclass(frozen=True)
class Walk:
    """How far images may go, by which rule, how many steps; and how many frames are kept of it.

    `frames` evenly spaced points are kept, the first and the last among them: for an animation.
    Raises `InputError` for steps < 0 or frames that are 1 or negative.
    """

    ball: Ball
    rule: Rule[Any]
    steps: int
    frames: int = 0

    def __post_init__(self) -> None:
        if self.steps < 0 or self.frames < 0 or self.frames == 1:
            raise InputError(
                f"steps {self.steps}, frames {self.frames}", "steps >= 0, frames 0 or at least 2"
            )

    def within(self, mask: Tensor) -> "Walk":
        """Return the walk that changes pixels of a mask only."""
        return replace(self, ball=Masked(self.ball, mask))


def wander(x: Images, rms: float, steps: int, strides: float = STRIDES) -> Walk:
    """Return the default walk of a tool, for images of any size.

    The l2 ball in which a pixel changes by `rms` in the root mean square, and `strides` steps to
    its radius: for 32 x 32 colour images and rms 0.22, L2(12) and steps of 0.5.
    """
    radius = rms * math.sqrt(math.prod(x.shape[1:]))
    return Walk(L2(radius), Steepest(radius / strides), steps)


@dataclass(frozen=True, eq=False)
class Made:
    """Pictures that a tool made, how it came to them, and what can be counted.

    `numbers` has a value for each image: `value`, the objective at the end; `moved`, the l2
    distance from the center of the ball; `not_finite`, at how many points the net gave no number;
    and those of the tool. `settings` can be written as JSON.
    """

    images: Points  # images (b, c, h, w), but for what a prior is made of
    start: Points  # where the walk began
    trace: Tensor  # (steps + 1, b): the objective at every point, the start included
    numbers: Mapping[str, Values]
    settings: Mapping[str, Any]
    frames: Tensor | None = None  # (frames, b, c, h, w), the start first and `images` last

    def having(self, **numbers: Values) -> "Made":
        """Return the same with more numbers."""
        return replace(self, numbers={**self.numbers, **numbers})

    def groups(self, points: int) -> Tensor:
        """Return the images of a tool that makes `points` of each, (b, points, c, h, w)."""
        return self.images.view(-1, points, *self.images.shape[1:])


@dataclass(frozen=True, eq=False)
class Filmed(Generic[S]):
    """A rule that steps as another does, keeps the points at some steps in `film`, and moves the
    progress bar that there may be.
    """

    rule: Rule[S]
    at: frozenset[int]
    film: list[Points]
    steps: int

    def init(self, x: Points, ball: Ball, steps: int) -> tuple[int, S]:
        """Return the step, 0, and the state of the rule."""
        return 0, self.rule.init(x, ball, steps)

    def update(
        self,
        x: Points,
        gradient: Points,
        value: Values,
        state: tuple[int, S],
        project: Project,
        ball: Ball,
    ) -> tuple[Points, tuple[int, S]]:
        """Keep x if it is one of the frames, and return what the rule makes of it."""
        step, inner = state
        if step in self.at:
            self.film.append(x)
        point, inner = self.rule.update(x, gradient, value, inner, project, ball)
        part_done((step + 1) / self.steps, "")
        return point, (step + 1, inner)


def climb(
    tool: str,
    objective: Objective,
    center: Points,
    walk: Walk,
    *,
    model: Model,
    start: Points | None = None,
    **settings: Any,
) -> Made:
    """Return the last point of one ascent around `center`, with the model frozen.

    Args:
        tool, settings: what is written down beside ball, rule and steps.
        objective: made of `model`. start: the first point, projected; default the center.
    """
    film: list[Points] = []
    at = frozenset(_frames(walk))
    rule: Rule[Any] = Filmed(walk.rule, at, film, walk.steps)
    with torch.inference_mode(False), frozen(model):
        center = center.clone() if center.is_inference() else center
        found = ascend(objective, center, walk.ball, rule, steps=walk.steps, start=start)
        if at:
            film.append(found.last)
        begun = walk.ball.project(center if start is None else start.to(center), center)
        numbers = {
            "value": found.trace[-1],
            "moved": torch.linalg.vector_norm((found.last - center).flatten(1), dim=1),
            "not_finite": found.not_finite.to(center.dtype),
        }
    said = {"ball": str(walk.ball), "rule": repr(walk.rule), "steps": walk.steps}
    return Made(
        found.last,
        begun,
        found.trace,
        numbers,
        {"tool": tool, **said, **settings},
        torch.stack(film) if film else None,
    )


def _frames(walk: Walk) -> list[int]:
    """Return the steps before which a frame is kept; the last frame is kept at the end."""
    count = min(walk.frames, walk.steps + 1)
    return [round(k * walk.steps / (count - 1)) for k in range(count - 1)] if count > 1 else []


def fitting(model: Model, x: Images) -> Images:
    """Return images that are images, and that the model takes; at least one.

    Raises:
        InputError: pixels that are none, no image, or a size or number of channels at which the
            model fails.
    """
    check_images(x, torch.zeros(len(x), dtype=torch.int64))
    if not len(x):
        raise InputError("no image", "at least one", "change x")
    try:
        with frozen(model), torch.no_grad():
            model(x[:1].clone())  # it may write into its input
    except (RuntimeError, ValueError, TypeError) as error:
        raise InputError(
            f"images of shape {tuple(x.shape[1:])}, at which the model fails ({error})",
            "the number of channels and a size that the model takes",
            "resize the images, or use another model",
        ) from error
    return x.detach()


def seen_by(model: Model, look: Callable[[Images], Tensor], x: Images) -> Tensor:
    """Return what `look`, made of the model, says of images: the model frozen, no gradient."""
    with frozen(model), torch.no_grad():
        return look(x)


def labels_for(x: Images, target: Tensor | int) -> Labels:
    """Return one class an image, (b,) int64 where the images are.

    Raises:
        InputError: it is neither a class nor one for each image.
    """
    if isinstance(target, bool) or not isinstance(target, int | Tensor):
        raise InputError(f"target {target!r}", "a class index, or a tensor of one an image")
    y = torch.as_tensor(target, device=x.device)
    if y.dtype != torch.int64 or y.dim() > 1 or (y.dim() == 1 and len(y) not in (1, len(x))):
        raise InputError(
            f"target of {y.dtype} and shape {tuple(y.shape)}",
            f"a class index, or an int64 tensor of shape ({len(x)},)",
            "change target",
        )
    return y.expand(len(x)).contiguous()


def layered(model: Model) -> nn.Module:
    """Return a model that has layers to read; raise `InputError` for a plain function."""
    if not isinstance(model, nn.Module):
        raise InputError(
            f"a model that is a {type(model).__name__}", "a torch.nn.Module, with layers to read"
        )
    return model
