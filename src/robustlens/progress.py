"""The one progress bar: on standard error; where that is no terminal, a plain line now and then.

Of several processes (see `processes`) only the first shows one. A standard error that is missing,
closed or something else than a stream (a logger, say) is written to as far as it goes; nothing
raises because of it.

with bar("training", total=100) as advance:
    advance(1, "epoch 3 loss 0.41")                                # words beside the bar
    advance(1, {"clean so far": "91 %", "robust so far": "54 %"})  # a table under it
with within(advance, 16) as left:                                  # below it, `part_done` moves it
    ...
advance(left())
say("robustlens: warning: ...")
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Protocol, runtime_checkable

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from robustlens.launch import main_process

console = Console(stderr=True, markup=False, emoji=False, highlight=False)
"""Where bars are drawn; words stand there as they are, whatever brackets and colons they have."""
EVERY = 30.0
"""Seconds between two plain lines."""


_part: ContextVar[Callable[[float, str], None] | None] = ContextVar("part", default=None)


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


def say(text: str) -> None:
    """Write a line to standard error, as it is; do nothing where that takes none."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (AttributeError, OSError, TypeError, ValueError):
        pass  # it is missing, closed, or no stream


@contextmanager
def bar(title: str, total: float) -> Iterator[Advance]:
    """Show how far the body is, with the time left, on standard error; yield its `Advance`.

    On a terminal it is a bar; elsewhere a line every `EVERY` seconds, so short work says nothing.
    """
    if not (main_process() and _terminal()):
        yield _lines(title, total)
        return
    progress = _WithTable(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
        transient=True,
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


@contextmanager
def within(advance: Advance, amount: float) -> Iterator[Callable[[], float]]:
    """Let `part_done` in the body move a bar by shares of `amount`; yield what says what is left.

    So an ensemble of attacks moves the bar attack by attack, without knowing of any bar.
    """
    moved, before = 0.0, _part.get()

    def to(share: float, words: str) -> None:
        nonlocal moved
        step = max(0.0, share * amount - moved)
        moved += step
        advance(step, words)

    _part.set(to)
    try:
        yield lambda: amount - moved
    finally:
        _part.set(before)


def part_done(share: float, words: str) -> None:
    """Move the bar of the innermost `within` to a share of its amount, if there is one."""
    if (to := _part.get()) is not None:
        to(share, words)


def _terminal() -> bool:
    try:
        return bool(sys.stderr.isatty())
    except (AttributeError, OSError, TypeError, ValueError):
        return False  # it is missing, closed, or no stream


def _lines(title: str, total: float) -> Advance:
    """Return an `Advance` that says from time to time how far the work is."""
    began = said = time.monotonic()
    before: float | None = None  # what was there before this run's own work
    done, words = 0.0, ""

    def advance(amount: float = 1, note: Note | None = None) -> None:
        nonlocal said, before, done, words
        now = time.monotonic()
        before = amount if before is None and now - began < 1 else before or 0.0
        done += amount
        if note is not None:
            words = note if isinstance(note, str) else ", ".join(map(" ".join, note.items()))
        if main_process() and now - said >= EVERY:
            said = now
            share = f"{done / total:.0%}" if total else ""
            rate = (done - before) / (now - began) if now > began else 0.0
            left = f"about {lasting(max(total - done, 0.0) / rate)} left" if rate > 0 else ""
            say(", ".join(part for part in (f"{title}: {share}", words, left) if part))

    return advance


def lasting(seconds: float) -> str:
    """Return a time in words: "40 s", "12 min", "3.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


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
