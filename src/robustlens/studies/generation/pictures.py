"""The pictures of generation: samples side by side, the nearest training images, bars."""

import torch

from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.pictures import Cell, Gallery, Picture
from robustlens.result import Number
from robustlens.studies.kit.judges import Nets
from robustlens.studies.kit.synthesis import bars, gallery, rows
from robustlens.types import Images, Labels
from robustlens.vision.measures import Neighbours


def samples(
    nets: Nets, made: dict[str, Images], y: Labels, at: torch.Tensor, order: tuple[str, ...]
) -> Gallery:
    """Return pictures of each class, from one seed in each row."""
    return gallery(
        nets,
        "samples",
        "The first picture of each class: the seed, a draw from a Gaussian fitted to training "
        "images, and what each net makes of it. The words are those of the judge, a net that made "
        "none of them. Look whether the robust net's picture is one that a person would name.",
        {name: rows(made[name], at) for name in order},
        y[at],
    )


def many(nets: Nets, images: Images, y: Labels, each: int) -> Gallery:
    """Return the first pictures of every class by the robust net, a row a class."""
    lines = []
    for k in sorted(set(y.tolist())):
        found = images[torch.nonzero(y == k).flatten()[:each]]
        lines.append(tuple(Cell(x, nets.classes[k] if i == 0 else "") for i, x in enumerate(found)))
    return Gallery(
        "many",
        "The first pictures of every class by the robust net, none picked out: are they all "
        "different, or the same one again?",
        ("",) * min(map(len, lines)),
        tuple(line[: min(map(len, lines))] for line in lines),
    )


def copies(made: Images, y: Labels, at: torch.Tensor, near: Neighbours, train: Dataset) -> Gallery:
    """Return pictures beside the training image that is nearest to each, in judge's features."""
    closest = unit(train.images[near.place[at, 0].cpu()])
    return Gallery(
        "nearest",
        "Pictures of the robust net, each with the training image that the judge's features put "
        "nearest to it. A copy would look the same.",
        ("picture", "nearest training image"),
        tuple(
            (Cell(x, train.classes[k]), Cell(other, f"distance {d:.2f}"))
            for x, k, other, d in zip(
                made[at], y[at].tolist(), closest, near.distance[at, 0].tolist(), strict=True
            )
        ),
    )


def heights(numbers: dict[str, Number], what: str, names: tuple[str, ...]) -> Picture:
    """Return one of the numbers by who made the pictures."""
    return bars(
        "recognised" if "judge" in what else "distance",
        f"{what[0].upper()}{what[1:]}, by who made the pictures.",
        what,
        {name: numbers[f"{name}: {what}"] for name in names},
    )
