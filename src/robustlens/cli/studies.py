"""`robustlens list | run | talk`: the studies, one by one or all on a page."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from robustlens.cli.command import Answer, Command, device
from robustlens.errors import UnknownName
from robustlens.figures import save_pictures
from robustlens.progress import say
from robustlens.registry import PRESETS, Study, Task, preset, run, tasks, what_decides
from robustlens.report import write_page
from robustlens.result import FILE, Result
from robustlens.studies import CLAIMS, STUDIES


@dataclass(frozen=True, kw_only=True)
class List(Command):
    """List the claims of the talk, and which of them can be run.

    Example: robustlens list
    """

    def run(self) -> Answer:
        """List them."""
        rows = [{**claim._asdict(), "runnable": claim.id in STUDIES} for claim in CLAIMS.values()]
        width = max(map(len, CLAIMS))
        lines = [
            f"{'*' if claim.id in STUDIES else ' '} {claim.id:<{width}}  {claim.sentence}"
            for claim in CLAIMS.values()
        ]
        foot = f"\n* can be run: robustlens run ID --preset {'|'.join(PRESETS)}"
        return Answer({"claims": rows}, "\n".join(lines) + "\n" + foot)


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
        task = _task(own.study)
        start = preset(task, own.preset)
        prog = f"robustlens run {own.study} --preset {own.preset}"
        config = tyro.cli(
            type(start),
            default=start,
            args=[*others, *asks],
            prog=prog,
            description=task.about,
        )
        return cls(**{**vars(own), "config": config})

    def run(self) -> Answer:
        """Run it."""
        task = _task(self.study)
        config = preset(task, self.preset) if self.config is None else self.config
        result = run(task, self.preset, config, folder=self.out, device=device(self.device))
        folder = _save(result, self.out)
        return Answer(result.as_dict(), _words(result) + f"\npictures: {folder}")


@dataclass(frozen=True, kw_only=True)
class Talk(Command):
    """Run every study, or reuse what was run before, and write the page.

    The page is there after the first study and grows with every further one, so that it can be
    read meanwhile. A run that was stopped goes on where it was.

    Example: robustlens talk --preset quick
    """

    preset: str = "quick"  # tiny, quick or full
    out: Path = Path("runs")  # the page goes to OUT/talk/index.html
    device: str = "auto"  # auto, cpu or cuda

    def run(self) -> Answer:
        """Run what is missing; write the page."""
        page = self.out / "talk" / "index.html"
        folders: list[Path] = []
        for study in STUDIES.values():
            folders.append(self._folder(study, f"{len(folders) + 1}/{len(STUDIES)}"))
            write_page(folders, page, STUDIES)
        results = [Result.read(folder) for folder in folders]
        lines = [f"{r.study}: {r.verdict}. {r.summary}" for r in results]
        payload = {"page": str(page), "studies": [r.as_dict() for r in results]}
        return Answer(payload, "\n".join([*lines, f"page: {page.resolve()}"]))

    def _folder(self, study: Study, number: str) -> Path:
        config = preset(study, self.preset)
        folder = self.out / study.id / self.preset
        if _done(folder, config):
            say(f"{number} {study.id}: reusing {folder}")
            return folder
        say(f"{number} {study.id}: running")
        result = run(study, self.preset, config, folder=self.out, device=device(self.device))
        return _save(result, self.out)


def _task(name: str) -> Task:
    known = tasks()
    if name in known:
        return known[name]
    kind = (
        "study (the claim is listed, its study is not written yet)" if name in CLAIMS else "study"
    )
    raise UnknownName(kind, name, known)


def _done(folder: Path, config: Any) -> bool:
    if not (folder / FILE).is_file():
        return False
    found = Result.read(folder).provenance.config
    return bool(found == json.loads(json.dumps(asdict(config))))


def _save(result: Result, out: Path) -> Path:
    """Write pictures first and the result last, so that a result has its pictures."""
    folder = out / result.study / result.preset
    save_pictures(result.figures, folder)
    result.write(folder)
    return folder


def _words(result: Result) -> str:
    width = max(map(len, result.numbers), default=0)
    verdict = f": {result.verdict}" if result.verdict else ""
    lines = [f"{result.study} ({result.preset}){verdict}", result.summary]
    lines += [*filter(None, [what_decides(result.study, result.verdict)]), ""]
    for name, n in result.numbers.items():
        published = f"  published: {n.published}" if n.published else ""
        value = f"{n.value:.3f}" if n.n else f"{n.value:.6g}"
        between = f"[{n.low:.3f}, {n.high:.3f}] n={n.n}" if n.n else "exact"
        lines.append(f"  {name:<{width}}  {value} {between}{published}")
    return "\n".join([*lines, "", f"{result.seconds:.0f} s; {result.provenance.command}"])
