"""Pushed towards a class: the objective that most tools share, and what is counted of it."""

from typing import Any

from torch import Tensor

from robustlens.answers import Answers
from robustlens.objectives import toward
from robustlens.types import Images, Labels, Model
from robustlens.vision.made import Made, Walk, climb, fitting, labels_for, seen_by


def pushed(
    tool: str,
    model: Model,
    center: Images,
    target: Tensor | int,
    walk: Walk,
    **settings: Any,
) -> Made:
    """Return what `climb` makes of images by targeted cross-entropy, minus it being maximised.

    `numbers` get `probability`: what the model gives the target at the end. It is the model's own
    opinion of its own picture: ask another net (see `measures.judged`).

    Raises:
        InputError: images, targets or sizes that do not fit the model.
    """
    center = fitting(model, center)
    y = labels_for(center, target)
    goal = toward(Answers(model, y), y)
    made = climb(tool, goal, center, walk, model=model, **settings)
    return made.having(probability=made.numbers["value"].exp())


def decided(model: Model, x: Images, target: Tensor | int | None) -> Labels:
    """Return the targets, or, where none is given, the model's decision on the images."""
    if target is not None:
        return labels_for(x, target)
    x = fitting(model, x)
    return seen_by(model, Answers(model), x).argmax(dim=1)
