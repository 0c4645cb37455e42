"""The registry of studies: a name, a claim, a config with presets, a function.

    study = STUDIES["robust-erm"]
    result = run(study, "quick", study.presets["quick"], folder=Path("runs"))

The command line, the report and the documentation are derived from this table.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from robustlens.errors import UnknownName
from robustlens.files import AnyPath, as_path
from robustlens.provenance import clock, command_line, flags, provenance
from robustlens.recipes import Recipe
from robustlens.studies.listed import PRESETS
from robustlens.studies.pictures import Picture
from robustlens.studies.result import Number, Result, Verdict


class Bench(NamedTuple):
    """What a study may use besides its config: a folder for models, and a device."""

    folder: Path
    device: torch.device


class Findings(NamedTuple):
    """What a study's function returns; the rest of a `Result` is added by `run`."""

    verdict: Verdict
    summary: str
    numbers: Mapping[str, Number]
    figures: tuple[Picture, ...]
    seed: int
    data: Mapping[str, str]


@dataclass(frozen=True)
class Study:
    """A claim of the talk as something to run."""

    id: str
    title: str
    claim: str  # one plain sentence
    rule: str  # when we say "reproduced", written before the run
    published: str  # what the source found, with the source
    presets: Mapping[str, Any]  # tiny, quick, full, then its own
    function: Callable[[Any, Bench], Findings]


def preset(study: Study, name: str) -> Any:
    """Return the config of a preset; raise `UnknownName` for another name."""
    if name not in study.presets:
        raise UnknownName("preset", name, study.presets)
    return study.presets[name]


def run(
    study: Study, name: str, config: Any, *, folder: AnyPath, device: torch.device | None = None
) -> Result:
    """Run a study with a config that began as the preset `name`; models go to `folder`/models.

    A run of nets that began as "tiny" is too small to tell, whatever it finds.
    """
    bench = Bench(as_path(folder) / "models", device or torch.device("cpu"))
    with clock() as seconds:
        found = study.function(config, bench)
    changed = flags(asdict(config), asdict(study.presets[name]), ".")
    origin = provenance(
        command_line("robustlens", "run", study.id, "--preset", name, *changed),
        asdict(config),
        seed=found.seed,
        seconds=seconds(),
        data=found.data,
        device=bench.device,
    )
    verdict = Verdict.TOO_SMALL if name == PRESETS[0] and trains(config) else found.verdict
    return Result(study.id, name, verdict, found.summary, found.numbers, found.figures, origin)


def trains(config: Any) -> bool:
    """Say whether a config has a net in it, here or in a part: formulas are exact at any size."""
    parts = [getattr(config, field.name) for field in fields(config)]
    return any(isinstance(part, Recipe) or (is_dataclass(part) and trains(part)) for part in parts)
