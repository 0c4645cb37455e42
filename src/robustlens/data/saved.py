"""A data set as a folder: images.npy, labels.npy and card.json, whole or absent.

    save(data, Path("robust"), card={"recipe": "D_R"})
    data = open_saved(Path("robust"))               # images stay on disk, memory-mapped

This is also the road for data that do not fit in memory.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robustlens import files
from robustlens.data.dataset import CHUNK, Dataset, chunks
from robustlens.decoding import decode, encode
from robustlens.errors import InputError
from robustlens.progress import bar

CARD, IMAGES, LABELS = "card.json", "images.npy", "labels.npy"


def save(data: Dataset, folder: files.AnyPath, *, card: Mapping[str, Any] | None = None) -> None:
    """Write `data` to `folder` atomically, with the further entries of `card` in its card.json.

    The card goes first and comes last, so that a folder that has one is complete. Raises
    `InputError` when the folder cannot be written, or when `card` names an entry of ours.
    """
    folder = files.as_path(folder)
    own: dict[str, Any] = encode(
        Contents(
            name=data.name, classes=data.classes, n=len(data), shape=data.shape, digest=data.digest
        )
    )
    if taken := own.keys() & (card or {}).keys():
        raise InputError(f"card has {', '.join(sorted(taken))}", "other names", "rename in card")
    _remove(folder / CARD)
    _write_images(data, folder / IMAGES)
    with files.replacing(folder / LABELS) as temporary, temporary.open("wb") as handle:
        np.save(handle, data.labels.cpu().numpy())
    files.write_json(folder / CARD, own | dict(card or {}))


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What the card of every saved set says: its `save` writes these entries first."""

    name: str
    classes: tuple[str, ...]
    n: int
    shape: tuple[int, ...]  # of an image
    digest: str


def open_saved(folder: files.AnyPath) -> Dataset:
    """Return the data set that `save` wrote to `folder`, its images memory-mapped.

    Changes to the images stay in memory (copy on write). Raises `InputError` when a file is
    missing, cut short or does not agree with the card.
    """
    folder = files.as_path(folder)
    said = contents(folder)
    images = _array(folder / IMAGES, (said.n, *said.shape), np.dtype(np.uint8))
    labels = _array(folder / LABELS, (said.n,), np.dtype(np.int64))
    return Dataset(
        torch.from_numpy(images),
        torch.from_numpy(np.array(labels)),
        said.classes,
        said.name,
    )


def read_card(folder: files.AnyPath) -> dict[str, Any]:
    """Return the entries of the card in `folder`; raise `InputError` when it is not a whole one."""
    path = files.as_path(folder) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unusable(path, str(error)) from error
    absent = {one.name for one in fields(Contents)} - set(card if type(card) is dict else ())
    if absent:
        raise _unusable(path, f"it has no {', '.join(sorted(absent))}")
    try:
        decode(Contents, card, "it")
    except InputError as error:
        raise _unusable(path, f"{error.received}, expected {error.expected}") from error
    return dict(card)


def contents(folder: files.AnyPath) -> Contents:
    """Return what the card in `folder` says as every card does; raises as `read_card`."""
    found: Contents = decode(Contents, read_card(folder), CARD)
    return found


def _array(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    try:
        array = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise _unusable(path, str(error)) from error
    if array.shape != shape or array.dtype != dtype:
        what = f"it holds {array.dtype} {array.shape}, its card says {dtype} {shape}"
        raise _unusable(path, what)
    return array


def _unusable(path: Path, why: str) -> InputError:
    return InputError(
        f"cannot use {path}: {why}", "a data set written to the end by save", "save it again"
    )


def _write_images(data: Dataset, path: Path) -> None:
    # Plain writes rather than a writable map: a full disk is then an error and not a crash.
    header = {"descr": "|u1", "fortran_order": False, "shape": tuple(data.images.shape)}
    with (
        files.replacing(path) as temporary,
        temporary.open("wb") as handle,
        bar(f"saving {data.name}", len(data)) as advance,
    ):
        np.lib.format.write_array_header_1_0(handle, header)
        for chunk in chunks(data.images):
            handle.write(chunk)
            advance(CHUNK)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot replace {path}: {error.strerror}", "a folder to write") from error
