"""Records: results of long runs that come with the package (`robustlens.recorded`).

    python tools/record.py make robust-erm data-efficiency   # run them, write their records
    python tools/record.py confirm                           # does later code measure the same?
    python tools/record.py check                             # name the records that are stale

`make` runs the preset (nets of `--out` are reused, so it goes on after a kill), then "tiny" in an
empty folder. `confirm` runs "tiny" alone and, where all its numbers are those of the record, writes
down the digest of the code of today; else it names the study, whose record has to be made again.
Numbers are the same if each is within 1e-6 of the recorded one on the machine that recorded it, or
inside the recorded interval on another, where rounding differs. `make` also writes how long the run
took into `seconds.json`, from which `robustlens talk` tells how long it will take.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from math import isclose
from pathlib import Path

import torch

from robustlens.figures import save_pictures
from robustlens.files import read_json, write_json
from robustlens.provenance import hardware
from robustlens.recorded import FILE, HOME, Record, code_of, recorded, stale
from robustlens.registry import Study, preset, run
from robustlens.result import Number
from robustlens.studies import STUDIES

SECONDS = HOME / "seconds.json"


def make(study: Study, name: str, out: Path) -> None:
    """Run a study and its tiny twin; write the record."""
    result = run(study, name, preset(study, name), folder=out)
    folder = HOME / study.id / name
    save_pictures(result.figures, folder)
    result.write(folder)
    write_down(folder, study, tiny(study))
    known = read_json(SECONDS) if SECONDS.exists() else {}
    times = known.get(study.id, {}) | {name: round(result.seconds, 1)}
    write_json(SECONDS, dict(sorted((known | {study.id: times}).items())))


def confirm(record: Record, study: Study) -> bool:
    """Say whether later code measures the same at tiny size; if so, write down its digest."""
    if "settings" in stale(record, study):
        return False
    now = tiny(study)
    here = record.result.provenance.device == hardware(torch.device("cpu"))
    if not same(now, record.tiny, exact=here):
        return False
    write_down(record.folder, study, record.tiny)
    return True


def tiny(study: Study) -> Mapping[str, Number]:
    """Return the numbers of the smallest preset, of nets that nobody trained before."""
    with tempfile.TemporaryDirectory() as folder:
        return run(study, "tiny", preset(study, "tiny"), folder=folder).numbers


def same(now: Mapping[str, Number], then: Mapping[str, Number], *, exact: bool) -> bool:
    """Say whether two runs of one preset measured the same."""
    if now.keys() != then.keys():
        return False
    if exact:
        return all(isclose(now[k].value, then[k].value, rel_tol=1e-6, abs_tol=1e-6) for k in now)
    return all(then[k].low <= now[k].value <= then[k].high for k in now)


def write_down(folder: Path, study: Study, numbers: Mapping[str, Number]) -> None:
    """Write what makes a run folder a record."""
    found = {name: asdict(number) for name, number in numbers.items()}
    write_json(folder / FILE, {"code": code_of(study.function.__module__), "tiny": found})


def records() -> Iterable[tuple[Study, Record]]:
    """Yield each record with its study."""
    for path in sorted(HOME.glob(f"*/*/{FILE}")):
        record = recorded(path.parts[-3], path.parts[-2])
        assert record is not None
        yield STUDIES[path.parts[-3]], record


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("make", "confirm", "check"))
    parser.add_argument("studies", nargs="*", help="ids; none: all records")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--out", type=Path, default=Path("runs"))
    asked = parser.parse_args()
    if asked.what == "make":
        for id in asked.studies:
            make(STUDIES[id], asked.preset, asked.out)
        return 0
    faults = [
        fault
        for study, record in records()
        if (not asked.studies or study.id in asked.studies)
        and (fault := stale(record, study))
        and not (asked.what == "confirm" and confirm(record, study))
    ]
    print("\n".join(faults) or "all records measured the code of today")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
