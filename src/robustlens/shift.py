"""How far one set of images lies from another: of features (n, f) of any net, or of pixels.

    a, b = scaled(represented(net, mine), represented(net, theirs))
    {name: measure(a, b) for name, measure in DISTANCES.items()}
    told_apart(a, b, generator=g)                   # Rate: 50 % where there is nothing to tell
    permutation_test(a, b, generator=g).p           # of the kernel distance

None needs labels, and none says what a shift costs: the study `shift-by-representations` asks.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens.errors import InputError
from robustlens.rate import Rate
from robustlens.streams import stream
from robustlens.usefulness.head import linear_head
from robustlens.vision.measures import Estimate, frechet_distance, kernel_distance, nearest

CLASSIFIER = "two-sample classifier"
"""The distance that is an accuracy."""
DECAY = 0.1
"""Of the two-sample classifier: features are often as many as images."""


def scaled(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return both, counted from the mean of a, and such that a has mean square 1 an entry.

    Nothing is turned or stretched in one direction. So numbers of nets whose units have other
    sizes are on one scale, which the kernel distance needs.

    Raises:
        InputError: not two of shapes (n, f) and (m, f), numbers that are not finite, or an a whose
            vectors are all one.
    """
    if a.dim() != 2 or b.dim() != 2 or a.shape[1] != b.shape[1] or not min(len(a), len(b)):
        raise InputError(f"features {tuple(a.shape)} and {tuple(b.shape)}", "shapes (n, f), (m, f)")
    a, b = a.detach().double(), b.detach().double()
    if not bool(a.isfinite().all() and b.isfinite().all()):
        raise InputError("features that are not finite", "numbers", "use another model or layer")
    mean = a.mean(dim=0)
    size = (a - mean).square().mean().sqrt()
    if not float(size) > 0:
        raise InputError("features that are the same for all images of the first set", "others")
    return (a - mean) / size, (b - mean) / size


def told_apart(a: Tensor, b: Tensor, *, generator: torch.Generator, decay: float = DECAY) -> Rate:
    """Return how often a linear classifier names the set that a vector it has not seen is of.

    Logistic regression on a random half of both, asked about the other half; of the larger set as
    many are drawn as the smaller has, so that chance is 50 %. The exact interval is that of this
    classifier. Source: Lopez-Paz & Oquab 2017, there with a net.

    Raises:
        InputError: fewer than 4 vectors in one, or other lengths.
    """
    n = min(len(a), len(b))
    if n < 4:
        raise InputError(f"{len(a)} and {len(b)} vectors", "at least 4 of each", "use more images")
    drawn = [r[torch.randperm(len(r), generator=generator)[:n].to(r.device)] for r in (a, b)]
    fit, held = ([r[part] for r in drawn] for part in (slice(n // 2), slice(n // 2, n)))
    head = linear_head(torch.cat(fit), _sides(fit), 2, decay=decay, steps=200)
    y = _sides(held)
    return Rate.of(head(torch.cat(held)).argmax(dim=1).cpu() == y)


class Permuted(NamedTuple):
    """The kernel distance, and how often chance gives one as large."""

    distance: Estimate
    p: float


def permutation_test(
    a: Tensor, b: Tensor, *, permutations: int = 999, generator: torch.Generator
) -> Permuted:
    """Return `kernel_distance` and the share of all divisions of the vectors that give as much.

    Of `permutations` random divisions and the real one: at most alpha of the p-values are at most
    alpha where both sets are of one distribution, exactly. Source: Gretton et al. 2012.

    Raises as `kernel_distance`; `InputError` for no permutation.
    """
    if permutations < 1:
        raise InputError(f"permutations is {permutations}", "at least 1, as 999")
    distance = kernel_distance(a, b)
    both = torch.cat([a.double(), b.double().to(a.device)])
    n, total = len(a), len(both)
    kernel = (both @ both.T / both.shape[1] + 1) ** 3
    kernel.fill_diagonal_(0.0)
    orders = [torch.arange(total)]
    orders += [torch.randperm(total, generator=generator) for _ in range(permutations)]
    mine = torch.zeros(total, len(orders), dtype=torch.float64)
    for k, order in enumerate(orders):
        mine[order[:n], k] = 1.0
    mine = mine.to(both.device)
    inside, outside = ((side * (kernel @ side)).sum(dim=0) for side in (mine, 1 - mine))
    across = (kernel.sum() - inside - outside) / 2
    m = total - n
    found = inside / (n * (n - 1)) + outside / (m * (m - 1)) - 2 * across / (n * m)
    slack = 1e-9 * float(found.abs().max())
    return Permuted(distance, float((found >= found[0] - slack).double().mean()))


def away(a: Tensor, b: Tensor) -> Tensor:
    """Return the distance of each vector of b from the nearest one of a, (m,)."""
    return nearest(*_turned(b, a)).distance[:, 0]


def own_distance(a: Tensor) -> Tensor:
    """Return the distance of each vector of a from the nearest other one, (n,).

    Raises `InputError` for fewer than two.
    """
    if len(a) < 2:
        raise InputError(f"{len(a)} vectors", "at least two", "use more images")
    found = nearest(a, a, 2)
    itself = found.place == torch.arange(len(a), device=found.place.device)[:, None]
    # Of equal vectors the place may name others: then any of the two is at distance 0.
    other = torch.where(itself[:, 0], found.distance[:, 1], found.distance[:, 0])
    return other


def _frechet(a: Tensor, b: Tensor) -> float:
    return frechet_distance(*_turned(a, b))


def _apart(a: Tensor, b: Tensor) -> float:
    return told_apart(a, b, generator=stream(0, "told apart")).value


DISTANCES: Mapping[str, Callable[[Tensor, Tensor], float]] = {
    "Frechet distance": _frechet,
    "kernel distance": lambda a, b: kernel_distance(a, b).value,
    "nearest neighbours": lambda a, b: float(away(a, b).mean()),
    CLASSIFIER: _apart,
}
"""Distances of b from a by name, for vectors that were `scaled`."""


def _turned(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return vectors with the same distances, in as many dimensions as they span at most."""
    a, b = a.double(), b.double().to(a.device)
    if a.shape[1] <= len(a) + len(b):
        return a, b
    axes = torch.linalg.qr(torch.cat([a, b]).T).Q
    return a @ axes, b @ axes


def _sides(parts: list[Tensor]) -> Tensor:
    return torch.cat([torch.full((len(r),), k) for k, r in enumerate(parts)])
