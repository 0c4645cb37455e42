"""The registry of tasks: an id, a title, a config with presets, a function; a study adds a claim.

    @dataclass(frozen=True, kw_only=True)
    class Config:
        eps: str = "0.5"  # the help text of its flag

    def measure(config: Config, bench: Bench) -> Findings: ...

    TASK = register(Task(id="mine", title="Mine", presets={"quick": Config()}, function=measure))
    result = run(TASK, "quick", Config(eps="1"), folder="runs")

`robustlens run mine --eps 1`, its help and its page of the docs are derived from the entry.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch

from robustlens.decoding import WHOLE, decode
from robustlens.errors import InputError, UnknownName
from robustlens.files import AnyPath, as_path
from robustlens.pictures import Picture
from robustlens.presets import PRESETS
from robustlens.provenance import clock, command_line, flags, provenance
from robustlens.recipes import Recipe
from robustlens.result import Number, Result, Verdict

HOMES = ("robustlens.vision.tasks", "robustlens.studies.every")
"""What registers its tasks when it is imported. By name: these lie above the registry."""


class Bench(NamedTuple):
    """What a task may use besides its config: a folder for models, and a device."""

    folder: Path
    device: torch.device


class Findings(NamedTuple):
    """What a task's function returns; the rest of a `Result` is added by `run`."""

    verdict: Verdict | None  # None: the task makes no claim
    summary: str
    numbers: Mapping[str, Number]
    figures: tuple[Picture, ...]
    seed: int
    data: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something to run: a study, a vision tool, an audit. Presets are configs of one dataclass."""

    id: str
    title: str
    presets: Mapping[str, Any]  # those of PRESETS that make sense, then its own
    function: Callable[[Any, Bench], Findings]

    @property
    def config(self) -> type:
        """The dataclass of its presets; its fields are the flags."""
        return type(next(iter(self.presets.values())))

    @property
    def about(self) -> str:
        """What the help says of it."""
        return self.title


@dataclass(frozen=True, kw_only=True)
class Study(Task):
    """A claim of the talk as something to run."""

    claim: str  # one plain sentence
    rule: str  # when we say "reproduced", written before the run
    published: str  # what the source found, with the source

    @property
    def about(self) -> str:
        """The claim."""
        return self.claim


T = TypeVar("T", bound=Task)
_TASKS: dict[str, Task] = {}


def register(task: T) -> T:
    """Enter a task, for the command line and the docs to find; return it.

    Raises:
        InputError: no presets, presets that are no frozen dataclass of one type, or an id that
            another module's task has.
    """
    kinds = {type(preset) for preset in task.presets.values()}
    if len(kinds) != 1 or not all(_frozen(kind) for kind in kinds):
        names = ", ".join(sorted(kind.__name__ for kind in kinds)) or "none"
        raise InputError(
            f"task {task.id!r} with presets of types {names}",
            "presets of one type, a frozen dataclass",
            "change presets",
        )
    other = _TASKS.get(task.id, task)
    if other.function.__module__ != task.function.__module__:
        raise InputError(
            f"the task {task.id!r} of {task.function.__module__}",
            f"an id other than that of {other.function.__module__}",
            "change id",
        )
    _TASKS[task.id] = task
    return task


def tasks() -> Mapping[str, Task]:
    """Return all tasks by id, those of `HOMES` among them."""
    for home in HOMES:
        import_module(home)
    return dict(_TASKS)


def preset(task: Task, name: str) -> Any:
    """Return the config of a preset; raise `UnknownName` for another name."""
    if name not in task.presets:
        raise UnknownName("preset", name, task.presets)
    return task.presets[name]


def run(
    task: Task, name: str, config: Any, *, folder: AnyPath, device: torch.device | None = None
) -> Result:
    """Run a task with a config that began as the preset `name`; models go to `folder`/models.

    A run of nets that began as "tiny" is too small to tell, whatever it finds.
    """
    bench = Bench(as_path(folder) / "models", device or torch.device("cpu"))
    with clock() as seconds:
        found = task.function(config, bench)
    changed = flags(asdict(config), asdict(task.presets[name]), ".")
    origin = provenance(
        command_line("robustlens", "run", task.id, "--preset", name, *changed),
        asdict(config),
        seed=found.seed,
        seconds=seconds(),
        data=found.data,
        device=bench.device,
    )
    undecided = found.verdict is not None and name == PRESETS[0] and trains(config)
    verdict = Verdict.TOO_SMALL if undecided else found.verdict
    return Result(task.id, name, verdict, found.summary, found.numbers, found.figures, origin)


def ran_with(result: Result, config: Any) -> bool:
    """Say whether a result, perhaps read from a file, was measured with this config."""
    said = json.loads(json.dumps(result.provenance.config))
    try:  # fields that a config has got since then have their defaults
        return bool(decode(type(config), said, "config", WHOLE) == config)
    except InputError:  # a config of another version
        return False


def what_decides(study: str, verdict: str | None) -> str:
    """Return, for a run that is too small to tell, how to decide; nothing for another verdict."""
    if verdict != Verdict.TOO_SMALL:
        return ""
    return (
        "The preset tiny trains and tests on a few images, to be tried out in seconds; whatever "
        f"it finds decides nothing. To decide: robustlens run {study} --preset quick"
    )


def trains(config: Any) -> bool:
    """Say whether a config has a net in it, here or in a part: formulas are exact at any size."""
    parts = [getattr(config, field.name) for field in fields(config)]
    return any(isinstance(part, Recipe) or (is_dataclass(part) and trains(part)) for part in parts)


def _frozen(kind: type) -> bool:
    return is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
