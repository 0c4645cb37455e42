"""Files that are whole or absent: write to a neighbour, flush, rename; and their digests.

    with replacing(Path("runs/log.json")) as temporary:
        temporary.write_text("{}")

A reader never sees half a file, and a kill in the middle leaves the old one.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from robustlens.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success it takes the place of `path`.

    The folder is made when missing. If the body raises, `path` stays as it was and the temporary
    file is gone. A full disk or a folder that cannot be written raises `InputError`.
    """
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


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, as UTF-8.

    Half a surrogate pair, as in a file's name that is no UTF-8, becomes its escape, which JSON
    reads back.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def append_text(path: Path, text: str) -> None:
    """Append `text` to `path` and flush it to the disk; a kill may leave a torn last line.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}",
            "a folder with free space that this user may write to",
            "choose another output folder",
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` atomically, as indented JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the JSON value in `path`.

    Raises:
        InputError: the file is missing, cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
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
    return digest(json.dumps(value, sort_keys=True).encode())
