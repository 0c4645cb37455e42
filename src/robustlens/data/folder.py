"""A folder of images: one folder a class, or split folders (`train`, `test`) holding such folders.

    photos/cat/001.jpg  photos/cat/002.jpg  photos/dog/001.jpg         # then load("photos", "all")

The names of the folders are the classes, sorted as text ("10" before "2"). Images are read as grey
when all of them are, else as RGB; see `pictures` for their pixels and `listing` for what counts.
One line on standard error counts what was left out, and why.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch

from robustlens.data.dataset import Dataset, Piece, Reading
from robustlens.data.framing import Framing, Size, framed, framing_of
from robustlens.data.holdout import members
from robustlens.data.listing import OUT, Listing, Notes, divisions, flat, listings, readable
from robustlens.data.packed import Bytes, gather, planes, threaded
from robustlens.data.pictures import Look, look, upright
from robustlens.errors import InputError
from robustlens.progress import say_once


def splits(folder: Path) -> tuple[str, ...]:
    """Return the splits that a folder has of its own: none, "train", "test" or both."""
    return tuple(divisions(folder))


def read(folder: Path, split: str, size: Size) -> Dataset:
    """Return the "train" or "test" images; with `size` (a side, or a `Framing`) all of one size.

    Without folders for splits, "all" are there to be had, and a fixed stratified fifth is "test".
    Raises `InputError` for a class without images, an image that cannot be read, or images that
    differ in size.
    """
    notes: Notes = Counter()
    found = listings(folder, notes)
    return assembled(found, split, size, name=_name(folder), notes=notes, where=folder)


def read_flat(folder: Path, size: Size) -> Dataset:
    """Return the pictures that lie in a folder without class folders, all of one made-up class.

    Whoever reads them says what their labels are. Raises `InputError` as `read`.
    """
    notes: Notes = Counter()
    paths = flat(folder, notes)
    listing = Listing(paths, torch.zeros(len(paths), dtype=torch.int64), ("not labelled",))
    return assembled({"all": listing}, "all", size, name=_name(folder), notes=notes, where=folder)


def assembled(
    found: Mapping[str, Listing],
    split: str,
    size: Size,
    *,
    name: str,
    notes: Notes,
    where: Path | None = None,
) -> Dataset:
    """Return the images of a split of listed pictures, all read in one way.

    Args:
        found: the pictures of "train" and "test", or of "all", which is cut.
        notes: what is left out already; said in a line, and kept in `reading`.
        where: the folder, for that line.
    """
    # All are looked at for either split: train and test must have one size and one mode.
    how = framing_of(size)
    paths = [path for listing in found.values() for path in listing.paths]
    looks = dict(zip(paths, threaded("looking at images", look, paths), strict=True))
    for seen in looks.values():
        notes["picture", "of several frames, only the first read"] += seen.frames > 1
        notes["picture", "with transparency, which is dropped"] += seen.alpha
    _say(where or Path(name), notes)
    if how is None:
        _check_sizes(looks)
    mode = _mode(how, looks.values())
    chosen, piece = _chosen(found, split)
    decode = partial(_decode, looks=looks, mode=mode, how=how)
    images = gather("decoding images", decode, chosen.paths)
    reading = _reading(notes, [looks[path].size for path in chosen.paths], how)
    return Dataset(torch.from_numpy(images), chosen.labels, chosen.classes, name, piece, reading)


def _name(folder: Path) -> str:
    return readable(folder.name or folder.resolve().name)


def _mode(how: Framing | None, looks: Iterable[Look]) -> str:
    """Return Pillow's mode: what the framing asks for, else grey where all pictures are."""
    if how is not None and how.channels is not None:
        return "L" if how.channels == 1 else "RGB"
    return "L" if all(seen.grey for seen in looks) else "RGB"


def _chosen(found: Mapping[str, Listing], split: str) -> tuple[Listing, Piece]:
    if split in found:
        n = len(found[split].paths)
        return found[split], Piece(split, n, n)
    paths, labels, classes = found["all"]
    kept = members(labels, split)
    paths = [path for path, keep in zip(paths, kept.tolist(), strict=True) if keep]
    return Listing(paths, labels[kept], classes), Piece(split, len(paths), len(labels))


def _reading(notes: Notes, sizes: Sequence[tuple[int, int]], how: Framing | None) -> Reading:
    """Return what was left out, what was read in a way of its own, and what was resized."""
    met = {
        f"{kind}s {what}": count
        for (kind, what), count in sorted(notes.items())
        if count and OUT not in what
    }
    out: Counter[str] = Counter()
    for (kind, what), count in notes.items():
        if OUT in what:
            out[f"{kind}s {what.removeprefix(f'{OUT}, ')}"] += count
    return Reading(dict(sorted(out.items())), met, _resized(sizes, how))


def _resized(sizes: Sequence[tuple[int, int]], how: Framing | None) -> str:
    """Say from which sizes to which pictures were brought; "" where all had it."""
    counts = Counter(sizes)
    if how is None or (set(counts) == {how.size} and not how.cuts):
        return ""
    if len(counts) <= 4:
        listed = ", ".join(f"{w}x{h} ({n})" for (w, h), n in sorted(counts.items()))
    else:
        (w, h), *_, (wide, high) = sorted(counts, key=lambda s: (s[0] * s[1], s))
        listed = f"{len(counts)} sizes between {w}x{h} and {wide}x{high}"
    return f"{how}; they were {listed}"


def _say(folder: Path, notes: Notes) -> None:
    counts = [
        f"{count} {kind}{'s' * (count > 1)} {what}"
        for (kind, what), count in sorted(notes.items())
        if count
    ]
    if counts:
        say_once(f"robustlens: {readable(str(folder))}: {'; '.join(counts)}.")


def _check_sizes(looks: dict[Path, Look]) -> None:
    (first, (size, *_)), *others = looks.items()
    other = next(((path, seen.size) for path, seen in others if seen.size != size), None)
    if other is not None:
        raise InputError(
            f"{first} is {size[0]}x{size[1]} and {other[0]} is {other[1][0]}x{other[1][1]}",
            "images of one size",
            "give --size to crop and resize them all, e.g. --size 64",
        )


def _decode(path: Path, looks: dict[Path, Look], mode: str, how: Framing | None) -> Bytes:
    image = upright(path, mode, looks[path].size)
    return planes(image if how is None else framed(image, how))
