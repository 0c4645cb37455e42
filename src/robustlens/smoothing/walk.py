"""The way through a data set: whole groups of neighbours, so that batches are always the same.

for group, wanted in groups(checked_indices([3, 4], len(data)), 2, len(data)):
    x, y = images_of(data, group)          # group [2, 3], wanted {3}; then [4, 5], {4}
"""

from collections.abc import Iterable, Iterator

import torch

from robustlens.data import Dataset
from robustlens.data.augment import unit
from robustlens.errors import InputError
from robustlens.types import Images, Labels


def images_of(data: Dataset, group: list[int]) -> tuple[Images, Labels]:
    """Return the images of a group (b, c, h, w) in [0, 1], and their labels."""
    chosen = torch.tensor(group, device=data.images.device)
    return unit(data.images[chosen]), data.labels[chosen]


def checked_indices(indices: Iterable[int] | None, n: int) -> list[int]:
    """Return indices in order, each once; all n by default. Raises `InputError` beyond them."""
    wanted = list(range(n)) if indices is None else sorted({int(index) for index in indices})
    outside = [index for index in wanted if not 0 <= index < n]
    if outside:
        raise InputError(f"index {outside[0]} for {n} images", f"0 to {n - 1}", "change indices")
    return wanted


def groups(wanted: list[int], size: int, n: int) -> Iterator[tuple[list[int], set[int]]]:
    """Yield whole groups of neighbours that hold a wanted image, and which of them are wanted."""
    asked = set(wanted)
    for number in sorted({index // size for index in wanted}):
        group = list(range(number * size, min((number + 1) * size, n)))
        yield group, asked.intersection(group)
