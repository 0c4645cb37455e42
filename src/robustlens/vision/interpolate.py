"""Interpolation between any two inputs: a straight line in what the net sees.

made = interpolate(model, a, b, points=10)
made.groups(10)                                        # (b, 10, c, h, w), from a to b
"""

import torch

from robustlens.errors import InputError
from robustlens.nets.reading import reader
from robustlens.types import Images, Model
from robustlens.vision.invert import freely
from robustlens.vision.made import Made, Walk, climb, fitting, layered, seen_by
from robustlens.vision.matching import same_shape, to_match


def interpolate(
    model: Model,
    a: Images,
    b: Images,
    *,
    points: int = 10,
    layer: str | None = None,
    walk: Walk | None = None,
) -> Made:
    """Return `points` images on the way from each of a to each of b, the ends included.

    Source: Engstrom et al. 2019, section 4.1: image k matches (1 - l) R(a) + l R(b), with
    l = k / (points - 1), and begins at the same mixture of the pixels. `images` has the way of the
    first pair, then that of the second. `numbers` get `distance`, to the target relative to its
    length, and `way`, how far along: <R - R(a), R(b) - R(a)> / ||R(b) - R(a)||^2, ideally l.

    Raises:
        InputError: points < 2, a and b of different shapes, or a representation that is 0.
    """
    if points < 2:
        raise InputError(f"points is {points}", "at least 2, the two ends", "change points")
    a, net = fitting(model, a), layered(model)
    b = fitting(model, same_shape(b, a))
    read = reader(net, layer, a)
    from_a, from_b = (seen_by(net, read, x).repeat_interleave(points, dim=0) for x in (a, b))
    share = torch.linspace(0.0, 1.0, points, dtype=a.dtype, device=a.device).repeat(len(a))
    target = torch.lerp(from_a, from_b, share.view(-1, *(1,) * (from_a.dim() - 1)))
    mixed = torch.lerp(
        a.repeat_interleave(points, dim=0),
        b.repeat_interleave(points, dim=0),
        share.view(-1, 1, 1, 1),
    )
    walk = freely(a) if walk is None else walk
    goal = to_match(read, target)
    made = climb("interpolate", goal, mixed, walk, model=net, layer=layer, points=points)
    line = (from_b - from_a).flatten(1)
    along = ((seen_by(net, read, made.images) - from_a).flatten(1) * line).sum(dim=1)
    length = line.square().sum(dim=1)
    way = along / torch.where(length > 0, length, 1.0)
    return made.having(distance=-made.numbers["value"], way=way)
