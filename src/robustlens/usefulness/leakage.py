"""Robust-feature leakage: do relabelled images also push the features of a robust net?

    found = leakage(robust_net, load("runs/made/rand"), load("fashion", "test"))
    found.accuracy                # of a linear head on robust features, on real test images

D_rand and D_det are made with a standard net and labelled with what they were pushed towards. A
net that learns from them is meant to learn from non-robust features. If a linear head on the
features of a robust net learns from them too, then some of what is learned may be robust.
Source: Goh 2019 (Distill discussion of Ilyas et al. 2019), "robust feature leakage".
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.errors import InputError
from robustlens.rate import Rate
from robustlens.usefulness.head import DECAY, linear_head
from robustlens.usefulness.reading import represented


class Leakage(NamedTuple):
    """What a linear head on a net's features learned from a made set.

    Attributes:
        accuracy: on real test images with their real labels. Above chance: features of the net
            tell of the made labels, in the sense they have on real images.
        hits: which test images are right, boolean (n,); for an interval over classes.
        said: the class given to each test image, (n,).
        fit: accuracy on the made set that it was trained on.
        slope: the largest entry of the gradient where training ended, near 0.
    """

    accuracy: Rate
    hits: Tensor
    said: Tensor
    fit: Rate
    slope: float


def leakage(
    model: nn.Module,
    made: Dataset,
    test: Dataset,
    *,
    layer: str | None = None,
    units: Tensor | None = None,
    decay: float = DECAY,
) -> Leakage:
    """Train a linear head on the model's features over `made`; ask it about `test`.

    The model is not changed. The head is multinomial logistic regression, with one solution and
    no random choice (see `linear_head`); no image is held out, since the labels of `made` say
    nothing of `test` that could choose a setting. Intervals of the accuracy take images as
    independent draws; a head that gives most of a class the same answer calls for one over
    classes, from `hits`.

    Args:
        model: a robust net; any other serves as a control.
        made: a relabelled set. test: real images of the same classes.
        layer: see `representation`.
        units: use these columns of the representation only, such as those shown to be robust.
        decay: see `linear_head`.

    Raises:
        InputError: sets of different classes, or as `linear_head`.
    """
    if made.classes != test.classes:
        raise InputError(
            f"{made.name} of {len(made.classes)} classes and {test.name} of {len(test.classes)}",
            "the same classes in the same order",
        )
    r, real = (represented(model, data, layer) for data in (made, test))
    if units is not None:
        r, real = r[:, units.to(r.device)], real[:, units.to(r.device)]
    head = linear_head(r, made.labels, len(made.classes), decay=decay)
    with torch.no_grad():
        fit = head(r).argmax(dim=1).cpu() == made.labels.cpu()
        said = head(real).argmax(dim=1).cpu()
    hits = said == test.labels.cpu()
    return Leakage(Rate.of(hits), hits, said, Rate.of(fit), head.slope)
