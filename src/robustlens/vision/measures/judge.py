"""What another net says of pictures: never the one that made them alone.

    judged(judge, made.images, labels)            # Rate: it sees the class that was asked for
    r = judge_features(judge, made.images)        # (n, f), for the distances between sets

A judge is trained independently: other architecture, seed, augmentation. Its accuracy says that
pictures show something of the class to a net; pictures can fool nets, and standard ones easily.
"""

import torch
from torch import Tensor, nn

from robustlens.answers import Answers, decision
from robustlens.evaluation import Rate
from robustlens.nets.reading import pooled, reader
from robustlens.types import Images, Model
from robustlens.vision.made import fitting, labels_for, layered, seen_by


def sees(judge: Model, images: Images, target: Tensor | int, *, batch_size: int = 250) -> Tensor:
    """Return for each picture whether the judge decides for its target, boolean (b,).

    Raises:
        InputError: images or targets that do not fit the judge.
    """
    images = fitting(judge, images)
    y = labels_for(images, target)
    ask = Answers(judge, y)
    parts = [seen_by(judge, ask, part) for part in torch.split(images, batch_size)]
    return torch.cat([decision(z) for z in parts]) == y


def judged(judge: Model, images: Images, target: Tensor | int, *, batch_size: int = 250) -> Rate:
    """Return how often the judge decides for the targets, with its exact interval.

    Pictures of one seed each, made independently, are what the interval is for. High values do
    not say that pictures look like the class, nor that they differ: see `diversity`.

    Raises as `sees`, which answers picture by picture.
    """
    return Rate.of(sees(judge, images, target, batch_size=batch_size))


def judge_features(
    judge: nn.Module, images: Images, *, layer: str | None = None, batch_size: int = 250
) -> Tensor:
    """Return the judge's representation of images, (n, f): the space that sets are compared in.

    Say beside every number which judge it is of. Judges trained on the same data set know its
    classes and little else.
    """
    images, net = fitting(judge, images), layered(judge)
    read = reader(net, layer, images)
    parts = [pooled(seen_by(net, read, part)) for part in torch.split(images, batch_size)]
    return torch.cat(parts)
