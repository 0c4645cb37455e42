"""What can be typed after `robustlens run | talk`."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import tyro

from robustlens.cli.command import NUMBERS, Command
from robustlens.errors import UnknownName
from robustlens.studies.claims import CLAIMS
from robustlens.studies.table import STUDIES
from robustlens.vision.forms import FORMS

if TYPE_CHECKING:
    import robustlens.registry


@dataclass(frozen=True, kw_only=True)
class Run(Command):
    """Run one study, or another task, print its numbers, save its pictures.

    Every setting of the study is a flag: robustlens run STUDY --preset quick --help

    Example: robustlens run robust-erm --preset quick --robust.training.epochs 20
    """

    study: Annotated[str, tyro.conf.Positional]  # an id from "robustlens list"
    preset: str = "quick"  # tiny (seconds), quick (minutes on two cores) or full (an accelerator)
    out: Path = Path("runs")  # results go to OUT/STUDY/PRESET, models to OUT/models
    device: str = "auto"  # auto, cpu or cuda
    config: tyro.conf.Suppress[Any] = None

    @classmethod
    def parse(cls, words: Sequence[str]) -> "Run":
        """Return the command of words after "run"; flags of the study's config are among them."""
        asks = [word for word in words if word in ("-h", "--help")]
        rest = [word for word in words if word not in asks]
        named = bool(rest) and not rest[0].startswith("-")
        own, others = tyro.cli(
            cls,
            args=rest if named else list(words),
            prog="robustlens run",
            return_unknown_args=True,
        )
        task = task_of(own.study)
        if own.preset not in task.presets:
            raise UnknownName("preset", own.preset, task.presets)
        start = task.presets[own.preset]
        prog = f"robustlens run {own.study} --preset {own.preset}"
        config = tyro.cli(
            type(start),
            default=start,
            args=[*others, *asks],
            prog=prog,
            description=task.about,
            registry=NUMBERS,
        )
        return cls(**{**vars(own), "config": config})

    home: ClassVar[str] = "robustlens.cli.studies"


@dataclass(frozen=True, kw_only=True)
class Talk(Command):
    """Show every claim on one page: results recorded by us, the rest computed here and now.

    The page is there at once and grows with every study, so that it can be read meanwhile. What
    was run before is reused; a run that was stopped goes on where it was.

    Example: robustlens talk
    """

    preset: str = "quick"  # tiny, quick or full
    out: Path = Path("runs")  # the page goes to OUT/talk/index.html
    device: str = "auto"  # auto, cpu or cuda
    recompute: bool = False  # compute the recorded results here as well: hours

    home: ClassVar[str] = "robustlens.cli.talk"


def task_of(name: str) -> "robustlens.registry.Task":
    """Return a study or another task by its id; raise `UnknownName`, also for a mere claim.

    A study, or a tool, is found without importing the others.
    """
    if name in STUDIES:
        return STUDIES[name]
    if name in FORMS:
        tool: robustlens.registry.Task = import_module("robustlens.vision.tasks").TASKS[name]
        return tool
    if name in CLAIMS:
        kind = "study (the claim is listed, its study is not written yet)"
        raise UnknownName(kind, name, [*STUDIES, *FORMS])
    from robustlens.registry import tasks  # which needs torch; somebody's own may be there

    known = tasks()
    if name in known:
        return known[name]
    raise UnknownName("study or task", name, known)
