"""One step of a push: a call of `ascend` with one step, and what the net said at its end.

heard = Heard(model)
image, chances = step(heard, anchor, label, Walk(L2(12), Steepest(0.5), steps=1), image)

The net's answer at the point that is reached is noted as the objective asks for it, so that the
bars of the page cost no pass of their own.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from robustlens.answers import Answers
from robustlens.balls import L2, Ball, Linf
from robustlens.errors import InputError
from robustlens.nets.reading import reader
from robustlens.objectives import toward
from robustlens.rules import Steepest
from robustlens.types import Images, Logits, Representation
from robustlens.vision.made import Walk, climb, seen_by
from robustlens.vision.straight import straight_through
from robustlens.vision.units import raised, units_for

NORMS: Mapping[str, Callable[[float], Ball]] = {"l2": L2, "linf": Linf}
MOST = 1000
"""Steps of one push."""


@dataclass(frozen=True, kw_only=True)
class Push:
    """Steps towards a class, or, with `unit`, to more of a unit; each in a ball at the anchor."""

    label: int = 0
    unit: int | None = None
    steps: int = 1
    strength: float = 1.0  # length of a step, in the norm
    eps: float = 40.0
    norm: str = "l2"

    def ball(self) -> Ball:
        """Return the ball; raise `InputError` for a norm, radius or step that there is not."""
        if self.norm not in NORMS:
            raise InputError(f"norm {self.norm!r}", " or ".join(NORMS), "change norm")
        if not (self.strength > 0 and self.eps > 0 and 1 <= self.steps <= MOST):
            raise InputError(
                f"strength {self.strength}, eps {self.eps}, steps {self.steps}",
                f"strength > 0, eps > 0 and 1 to {MOST} steps",
            )
        return NORMS[self.norm](self.eps)

    def walk(self) -> Walk:
        """Return one step of it; raises as `ball`."""
        return Walk(self.ball(), Steepest(self.strength), steps=1)


class _Again(torch.autograd.Function):
    """An answer z that was given at x already, with its gradient from the pass of then."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, point: Tensor, z: Tensor) -> Tensor:
        ctx.pass_of_then = point, z
        return z.detach().clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        point, z = ctx.pass_of_then
        return torch.autograd.grad(z, point, gradient, retain_graph=True)[0], None, None


class Heard:
    """A net that is asked as `Answers` asks, and its last answer (b, k).

    A step ends with an answer at the point where the next one begins: it is not asked for twice.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = still(model)
        self.answers = Answers(self.model)
        self.last: Logits | None = None
        self.before: tuple[Images, Logits] | None = None  # a point, and the answer with its graph
        self.read: Representation | None = None

    def __call__(self, x: Images) -> Logits:
        """Return the logits, and note them."""
        if torch.is_grad_enabled():
            if self.before is not None and torch.equal(self.before[0], x):
                again: Logits = _Again.apply(x, *self.before)  # type: ignore[no-untyped-call]
                return again
            z = self.answers(x)
        else:
            with torch.enable_grad():
                point = x.detach().requires_grad_(True)
                found = self.answers(point)
            self.before, z = (point, found), found.detach()
        self.last = z.detach()
        return z

    def reader(self, x: Images) -> Representation:
        """Return what reads the net's representation; its head is looked for once."""
        if self.read is None:
            self.read = reader(self.model, None, x)
        return self.read


def still(model: nn.Module) -> nn.Module:
    """Return a model in evaluation mode without gradients to its weights: itself, or a copy.

    Many desks share it, step by step, so that none may freeze it and set it free again.
    """
    wanted = any(parameter.requires_grad for parameter in model.parameters())
    if not wanted and not any(part.training for part in model.modules()):
        return model
    return deepcopy(model).eval().requires_grad_(False)


class Taken(NamedTuple):
    """A step that was taken: the picture (1, c, h, w), and the net's probabilities there, (k,)."""

    image: Images
    chances: Tensor


def step(heard: Heard, anchor: Images, label: int, walk: Walk, x: Images) -> Taken:
    """Return x after one step towards a class, within the walk's ball around the anchor."""
    goal = toward(heard, torch.tensor([label], device=x.device))
    image = climb("push", goal, anchor, walk, model=heard, start=x).images
    assert heard.last is not None
    return Taken(image, heard.last.softmax(dim=1)[0])


def feature_step(heard: Heard, anchor: Images, unit: int, walk: Walk, x: Images) -> Taken:
    """Return x after one step to more of a unit of what the head reads; a unit that is off starts.

    Raises:
        InputError: no such unit, or no linear head.
    """
    read = heard.reader(x)
    units = units_for(x, unit, seen_by(heard.model, read, x).shape[1])
    goal = raised(read, units)
    with straight_through(heard.model):
        image = climb("push", goal, anchor, walk, model=heard, start=x).images
    return Taken(image, seen_by(heard.model, heard, image).softmax(dim=1)[0])
