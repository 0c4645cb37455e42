"""Direct feature visualisation: what would a unit have an image look like?

made = visualize_feature(model, x, unit=17)                    # from images, or from noise(...)
most, least, _ = exemplars(model, data, unit=17)               # print these beside it
"""

from torch import Tensor

from robustlens.types import Images, Model
from robustlens.vision.made import Made, Walk, climb, fitting, layered, wander
from robustlens.vision.units import activated, raised

RMS, STEPS = 0.22, 100


def visualize_feature(
    model: Model,
    x: Images,
    unit: int | Tensor,
    *,
    layer: str | None = None,
    walk: Walk | None = None,
) -> Made:
    """Return the images in which a unit's activation is as high as the walk brings it.

    Source: Engstrom et al. 2019, section 4.1: max R_i from images or noise, l2 1000, 200 steps of
    1 at 224 pixels, with no prior and no regularisation. `numbers` get `before` and `after`. A
    unit behind a ReLU that is off at the start has gradient 0 and stays: see `straight_through`.

    Args:
        unit: of the layer, one for all images or (b,); of a map, the channel, over all places.
        layer: a module by name; default what the head reads.

    Raises:
        InputError: a unit out of range, or images that the model does not take.
    """
    x, net = fitting(model, x), layered(model)
    seen = activated(net, x, unit, layer)
    goal = raised(seen.read, seen.units)
    walk = walk or wander(x, RMS, STEPS)
    made = climb("visualize_feature", goal, x, walk, model=net, layer=layer)
    return made.having(before=seen.before, after=made.numbers["value"])
