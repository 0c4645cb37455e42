"""Is a radius in the units of the images?

check_scale(Linf(8), (3, 32, 32))      # InputError: did you mean 8/255?
"""

import math

from robustlens.balls import Ball, NormBall
from robustlens.errors import InputError


def check_scale(ball: Ball, shape: tuple[int, int, int]) -> None:
    """Refuse a radius at which a norm ball holds every image of a shape, as with eps 8 for 8/255.

    Raises:
        InputError: eps is larger than the distance between a black and a white image.
    """
    if not isinstance(ball, NormBall):
        return
    widest = ball.norm.widest(math.prod(shape))
    if ball.eps > widest:
        raise InputError(
            f"{ball}, while black and white images are {widest:g} apart",
            "a radius in the units of images in [0, 1]",
            f"did you mean {ball.eps:g}/255?",
        )
