"""CIFAR-10 and CIFAR-100 as published: binary or Python version, a folder or the archive itself.

    data = read(Path("cifar-10-python.tar.gz"), "train")

Of CIFAR-100 the labels are the 100 fine ones. A. Krizhevsky, "Learning Multiple Layers of Features
from Tiny Images", 2009.
"""

import tarfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

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
PIXELS = 3 * 32 * 32


class Layout(NamedTuple):
    """How one of the two sets is stored: its files, its keys, the bytes of labels in a row."""

    batches: dict[str, tuple[str, ...]]  # by split
    meta: str
    labels: str
    names: str
    text: str  # the names in the binary version
    width: int  # bytes before the pixels; the last is the label
    inside: tuple[str, ...]  # folders that the archives unpack to
    classes: tuple[str, ...]  # when the names are not there


TEN = Layout(
    {"train": tuple(f"data_batch_{k}" for k in range(1, 6)), "test": ("test_batch",)},
    "batches.meta", "labels", "label_names", "batches.meta.txt", 1,
    ("cifar-10-batches-py", "cifar-10-batches-bin"), CLASSES,
)  # fmt: skip
HUNDRED = Layout(
    {"train": ("train",), "test": ("test",)},
    "meta", "fine_labels", "fine_label_names", "fine_label_names.txt", 2,
    ("cifar-100-python", "cifar-100-binary"), tuple(map(str, range(100))),
)  # fmt: skip
LAYOUTS = (TEN, HUNDRED)


def recognise(path: Path) -> bool:
    """Return whether `path` is a tar.gz file or a folder with the batches of CIFAR-10 or 100."""
    if path.is_file():
        return path.name.lower().endswith((".tar.gz", ".tgz"))
    return any(_root(path, layout) is not None for layout in LAYOUTS)


def read(path: Path, split: str) -> Dataset:
    """Return the "train" or "test" images, uint8 (n, 3, 32, 32), in the original order.

    Raises `InputError` when a batch is missing, damaged, or a pickle with more than arrays in it.
    """
    files = {
        name
        for layout in LAYOUTS
        for stem in (*layout.batches[split], layout.meta)
        for name in (stem, f"{stem}.bin", layout.text)
    }
    found = (_from_tar if path.is_file() else _from_folder)(path, files)
    layout = HUNDRED if found.keys() & {"meta", "train", "test", "train.bin", "test.bin"} else TEN
    parts = [_batch(found, layout, stem, path) for stem in layout.batches[split]]
    images, labels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Dataset(
        torch.from_numpy(images.reshape(-1, 3, 32, 32)),
        torch.from_numpy(labels.astype(np.int64)),
        _classes(found, layout),
        path.name,
    )


def _root(path: Path, layout: Layout) -> Path | None:
    """Return the folder that holds the files: the one given, or one that an archive makes in it."""
    first = layout.batches["train"][0]
    names = (first, f"{first}.bin")
    places = [path / inside for inside in ("", *layout.inside)]
    return next((place for place in places if any((place / n).is_file() for n in names)), None)


def _from_folder(path: Path, wanted: set[str]) -> dict[str, bytes]:
    root = next((place for layout in LAYOUTS if (place := _root(path, layout))), path)
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


def _batch(found: dict[str, bytes], layout: Layout, stem: str, path: Path) -> tuple[Bytes, Bytes]:
    """Return pixels (n, 3072) and labels (n,) of one batch, from whichever version is there."""
    if f"{stem}.bin" in found:
        return _binary(found[f"{stem}.bin"], f"{stem}.bin", layout.width)
    if stem in found:
        return _python(unpickle(found[stem], stem), stem, layout.labels)
    raise InputError(f"{path} has no {stem}", "the CIFAR-10 batches 1 to 5 and the test batch")


def _binary(raw: bytes, name: str, width: int) -> tuple[Bytes, Bytes]:
    row = PIXELS + width
    if not raw or len(raw) % row:
        raise InputError(f"{name} has {len(raw)} bytes", f"a multiple of {row}")
    rows = np.frombuffer(raw, np.uint8).reshape(-1, row)
    return rows[:, width:], rows[:, width - 1]


def _python(batch: Any, name: str, key: str) -> tuple[Bytes, Bytes]:
    content = batch if isinstance(batch, dict) else {}
    pixels = np.asarray(_entry(content, "data", 0))
    labels = np.asarray(_entry(content, key, ()))
    labels = labels[:, 0] if labels.shape[1:] == (1,) else labels
    sound = pixels.dtype == np.uint8 and labels.dtype.kind in "iu" and labels.ndim == 1
    sound = sound and bool((labels == labels.astype(np.uint8)).all())
    if not sound or pixels.shape != (len(labels), PIXELS):
        raise InputError(
            f"{name} holds {pixels.dtype} {pixels.shape} and {key} {labels.shape}",
            f"data uint8 (n, {PIXELS}) and n labels from 0 to 255",
        )
    return pixels, labels.astype(np.uint8)


def _entry(content: Any, key: str, otherwise: Any) -> Any:
    """Return an entry by its name, as Python 2 (bytes) or Python 3 (text) wrote it."""
    return content.get(key.encode(), content.get(key, otherwise))


def _classes(found: dict[str, bytes], layout: Layout) -> tuple[str, ...]:
    if layout.text in found:
        return tuple(found[layout.text].decode().split())
    meta = unpickle(found[layout.meta], layout.meta) if layout.meta in found else {}
    names = _entry(meta if isinstance(meta, dict) else {}, layout.names, ())
    names = names if len(names) else layout.classes
    return tuple(n.decode() if isinstance(n, bytes) else str(n) for n in names)
