"""The one progress bar: on standard error, silent when that is not a terminal.

with bar("attacking", total=100) as advance:
    advance(1, "clean 0.91")
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

console = Console(stderr=True)


@runtime_checkable
class Advance(Protocol):
    """Move a bar by `amount` of its total, and replace the note beside it unless None."""

    def __call__(self, amount: float = 1, note: str | None = None) -> None:
        """Move on."""
        ...


@contextmanager
def bar(title: str, total: float) -> Iterator[Advance]:
    """Show a bar with seconds left on standard error while the body runs; yield its `Advance`."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with progress:
        task = progress.add_task(title, total=total, note="")

        def advance(amount: float = 1, note: str | None = None) -> None:
            progress.update(task, advance=amount)
            if note is not None:
                progress.update(task, note=note)

        yield advance
