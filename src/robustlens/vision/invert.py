"""Inversion: an image that the net cannot tell from another one, from anywhere.

made = invert(model, x, noise(len(x), (3, 32, 32), generator=stream(0, "noise")))
made.numbers["distance"]                     # ||R(image) - R(x)|| / ||R(x)||
"""

from robustlens.balls import Box
from robustlens.rules import Adam
from robustlens.types import Images, Model
from robustlens.vision.made import Made, Walk, climb, fitting, layered
from robustlens.vision.matching import goal_of, same_shape
from robustlens.vision.reader import reader

STEPS, RATE = 300, 0.02
WALK = Walk(Box(), Adam(RATE), STEPS)
"""No bound but [0, 1]. Adam ends nearer than steps of one length, which go to and fro."""


def invert(
    model: Model, x: Images, start: Images, *, layer: str | None = None, walk: Walk | None = None
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
    walk = WALK if walk is None else walk
    made = climb("invert", goal, start, walk, model=net, layer=layer)
    return made.having(distance=-made.numbers["value"])
