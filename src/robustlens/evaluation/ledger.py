"""The records of a run on disk, batch by batch, so that a killed run goes on where it was.

ledger = Ledger.open(path, header, batch_size=250, total=10_000)
ledger.records              # what an earlier run saved
ledger.add(rows)            # on disk before it returns
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustlens.errors import InputError
from robustlens.evaluation.records import Record, head, lines, parse
from robustlens.files import append_text, write_text


@dataclass
class Ledger:
    """Records so far, in memory and, where there is a path, on disk."""

    path: Path | None
    records: list[Record]

    @classmethod
    def open(
        cls, path: Path | None, header: dict[str, Any], *, batch_size: int, total: int
    ) -> "Ledger":
        """Return the ledger at `path`, with the whole batches that it holds.

        Raises:
            InputError: the file belongs to a run with another header, or cannot be written.
        """
        records: list[Record] = []
        if path is not None and path.exists():
            before, records = parse(path)
            _same(path, before, header)
            if len(records) != total:
                records = records[: len(records) // batch_size * batch_size]
        if path is not None:
            write_text(path, head(header) + lines(records))
        return cls(path, records)

    def add(self, rows: list[Record]) -> None:
        """Append the records of a batch, to the file first."""
        if self.path is not None:
            append_text(self.path, lines(rows))
        self.records += rows


def _same(path: Path, before: dict[str, Any], header: dict[str, Any]) -> None:
    other = [key for key in header if before.get(key) != header[key]]
    if other:
        raise InputError(
            f"{path} holds another run: its {', '.join(other)} differ (there "
            f"{', '.join(str(before.get(key)) for key in other)})",
            "the records of this very run, or no file",
            "name another file, or do without resuming",
        )
