"""Threats that are no norm balls: a family of changes with a few parameters.

    threat = Chain((Spatial(degrees=30, shift=0.1), Colour()))
    threat.apply(x, theta)                        # images; theta (b, threat.parameters) in [0, 1]
    transform_search(model, x, y, threat, generator=g)

The adversary chooses theta, a point of the unit box, and nothing else. So the engine can search
it as it searches images: `ascend` over theta in the ball `Box()`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from robustlens.balls import L2, Ball
from robustlens.errors import InputError
from robustlens.norms import per_example
from robustlens.streams import Draws
from robustlens.types import Images, Points, Values


@runtime_checkable
class Threat(Ball, Protocol):
    """A family of changes; as a `Ball` it is the set of the changed images.

    That set has no projection: `Family.project` and `Family.steepest` refuse, and attacks made
    for norm balls end in an error that names `transform_search`.
    """

    @property
    def parameters(self) -> int:
        """How many numbers theta has."""
        ...

    @property
    def neutral(self) -> tuple[float, ...]:
        """The theta that changes nothing."""
        ...

    def apply(self, x: Images, theta: Tensor) -> Images:
        """Return the changed images, in [0, 1]; bitwise x where theta is neutral."""
        ...


class Family(ABC):
    """What threats have in common; a new one states `parameters`, `neutral` and `changed`."""

    @property
    @abstractmethod
    def parameters(self) -> int:
        """How many numbers theta has."""

    @property
    def neutral(self) -> tuple[float, ...]:
        """The theta that changes nothing: the middle of the box, unless stated otherwise."""
        return (0.5,) * self.parameters

    @abstractmethod
    def changed(self, x: Images, theta: Tensor) -> Images:
        """Return the changed images, before they are clipped to [0, 1]; differentiable in theta."""

    def apply(self, x: Images, theta: Tensor) -> Images:
        """Return the changed images, in [0, 1]; bitwise x where theta is neutral.

        Differentiable in theta, also at the neutral one. Each image depends on its own theta only.
        Raises `InputError` unless theta is (b, parameters).
        """
        if theta.shape != (len(x), self.parameters):
            raise InputError(
                f"theta of shape {tuple(theta.shape)} for {len(x)} images",
                f"shape ({len(x)}, {self.parameters}), numbers in [0, 1]",
                "change theta",
            )
        moved = self.changed(x, theta).clamp(0.0, 1.0)
        same = (theta == theta.new_tensor(self.neutral)).all(dim=1)
        exact = torch.where(per_example(same, x), x.detach(), moved.detach())
        return exact + (moved - moved.detach()) if moved.requires_grad else exact

    def project(self, x: Points, center: Points) -> Points:
        """Refuse: which changed image is nearest is not known."""
        raise self._refusal()

    def steepest(self, gradient: Points, x: Points) -> Points:
        """Refuse: steps are taken over theta, not over pixels."""
        raise self._refusal()

    def sample(self, center: Points, generator: torch.Generator) -> Points:
        """Return each image changed by a theta uniform in the box."""
        draws = Draws.of(center, generator)
        return self.apply(center, draws.uniform(self.parameters)) if self.parameters else center

    def distance(self, x: Points, center: Points) -> Values:
        """Return the l2 distance in pixels: how much has changed, not how far theta went."""
        return L2(0.0).distance(x, center)

    def _refusal(self) -> InputError:
        return InputError(
            f"{self} in an attack on norm balls",
            "transform_search, which searches its parameters",
            "change the attack",
        )


@dataclass(frozen=True)
class Chain(Family):
    """One threat after another: theta is theirs side by side."""

    threats: tuple[Family, ...]

    def __str__(self) -> str:
        return ", then ".join(str(threat) for threat in self.threats)

    @property
    def parameters(self) -> int:
        """As many as all of them together."""
        return sum(threat.parameters for threat in self.threats)

    @property
    def neutral(self) -> tuple[float, ...]:
        """The neutral points of all of them."""
        return tuple(value for threat in self.threats for value in threat.neutral)

    def changed(self, x: Images, theta: Tensor) -> Images:
        """Return the images changed by each threat in turn."""
        sizes = [threat.parameters for threat in self.threats]
        for threat, part in zip(self.threats, torch.split(theta, sizes, dim=1), strict=True):
            x = threat.apply(x, part)
        return x
