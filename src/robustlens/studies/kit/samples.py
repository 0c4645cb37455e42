"""Nets that learn from few images and from many, all for the same time.

nets = Nets(Grid(), source, bench, seed=0)
nets.model(Cell(100, draw=0, eps="1.5"))       # trained, or taken up

Every set is stored at one length, its n images again and again, so that all nets take the same
number of steps along the same schedule: only how many different images they see differs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from robustlens.data import Dataset, save
from robustlens.data.saved import CARD
from robustlens.errors import InputError
from robustlens.files import digest_json
from robustlens.radii import parse_eps
from robustlens.recipes import Recipe, fit
from robustlens.registry import Bench
from robustlens.streams import stream
from robustlens.studies.kit.gaussian_images import gaussian_images
from robustlens.studies.kit.presets import FULL_ROBUST, TINY
from robustlens.training import TrainConfig

STANDARD = "0"
"""The radius of standard training."""
NOISE, GENERATED = "noise", "generated"
"""Two controls: noise in the place of an attack, made-up images in the place of more images."""

LEARNER = Recipe(
    width=8,
    steps=2,
    loss="adversarial",
    training=TrainConfig(epochs=3, batch_size=100, average=0.98, validation=0),
)
"""A small net, as there are many; the average over the weights is short, as the training is."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """How many images, how often drawn, against which radii; what all nets share."""

    learner: Recipe = LEARNER
    sizes: tuple[int, ...] = (100, 300, 1000, 3000, 10000)  # images, alike from every class
    draws: tuple[int, ...] = (3, 1, 1, 1, 1)  # how often a set of each size is drawn
    radii: tuple[str, ...] = ("0.5", "1.5")  # of robust training, growing
    length: int = 10000  # of an epoch: the images of a smaller set are repeated

    def __post_init__(self) -> None:
        if len(self.sizes) < 2 or [*self.sizes] != sorted({*self.sizes}):
            raise InputError(f"sizes {self.sizes}", "two or more, growing", "change --grid.sizes")
        if self.sizes[-1] > self.length:
            raise InputError(
                f"length {self.length} for {self.sizes[-1]} images",
                f"{self.sizes[-1]} or more",
                "change --grid.length",
            )
        if len(self.draws) != len(self.sizes) or min(self.draws) < 1:
            raise InputError(
                f"draws {self.draws}", f"{len(self.sizes)} numbers >= 1", "change --grid.draws"
            )
        radii = [parse_eps(eps) for eps in self.radii]
        if not radii or radii != sorted({*radii}) or radii[0] <= 0:
            raise InputError(f"radii {self.radii}", "growing, above 0", "change --grid.radii")

    @property
    def all_radii(self) -> tuple[str, ...]:
        """Return 0, for standard training, and the radii of robust training."""
        return (STANDARD, *self.radii)

    def named(self, eps: str) -> str:
        """Return a training in words."""
        return "standard training" if eps == STANDARD else f"trained at {self.learner.norm} {eps}"

    def cells(self, eps: str, n: int, kind: str = "") -> list["Cell"]:
        """Return the cells of one size, one for each draw."""
        return [Cell(n, draw, eps, kind) for draw in range(self.draws[self.sizes.index(n)])]


class Cell(NamedTuple):
    """One training: on which images, against which radius, and whether it is a control."""

    n: int
    draw: int
    eps: str
    kind: str = ""  # "", NOISE or GENERATED


@dataclass(frozen=True, eq=False)
class Nets:
    """The nets of a grid, trained once for all studies."""

    grid: Grid
    source: Dataset
    bench: Bench
    seed: int  # of the draws of images, and of the trainings

    def images(self, cell: Cell) -> Dataset:
        """Return the n different images of a set; within a draw the small sets are in the large."""
        generator = stream(self.seed, "sample", cell.draw)
        order = torch.randperm(len(self.source), generator=generator)
        return self.source.subset(order).take(cell.n)

    def model(self, cell: Cell) -> nn.Module:
        """Return the net of a cell, trained or taken up."""
        return fit(self.recipe(cell), self.bench.folder, self.bench.device)[0]

    def recipe(self, cell: Cell) -> Recipe:
        """Return how the net of a cell is trained; its images are stored where they are not yet.

        Noise is as long as the radius on average over the pixels (root mean square).
        """
        grid, plain = self.grid, cell.eps == STANDARD
        loss = NOISE if cell.kind == NOISE else "standard" if plain else "adversarial"
        pixels = self.source.images[0].numel()
        return replace(
            grid.learner,
            data=str(self.folder(cell)),
            images=0,
            loss=loss,
            eps=grid.radii[-1] if plain else cell.eps,
            sigma=parse_eps(cell.eps) / pixels**0.5 if loss == NOISE else grid.learner.sigma,
            seed=self.seed + cell.draw,
        )

    def folder(self, cell: Cell) -> Path:
        """Return where the set of a cell is stored, after storing it where it is not yet."""
        generated = cell.kind == GENERATED
        what = {
            "source": {"name": self.source.name, "digest": self.source.digest},
            "different images": cell.n,
            "draw": cell.draw,
            "length": self.grid.length,
            "seed": self.seed,
            "generated": generated,
        }
        make = self._with_generated if generated else self._repeated
        return _stored(self.bench, what, lambda: make(cell))

    def _repeated(self, cell: Cell) -> Dataset:
        return repeated(self.images(cell), self.grid.length)

    def _with_generated(self, cell: Cell) -> Dataset:
        """Return a set of which half are the n images, half are made up from them."""
        real, half = self.images(cell), self.grid.length // 2
        made = gaussian_images(real, half, stream(self.seed, "generated", cell.draw))
        again = repeated(real, self.grid.length - half)
        return replace(
            real,
            images=torch.cat([again.images, made.images]),
            labels=torch.cat([again.labels, made.labels]),
        )


def repeated(data: Dataset, length: int) -> Dataset:
    """Return the images again and again, up to `length` of them."""
    return data.subset(torch.arange(length) % len(data))


def _stored(bench: Bench, what: dict[str, Any], make: Callable[[], Dataset]) -> Path:
    kind = f"sample-{what['different images']}"
    folder = bench.folder.parent / "made" / f"{kind}-{digest_json(what)[:8]}"
    if not (folder / CARD).is_file():  # the card comes last: with it, the set is whole
        save(make(), folder, card=what)
    return folder


TINY_GRID = Grid(
    learner=replace(
        TINY, loss="adversarial", training=TrainConfig(epochs=2, batch_size=50, validation=0)
    ),
    sizes=(50, 200),
    draws=(2, 1),
    radii=("1.5",),
    length=200,
)
FULL_GRID = Grid(
    learner=replace(FULL_ROBUST, training=replace(FULL_ROBUST.training, validation=0)),
    sizes=(500, 1500, 5000, 15000, 50000),
    draws=(3, 1, 1, 1, 1),
    radii=("0.25", "0.5"),
    length=50000,
)
"""The radii of the reference tables."""
