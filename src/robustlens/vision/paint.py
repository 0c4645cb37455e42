"""Painting with a feature: one unit, in the region that someone marked.

made = paint_feature(model, x, mask, unit=17)
made = paint_feature(model, made.images, elsewhere, unit=4)       # and then another
"""

from torch import Tensor

from robustlens.types import Images, Model
from robustlens.vision.inpaint import changed_outside
from robustlens.vision.made import Made, Walk, climb, fitting, layered, wander
from robustlens.vision.starts import checked_mask
from robustlens.vision.units import activated, raised

RMS, STEPS = 0.07, 60
"""Of the whole image, though only the region may change."""


def paint_feature(
    model: Model,
    x: Images,
    mask: Tensor,
    unit: int | Tensor,
    *,
    layer: str | None = None,
    walk: Walk | None = None,
) -> Made:
    """Return the images with a unit raised by pixels under the mask alone.

    Source: Santurkar et al. 2019, section 4.4: max 0.1 R_i - 90 mean((x0 - x)^2 (1 - m)), l2 70,
    140 steps of 1 at 224 pixels. Here the region is held by the ball, so that nothing else
    changes: `outside` is 0. `before` and `after` are the unit's activations.

    Args:
        mask: boolean, (h, w) or one an image: True where to paint. All may be True.
        unit: of the layer, one for all images or (b,).
        layer: a module by name; default what the head reads.

    Raises:
        InputError: a mask of another size or of no pixel, or a unit out of range.
    """
    region, net = checked_mask(mask, fitting(model, x)), layered(model)
    seen = activated(net, x, unit, layer)
    walk = (walk or wander(x, RMS, STEPS)).within(region)
    goal = raised(seen.read, seen.units)
    made = climb("paint_feature", goal, x, walk, model=net, layer=layer)
    outside = changed_outside(made.images, x, region)
    return made.having(before=seen.before, after=made.numbers["value"], outside=outside)
