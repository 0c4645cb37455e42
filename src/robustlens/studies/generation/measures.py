"""Pictures out of seeds, and what is measured of a set of them in the judge's features."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.result import Number
from robustlens.streams import stream
from robustlens.studies.kit.judges import Nets
from robustlens.studies.kit.synthesis import PART, in_parts
from robustlens.types import Images, Labels
from robustlens.vision import Seeds, generate
from robustlens.vision.generate import RMS
from robustlens.vision.made import Made, wander
from robustlens.vision.measures import (
    Estimate,
    Neighbours,
    diversity,
    frechet,
    judge_features,
    kernel_distance,
    nearest,
)


class Measured(NamedTuple):
    """A set of pictures, in the features of the judge, beside as many test images."""

    kernel: Number  # squared distance, unbiased: about 0 for test images
    frechet: Number
    diversity: Number  # mean distance of two pictures of one class


def seeds_of(seeds: Seeds, y: Labels, seed: int) -> Images:
    """Return the seeds that `pictures_of` begins at."""
    parts = enumerate(torch.split(y, PART))
    return torch.cat([seeds.sample(part, stream(seed, "seeds", k)) for k, part in parts])


def pictures_of(
    name: str, net: nn.Module, seeds: Seeds, y: Labels, steps: int, seed: int
) -> Images:
    """Return one picture a label; the k-th begins at one seed, whatever net makes it."""
    walk = wander(seeds_of(seeds, y[:1], seed), RMS, steps)
    numbered = torch.arange(len(y), device=y.device) // PART

    def tool(labels: Labels, part: Tensor) -> Made:
        drawn = stream(seed, "seeds", int(part[0]))
        return generate(net, seeds, labels, walk=walk, generator=drawn)

    return in_parts(f"generating: {name}", tool, y, numbered).images


def measured(
    nets: Nets, made: Mapping[str, Images], y: Labels, real: Images, seed: int
) -> dict[str, Measured]:
    """Return the measures of each set against real images, in the judge's features."""
    r_real, found = judge_features(nets.judge, real), {}
    for name, images in made.items():
        r = judge_features(nets.judge, images)
        found[name] = Measured(
            number(kernel_distance(r, r_real)),
            number(frechet(r, r_real, generator=stream(seed, "resamples"))),
            number(diversity(r, y)),
        )
    return found


def neighbours(nets: Nets, images: Images, train: Dataset) -> Neighbours:
    """Return the nearest training image of each picture, in the judge's features."""
    device = images.device
    parts = torch.split(train.images, 500)
    reference = torch.cat([judge_features(nets.judge, unit(part).to(device)) for part in parts])
    return nearest(judge_features(nets.judge, images), reference)


def number(found: Estimate) -> Number:
    """Return an estimate as a number of a result.

    The interval of `frechet` takes its bias off and may lie below the value: it is stretched to it.
    """
    low, high = min(found.low, found.value), max(found.high, found.value)
    return Number(found.value, low, high, found.n)
