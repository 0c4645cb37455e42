"""One file of rows: what a run has finished, so that a killed run goes on where it was.

    KIND = Kind(Record, "the records of an evaluation, as JSON lines")   # a dataclass with `index`
    journal = Journal.open(path, header, KIND, batch_size=250, total=10_000)
    for start in journal.todo:   # of what no earlier run saved, this process's batches
        journal.add(rows)        # on disk before it returns
    journal.close()              # the rows of all processes, by index

The first line is the header: what is measured, in words and digests. The same run goes on in the
file; another run is refused (`AnotherRun`), and whoever wants the place puts the file aside first:
`.old`, `.old.1` and so on. A file is never deleted and never written over.

Of several processes (see `processes`) each writes a part beside the file: `path.part0`,
`path.part1` and so on. Whatever number of processes goes on with a killed run takes up all parts.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, asdict, dataclass, fields
from itertools import count
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from robustlens.errors import AnotherRun, InputError
from robustlens.files import AnyPath, append_text, as_path, to_json, write_text
from robustlens.processes import gathered, main_process, rank, share, world
from robustlens.progress import say


@runtime_checkable
class Row(Protocol):
    """A dataclass of plain values: what became of the piece of work with this number."""

    @property
    def index(self) -> int:
        """The number of the piece, from 0."""
        ...


R = TypeVar("R", bound=Row)
Header = Mapping[str, Any]
"""What a file says of its run, as JSON."""


def unlike(before: Header, now: Header) -> str:
    """Return in words by which entries two headers differ, "" where a run may go on."""
    before, now = (json.loads(to_json(header)) for header in (before, now))
    other = [key for key in now if key not in before or before[key] != now[key]]
    return f"its {', '.join(other)} differ" if other else ""


@dataclass(frozen=True)
class Kind(Generic[R]):
    """A kind of journal: the dataclass of a row, what a file of them is called, whose it is."""

    row: Callable[..., R]  # a dataclass
    what: str  # "the records of an evaluation, as JSON lines"
    differ: Callable[[Header, Header], str] = unlike  # from the header found to the one expected

    def lines(self, rows: Iterable[R]) -> str:
        """Return rows as JSON lines."""
        return "".join(to_json(asdict(row)) + "\n" for row in rows)  # type: ignore[call-overload]

    def rows(self, text: str) -> list[R]:
        """Return the rows of JSON lines. Raises `ValueError` where they are others."""
        return [self._row(json.loads(line)) for line in text.splitlines()]

    def read(self, path: Path) -> tuple[dict[str, Any], list[R]]:
        """Return the header and the whole rows of a file; a torn last line is left out.

        Raises:
            InputError: there is no such file, or it holds something else.
        """
        try:
            header, entries = _entries(path)
            return header, [self._row(entry) for entry in entries]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}: {error}", self.what, "name another file") from error

    def write(self, path: Path, header: Header, rows: Iterable[R]) -> None:
        """Write a whole file, atomically."""
        write_text(path, to_json({"header": header}) + "\n" + self.lines(rows))

    def _row(self, entry: Any) -> R:
        if not isinstance(entry, dict):
            raise ValueError(f"a row that is {entry!r}")
        known = {f.name: f for f in fields(self.row)}  # type: ignore[arg-type]
        needed = [k for k, f in known.items() if f.default is f.default_factory is MISSING]
        wrong = [f"has {k}" for k in entry if k not in known]
        wrong += [f"has no {k}" for k in needed if k not in entry]
        if wrong or not isinstance(entry["index"], int):
            what = ", ".join(wrong[:4]) + ", and so on" * (len(wrong) > 4)
            raise ValueError(f"a row that {what or 'has an index that is no number'}")
        return self.row(**entry)


@dataclass
class Journal(Generic[R]):
    """Rows so far, in memory and, where there is a path, on disk."""

    path: Path | None
    header: Header
    kind: Kind[R]
    rows: list[R]  # of all processes as it was opened, and what this one added
    todo: list[int]  # the first index of each batch that this process has to do

    @classmethod
    def open(
        cls, given: AnyPath | None, header: Header, kind: Kind[R], *, batch_size: int, total: int
    ) -> "Journal[R]":
        """Return the journal at a path, with the whole batches that it and its parts hold.

        Several processes take contiguous shares of the other batches, whole ones: a row is made
        beside the same neighbours as in one process, and comes out the same.

        Args:
            given: the file, or None to keep all in memory.
            header: what is measured: whatever else has it may go on in this file.
            batch_size: how many neighbours are made, and saved, together.
            total: how many rows a finished run has.

        Raises:
            AnotherRun: the file belongs to a run with another header.
            InputError: it holds something else, or cannot be written; or a batch size below 1.
        """
        path = None if given is None else as_path(given)
        if batch_size < 1:
            raise InputError(f"batch size {batch_size}", "at least 1", "change batch_size")
        parsed = [(file, *kind.read(file)) for file in _files(path) if file.stat().st_size]
        for file, before, _ in parsed:
            _same(file, before, header, kind)
        here = [_whole(rows, batch_size, total) for _, _, rows in parsed]
        known = _all_together((row for rows in here for row in rows), kind)
        header = parsed[0][1] if parsed else header  # of the first turn: roundings do not add up
        done = {row.index for row in known}
        left = [start for start in range(0, total, batch_size) if start not in done]
        if path is not None:
            if known and main_process():
                say(f"robustlens: {len(known)} of {total} rows reused from {path}")
            _write(path, header, known, kind)
            if world() > 1:
                kind.write(_mine(path), header, ())
        return cls(path, header, kind, known, left[share(len(left))])

    def add(self, rows: list[R]) -> None:
        """Append the rows of a batch, to the file first."""
        if self.path is not None:
            append_text(_mine(self.path), self.kind.lines(rows))
        self.rows += rows

    def close(self) -> list[R]:
        """Put the rows of all processes into one file, in order, and return them."""
        rows = _all_together(self.rows, self.kind)
        if self.path is not None and (world() > 1 or rows != self.rows):
            _write(self.path, self.header, rows, self.kind)
            if world() > 1:
                _mine(self.path).unlink(missing_ok=True)
        return rows


def put_aside(given: AnyPath, why: str = "") -> None:
    """Give the rows at a path, if any, the ending `.old`, so that a run begins anew.

    Where that is taken it is `.old.1`, `.old.2` and so on: nothing is written over. One line on
    standard error says so, and `why`.
    """
    path = as_path(given)
    gathered("")  # all have seen what is there
    if main_process():
        old = path.with_suffix(".old")
        names = (old if k == 0 else old.with_name(f"{old.name}.{k}") for k in count())
        free = next(name for name in names if not _files(name))
        if _files(path):
            say(f"robustlens: {why or path}: its rows are put aside as {free}")
        for file in _files(path):
            file.replace(free.with_name(free.name + file.name.removeprefix(path.name)))
    gathered("")  # nobody begins before


def header_of(given: AnyPath) -> dict[str, Any]:
    """Return the header of the file at a path or of its parts, empty where there is none."""
    return next((header for header, _ in _readable(given) if header), {})


def rows_saved(given: AnyPath) -> int:
    """Return how many rows the file at a path and its parts hold, 0 of none."""
    return sum(len(entries) for _, entries in _readable(given))


def _readable(given: AnyPath) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """Yield header and rows of the file at a path and of its parts, as far as they are any."""
    for file in _files(as_path(given)):
        with suppress(OSError, ValueError, TypeError, KeyError):  # whoever opens it says why
            yield _entries(file)


def _entries(path: Path) -> tuple[dict[str, Any], list[Any]]:
    """Return the header of a file, empty where it has none, and its other whole lines."""
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1].splitlines()
    if text and not whole:
        raise ValueError("no line that is whole")
    entries = [json.loads(line) for line in whole]
    header = entries.pop(0)["header"] if entries and "header" in entries[0] else {}
    if not isinstance(header, dict):
        raise ValueError(f"a header that is {header!r}")
    return header, entries


def _write(path: Path, header: Header, rows: list[R], kind: Kind[R]) -> None:
    """Make `path` the one file of a run; return when the first process has done it."""
    if main_process():
        kind.write(path, header, rows)
        for part in _files(path)[1:]:
            part.unlink(missing_ok=True)
    gathered("")


def _mine(path: Path) -> Path:
    """Return the file that this process appends to."""
    return path if world() == 1 else path.with_name(f"{path.name}.part{rank()}")


def _files(path: Path | None) -> list[Path]:
    """Return the file of a run and its parts, as far as they exist."""
    if path is None or not path.parent.is_dir():
        return []
    ours = re.compile(re.escape(path.name) + r"\.part\d+")
    parts = (p for p in path.parent.iterdir() if ours.fullmatch(p.name))
    return [file for file in (path, *sorted(parts)) if file.exists()]


def _all_together(rows: Iterable[R], kind: Kind[R]) -> list[R]:
    """Return one row for each index of all processes, in order."""
    texts = gathered(kind.lines(rows)) if world() > 1 else None
    every = rows if texts is None else (row for text in texts for row in kind.rows(text))
    return sorted({row.index: row for row in every}.values(), key=lambda row: row.index)


def _whole(rows: list[R], batch_size: int, total: int) -> list[R]:
    """Return the rows of the batches that are there whole."""
    there = {row.index for row in rows if 0 <= row.index < total}
    counts = Counter(index // batch_size for index in there)
    whole = {k for k, n in counts.items() if n == min(batch_size, total - k * batch_size)}
    return [row for row in rows if row.index in there and row.index // batch_size in whole]


def _same(path: Path, before: Header, header: Header, kind: Kind[R]) -> None:
    why = kind.differ(before, header)
    if why:
        raise AnotherRun(
            f"{path} holds another run: {why}",
            "the records of this very run, or no file",
            "name another file, or move that one",
        )
