"""What goes wrong, in words that help: what came, what was expected, which argument to change.

    raise InputError("eps is -1", "a number >= 0 such as 0.5 or 8/255", "change eps")

The command line prints such an error without a traceback and exits with code 2.
"""

import os
import signal
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from types import FrameType


class InputError(ValueError):
    """Refused input: what was received, what was expected, what to change."""

    def __init__(self, received: str, expected: str, change: str = "") -> None:
        self.received, self.expected, self.change = received, expected, change
        super().__init__(
            f"{received}; expected {expected}" + (f" ({change})" if change else "") + "."
        )


class NoGradient(InputError):
    """A model whose answers do not depend on its input in a way that can be differentiated."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"a model without a gradient ({why})",
            "answers that can be differentiated with respect to the images",
            "attack it with square or hopskipjump, which need none",
        )


class ModelFailed(RuntimeError):
    """Code that someone brought raised an error; that error is the cause, with its own lines."""


class TrainingDiverged(RuntimeError):
    """Training met a loss that is not a finite number, and stopped before saving it."""


class ProcessLost(RuntimeError):
    """One of several processes that work together ended; the others cannot go on without it."""


class AnotherRun(InputError):
    """A file of records that belongs to another run than the one that would go on in it."""


class Doubtful(UserWarning):
    """A number was measured, and something about the model makes it doubtful; it says what to do.

    Silence it as any warning: `warnings.simplefilter("ignore", Doubtful)`.
    """


class UnknownName(InputError):
    """A name that is in no table; the message lists the names that are."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        close = get_close_matches(name, names, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        super().__init__(f"unknown {kind} {name!r}", f"one of {', '.join(names)}{hint}")


def interrupts_end_the_program() -> None:
    """Let Ctrl-C end a command line in one line, code 130, while this package is imported.

    Imports take seconds, and no handler of ours is there yet. Where it is imported by other
    programs, or Ctrl-C is handled already, nothing changes.
    """
    command = sys.argv[:1] == ["-m"] and "robustlens" in sys.orig_argv
    script = os.path.basename((sys.argv or [""])[0]).removesuffix(".exe") == "robustlens"  # noqa: PTH119
    if (command or script) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _ended)


def interrupts_raise() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again."""
    if signal.getsignal(signal.SIGINT) is _ended:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _ended(number: int, frame: FrameType | None) -> None:
    try:
        os.write(2, b"robustlens: interrupted before it began.\n")
    finally:
        os._exit(130)
