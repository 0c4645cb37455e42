"""An attack with everything filled in but model, images and labels.

attack = bind(pgd, L2(1.5), steps=7)
attack(model, x, y, generator)
str(attack)                     # "pgd l2 eps 1.5, steps 7, restarts 1"
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor

from robustlens.balls import Ball
from robustlens.errors import InputError
from robustlens.types import Images, Labels, Model


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
