"""Files that are whole or absent: write to a neighbour, flush, rename; and their digests.

    with replacing(Path("runs/log.json")) as temporary:
        temporary.write_text("{}")

A reader never sees half a file, and a kill in the middle leaves the old one. Whatever is public
and takes a path takes it as a text too: `AnyPath`, made a `Path` by `as_path`.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from robustlens.errors import InputError

AnyPath = str | os.PathLike[str]
"""A path as people give it: a text, or an object such as `pathlib.Path`."""


def as_path(path: AnyPath) -> Path:
    """Return a path, of a text or of anything that stands for one; "~" is the home folder.

    Raises:
        InputError: it is neither, or empty.
    """
    if not isinstance(path, str | os.PathLike) or not isinstance(os.fspath(path), str):
        raise InputError(f"a path that is {path!r}", "a text or a pathlib.Path", "change the path")
    if not os.fspath(path):
        raise InputError("a path that is empty", "the name of a file or folder", "change the path")
    return Path(path).expanduser() if os.fspath(path).startswith("~") else Path(path)


@contextmanager
def replacing(path: AnyPath) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success it takes the place of `path`.

    The folder is made when missing. If the body raises, `path` stays as it was and the temporary
    file is gone. A full disk or a folder that cannot be written raises `InputError`.
    """
    path = as_path(path)
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        what = f"cannot write {path!a}: this system's file names are {error.encoding}"
        raise InputError(what, "a path of such letters", "choose another output path") from error
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}",
            "a folder with free space that this user may write to",
            "choose another output folder",
        ) from error
    finally:
        temporary.unlink(missing_ok=True) if temporary.parent.is_dir() else None


def write_text(path: AnyPath, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8; what that cannot say becomes "\\udce9"."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def append_text(path: AnyPath, text: str) -> None:
    """Append `text` to `path` and flush it to the disk; a kill may leave a torn last line.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        with as_path(path).open("a", encoding="utf-8", errors="backslashreplace") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}",
            "a folder with free space that this user may write to",
            "choose another output folder",
        ) from error


def to_json(value: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """Return a value as JSON; numbers of numpy, arrays, tensors and paths are written plainly.

    Raises:
        InputError: something in it has no form in JSON.
    """
    try:
        return json.dumps(value, indent=indent, sort_keys=sort_keys, default=_plain)
    except TypeError as error:
        raise InputError(
            f"a value that JSON cannot hold ({error})",
            "texts, numbers, lists, mappings with texts as keys",
            "change it",
        ) from error


def _plain(value: Any) -> Any:
    """Return a value that JSON has no form for as one that it has."""
    if isinstance(value, os.PathLike):
        return str(value)
    if isinstance(value, Real):
        return int(value) if isinstance(value, Integral) else float(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r} is a {type(value).__name__}")


def write_json(path: AnyPath, value: Any) -> None:
    """Write `value` to `path` atomically, as indented JSON; raises as `to_json`."""
    write_text(path, readable_json(value) + "\n")


def readable_json(value: Any) -> str:
    """Return `to_json` for people: indented, letters as they are where UTF-8 has them."""
    escaped = to_json(value, indent=2)
    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    return escaped if any("\ud800" <= letter <= "\udfff" for letter in text) else text


def read_json(path: AnyPath) -> Any:
    """Return the JSON value in `path`.

    Raises:
        InputError: the file is missing, cannot be read, or is no JSON.
    """
    try:
        return json.loads(as_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {path}: {error}", "a JSON file, whole") from error


def digest(*parts: bytes | memoryview) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of the parts, in order."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()[:16]


def digest_json(value: Any) -> str:
    """Return `digest` of a JSON value in canonical form (sorted keys)."""
    return digest(to_json(value, sort_keys=True).encode())
