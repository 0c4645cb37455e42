"""Image to image: the same picture, as the net would have the other class.

made = translate(model, horses, target=1)      # a net of two classes, horse and zebra
"""

from torch import Tensor

from robustlens.types import Images, Model
from robustlens.vision.made import Made, Walk, wander
from robustlens.vision.pushing import pushed

RMS, STEPS = 0.22, 60
"""For 32 x 32 colour images: L2(12), 60 steps of 0.5."""


def translate(model: Model, x: Images, target: Tensor | int, *, walk: Walk | None = None) -> Made:
    """Return the images pushed towards a class, each in a ball around itself.

    Source: Santurkar et al. 2019, section 4.1, with a robust net of two classes trained on about
    1,000 images (l2 80, 200 steps of 0.5 at 224 pixels). It changes texture and colour more
    readily than shape, and nothing makes it keep the background.

    Raises:
        InputError: images or targets that do not fit the model.
    """
    return pushed("translate", model, x, target, walk or wander(x, RMS, STEPS))
