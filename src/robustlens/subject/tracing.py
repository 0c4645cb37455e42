"""What is said of an error in code that someone brought: its type, its words, its own lines."""

import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import jaxtyping
import torch

import robustlens
from robustlens.errors import InputError, ModelFailed

NOT_THEIRS = tuple(
    str(Path(folder).resolve())
    for folder in (
        Path(robustlens.__file__).parent,
        Path(torch.__file__).parent,
        Path(jaxtyping.__file__).parent,
        sysconfig.get_paths()["stdlib"],
    )
)


def in_words(error: BaseException) -> str:
    """Return the type of an error, the first line of its words, and where in their code it was."""
    words = str(error).strip().splitlines()
    place = [f" ({Path(f.filename).name}, line {f.lineno})" for f in own_frames(error)[-1:]]
    return "".join([type(error).__name__, *(f": {line}" for line in words[:1]), *place])


@contextmanager
def theirs(what: str) -> Iterator[None]:
    """Say whose error it is where code that someone brought raises one: `ModelFailed`, with `what`.

    What is ours passes as it is.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # it is someone's code: it may raise anything
        if not own_frames(error):
            raise
        raise ModelFailed(what) from error


def own_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Return the lines of a traceback that are neither ours nor torch's nor Python's."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if _theirs(frame.filename)]


def told_by(error: BaseException) -> str:
    """Return the traceback of an error from the first line of their code on."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and not _theirs(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()


def _theirs(file: str) -> bool:
    if file.startswith("<"):
        return False
    path = Path(file).resolve()
    packages = [folder for folder in sys.path if folder.endswith(("-packages",))]
    if any(path.is_relative_to(folder) for folder in packages):
        return not any(path.is_relative_to(folder) for folder in NOT_THEIRS[:3])
    return not any(path.is_relative_to(folder) for folder in NOT_THEIRS)
