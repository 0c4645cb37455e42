"""The nets that data sets are made with: do they fit the images, and how are they asked?

model = fitting(load_net(path), data)       # refuses other classes, sizes, normalisation
objective = towards([a, b], target)         # all of them at once
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from robustlens.bounds import clopper_pearson
from robustlens.data import Augmentation, Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.modes import frozen
from robustlens.nets import Checkpoint, logits
from robustlens.nets.cards import Card
from robustlens.objectives import toward, weighted
from robustlens.sanity.check import Outcome
from robustlens.sanity.inputs import normalisation
from robustlens.types import Images, Logits, Model, Objective

LOOKED_AT = 500
"""Images on which a net is tried."""


def fitting(net: nn.Module | Checkpoint, data: Dataset) -> nn.Module:
    """Return the model of `net` if it was made for images like those of `data`.

    Raises:
        InputError: its card names other classes or another size, it gives another number of
            logits, it wants images normalised in another way, or it is right no more often than
            by chance.
    """
    model, card = net if isinstance(net, Checkpoint) else (net, Card())
    _check_card(card, data)
    part = data.take(min(LOOKED_AT, len(data)))
    x, y = unit(part.images), part.labels
    with frozen(model), torch.no_grad():
        z = logits(model, x)
    k = len(data.classes)
    if z.shape[1] != k:
        raise InputError(
            f"a model of {z.shape[1]} classes", f"{k}, as {data.name} has", "use another model"
        )
    seen = normalisation(model, x[:256], y[:256])
    if seen.outcome is Outcome.WARNED:
        raise InputError(
            f"a model that does not fit the pixels of {data.name}: {seen.meaning}",
            "a model of images in [0, 1] that normalises by itself, once",
            seen.advice,
        )
    hits = int((z.argmax(dim=1) == y).sum())
    if clopper_pearson(hits, len(y)).low <= 1 / k:
        raise InputError(
            f"a model that is right on {hits} of {len(y)} images of {data.name}",
            f"more than by chance, which is one in {k}",
            "check its classes, their order, and the pixels it expects",
        )
    return model


def _check_card(card: Card, data: Dataset) -> None:
    classes, built = card.classes, card.architecture
    if classes and classes != data.classes:
        raise InputError(
            f"a model of the classes {', '.join(classes)}",
            f"those of {data.name}: {', '.join(data.classes)}",
            "use a model of the same classes, or `nets.among` where it knows these and more",
        )
    if built is not None:
        was = (built.channels, built.size)
        if was != (data.shape[0], max(data.shape[1:])):
            raise InputError(
                f"a model of {was[0]} channels and {was[1]} pixels",
                f"{data.shape[0]} channels and {max(data.shape[1:])} pixels, as {data.name} has",
                "use a model of the same images",
            )


def towards(models: Sequence[Model], target: Tensor) -> Objective:
    """Return the mean over models of the log-probability of `target`."""
    return weighted(*((1 / len(models), toward(model, target)) for model in models))


def shaken(model: Model, augment: Augmentation, generator: torch.Generator) -> Model:
    """Return the model that sees every image through a fresh random augmentation.

    An attack on it finds changes that outlive the augmentation. It answers at random: use it in
    one batch of a build only, with a generator of that batch.
    """

    def moved(x: Images) -> Logits:
        return model(augment(x, generator))

    return moved
