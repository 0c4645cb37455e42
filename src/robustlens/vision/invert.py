"""Inversion: an image that the net cannot tell from another one, from anywhere.

made = invert(model, x, noise(len(x), (3, 32, 32), generator=stream(0, "noise")))
made.numbers["distance"]                     # ||R(image) - R(x)|| / ||R(x)||
"""

import math

from torch import Tensor

from robustlens.balls import Box
from robustlens.nets.reading import reader
from robustlens.rules import Steepest
from robustlens.types import Images, Model
from robustlens.vision.made import Made, Walk, climb, fitting, layered
from robustlens.vision.matching import goal_of, same_shape

RATE, STEPS = 0.0015, 400
"""The root mean square change of a pixel in a step; for 32 x 32 colour images 0.083."""


def freely(x: Images) -> Walk:
    """Return the default walk: no bound but [0, 1]. Rules that divide by each pixel's own gradient
    (Adam) end nearer, with grain in every direction that the net hardly sees.
    """
    return Walk(Box(), Steepest(RATE * math.sqrt(math.prod(x.shape[1:]))), STEPS)


def invert(
    model: Model, x: Images, start: Tensor, *, layer: str | None = None, walk: Walk | None = None
) -> Made:
    """Return images whose representation is that of x, found from `start`.

    Source: Engstrom et al. 2019, section 3: min ||R(x') - R(x)|| / ||R(x)|| from N(0.5, 1/20^2) or
    another image, l2 1000, 10,000 steps of 1 at 224 pixels; the last point is taken. With a robust
    net the pictures look like x, with a standard net like the start, at the same distance.
    `numbers` get `distance`, that relative distance.

    Raises:
        InputError: starts of another shape, a representation that is 0, or images that the model
            does not take.
    """
    x, net = fitting(model, x), layered(model)
    start = fitting(model, same_shape(start, x))
    read = reader(net, layer, x)
    goal = goal_of(net, read, x)
    walk = freely(x) if walk is None else walk
    made = climb("invert", goal, start, walk, model=net, layer=layer)
    return made.having(distance=-made.numbers["value"])
