"""What to compare with: a prior on pictures, under which a standard net gives some too.

    prior = MultiResolution((1, 2, 4, 8, 16, 32), jitter=3)
    made = with_prior(model, goal, x, prior, generator=stream(0, "jitter"))     # CONTROL only

A picture made with a prior shows the prior too. Another engine, without one, is a net smoothed by
noise: any tool takes `smoothing.smoothed(model, 0.25, m=8)` as it takes any model.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from robustlens.answers import Answers
from robustlens.balls import Box
from robustlens.errors import InputError
from robustlens.objectives import toward
from robustlens.rules import Adam
from robustlens.streams import normal
from robustlens.types import Images, Model, Objective, Points, Values
from robustlens.vision.made import Made, Walk, climb, fitting, labels_for, seen_by

WALK = Walk(Box(), Adam(0.01), 100)
MARGIN = 0.02
"""How far from 0 and 1 a start is kept: its logits must be finite."""


@dataclass(frozen=True)
class MultiResolution:
    """An image as a sum of images at several resolutions, seen shifted and under noise.

    image = sigmoid(logit(start) + gain * sum of enlarged (z - 1/2)), with all z in [0, 1]. A step
    along the gradient moves slow waves as much as fast ones, which is what makes pictures of it.
    Source: Fort & Whitaker 2025 (Direct Ascent Synthesis), sections 2 and 3; the sigmoid is ours.

    Args:
        resolutions: sides of the square images that are added up.
        jitter: every step sees the image shifted by up to so many pixels, edges coming back.
        noise: standard deviation of the noise that every step sees.
    """

    resolutions: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    gain: float = 1.5
    jitter: int = 3
    noise: float = 0.1

    def __post_init__(self) -> None:
        if not self.resolutions or min(self.resolutions) < 1 or not self.gain > 0:
            raise InputError(
                f"resolutions {self.resolutions}, gain {self.gain}",
                "at least one side >= 1, and gain > 0",
            )
        if self.jitter < 0 or not self.noise >= 0:
            raise InputError(f"jitter {self.jitter}, noise {self.noise}", "numbers >= 0")

    def parts(self, x: Images) -> Points:
        """Return z of the images x themselves, (b, d): 1/2 everywhere."""
        count = sum(x.shape[1] * side**2 for side in self.resolutions)
        return x.new_full((len(x), count), 0.5)

    def decoder(self, x: Images) -> Callable[[Points], Images]:
        """Return the function from z to images (b, c, h, w), with x at z = 1/2."""
        c, h, w = x.shape[1:]
        base = torch.logit(x.clamp(MARGIN, 1 - MARGIN))
        lengths = [c * side**2 for side in self.resolutions]

        def decode(z: Points) -> Images:
            total = base
            for side, flat in zip(self.resolutions, torch.split(z, lengths, dim=1), strict=True):
                part = (flat - 0.5).view(len(z), c, side, side)
                total = total + self.gain * interpolate(part, size=(h, w), mode="bilinear")
            return total.sigmoid()

        return decode


def with_prior(
    model: Model,
    objective: Objective,
    x: Images,
    prior: MultiResolution,
    *,
    walk: Walk = WALK,
    generator: torch.Generator,
) -> Made:
    """Return what an objective of the model makes of x, when pictures are sums over resolutions.

    A control, not a tool: the same `ascend`, whose points are the parts of the prior. The ball of
    the walk is around the parts, and `moved` is counted among them.
    """
    x = fitting(model, x)
    decode = prior.decoder(x)

    def goal(z: Points) -> Values:
        seen = decode(z)
        if prior.jitter:
            reach = 2 * prior.jitter + 1
            draw = torch.randint(reach, (2,), generator=generator, device=generator.device)
            down, right = (int(shift) - prior.jitter for shift in draw)
            seen = seen.roll((down, right), dims=(2, 3))
        if prior.noise:
            seen = seen + prior.noise * normal(seen[0], generator)
        return objective(seen)

    made = climb("with_prior", goal, prior.parts(x), walk, model=model, prior=repr(prior))
    frames = None if made.frames is None else torch.stack([decode(z) for z in made.frames])
    return Made(
        decode(made.images), x, made.trace, made.numbers, {**made.settings, "control": True}, frames
    )


def generate_with_prior(
    model: Model,
    x: Images,
    target: Tensor | int,
    *,
    prior: MultiResolution | None = None,
    walk: Walk = WALK,
    generator: torch.Generator,
) -> Made:
    """Return images pushed towards a class with a prior on pictures: the control of `generate`.

    Raises:
        InputError: images or targets that do not fit the model.
    """
    y = labels_for(x, target)
    sides = tuple(2**k for k in range(1 + int(math.log2(min(x.shape[2:])))))
    asked = Answers(model, y)
    prior = MultiResolution(sides) if prior is None else prior
    made = with_prior(model, toward(asked, y), x, prior, walk=walk, generator=generator)
    chance = seen_by(model, lambda images: toward(asked, y)(images).exp(), made.images)
    return made.having(probability=chance)
