"""`robustlens talk`: every claim on one page; recorded results first, then the quick ones."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from robustlens.cli.command import Answer, device
from robustlens.cli.flags import studies as flags
from robustlens.cli.studies import save
from robustlens.progress import say
from robustlens.provenance import clock
from robustlens.recorded import expected_seconds, recorded
from robustlens.registry import Study, preset, ran_with, run
from robustlens.report import write_page
from robustlens.report.words import duration
from robustlens.result import FILE, Result
from robustlens.studies import STUDIES


class Talk(flags.Talk):
    """`robustlens talk`, at work."""

    def run(self) -> Answer:
        """Show what is at hand, run the rest, the quickest first; write the page after each."""
        page = self.out / "talk" / "index.html"
        folders = {
            study.id: folder
            for study in STUDIES.values()
            if (folder := self._at_hand(study)) is not None
        }
        forecast = Forecast(self.preset)
        rest = forecast.quickest_first(id for id in STUDIES if id not in folders)
        say(f"{len(folders)} of {len(STUDIES)} studies are at hand: {page.resolve()}")
        write_page(_in_order(folders), page, STUDIES)
        for place, id in enumerate(rest):
            say(f"{len(folders) + 1}/{len(STUDIES)} {id}: running{forecast.words(rest[place:])}")
            with clock() as seconds:
                folders[id] = self._run(STUDIES[id])
            forecast.learn(id, seconds())
            write_page(_in_order(folders), page, STUDIES)
        results = [Result.read(folder) for folder in _in_order(folders)]
        lines = [f"{r.study}: {r.verdict}. {r.summary}" for r in results]
        payload = {"page": str(page), "studies": [r.as_dict() for r in results]}
        return Answer(payload, "\n".join([*lines, f"page: {page.resolve()}"]))

    def _at_hand(self, study: Study) -> Path | None:
        """Return the folder of a run with today's settings: one of this machine, or a record."""
        config = preset(study, self.preset)
        folder = self.out / study.id / self.preset
        if (folder / FILE).is_file() and ran_with(Result.read(folder), config):
            return folder
        record = None if self.recompute else recorded(study.id, self.preset)
        if record is not None and ran_with(record.result, config):
            return record.folder
        return None

    def _run(self, study: Study) -> Path:
        config = preset(study, self.preset)
        result = run(study, self.preset, config, folder=self.out, device=device(self.device))
        return save(result, self.out)


SETTLED = 60.0
"""Seconds of work as if this machine were ours, to begin with: the first study also waits for
fonts and files, which says little of the others."""


class Forecast:
    """How long studies will take: what they took us, times how this machine compares so far."""

    def __init__(self, preset: str) -> None:
        self.preset = preset
        self.expected = self.spent = SETTLED

    def learn(self, study: str, seconds: float) -> None:
        """Take note of how long a study took here."""
        known = expected_seconds(study, self.preset)
        if known is not None:
            self.expected += known
            self.spent += seconds

    def quickest_first(self, studies: Iterable[str]) -> list[str]:
        """Return studies by the time they took us; those never timed come last, as they stand."""
        return sorted(studies, key=lambda id: expected_seconds(id, self.preset) or float("inf"))

    def words(self, studies: Iterable[str]) -> str:
        """Return how long the first of some studies, and all of them, will take: " (about ...)"."""
        times = [expected_seconds(id, self.preset) for id in studies]
        known = [time * self._pace for time in times if time is not None]
        if not known:
            return ""
        first = f"about {duration(known[0])}, " if times[0] is not None else ""
        unknown = len(times) - len(known)
        more = f" and {unknown} that were never timed" if unknown else ""
        return f" ({first}all that is left about {duration(sum(known))}{more})"

    @property
    def _pace(self) -> float:
        return self.spent / self.expected


def _in_order(folders: Mapping[str, Path]) -> list[Path]:
    return [folders[id] for id in STUDIES if id in folders]
