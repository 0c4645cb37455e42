"""The one progress bar: on standard error, silent when that is not a terminal.

Of several processes (see `processes`) only the first shows one.

with bar("training", total=100) as advance:
    advance(1, "epoch 3 loss 0.41")                                # words beside the bar
    advance(1, {"clean so far": "91 %", "robust so far": "54 %"})  # a table under it
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Protocol, runtime_checkable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from robustlens.processes import main_process

console = Console(stderr=True)


def say(text: str) -> None:
    """Write a line to standard error, as it is; do nothing where that takes none."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, TypeError, ValueError):
        pass  # it is missing, closed, or no stream


@cache
def say_once(text: str) -> None:
    """Write it as `say` does, from the first process, unless it was said before by this one."""
    if main_process():
        say(text)


Note = str | Mapping[str, str]
"""Words beside the bar, or the columns of a table under it, by their headings."""


@runtime_checkable
class Advance(Protocol):
    """Move a bar by `amount` of its total, and replace its note unless None."""

    def __call__(self, amount: float = 1, note: Note | None = None) -> None:
        """Move on."""
        ...


@contextmanager
def bar(title: str, total: float) -> Iterator[Advance]:
    """Show a bar with seconds left on standard error while the body runs; yield its `Advance`."""
    progress = _WithTable(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not (main_process() and sys.stderr.isatty()),
    )
    with progress:
        task = progress.add_task(title, total=total, note="", table={})

        def advance(amount: float = 1, note: Note | None = None) -> None:
            progress.update(task, advance=amount)
            if isinstance(note, str):
                progress.update(task, note=note)
            elif note is not None:
                progress.update(task, table=note)

        yield advance


class _WithTable(Progress):
    """A bar, and under it a table of what is known so far, with the time left."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """Return the bar and the table."""
        yield from super().get_renderables()
        for task in self.tasks:
            if task.fields["table"]:
                left = TimeRemainingColumn().render(task)
                columns = {**task.fields["table"], "time left": left}
                table = Table(*columns)
                table.add_row(*columns.values())
                yield table
