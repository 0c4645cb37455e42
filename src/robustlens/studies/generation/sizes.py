"""Pictures by nets that learned from few images and from many, all for the same time."""

from typing import NamedTuple

import torch

from robustlens.data import Dataset
from robustlens.pictures import Curves
from robustlens.rate import Rate
from robustlens.recipes import Recipe
from robustlens.registry import Bench
from robustlens.result import Number
from robustlens.studies.generation.measures import number, pictures_of
from robustlens.studies.kit.judges import Nets
from robustlens.studies.kit.samples import Cell, Grid
from robustlens.studies.kit.samples import Nets as Sampled
from robustlens.studies.kit.words import band
from robustlens.types import Images, Labels
from robustlens.vision import Seeds, measures


class Learned(NamedTuple):
    """What a net that learned from so many images makes."""

    seen: Rate  # the judge sees the class
    kernel: Number  # distance to test images, in the judge's features


def over_sizes(
    learner: Recipe, sizes: tuple[int, ...], length: int, source: Dataset, bench: Bench, seed: int
) -> dict[int, torch.nn.Module]:
    """Return a robust net for each number of training images, trained or taken up."""
    grid = Grid(learner=learner, sizes=sizes, draws=(1,) * len(sizes), radii=(learner.eps,),
                length=length)  # fmt: skip
    sampled = Sampled(grid, source, bench, seed)
    return {n: sampled.model(Cell(n, 0, learner.eps)) for n in sizes}


def learned(
    nets: Nets, net: torch.nn.Module, seeds: Seeds, y: Labels, real: Images, steps: int, seed: int
) -> Learned:
    """Return what the judge says of a net's pictures; the seeds are the same for every net."""
    images = pictures_of("nets of other sizes", net, seeds, y, steps, seed)
    r = [measures.judge_features(nets.judge, x) for x in (images, real)]
    return Learned(
        measures.judged(nets.judge, images, nets.asked(y)), number(measures.kernel_distance(*r))
    )


def curves(found: dict[int, Learned]) -> tuple[Curves, Curves]:
    """Return the judge's accuracy and the distance over the number of training images."""
    sizes = [float(n) for n in found]
    seen = band("robust net", sizes, [one.seen for one in found.values()], "good")
    far = band("robust net", sizes, [one.kernel for one in found.values()], "good")
    same = "All nets trained for the same number of steps and begin at the same seeds."
    axis = "training images"
    return (
        Curves("accuracy-over-size", f"How often the judge sees the class asked for. {same}", axis,
               "judge's accuracy", (seen,), log="x"),
        Curves("distance-over-size", f"How far the pictures are from test images, as a set. {same}",
               axis, "kernel distance", (far,), log="x"),
    )  # fmt: skip
