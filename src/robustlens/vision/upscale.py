"""Super-resolution: a small image in large, with what the net knows of its class.

made = upscale(model, small, factor=4)      # the model takes the large size
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from robustlens.types import Images, Model, Values
from robustlens.vision.made import Made, Walk, wander
from robustlens.vision.pushing import decided, pushed
from robustlens.vision.starts import Large, enlarged

RMS, STEPS = 0.04, 40
"""Near the image that is enlarged."""


def upscale(
    model: Model,
    x: Images,
    factor: float,
    target: Tensor | int | None = None,
    *,
    mode: str = "bicubic",
    walk: Walk | None = None,
) -> Made:
    """Return the images `factor` times as high and as wide, pushed towards their class.

    Source: Santurkar et al. 2019, section 4.3: by 7 for CIFAR-10 (l2 15, 50 steps of 1), by 8 for
    28 pixels (l2 8, 40 steps of 1), from blocks; from there edges of blocks stay, so that here the
    bicubic enlargement is the default. `numbers` get `consistency`,
    the root mean square of (block means - x): 0 would be an image whose reduction is x.

    Args:
        factor: above 1; sizes are rounded to whole pixels.
        target: the class to sharpen by; default what the model sees in the enlarged image.
        mode: how it is enlarged, "bicubic", or "nearest" as in the paper.

    Raises:
        InputError: a factor by which nothing grows, or a size that the model does not take.
    """
    large = enlarged(x, factor, mode)
    y = decided(model, large, target)
    walk = walk or wander(large, RMS, STEPS)
    made = pushed("upscale", model, large, y, walk, factor=factor, mode=mode)
    return made.having(consistency=inconsistency(made.images, x), target=y.to(x.dtype))


def inconsistency(large: Large, small: Images) -> Values:
    """Return the root mean square difference between block means of `large` and `small`, (b,)."""
    means = adaptive_avg_pool2d(large, (small.shape[2], small.shape[3]))
    length: Values = torch.linalg.vector_norm((means - small).flatten(1), dim=1)
    return length / math.sqrt(small[0].numel())
