"""The way through a data set: batches of neighbours, always the same, with one progress bar.

for start, x, y in walk(data, 250, "clean accuracy"):             # images start .. start + len(x)
    ...
for start, x, y in walk(data, 250, "attack", todo=journal.todo):  # those that are left
    ...
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from robustlens.data.augment import unit
from robustlens.data.dataset import Dataset
from robustlens.errors import InputError
from robustlens.progress import Note, bar, within
from robustlens.types import Images, Labels


def walk(
    data: Dataset,
    size: int,
    title: str,
    *,
    todo: Sequence[int] | None = None,
    done: int = 0,
    note: Callable[[], Note] | None = None,
) -> Iterator[tuple[int, Images, Labels]]:
    """Yield the place of the first image of each batch, its images (b, c, h, w), its labels (b,).

    Args:
        size: images of a batch; the last of the data may be smaller.
        title: of the bar.
        todo: the first images of the batches that are wanted, all by default.
        done: images that are there already, with which the bar begins.
        note: what stands beside the bar, asked before the first batch and after each.

    Raises:
        InputError: a size under 1.
    """
    if size < 1:
        raise InputError(f"size is {size}", "at least 1 image in a batch", "change size")
    starts = range(0, len(data), size) if todo is None else todo
    left = sum(min(size, len(data) - start) for start in starts)
    with bar(title, done + left) as advance:
        advance(done, note and note())
        for start in starts:
            rows = slice(start, start + size)
            x, y = unit(data.images[rows]), data.labels[rows]
            with within(advance, len(x)) as rest:
                yield start, x, y
            advance(rest(), note and note())


def checked_indices(indices: Iterable[int] | None, n: int) -> list[int]:
    """Return indices in order, each once; all n by default. Raises `InputError` beyond them."""
    wanted = list(range(n)) if indices is None else sorted({int(index) for index in indices})
    outside = [index for index in wanted if not 0 <= index < n]
    if outside:
        raise InputError(f"index {outside[0]} for {n} images", f"0 to {n - 1}", "change indices")
    return wanted


def starts_of(indices: Iterable[int], size: int) -> list[int]:
    """Return the first index of each batch that holds one of the indices, for `walk`."""
    return sorted({index // size * size for index in indices})
