"""What goes wrong, in words that help: what came, what was expected, which argument to change.

    raise InputError("eps is -1", "a number >= 0 such as 0.5 or 8/255", "change eps")

The command line prints such an error without a traceback and exits with code 2.
"""

from collections.abc import Iterable
from difflib import get_close_matches


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
