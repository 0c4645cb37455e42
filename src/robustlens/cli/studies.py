"""`robustlens run | talk`: the studies and other tasks, one by one or all on a page."""

from pathlib import Path
from typing import Any

from robustlens.cli.command import Answer, device
from robustlens.cli.flags import studies as flags
from robustlens.cli.flags.studies import task_of
from robustlens.decoding import WHOLE, decode
from robustlens.errors import InputError
from robustlens.figures import save_pictures
from robustlens.progress import say
from robustlens.registry import Study, preset, run, what_decides
from robustlens.report import write_page
from robustlens.result import FILE, Result
from robustlens.studies import STUDIES


class Run(flags.Run):
    """`robustlens run`, at work."""

    def run(self) -> Answer:
        """Run it."""
        task = task_of(self.study)
        config = preset(task, self.preset) if self.config is None else self.config
        result = run(task, self.preset, config, folder=self.out, device=device(self.device))
        folder = _save(result, self.out)
        return Answer(result.as_dict(), _words(result) + f"\npictures: {folder}")


class Talk(flags.Talk):
    """`robustlens talk`, at work."""

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


def _done(folder: Path, config: Any) -> bool:
    if not (folder / FILE).is_file():
        return False
    said = Result.read(folder).provenance.config
    try:  # fields that a config has got since then have their defaults
        return bool(decode(type(config), said, "config", WHOLE) == config)
    except InputError:  # a config of another version
        return False


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
