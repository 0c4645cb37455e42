"""Distances in the spaces of several nets and in pixels, the accuracy that was lost, and orders.

found = measured(spaces, judges, base, moved)     # one column for each shift
agreement(found, kinds, 1000, seed)               # rank correlations with their intervals
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from robustlens.modes import frozen
from robustlens.nets.reading import head_of, pooled, reader
from robustlens.result import Number
from robustlens.shift import DISTANCES, scaled
from robustlens.streams import stream
from robustlens.types import Images, Labels
from robustlens.vision.measures import rank_correlation

PIXELS = "pixels"
BATCH = 250


class Look(NamedTuple):
    """What a net sees in images and says of them."""

    r: Tensor  # (n, f)
    right: Tensor  # boolean (n,)


def look(net: nn.Module, x: Images, y: Labels) -> Look:
    """Return the penultimate representation of images, and whether the answers are right.

    One pass for both: the answer is the head's, of the representation.
    """
    with frozen(net), torch.no_grad():
        head, read = head_of(net, x[:2]), reader(net, None, x[:2])
        r = torch.cat([read(part) for part in torch.split(x, BATCH)])
        z = linear(r, head.weight, head.bias)
    return Look(pooled(r), z.argmax(dim=1) == y)


@dataclass(frozen=True)
class Found:
    """Measurements, a column a shift: distances by kind of space, net and name; losses by net."""

    distances: dict[str, list[dict[str, list[float]]]] = field(default_factory=dict)
    lost: dict[str, list[float]] = field(default_factory=dict)

    def add(self, kind: str, at: int, values: Mapping[str, float]) -> None:
        """Append the distances of one shift in the `at`-th net of a kind."""
        nets = self.distances.setdefault(kind, [])
        if at == len(nets):
            nets.append({name: [] for name in values})
        for name, value in values.items():
            nets[at][name].append(value)


def distances(a: Tensor, b: Tensor) -> dict[str, float]:
    """Return all distances of b from a, by name."""
    mine, theirs = scaled(a, b)
    return {name: measure(mine, theirs) for name, measure in DISTANCES.items()}


class Agreement(NamedTuple):
    """How a space's order of the shifts agrees with that of a loss: rank correlations."""

    mean: Number  # over its distances and nets
    each: Mapping[str, Number]  # by distance, over its nets


def agreement(
    found: Found, kinds: Sequence[str], lost: Sequence[float], resamples: int, seed: int
) -> tuple[dict[str, Agreement], dict[str, Number]]:
    """Return the agreement of each space, and how much better the first is than each other one.

    Intervals: the middle 95 % over draws of whole kinds of shift, with replacement, the same for
    all spaces; strengths of one kind are not independent of each other.
    """
    names, rows = list[tuple[str, str]](), list[list[float]]()
    for space, nets in found.distances.items():
        for net in nets:
            for name, values in net.items():
                names.append((space, name))
                rows.append(values)
    table = torch.tensor(rows, dtype=torch.float64)
    loss = torch.tensor(lost, dtype=torch.float64).expand_as(table)
    draws = [torch.arange(len(kinds)), *_drawn(kinds, resamples, seed)]
    # No order among equal values: then the correlation counts as 0.
    rho = torch.stack([rank_correlation(table[:, at], loss[:, at]) for at in draws]).nan_to_num(0)
    n = len(kinds)
    whole, means = dict[str, Agreement](), dict[str, Tensor]()
    for space, nets in found.distances.items():
        mine = [k for k, (of, _) in enumerate(names) if of == space]
        means[space] = rho[:, mine].mean(dim=1)
        each = {
            name: _number(rho[:, [k for k in mine if names[k][1] == name]].mean(dim=1), n)
            for name in nets[0]
        }
        whole[space] = Agreement(_number(means[space], n), each)
    first, *others = means
    return whole, {other: _number(means[first] - means[other], n) for other in others}


def _drawn(kinds: Sequence[str], resamples: int, seed: int) -> list[Tensor]:
    """Return places of shifts: all of a drawn kind, as many kinds as there are."""
    generator = stream(seed, "kinds")
    groups = [
        torch.tensor([i for i, k in enumerate(kinds) if k == kind]) for kind in dict.fromkeys(kinds)
    ]
    picks = torch.randint(len(groups), (resamples, len(groups)), generator=generator)
    return [torch.cat([groups[k] for k in row]) for row in picks.tolist()]


def _number(values: Tensor, n: int) -> Number:
    """Return the first value, with the middle 95 % of the others as its interval."""
    first = float(values[0])
    low, high = values[1:].quantile(torch.tensor([0.025, 0.975], dtype=values.dtype)).tolist()
    return Number(first, min(low, first), max(high, first), n)
