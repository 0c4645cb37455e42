"""A file that lists pictures and their labels: CSV, TSV, JSON or JSON lines.

    file,label                      [{"file": "a.jpg", "label": "cat"}, ...]
    photos/a.jpg,cat                {"a.jpg": "cat", "b.jpg": "dog"}
    photos/b.jpg,dog                [["a.jpg", 0], ["b.jpg", 1]]

Paths are read from the folder of the file. Without a line of headings the first column is the
file, the second the label. What labels may be says `labels`.
"""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from robustlens.data import labels
from robustlens.data.dataset import Dataset
from robustlens.data.folder import assembled
from robustlens.data.framing import Size
from robustlens.data.listing import Listing, readable
from robustlens.errors import InputError

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl")
FILES = ("file", "filename", "file_name", "path", "filepath", "image", "image_path", "name")
LABELS = ("label", "class", "target", "y", "category", "class_name", "label_name")
"""What the columns are called, in any case; the first that is there is taken."""


def recognise(path: Path) -> bool:
    """Return whether `path` is a file of one of these kinds, by its name."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def read(path: Path, split: str, size: Size) -> Dataset:
    """Return the "train" or "test" images of a list, or "all"; see `folder.read` for `size`.

    Raises `InputError`, with the line, for a row without a file or a label, a file that is not
    there or is listed twice, or a list that cannot be read.
    """
    rows = _rows(path)
    if not rows:
        raise InputError(f"{path} lists no pictures", "a file and a label a line", "fill it")
    paths = [_picture(path, file, number) for number, (file, _) in enumerate(rows, 1)]
    twice = [p for p, count in Counter(paths).items() if count > 1]
    if twice:
        raise InputError(f"{path} lists {twice[0]} twice", "each picture once", "remove one")
    y, classes = labels.read({"label": _marks([m for _, m in rows], path)}, "label", None, path)
    listing = Listing(paths, torch.from_numpy(y), classes)
    return assembled({"all": listing}, split, size, name=readable(path.stem), notes=Counter())


def _rows(path: Path) -> list[tuple[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        suffix = path.suffix.lower()
        if suffix == ".json":
            return _of_json(json.loads(text), path)
        if suffix == ".jsonl":
            return _of_json([json.loads(line) for line in text.splitlines() if line.strip()], path)
    except (OSError, ValueError) as error:
        what = f"cannot read {path}: {error}"
        raise InputError(what, "a CSV or JSON file in UTF-8", "save it again") from error
    return _of_table(text, path)


def _of_table(text: str, path: Path) -> list[tuple[str, Any]]:
    """Return the rows of a CSV, whose columns are parted by commas, semicolons or tabs."""
    first = text.partition("\n")[0]
    parted = max("\t;,", key=first.count)
    table = [row for row in csv.reader(text.splitlines(), delimiter=parted) if any(row)]
    if not table:
        return []
    heads = [cell.strip().lower() for cell in table[0]]
    named = _column(heads, FILES), _column(heads, LABELS)
    if None in named and any(head in (*FILES, *LABELS) for head in heads):
        raise _unnamed(path, heads)
    at = (0, 1) if None in named else named
    rows = table if None in named else table[1:]
    for number, row in enumerate(rows, 1):
        if len(row) <= max(int(column or 0) for column in at):
            raise InputError(f"row {number} of {path} is {row}", "a file and a label", "mend it")
    return [(row[at[0] or 0].strip(), row[at[1] or 0].strip()) for row in rows]


def _of_json(content: Any, path: Path) -> list[tuple[str, Any]]:
    """Return the rows of a list of objects or pairs, or of an object from files to labels."""
    if isinstance(content, Mapping):
        content = list(content.items())
    rows = []
    for number, row in enumerate(content if isinstance(content, list) else [content], 1):
        if isinstance(row, Mapping):
            keys = {str(key).lower(): key for key in row}
            file, label = _column(list(keys), FILES), _column(list(keys), LABELS)
            if file is None or label is None:
                raise _unnamed(path, keys)
            row = [row[list(keys.values())[at]] for at in (file, label)]
        if not isinstance(row, Sequence) or isinstance(row, str) or len(row) != 2:
            raise InputError(f"entry {number} of {path} is {row!r:.60}", "a file and a label")
        rows.append((str(row[0]), row[1]))
    return rows


def _column(heads: Sequence[str], known: Iterable[str]) -> int | None:
    return next((heads.index(name) for name in known if name in heads), None)


def _unnamed(path: Path, heads: Iterable[str]) -> InputError:
    return InputError(
        f"{path} has the columns {', '.join(heads)}",
        f"one of {', '.join(FILES)} and one of {', '.join(LABELS)}",
        "rename them",
    )


def _picture(path: Path, file: str, number: int) -> Path:
    found = path.parent / Path(file).expanduser()
    if not file or not found.is_file():
        raise InputError(
            f"row {number} of {path} names {file!r}, and there is no file {found}",
            f"pictures, named as seen from {path.parent}",
            "mend the row",
        )
    return found


def _marks(given: Sequence[Any], path: Path) -> Any:
    """Return labels as an array: whole numbers where all are, else names."""
    for number, mark in enumerate(given, 1):
        if mark is None or str(mark).strip() == "" or isinstance(mark, list | dict | float | bool):
            raise InputError(
                f"row {number} of {path} has the label {mark!r}", "a name or a whole number"
            )
    texts = [str(mark).strip() for mark in given]
    whole = all(text.lstrip("-").isdecimal() and text.isascii() for text in texts)
    return np.array([int(text) for text in texts]) if whole else np.array(texts)
