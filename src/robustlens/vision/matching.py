"""A representation to be matched: checked once, then `objectives.match`."""

import torch
from torch import Tensor, nn

from robustlens.errors import InputError
from robustlens.objectives import match
from robustlens.types import Images, Objective, Representation
from robustlens.vision.made import seen_by


def goal_of(model: nn.Module, read: Representation, x: Images) -> Objective:
    """Return the objective that is largest, 0, at the representations of x."""
    return to_match(read, seen_by(model, read, x))


def to_match(read: Representation, target: Tensor) -> Objective:
    """Return `match` for representations that are not 0; raise `InputError` for those that are."""
    dark = ~(torch.linalg.vector_norm(target.flatten(1), dim=1) > 0)
    if dark.any():
        raise InputError(
            f"a representation that is 0 or no number, of image {int(dark.nonzero()[0])}",
            "units that answer to the image: a distance is counted in lengths of it",
            "choose another image or layer",
        )
    return match(read, target)


def same_shape(start: Tensor, x: Images) -> Images:
    """Return `start`, one an image of x; raise `InputError` where the shapes differ."""
    if start.shape != x.shape:
        raise InputError(
            f"images of shape {tuple(start.shape)} beside {tuple(x.shape)}",
            "as many images, of one size",
            "resize or repeat them",
        )
    return start.to(x)
