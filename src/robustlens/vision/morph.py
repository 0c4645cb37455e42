"""From one class to another: a row of pictures out of one seed.

made = morph(model, x, first=3, second=5, points=8)     # a cat that becomes a dog
made.groups(8)                                          # (b, 8, c, h, w)
"""

import torch
from torch import Tensor

from robustlens.answers import Answers
from robustlens.errors import InputError
from robustlens.types import Images, Model, Values
from robustlens.vision.made import Made, Walk, climb, fitting, labels_for, seen_by, wander
from robustlens.vision.matching import same_shape

RMS, STEPS = 0.22, 60


def morph(
    model: Model,
    x: Images,
    first: Tensor | int,
    second: Tensor | int,
    *,
    points: int = 8,
    end: Tensor | None = None,
    walk: Walk | None = None,
) -> Made:
    """Return `points` pictures of every image, of class `first` at one end, `second` at the other.

    With `end`, one an image, the pictures begin on the way from x to it, at (1 - l) x + l end.
    Each is pushed to (1 - l) log p_first + l log p_second, l = k / (points - 1), from x: whose
    maximum is a net that gives the two classes 1 - l and l. `images` has the row of the first
    image, then that of the second. `numbers` get `probability`, of the second class.

    Raises:
        InputError: points < 2, or images or classes that do not fit the model, or each other.
    """
    if points < 2:
        raise InputError(f"points is {points}", "at least 2, the two ends", "change points")
    x = fitting(model, x)
    ends = [labels_for(x, y).repeat_interleave(points) for y in (first, second)]
    share = torch.linspace(0.0, 1.0, points, dtype=x.dtype, device=x.device).repeat(len(x))
    asked = Answers(model, torch.cat(ends))
    pair = torch.stack(ends, dim=1)

    def goal(images: Images) -> Values:
        at = asked(images).log_softmax(dim=1).gather(1, pair)
        return torch.lerp(at[:, 0], at[:, 1], share)

    many = x.repeat_interleave(points, dim=0)
    if end is not None:
        last = fitting(model, same_shape(end, x)).repeat_interleave(points, dim=0)
        many = torch.lerp(many, last, share.view(-1, 1, 1, 1))
    walk = walk or wander(x, RMS, STEPS)
    made = climb("morph", goal, many, walk, model=model, points=points)
    p = seen_by(model, lambda images: asked(images).softmax(dim=1), made.images)
    return made.having(probability=p.gather(1, pair)[:, 1])
