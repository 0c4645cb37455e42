"""A data set: uint8 images, integer labels and the names of the classes; batches of it.

    rest, part = data.split(0.1, seed=0)                  # class-stratified
    for x, y in batches(rest, 128, stream(0, "train")):
        ...                                               # x float32 in [0, 1], y int64

Pixels stay uint8 in memory (or in a memory map, see `saved`) and become floats a batch at a time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from robustlens import files
from robustlens.data.augment import Augmentation, unit
from robustlens.errors import InputError
from robustlens.streams import stream

CHUNK = 4096
"""Images read at once when a whole data set is walked through: a memory map stays on disk."""


class Piece(NamedTuple):
    """Which images of a source were read: `split` is "train", "test" or "all"."""

    split: str
    n: int  # images of that split
    whole: int  # images it was cut from; `n` where the split is the source's own


class Reading(NamedTuple):
    """What became of the files as a folder was read, in words, with counts of files."""

    left_out: Mapping[str, int] = {}
    otherwise: Mapping[str, int] = {}  # read, but not as one might expect
    resized: str = ""  # from which sizes to which, and how


READ_AS_IT_IS = Reading()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled images: uint8 `images` (n, c, h, w), int64 `labels` (n,), class names, a name.

    `piece` says which images of a source these are, or were taken from, where `load` knows;
    `reading` what was left out and what was resized as they were read. Neither is in the digest.
    Raises `InputError` when dtypes, shapes or lengths disagree, when there is no image, when a
    label has no class, or when two classes have one name.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    name: str
    piece: Piece | None = None
    reading: Reading = READ_AS_IT_IS

    def __post_init__(self) -> None:
        _check_images(self.images)
        _check_labels(self.labels, len(self.images), len(self.classes))
        _check_classes(self.classes)

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        """Return one line: name, split, number and shape of the images, classes."""
        split = f", {self.piece.split!r}" if self.piece else ""
        return (
            f"Dataset({self.name!r}{split}, n={len(self)}, shape={self.shape}, "
            f"{len(self.classes)} classes: {numbered(self.classes)})"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that depend on labels, shape and pixels, not on device or name.

        It is a digest of the digests of chunks, so that a memory map is read piece by piece.
        """
        pixels = (files.digest(chunk).encode() for chunk in chunks(self.images))
        head = repr(tuple(self.images.shape)).encode()
        return files.digest(head, self.labels.cpu().numpy().tobytes(), *pixels)

    def subset(self, indices: Tensor) -> "Dataset":
        """Return the images at `indices` (m,) int64, in that order, copied."""
        images, labels = _rows(self, indices.to(self.images.device))
        return replace(self, images=images, labels=labels)

    def called(self, piece: Piece) -> "Dataset":
        """Return the data set with that `piece`, its pixels not copied."""
        return replace(self, piece=piece)

    def to(self, device: torch.device | str) -> "Dataset":
        """Return the data set with images and labels on `device`."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def places(self, n: int) -> Tensor:
        """Return the indices of `n` images, as equally many of each class as there are, growing.

        The first of every class come before the second of any, so that those of fewer are among
        those of more. Raises `InputError` unless 1 <= n <= len(self).
        """
        if not 1 <= n <= len(self):
            raise InputError(f"n is {n}", f"1 to {len(self)}, the images of {self.name}")
        labels = self.labels.cpu()
        by_rank = torch.argsort(_ranks(labels) * len(self.classes) + labels)
        return by_rank[:n].sort().values

    def take(self, n: int) -> "Dataset":
        """Return the `n` images of `places`, in the original order."""
        return self.subset(self.places(n))

    def limited(self, n: int) -> "Dataset":
        """Return `take(n)`, or all of them for 0, as a limit says in flags and configs."""
        return self.take(n) if n else self

    def split(self, fraction: float, seed: int) -> "Split":
        """Return the data set in two, `part` with `fraction` of every class and `rest`.

        Both keep the original order; the choice is drawn from `stream(seed, "split")`. Raises
        `InputError` unless 0 < fraction < 1 and both get an image.
        """
        chosen = stratified(self.labels.cpu(), fraction, stream(seed, "split"))
        rest, part = (torch.nonzero(side).flatten() for side in (~chosen, chosen))
        return Split(self.subset(rest), self.subset(part))


class Split(NamedTuple):
    """A data set in two disjoint pieces that together are the whole."""

    rest: Dataset
    part: Dataset


def stratified(labels: Tensor, fraction: float, generator: torch.Generator) -> Tensor:
    """Return a mask (n,) that is true for a random `fraction` of every class, rounded to nearest.

    Raises `InputError` unless 0 < fraction < 1 and both sides get an image.
    """
    if not 0 < fraction < 1:
        raise InputError(f"fraction is {fraction}", "a number between 0 and 1 such as 0.2")
    order = torch.randperm(len(labels), generator=generator)
    quota = (torch.bincount(labels) * fraction + 0.5).floor()
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    chosen[order] = _ranks(labels[order]) < quota[labels[order]]
    if chosen.all() or not chosen.any():
        raise InputError(
            f"{len(labels)} images cut at {fraction} leave one side empty",
            "more images in at least one class",
            "add images or change fraction",
        )
    return chosen


def batches(
    data: Dataset,
    size: int,
    generator: torch.Generator | None = None,
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Return an iterator over float32 images in [0, 1] (b, c, h, w) and int64 labels (b,).

    Batches live where `data.images` lives. They are shuffled when a generator is given and in
    order otherwise; the last may be smaller than `size`. `augment` gets float images and the same
    generator, a fresh draw per batch. Raises `InputError` for a size under 1, or for an `augment`
    without a generator.
    """
    if size < 1:
        raise InputError(f"size is {size}", "at least 1 image in a batch", "change size")
    if augment is not None and generator is None:
        raise InputError("augment without a generator", "a torch.Generator", "pass generator")
    return _batches(data, size, generator, augment)


def _batches(
    data: Dataset,
    size: int,
    generator: torch.Generator | None,
    augment: Callable[[Tensor, torch.Generator], Tensor] | None,
) -> Iterator[tuple[Tensor, Tensor]]:
    for x, y in _pieces(data, size, generator):
        if augment is not None and generator is not None:
            # Ours moves bytes first and makes floats after: a quarter of the memory to move.
            x = augment(x if isinstance(augment, Augmentation) else unit(x), generator)
        yield unit(x), y


def _pieces(
    data: Dataset, size: int, generator: torch.Generator | None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Return an iterator over stored images and labels, `size` at a time."""
    slices = (slice(start, start + size) for start in range(0, len(data), size))
    if generator is None:
        return ((data.images[at], data.labels[at]) for at in slices)
    order = torch.randperm(len(data), generator=generator, device=generator.device)
    order = order.to(data.images.device)
    return (_rows(data, order[at]) for at in slices)


def _rows(data: Dataset, indices: Tensor) -> tuple[Tensor, Tensor]:
    # On a CPU index_select copies whole images, some ten times sooner than images[indices].
    return data.images.index_select(0, indices), data.labels.index_select(0, indices)


def chunks(images: Tensor) -> Iterator[memoryview]:
    """Return an iterator over the bytes of `images` in C order, `CHUNK` images at a time."""
    parts = (images[start : start + CHUNK] for start in range(0, len(images), CHUNK))
    return (part.cpu().contiguous().numpy().data.cast("B") for part in parts)


def numbered(classes: Sequence[str]) -> str:
    """Return "0 cat, 1 dog": classes and their indices, the middle left out of more than twelve."""
    names = [f"{index} {name}" for index, name in enumerate(classes)]
    return ", ".join(names if len(names) <= 12 else [*names[:10], "...", names[-1]])


def _ranks(labels: Tensor) -> Tensor:
    """Return for each label how many equal ones stand before it."""
    order = torch.argsort(labels, stable=True)
    counts = torch.bincount(labels)
    starts = counts.cumsum(0) - counts
    ranks = torch.empty_like(labels)
    ranks[order] = torch.arange(len(labels)) - starts[labels[order]]
    return ranks


def _check_images(images: Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or 0 in images.shape:
        raise InputError(
            f"images are {images.dtype} of shape {tuple(images.shape)}",
            "torch.uint8 of shape (n, c, h, w) with at least one image and one pixel",
            "change images",
        )


def _check_labels(labels: Tensor, n: int, classes: int) -> None:
    if labels.dtype != torch.int64 or tuple(labels.shape) != (n,):
        raise InputError(
            f"labels are {labels.dtype} of shape {tuple(labels.shape)}",
            f"torch.int64 of shape ({n},), one for each image",
            "change labels",
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise InputError(
            f"labels run from {low} to {high}",
            f"0 to {classes - 1}, for {classes} classes",
            "change labels or classes",
        )


def _check_classes(classes: tuple[str, ...]) -> None:
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise InputError(f"two classes have the name {twice!r}", "one name each", "change classes")
