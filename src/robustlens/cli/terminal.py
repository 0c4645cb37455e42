"""Standard streams as a command needs them, whatever they are when it begins.

with streams() as out:      # in here, what anybody prints goes to standard error
    ...
    out.write(answer)       # and only this goes to standard output
"""

import codecs
import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

NARROWEST = 20
"""Columns that a help text is set in at least; in fewer than about 5 it would never end."""
STRICT = ("strict", "surrogateescape")
"""What a stream does with letters that its encoding lacks: raise, or write raw bytes."""
PLAIN = str.maketrans({
    "\u2022": "*", "\u2026": "...", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u00d7": "x",
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2500": "-", "\u2502": "|",
    **dict.fromkeys("\u256d\u256e\u256f\u2570\u250c\u2510\u2514\u2518\u251c\u2524\u253c", "+"),
})  # fmt: skip


@runtime_checkable
class Writable(Protocol):
    """What an answer can be written to."""

    def write(self, text: str, /) -> Any:
        """Write it."""
        ...

    def flush(self) -> Any:
        """Let it be seen."""
        ...


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """Spell what an encoding lacks: by a plain letter, else as "\\xe9"."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end].translate(PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error("robustlens-spelled", _spelled)


def prepare() -> None:
    """Make standard output and error usable: open, able to take any text, and wide enough.

    A stream that is missing or closed is replaced by one that swallows what it gets, and so is its
    file descriptor: otherwise the next file that is opened would take its place.
    """
    _keep_descriptors()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or getattr(stream, "closed", False):
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif isinstance(stream, io.TextIOWrapper) and stream.errors in STRICT:
            stream.reconfigure(errors="robustlens-spelled")
    if 0 < shutil.get_terminal_size().columns < NARROWEST:
        os.environ["COLUMNS"] = str(NARROWEST)


@contextmanager
def streams() -> Iterator[Writable]:
    """Send to standard error what is printed meanwhile, by Python or below it; yield the output.

    So the answer stands alone on standard output, whatever a person's model prints.
    """
    out: Any = sys.stdout
    with contextlib.ExitStack() as stack:
        if _descriptor(out) == 1 and _descriptor(sys.stderr) == 2:
            out.flush()
            kept = os.dup(1)
            own = open(kept, "w", encoding=out.encoding, errors=out.errors)  # noqa: PTH123, SIM115
            os.dup2(2, 1)
            stack.callback(_give_back, own, kept)
            out = own
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield out


def _give_back(own: Any, kept: int) -> None:
    """Make the kept descriptor standard output again."""
    try:
        own.flush()
    finally:
        os.dup2(kept, 1)
        with contextlib.suppress(OSError):
            own.close()


def _descriptor(stream: Any) -> int:
    try:
        return int(stream.fileno())
    except (AttributeError, OSError, TypeError, ValueError):
        return -1


def _keep_descriptors() -> None:
    """Open 0, 1 and 2 on nothing where they are closed."""
    for number, way in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, way)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
