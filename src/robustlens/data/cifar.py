"""CIFAR-10 as published: the binary or the Python version, a folder or the archive itself.

    data = read(Path("cifar-10-python.tar.gz"), "train")

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import tarfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robustlens.data.dataset import Dataset
from robustlens.data.packed import Bytes
from robustlens.data.unpickle import unpickle
from robustlens.errors import InputError
from robustlens.progress import bar

CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer",
    "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
BATCHES = {"train": tuple(f"data_batch_{k}" for k in range(1, 6)), "test": ("test_batch",)}
META = "batches.meta"
PIXELS = 3 * 32 * 32
INSIDE = ("", "cifar-10-batches-py", "cifar-10-batches-bin")
"""Where the files are: in the folder given, or in the one that the archive unpacks to."""


def recognise(path: Path) -> bool:
    """Return whether `path` is a tar.gz file or a folder with CIFAR-10 batches."""
    return path.name.endswith((".tar.gz", ".tgz")) if path.is_file() else _root(path) is not None


def read(path: Path, split: str) -> Dataset:
    """Return CIFAR-10's "train" or "test" images, uint8 (n, 3, 32, 32), in the original order.

    Raises `InputError` when a batch is missing, damaged, or a pickle with more than arrays in it.
    """
    wanted = {name for stem in (*BATCHES[split], META) for name in (stem, f"{stem}.bin")}
    found = (_from_tar if path.is_file() else _from_folder)(path, wanted | {f"{META}.txt"})
    parts = [_batch(found, stem, path) for stem in BATCHES[split]]
    images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Dataset(
        torch.from_numpy(images.reshape(-1, 3, 32, 32)),
        torch.from_numpy(labels.astype(np.int64)),
        _classes(found),
        path.name,
    )


def _root(path: Path) -> Path | None:
    first = BATCHES["train"][0]
    names = (first, f"{first}.bin")
    return next((path / i for i in INSIDE if any((path / i / n).is_file() for n in names)), None)


def _from_folder(path: Path, wanted: set[str]) -> dict[str, bytes]:
    root = _root(path) or path
    return {name: (root / name).read_bytes() for name in wanted if (root / name).is_file()}


def _from_tar(path: Path, wanted: set[str]) -> dict[str, bytes]:
    found = {}
    try:
        with (
            tarfile.open(path, "r:gz") as tar,
            path.open("rb") as whole,
            bar(f"reading {path.name}", whole.seek(0, 2)) as advance,
        ):
            for member in tar:
                stream = tar.extractfile(member)
                if stream is not None and Path(member.name).name in wanted:
                    found[Path(member.name).name] = stream.read()
                    advance(member.size)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise InputError(
            f"cannot read {path}: {error}", "a whole tar.gz archive", "download it again"
        ) from error
    return found


def _batch(found: dict[str, bytes], stem: str, path: Path) -> tuple[Bytes, Bytes]:
    """Return pixels (n, 3072) and labels (n,) of one batch, from whichever version is there."""
    if f"{stem}.bin" in found:
        return _binary(found[f"{stem}.bin"], f"{stem}.bin")
    if stem in found:
        return _python(unpickle(found[stem], stem), stem)
    raise InputError(f"{path} has no {stem}", "the CIFAR-10 batches 1 to 5 and the test batch")


def _binary(raw: bytes, name: str) -> tuple[Bytes, Bytes]:
    if not raw or len(raw) % (PIXELS + 1):
        raise InputError(f"{name} has {len(raw)} bytes", f"a multiple of {PIXELS + 1}")
    rows = np.frombuffer(raw, np.uint8).reshape(-1, PIXELS + 1)
    return rows[:, 1:], rows[:, 0]


def _python(batch: Any, name: str) -> tuple[Bytes, Bytes]:
    content = batch if isinstance(batch, dict) else {}
    pixels = np.asarray(content.get(b"data", content.get("data", 0)))
    labels = np.asarray(content.get(b"labels", content.get("labels", ())))
    sound = pixels.dtype == np.uint8 and labels.dtype.kind in "iu"
    sound = sound and bool((labels == labels.astype(np.uint8)).all())
    if not sound or pixels.shape != (len(labels), PIXELS):
        raise InputError(
            f"{name} holds {pixels.dtype} {pixels.shape} and labels {labels.shape}",
            f"data uint8 (n, {PIXELS}) and n labels from 0 to 255",
        )
    return pixels, labels.astype(np.uint8)


def _classes(found: dict[str, bytes]) -> tuple[str, ...]:
    if f"{META}.txt" in found:
        return tuple(found[f"{META}.txt"].decode().split())
    meta = unpickle(found[META], META) if META in found else {}
    names = meta.get(b"label_names", meta.get("label_names", ())) or CLASSES
    return tuple(n.decode() if isinstance(n, bytes) else str(n) for n in names)
