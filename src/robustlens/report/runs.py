"""Run folders: `result.json`, checked before a page is made of it, and its PNG files."""

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from robustlens.errors import InputError
from robustlens.files import AnyPath, as_path

_NUMBER = (int, float)
_WORDS = (str, type(None))

# A type, or types; a dict of fields; a list of one shape for all its items. The field "*" stands
# for every field.
_SHAPE: dict[str, Any] = {
    "study": str,
    "preset": str,
    "verdict": str,
    "seconds": _NUMBER,
    "summary": str,
    "numbers": {
        "*": {
            "value": _NUMBER,
            "low": _NUMBER,
            "high": _NUMBER,
            "n": int,
            "published": _WORDS,
            "source": _WORDS,
        }
    },
    "figures": [{"name": str, "caption": str}],
    "provenance": {
        "command": str,
        "config": dict,
        "seed": int,
        "data": {"*": str},
        "commit": str,
        "versions": {"*": str},
        "device": str,
        "threads": int,
        "date": str,
    },
}


def read_run(folder: AnyPath) -> dict[str, Any]:
    """Return the result of a run folder, as `Result.as_dict` gave it.

    Raises:
        InputError: `result.json` is missing, is no JSON, or lacks what a result has.
    """
    folder = as_path(folder)
    path = folder / "result.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: {error}", "the result of a run, as JSON", "run the study again"
        ) from error
    for fault in _faults(found, _SHAPE, "result"):
        raise InputError(f"{path}: {fault}", "the result of a run", "run the study again")
    return dict(found)


def _faults(value: Any, shape: Any, where: str) -> Iterator[str]:
    """Yield what of `value` does not have the shape."""
    kind: Any = type(shape) if isinstance(shape, dict | list) else shape
    if not isinstance(value, kind):
        yield f"{where} is a {type(value).__name__}"
    elif isinstance(shape, list):
        for i, item in enumerate(value):
            yield from _faults(item, shape[0], f"{where}[{i}]")
    elif isinstance(shape, dict):
        yield from _field_faults(value, shape, where)


def _field_faults(value: Any, shapes: Mapping[str, Any], where: str) -> Iterator[str]:
    fields = dict.fromkeys(value, shapes["*"]) if "*" in shapes else shapes
    for name, shape in fields.items():
        if name in value:
            yield from _faults(value[name], shape, f"{where}.{name}")
        else:
            yield f"{where} has no {name}"


class Png(NamedTuple):
    """A picture to be put into a page."""

    width: int
    height: int
    uri: str  # data:image/png;base64,...


def read_png(folder: Path, name: str) -> Png:
    """Return `folder`/`name`.png with its size in pixels.

    Raises:
        InputError: the file is missing or no PNG, or the name leads out of the folder.
    """
    path = folder / f"{name}.png"
    if path.parent != folder or not path.is_file():
        raise InputError(f"{path}: no such picture", "a PNG beside result.json", "run it again")
    content = path.read_bytes()
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        raise InputError(
            f"{path}: {len(content)} bytes that are no PNG", "a PNG picture", "run it again"
        )
    width, height = struct.unpack(">II", content[16:24])
    return Png(width, height, "data:image/png;base64," + base64.b64encode(content).decode())
