"""From words on a command line to a command, and from its answer to an exit code."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

import tyro

from robustlens.cli.command import NUMBERS, Answer, Build, Command, heard
from robustlens.cli.flags.audit import Audit
from robustlens.cli.flags.certify import Certify
from robustlens.cli.flags.data import DataGet, DataShow
from robustlens.cli.flags.lab import Lab
from robustlens.cli.flags.make import TOOLS, MakeHelp
from robustlens.cli.flags.measure import Evaluate, Sanity, Transfer
from robustlens.cli.flags.models import ModelsGet, ModelsShow, ModelsVerify
from robustlens.cli.flags.sets import build
from robustlens.cli.flags.shift import Shift
from robustlens.cli.flags.studies import Run, Talk
from robustlens.cli.flags.train import Recipes, Train
from robustlens.cli.listing import DataHelp, DataList, List, ModelsHelp, ModelsList
from robustlens.cli.terminal import Writable, prepare, streams
from robustlens.errors import (
    InputError,
    ModelFailed,
    ProcessLost,
    TrainingDiverged,
    interrupts_raise,
)
from robustlens.files import to_json
from robustlens.launch import launched, main_process
from robustlens.progress import say
from robustlens.version import __version__

COMMANDS: Mapping[str, Build] = {
    "list": List,
    "audit": Audit,
    "run": Run,
    "talk": Talk,
    "train": Train,
    "recipes": Recipes,
    "evaluate": Evaluate,
    "certify": Certify,
    "sanity": Sanity,
    "transfer": Transfer,
    "shift": Shift,
    "make": MakeHelp,
    "lab": Lab,
    "data": DataHelp,
    "models": ModelsHelp,
}
GROUPS: Mapping[str, Mapping[str, Build]] = {
    "make": TOOLS,
    "data": {"list": DataList, "get": DataGet, "show": DataShow, "build": build},
    "models": {
        "list": ModelsList,
        "show": ModelsShow,
        "get": ModelsGet,
        "verify": ModelsVerify,
    },
}
INTERRUPTED = 130
"""The exit code after Ctrl-C."""
DESCRIPTION = (
    "Adversarial robustness as a lens on what models learn. Begin with: robustlens talk. "
    "With --version: which one this is."
)


def program() -> int:
    """Run the command line of this process, and return its exit code: `main`, once.

    When all is said, Ctrl-C changes nothing any more. After an interruption the process ends here:
    where it was met inside an `exec`, as of a dataclass, Python would end by the signal instead.
    """
    try:
        code = main()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if code == INTERRUPTED:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # closed, or none at all
                stream.flush()
        os._exit(code)
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code (see the package)."""
    interrupts_raise()
    prepare()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:1] == ["--version"]:
            return _version()
        command = parse(words)
        if launched() > 1 and not command.together:
            several = "one: only train, evaluate and certify share work"
            raise InputError(f"{launched()} processes", several)
        with _together(), heard() as doubts, streams() as out:
            answer = command.run()
            if command.doubts:
                answer = answer._replace(payload={**answer.payload, "warnings": doubts})
            if main_process():
                show(answer, command, out)
    except InputError as error:
        return _fail(2, f"robustlens: {error}")
    except ModelFailed as error:
        from robustlens.subject.tracing import told_by

        say(told_by(error.__cause__ or error))
        return _fail(1, f"robustlens: {error}; the lines above are of the model's own code.")
    except TrainingDiverged as error:
        return _fail(1, f"robustlens: training diverged: {error}")
    except ProcessLost as error:
        return _fail(1, f"robustlens: {error}; {_continues(words)}.")
    except BrokenPipeError:  # the reader has seen enough, as in `robustlens ... | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt as error:
        saved = f"{error}; " if str(error) else ""
        return _fail(INTERRUPTED, f"robustlens: interrupted; {saved}{_continues(words)}.")
    return answer.code


def parse(words: Sequence[str]) -> Command:
    """Return the command that the words name; exit with code 2, saying why, if there is none."""
    group = GROUPS.get(words[0]) if words else None
    if words and words[0] == "run" and len(words) > 1:
        return Run.parse(words[1:])
    if words and words[0] == "train":
        from robustlens.cli.train import Train as WithRecipe  # whose fields are flags too

        return WithRecipe.parse(words[1:])
    if group is not None:
        return _among(group, words[1:], f"robustlens {words[0]}")
    return _among(COMMANDS, words, "robustlens")


def show(answer: Answer, command: Command, out: Writable) -> None:
    """Print the answer on what is standard output."""
    out.write((to_json(answer.payload) if command.json else answer.text) + "\n")
    out.flush()


def _among(commands: Mapping[str, Build], words: Sequence[str], prog: str) -> Command:
    return tyro.extras.subcommand_cli_from_dict(
        dict(commands),
        prog=prog,
        description=DESCRIPTION,
        args=list(words),
        config=(tyro.conf.OmitArgPrefixes,),
        registry=NUMBERS,
    )


def _together() -> AbstractContextManager[None]:
    """Meet the other processes, where torchrun started several."""
    if launched() == 1:
        return nullcontext()
    from robustlens.processes import joined

    return joined()


def _continues(words: Sequence[str]) -> str:
    if words[:1] == ["make"]:
        return "what was not finished was not written"
    again = " with --resume" * (
        words[:1] in (["evaluate"], ["certify"]) and "--resume" not in words
    )
    again += " and without --anew" * ("--anew" in words)
    return f"the same command{again} continues from what is saved"


def _fail(code: int, message: str) -> int:
    say(message)
    return code


def _version() -> int:
    sys.stdout.write(f"robustlens {__version__}, torch {_torch_version()}\n")
    sys.stdout.flush()
    return 0


def _torch_version() -> str:
    """Return the version of torch that is installed, without importing it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("torch")
    except PackageNotFoundError:
        import torch

        return torch.__version__
