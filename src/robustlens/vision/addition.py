"""Feature manipulation: a unit added to an image by degrees, each a level to stop at.

made = add_feature(model, x, unit=17, levels=(0.5, 1.0, 2.0))
made.groups(3)                                         # (b, 3, c, h, w)
"""

from collections.abc import Sequence

from torch import Tensor

from robustlens.errors import InputError
from robustlens.types import Images, Model
from robustlens.vision.made import Made, Walk, climb, fitting, layered, seen_by, wander
from robustlens.vision.units import activated, raised

RMS, STEPS, STRIDES = 0.22, 200, 100
"""Short steps: it is to stop at a level, not far beyond it."""


def add_feature(
    model: Model,
    x: Images,
    unit: int | Tensor,
    levels: Sequence[float] = (1.0,),
    *,
    layer: str | None = None,
    walk: Walk | None = None,
) -> Made:
    """Return each image with a unit raised to each level, and left where it is once there.

    Source: Engstrom et al. 2019, section 4.2: max min(R_i - 1, 0), l2 1000, 800 steps of 0.1 at
    224 pixels. `images` has the levels of the first image, then those of the second. `numbers`
    get `before`, `after` and `level`; a unit above a level already is not lowered.

    Raises:
        InputError: no level, one that is not finite, a unit out of range.
    """
    if not levels or not all(-1e30 < level < 1e30 for level in levels):
        raise InputError(f"levels {tuple(levels)}", "at least one finite activation to reach")
    x, net = fitting(model, x), layered(model)
    seen = activated(net, x, unit, layer)
    k = len(levels)
    level = seen.before.new_tensor(list(levels)).repeat(len(x))
    many, units = x.repeat_interleave(k, dim=0), seen.units.repeat_interleave(k)
    goal = raised(seen.read, units, level)
    walk = walk or wander(x, RMS, STEPS, STRIDES)
    made = climb("add_feature", goal, many, walk, model=net, layer=layer, levels=list(levels))
    reached = seen_by(net, raised(seen.read, units), made.images)
    return made.having(before=seen.before.repeat_interleave(k), after=reached, level=level)
