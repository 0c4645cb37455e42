"""An attack with everything filled in but model, images and labels.

attack = bind(pgd, L2(1.5), steps=7)
attack(model, x, y, generator)
attack.found(model, x, y, generator).done       # which images it breaks
str(attack)                     # "pgd l2 eps 1.5, steps 7, restarts 1"
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from inspect import Parameter, signature
from typing import Any

import torch
from torch import Tensor

from robustlens.attacks.method import Found, confirmed, guarded
from robustlens.balls import Ball
from robustlens.describe import shown
from robustlens.errors import InputError
from robustlens.types import Images, Labels, Model

SHOWN = ("version", "steps", "queries", "restarts", "grid", "tries", "targets")
HIDDEN = ("failed", "twin", "surrogates")


@dataclass(frozen=True)
class Bound:
    """An attack with its ball and settings filled in; printed, it says what it is."""

    method: Callable[..., Tensor]
    ball: Ball
    settings: Mapping[str, Any]

    def __call__(self, model: Model, x: Images, y: Labels, generator: torch.Generator) -> Images:
        """Return the attacked images."""
        return self.method(model, x, y, self.ball, generator=generator, **self.settings)

    def found(self, model: Model, x: Images, y: Labels, generator: torch.Generator) -> Found:
        """Return the attacked images, which of them succeed, and after how many steps.

        What a function without a `found` of its own returns is judged by the model's decision.
        """
        whole: Callable[..., Found] | None = getattr(self.method, "found", None)
        if whole is not None:
            return whole(model, x, y, self.ball, generator=generator, **self.settings)

        def judged(asked: Model, x: Images, y: Labels) -> Found:
            moved = self(model, x, y, generator)
            return confirmed(asked, x, y, moved, torch.zeros_like(y))

        return guarded(judged, model, x, y)

    @property
    def name(self) -> str:
        """The method's name, with the objective's where one was chosen."""
        chosen = self.settings.get("objective")
        return shown(self.method) + (f" {shown(chosen)}" if chosen else "")

    def worst(self) -> "Bound":
        """Return the attack that gives the worst point met where it fails, as training wants it."""
        has = "failed" in signature(self.method).parameters
        return replace(self, settings={**self.settings, "failed": "worst"}) if has else self

    def on_twin(self, twin: Model | None) -> "Bound":
        """Return the attack that searches on `twin`, if it can."""
        has = "twin" in signature(self.method).parameters
        return replace(self, settings={**self.settings, "twin": twin}) if has else self

    def __described__(self) -> Mapping[str, object]:
        """Return everything the attack reads, settings left at their defaults included."""
        return {"method": self.method, "ball": self.ball, **self._defaults(), **self.settings}

    def __str__(self) -> str:
        defaults = self._defaults()
        words: dict[str, Any] = {name: defaults[name] for name in SHOWN if name in defaults}
        words.update({k: v for k, v in self.settings.items() if k not in HIDDEN})
        said = [f"{name} {shown(v)}" for name, v in words.items()]
        return ", ".join([f"{shown(self.method)} {self.ball}", *said])

    def _defaults(self) -> dict[str, Any]:
        parameters = signature(self.method).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not Parameter.empty}


def bind(method: Callable[..., Tensor], ball: Ball, **settings: Any) -> Bound:
    """Return an `Attack` from an attack function or callable, a ball and keyword settings.

    Keywords of a `functools.partial` are settings too.

    Raises:
        InputError: a setting that the attack does not have.
    """
    given: Any = method
    while isinstance(given, partial) and not given.args:
        given, settings = given.func, {**given.keywords, **settings}
    method = given
    parameters = signature(method).parameters.values()
    known = {p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY} - {"generator"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise InputError(
            f"{shown(method)} with {', '.join(unknown)}",
            f"settings among {', '.join(sorted(known))}",
        )
    return Bound(method, ball, settings)
