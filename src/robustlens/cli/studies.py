"""`robustlens run`: a study, or another task, by its id."""

from pathlib import Path

from robustlens.cli.command import Answer, device
from robustlens.cli.flags import studies as flags
from robustlens.cli.flags.studies import task_of
from robustlens.figures import save_pictures
from robustlens.registry import preset, run, what_decides
from robustlens.result import Result


class Run(flags.Run):
    """`robustlens run`, at work."""

    def run(self) -> Answer:
        """Run it."""
        task = task_of(self.study)
        config = preset(task, self.preset) if self.config is None else self.config
        result = run(task, self.preset, config, folder=self.out, device=device(self.device))
        folder = save(result, self.out)
        return Answer(result.as_dict(), _words(result) + f"\npictures: {folder}")


def save(result: Result, out: Path) -> Path:
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
