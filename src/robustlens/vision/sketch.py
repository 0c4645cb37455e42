"""A crude colour sketch, made into what it stands for.

made = from_sketch(model, sketch, target=8)     # a grey bar on blue: ship
"""

from torch import Tensor

from robustlens.types import Images, Model
from robustlens.vision.made import Made, Walk, wander
from robustlens.vision.pushing import pushed

RMS, STEPS = 0.16, 60
"""For 32 x 32 colour images: L2(9), 60 steps of 0.37."""


def from_sketch(
    model: Model, sketch: Images, target: Tensor | int, *, walk: Walk | None = None
) -> Made:
    """Return the sketches pushed towards a class, near enough to keep their layout.

    Source: Santurkar et al. 2019, section 4.4 (l2 40, 60 steps of 1 at 224 pixels). Flat colours
    have no texture to begin with, so the net adds it everywhere, the background included.

    Raises:
        InputError: sketches or targets that do not fit the model.
    """
    return pushed("from_sketch", model, sketch, target, walk or wander(sketch, RMS, STEPS))
