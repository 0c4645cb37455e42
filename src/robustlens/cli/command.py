"""What a command is: a dataclass whose fields are flags, and a `run` that gives an answer.

A command that needs torch stands in two modules: what can be typed in `flags`, and a subclass that
does it in its `home`. So help, and the refusal of a mistyped flag, take no time.
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
)

from robustlens.errors import Doubtful, InputError
from robustlens.progress import say
from robustlens.typed import number

if TYPE_CHECKING:
    import torch

    import robustlens.data
    import robustlens.provenance


NUMBERS = ConstructorRegistry()
"""How flags are read where they are read otherwise than tyro does: numbers may be fractions."""


@NUMBERS.primitive_rule
def _fractions_too(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[float] | None:
    """Read a flag that is a float as 0.25 or 64/255."""
    if info.type is not float:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="FLOAT",
        instance_from_str=lambda words: number(words[0]),
        is_instance=lambda value: isinstance(value, float | int),
        str_from_instance=lambda value: [str(value)],
    )


class Answer(NamedTuple):
    """What a command prints: an object with --json, or words."""

    payload: Mapping[str, Any]
    text: str
    code: int = 0  # the exit code: 1 for a check that did not hold


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command; its docstring is the help, its fields are the flags."""

    together: ClassVar[bool] = False  # whether several processes of torchrun can share the work
    doubts: ClassVar[bool] = False  # whether the object it prints lists the warnings of the run
    home: ClassVar[str] = ""  # the module whose class of the same name does it
    json: bool = False  # print exactly one JSON object on standard output

    def run(self) -> Answer:
        """Do it: import what does the work, which may take seconds, and hand the flags over."""
        worker: type[Command] = getattr(import_module(self.home), type(self).__name__)
        return worker(**vars(self)).run()


Build = Callable[..., Command]


@contextmanager
def heard() -> Iterator[list[str]]:
    """Say each doubt about a model (`errors.Doubtful`) in one line on standard error, once.

    Yield the list that they are added to. Other warnings go their way.
    """
    said: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", Doubtful)
        others = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if not issubclass(category, Doubtful):
                others(message, category, *where, **more)
            elif str(message) not in said:
                said.append(str(message))
                say(f"robustlens: warning: {message}")

        warnings.showwarning = show
        yield said


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, each column as wide as its widest cell."""
    cells = [heads, *rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(heads))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]


def origin(
    command: Command, data: "robustlens.data.Dataset", seed: int, seconds: float
) -> "robustlens.provenance.Provenance":
    """Return where the numbers of this command come from: its words, flags, data and device."""
    from robustlens.provenance import command_line, provenance

    return provenance(
        command_line("robustlens", *sys.argv[1:]),
        {k: str(v) for k, v in asdict(command).items()},
        seed=seed,
        seconds=seconds,
        data={data.name: data.digest},
        device=data.images.device,
    )


def device(name: str) -> "torch.device":
    """Return a device by name; "auto" is the accelerator if there is one, else the CPU.

    Of several processes each gets an accelerator of its own.

    Raises:
        InputError: no such device on this machine.
    """
    import torch

    from robustlens.processes import own

    if name == "auto":
        return own(torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"device {name!r} ({str(error).splitlines()[0]})",
            "auto, cpu or cuda",
            "change --device",
        ) from None
    return own(torch.device(name))
