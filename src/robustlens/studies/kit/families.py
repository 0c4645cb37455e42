"""Nets of several families, so that a claim is not about one of them.

    for name, recipe in members(QUICK, "quick", FAMILIES).items():
        net = fit(recipe, folder)

All are trained as the recipe says. Nets without a norm do not stand its learning rate, and get a
share of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from robustlens.errors import UnknownName
from robustlens.recipes import Recipe


class Size(NamedTuple):
    """What a recipe says of a net; the learning rate as a share of the recipe's."""

    net: str
    width: int
    depth: int = 0
    widen: int = 1
    stem_stride: int = 0
    lr: float = 1.0


NO_NORM = 0.2
SIZES: dict[str, dict[str, Size]] = {
    "tiny": {
        "small": Size("small", 4),
        "resnet": Size("resnet", 4, 8, 1, 4),
        "wide-resnet": Size("wide-resnet", 4, 10, 1, 4),
        "vgg": Size("vgg", 4, lr=NO_NORM),
        "vgg-bn": Size("vgg-bn", 4),
        "vgg-gn": Size("vgg-gn", 4),
        "mlp": Size("mlp", 32, lr=NO_NORM),
    },
    "quick": {
        "small": Size("small", 24),
        "resnet": Size("resnet", 16, 8, 1, 2),
        "wide-resnet": Size("wide-resnet", 8, 10, 2, 2),
        "vgg": Size("vgg", 16, lr=NO_NORM),
        "vgg-bn": Size("vgg-bn", 16),
        "vgg-gn": Size("vgg-gn", 16),
        "mlp": Size("mlp", 256, lr=NO_NORM),
    },
    "full": {
        "small": Size("small", 64),
        "resnet": Size("resnet", 64, 18),
        "wide-resnet": Size("wide-resnet", 16, 28, 4),
        "vgg": Size("vgg", 64, 16, lr=NO_NORM),
        "vgg-bn": Size("vgg-bn", 64, 16),
        "vgg-gn": Size("vgg-gn", 64, 16),
        "mlp": Size("mlp", 1024, 4, lr=NO_NORM),
    },
}
"""Every family in the size of each preset."""
FAMILIES = tuple(SIZES["quick"])
"""The families by name. Small, resnets and vgg-bn have batch norm, the others do not."""
BATCH_NORM = ("small", "resnet", "wide-resnet", "vgg-bn")


def members(learner: Recipe, size: str, names: Sequence[str]) -> dict[str, Recipe]:
    """Return `learner` with the net of each family instead of its own, by name.

    Raises:
        UnknownName: no such size, no such family.
    """
    if size not in SIZES:
        raise UnknownName("size", size, SIZES)
    found = {}
    for name in names:
        if name not in SIZES[size]:
            raise UnknownName("net", name, SIZES[size])
        kind = SIZES[size][name]
        training = replace(learner.training, lr=learner.training.lr * kind.lr)
        shape = {field: value for field, value in kind._asdict().items() if field != "lr"}
        found[name] = replace(learner, training=training, **shape)
    return found
