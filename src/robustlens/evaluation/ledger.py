"""The records of a run on disk, batch by batch, so that a killed run goes on where it was.

ledger = Ledger.open(path, header, batch_size=250, total=10_000)
for start in ledger.todo:   # of what no earlier run saved, this process's batches
    ledger.add(rows)        # on disk before it returns
ledger.close()              # the records of all processes, in the order of the images

A file of records is never deleted and never written over. The same run goes on in it; another run
is refused, and whoever wants the place puts the file aside first: `.old`, `.old.1` and so on.

Of several processes (see `processes`) each writes a part beside the file: `path.part0`,
`path.part1` and so on. Whatever number of processes goes on with a killed run takes up all parts.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from robustlens.errors import AnotherRun, InputError
from robustlens.evaluation.identity import WORDS, differences, other_settings
from robustlens.evaluation.records import Record, head, lines, parse, rows_of
from robustlens.files import AnyPath, append_text, as_path, write_text
from robustlens.processes import gathered, main_process, rank, share, world
from robustlens.progress import say

UNSHOWN = WORDS.keys() - {"batch_size"}
"""Entries of a header that are digests or tables: what they were says nothing."""


@dataclass
class Ledger:
    """Records so far, in memory and, where there is a path, on disk."""

    path: Path | None
    header: dict[str, Any]
    records: list[Record]  # of all processes as it was opened, and what this one added
    todo: list[int]  # the first image of each batch that this process has to do

    @classmethod
    def open(
        cls, given: AnyPath | None, header: dict[str, Any], *, batch_size: int, total: int
    ) -> "Ledger":
        """Return the ledger at a path, with the whole batches that it and its parts hold.

        Several processes take contiguous shares of the other batches, whole ones: an image meets
        the same neighbours as in one process, and gets the same record.

        Raises:
            AnotherRun: the file belongs to a run with another header.
            InputError: it holds something else, or cannot be written; or a batch size below 1.
        """
        path = None if given is None else as_path(given)
        if batch_size < 1:
            raise InputError(f"batch size {batch_size}", "at least 1", "change batch_size")
        parsed = [(file, *parse(file)) for file in _files(path) if file.stat().st_size]
        for file, before, _ in parsed:
            _same(file, before, header)
        here = [_whole(records, batch_size, total) for _, _, records in parsed]
        known = _all_together(record for records in here for record in records)
        header = parsed[0][1] if parsed else header  # of the first turn: roundings do not add up
        done = {record.index for record in known}
        left = [start for start in range(0, total, batch_size) if start not in done]
        if path is not None:
            if known and main_process():
                say(f"robustlens: {len(known)} of {total} rows reused from {path}")
            _write(path, header, known)
            if world() > 1:
                write_text(_mine(path), head(header))
        return cls(path, header, known, left[share(len(left))])

    def add(self, rows: list[Record]) -> None:
        """Append the records of a batch, to the file first."""
        if self.path is not None:
            append_text(_mine(self.path), lines(rows))
        self.records += rows

    def close(self) -> list[Record]:
        """Put the records of all processes into one file, in order, and return them."""
        records = _all_together(self.records)
        if self.path is not None and (world() > 1 or records != self.records):
            _write(self.path, self.header, records)
            if world() > 1:
                _mine(self.path).unlink(missing_ok=True)
        return records


def put_aside(given: AnyPath, why: str = "") -> None:
    """Give the records at a path, if any, the ending `.old`, so that a run begins anew.

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


def _write(path: Path, header: dict[str, Any], records: list[Record]) -> None:
    """Make `path` the one file of a run; return when the first process has done it."""
    if main_process():
        write_text(path, head(header) + lines(records))
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


def _all_together(records: Iterable[Record]) -> list[Record]:
    """Return one record per image of all processes, in order."""
    texts = gathered(lines(records)) if world() > 1 else None
    every = records if texts is None else (row for text in texts for row in rows_of(text))
    return sorted({record.index: record for record in every}.values(), key=lambda r: r.index)


def _whole(records: list[Record], batch_size: int, total: int) -> list[Record]:
    """Return the records of the batches that are there whole."""
    counts: dict[int, int] = {}
    for record in records:
        counts[record.index // batch_size] = counts.get(record.index // batch_size, 0) + 1
    whole = {k for k, n in counts.items() if n == min(batch_size, total - k * batch_size)}
    return [record for record in records if record.index // batch_size in whole]


def _same(path: Path, before: dict[str, Any], header: dict[str, Any]) -> None:
    other = differences(before, header)
    if not other:
        return
    named = ", ".join(WORDS.get(key, key) for key in other)
    there = ", ".join(str(before[key]) for key in other if key in before and key not in UNSHOWN)
    settings = ", ".join(other_settings(before, header)) if "attack" in other else ""
    unsaid = [key for key in header if key not in before]
    raise AnotherRun(
        f"{path} holds another run: its {named} differ"
        + (f" ({settings})" if settings else "")
        + (f" (there {there})" if there else "")
        + (
            f" (its header, of an older version perhaps, has no {', '.join(unsaid)})" * bool(unsaid)
        ),
        "the records of this very run, or no file",
        "name another file, or move that one",
    )
