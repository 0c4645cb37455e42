"""What studies of representations share: pairs of nets, and images that no default was chosen on.

twins, absent = measured(config, bench)         # on every data set: a robust net and its twin
x, y = one.images(one.places(100))              # test images, alike from every class
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.errors import InputError, UnknownName
from robustlens.evaluation import on_device_of
from robustlens.nets import logits
from robustlens.pictures import Picture
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench, Findings
from robustlens.result import Number, Verdict
from robustlens.rules import Steepest
from robustlens.studies.kit.presets import QUICK, QUICK_ROBUST
from robustlens.studies.kit.words import images_at
from robustlens.types import Images, Labels, Values
from robustlens.vision.invert import freely
from robustlens.vision.made import Walk, seen_by

M = TypeVar("M")

FASHION = replace(QUICK, width=32, weights="fashion-standard")
FASHION_ROBUST = replace(QUICK_ROBUST, width=32, weights="fashion-l2-1.5")
CIFAR = Recipe(
    data="cifar10", net="resnet", width=48, depth=8, stem_stride=2, weights="cifar10-standard"
)
CIFAR_ROBUST = replace(CIFAR, loss="adversarial", eps="0.5", weights="cifar10-l2-0.5")
IMAGENETTE = replace(
    CIFAR, data="imagenette128", size=64, width=32, weights="imagenette64-standard"
)
IMAGENETTE_ROBUST = replace(IMAGENETTE, loss="adversarial", weights="imagenette64-l2-1.5")

SHIPPED = {
    "fashion": (FASHION, FASHION_ROBUST),
    "cifar10": (CIFAR, CIFAR_ROBUST),
    "imagenette64": (IMAGENETTE, IMAGENETTE_ROBUST),
}
"""The shipped pair of a data set: the standard net, and its robust twin of the same shape."""
TUNED = {
    "cifar10": frozenset(range(500)),
    "imagenette128": frozenset((3, 505, 1003, 1503, 2003, 3003)),
}
"""Test images on which defaults of the vision tools, or settings here, were chosen: no number is
of them. On Fashion-MNIST training images were looked at."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A standard and a robust net alike but for their training, on one data set or on more."""

    standard: Recipe = FASHION
    robust: Recipe = FASHION_ROBUST
    also: tuple[str, ...] = ()  # shipped pairs measured too: cifar10, imagenette64, fashion
    seed: int = 0


class Twins(NamedTuple):
    """A robust net and its standard twin, with the test images of their data set."""

    name: str
    robust: nn.Module
    standard: nn.Module
    test: Dataset

    @property
    def nets(self) -> dict[str, nn.Module]:
        """Both by their names in tables, the robust one first."""
        return {"robust": self.robust, "standard": self.standard}

    def other(self, name: str) -> nn.Module:
        """Return the net that did not make the pictures of the net of that name."""
        return self.standard if name == "robust" else self.robust

    def places(self, n: int, among: Tensor | None = None) -> Tensor:
        """Return the places of n test images, as many of each class as there are, in order.

        None of `TUNED` is among them; of those where `among` (n,) holds, if it is given.
        """
        return even(self.test.labels, n, TUNED.get(self.test.name, frozenset()), among)

    def images(self, places: Tensor) -> tuple[Images, Labels]:
        """Return test images at places as floats in [0, 1], with their labels."""
        return images_at(self.test, places)


def even(
    labels: Labels, n: int, without: frozenset[int] = frozenset(), among: Tensor | None = None
) -> Tensor:
    """Return n places, the first of every class before the second of any; fewer if there are.

    Raises `InputError` where none is left.
    """
    seen, found = Counter[int](), []
    for place, label in enumerate(labels.tolist()):
        if place not in without and (among is None or bool(among[place])):
            found.append((seen[label], label, place))
            seen[label] += 1
    if not found or n < 1:
        raise InputError(f"{n} of {len(found)} images", "at least one of at least one")
    return torch.tensor(sorted(place for *_, place in sorted(found)[:n]))


@dataclass(frozen=True)
class Measure(Generic[M]):
    """What a study does with the twins of one data set: numbers, pictures, and its rule."""

    measure: Callable[[Twins], M]
    holds: Callable[[M], bool]
    summary: Callable[[str, M], str]  # from the name of the data set
    numbers: Callable[[M], dict[str, Number]]
    pictures: Callable[[M], tuple[Picture, ...]]


def findings(config: Compared, bench: Bench, how: Measure[M]) -> Findings:
    """Return what a study finds with its twins, on every data set that it looks at."""
    pairs, absent = measured(config, bench)
    found = {one.name: how.measure(one) for one in pairs}
    return Findings(
        together([how.holds(one) for one in found.values()]),
        " ".join(how.summary(name, one) for name, one in found.items()) + absent,
        said({name: how.numbers(one) for name, one in found.items()}),
        tuple(picture for one in found.values() for picture in how.pictures(one)),
        config.seed,
        {one.name: one.test.digest for one in pairs},
    )


def measured(config: Compared, bench: Bench) -> tuple[list[Twins], str]:
    """Return the pairs to measure, and words on those left out: images or weights not here."""
    found, absent = [twins(config.standard, config.robust, bench)], list[str]()
    for name in config.also:
        if name not in SHIPPED:
            raise UnknownName("pair", name, SHIPPED)
        try:
            found.append(twins(*SHIPPED[name], bench))
        except InputError as error:
            absent.append(f" Left out: {name} ({error.received}).")
    return found, "".join(absent)


def twins(standard: Recipe, robust: Recipe, bench: Bench) -> Twins:
    """Return the nets of two recipes, trained or taken; raise as `fit` and `load`."""
    test = robust.dataset("test")
    nets = [fit(recipe, bench.folder, bench.device).model for recipe in (robust, standard)]
    return Twins(test.name, nets[0], nets[1], on_device_of(nets[0], test))


def strides(x: Images, steps: int, stride: float) -> Walk:
    """Return the default walk of `invert` with steps `stride` times as long, and so many."""
    walk = freely(x)
    assert isinstance(walk.rule, Steepest)
    return replace(walk, rule=Steepest(stride * walk.rule.step_size), steps=steps)


def partners(labels: Labels) -> Tensor:
    """Return for each image another one of another class: the next from half way round.

    Itself where there is none.
    """
    y = labels.tolist()
    n = len(y)
    turns = ([(i + n // 2 + k) % n for k in range(n)] for i in range(n))
    return torch.tensor([next((j for j in t if y[j] != y[i]), i) for i, t in enumerate(turns)])


def alike(labels: Labels, places: Tensor) -> Tensor:
    """Return for each place that of the next image of its class, from the front at the end."""
    found = []
    for place in places.tolist():
        same = torch.nonzero(labels == labels[place]).flatten()
        at = int(torch.searchsorted(same, place)) + 1
        found.append(int(same[at % len(same)]))
    return torch.tensor(found)


def chance(model: nn.Module, x: Images, y: Labels) -> Values:
    """Return the softmax probability that a model gives to one class of each image, (b,)."""

    def look(part: Images) -> Tensor:
        return logits(model, part).softmax(dim=1)

    p = torch.cat([seen_by(model, look, part) for part in torch.split(x, 250)])
    return p.gather(1, y[:, None]).squeeze(1)


def together(verdicts: list[bool]) -> Verdict:
    """Return "reproduced" where the rule holds on every data set."""
    return Verdict.REPRODUCED if all(verdicts) else Verdict.NOT_REPRODUCED


def said(numbers: dict[str, dict[str, Number]]) -> dict[str, Number]:
    """Return the numbers of all data sets in one table, under their names if there are several."""
    return {
        f"{name}: {key}" if len(numbers) > 1 else key: number
        for name, table in numbers.items()
        for key, number in table.items()
    }
