"""Where the files of a shipped model are, and whether they are what was shipped.

    path = located(entry("cifar10-l2-0.5"))     # checked against the table, byte for byte

Looked in, in this order: the package, the checkout's folder `weights`, the user's cache folder.
"""

import os
from pathlib import Path

from robustlens.data.places import cache_folder
from robustlens.errors import InputError
from robustlens.fetch import fetch
from robustlens.nets.cards import check_file
from robustlens.zoo import table
from robustlens.zoo.table import Entry, File, entries

VARIABLE = "ROBUSTLENS_MODELS_URL"
"""The environment variable that names an address below which model files can be downloaded."""


def downloads() -> Path:
    """Return the folder for downloaded models."""
    return cache_folder() / "models"


def folders() -> list[Path]:
    """Return the folders that are looked in, in order."""
    return [table.SHIPPED, table.WEIGHTS, downloads()]


def find(entry: Entry) -> Path | None:
    """Return the first folder that has any file of a model, or None; nothing is checked."""
    return next((f for f in folders() if any((f / file.name).is_file() for file in entry.files)),
                None)  # fmt: skip


def located(entry: Entry) -> Path:
    """Return the path of the weights of a model, every file of it checked.

    Raises:
        InputError: a file is missing, a pickle, truncated, another model's, or damaged; its name,
            and what to do, are in the words.
    """
    folder = find(entry)
    if folder is None:
        raise absent(entry)
    for file in entry.files:
        check(folder / file.name, file, entry)
    return folder / entry.weights


def check(path: Path, file: File, entry: Entry) -> None:
    """Refuse a file that is not, byte for byte, what the table says."""
    remedy = f"delete it and give `robustlens models get {entry.name}`, or restore it"
    if not path.is_file():
        raise InputError(f"no file {path}", f"all {len(entry.files)} files of the model", remedy)
    if file.digest.of(path) == file.digest:
        return
    if path.suffix == ".safetensors":
        check_file(path)
    size, other = path.stat().st_size, _owner(path)
    if other is not None:
        raise InputError(f"{path} holds the weights of {other}", f"those of {entry.name}", remedy)
    if size < file.bytes:
        raise InputError(f"{path} is truncated: {size} bytes", f"{file.bytes} bytes", remedy)
    raise InputError(
        f"{path} is damaged or was changed: {file.digest.of(path)}", str(file.digest), remedy
    )


def get(entry: Entry, url: str | None = None) -> Path:
    """Return the path of the weights of a model, downloaded into the cache folder if need be.

    Args:
        url: the address of a folder with the files; default: what ROBUSTLENS_MODELS_URL names.

    Raises:
        InputError: as `located`; as `fetch`; or there is no address, and then the words say
            which file to place where.
    """
    if find(entry) not in (None, downloads()):
        return located(entry)
    base = url or os.environ.get(VARIABLE)
    if base is None:
        return located(entry)
    for file in entry.files:
        fetch(f"{base.rstrip('/')}/{file.name}", downloads() / file.name, file.digest)
    return located(entry)


def absent(entry: Entry) -> InputError:
    """Return the error that says which file belongs where."""
    wanted = ", ".join(f"{file.name} ({file.digest})" for file in entry.files)
    return InputError(
        f"the weights of {entry.name} are not on this machine",
        f"{wanted} in {' or '.join(map(str, folders()))}",
        f"place them there; or set {VARIABLE} to the address of a folder that has them and give "
        f"`robustlens models get {entry.name}`",
    )


def _owner(path: Path) -> str | None:
    """Return the name of the shipped model that a file belongs to by its content."""
    return next((name for name, entry in entries().items() for file in entry.files
                 if file.digest.of(path) == file.digest), None)  # fmt: skip
