"""Results of runs by us, shipped with the package, for studies that train for minutes or hours.

    found = recorded("robust-erm", "quick")     # None where there is none
    found.result.provenance.command             # what makes it again
    stale(found, STUDIES["robust-erm"])         # "" while code and settings are those it measured

A record is a run folder (`result.json` and its pictures) with a `record.json` beside it: a digest
of the code that was measured, and the numbers of the preset "tiny" of that same code, so that
later code can be told to measure the same without training for hours (`tools/record.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from robustlens.decoding import decode_fields
from robustlens.errors import InputError
from robustlens.files import AnyPath, as_path, read_json
from robustlens.recorded.code import code_of
from robustlens.registry import Study, preset, ran_with
from robustlens.result import Number, Result

__all__ = ["FILE", "HOME", "Record", "code_of", "expected_seconds", "recorded", "stale"]

HOME = Path(str(files("robustlens.recorded"))) / "results"
"""Where the records lie, a folder for each study and preset."""
FILE = "record.json"
"""What makes a run folder a record."""


@dataclass(frozen=True)
class Record:
    """A shipped result, and what it measured."""

    folder: Path
    result: Result
    code: str  # `code_of` the study's module, then
    tiny: Mapping[str, Number]  # the numbers of its preset "tiny", then


def recorded(study: str, preset: str, home: AnyPath = HOME) -> Record | None:
    """Return the record of a study's preset, or None.

    Raises:
        InputError: a record that is broken.
    """
    folder = as_path(home) / study / preset
    if not (folder / FILE).is_file():
        return None
    kinds = {"code": str, "tiny": dict[str, Number]}
    try:
        found = decode_fields(kinds, read_json(folder / FILE), "record")
    except InputError as error:
        raise InputError(
            f"{folder / FILE}: {error.received}", "a record", "make it again: tools/record.py"
        ) from error
    return Record(folder, Result.read(folder), found["code"], found["tiny"])


def stale(record: Record, study: Study) -> str:
    """Return what the study has today that the record did not measure: "" if it is all the same."""
    if not ran_with(record.result, preset(study, record.result.preset)):
        return f"{study.id}: the settings of its preset {record.result.preset!r} have changed"
    if record.code != code_of(study.function.__module__):
        return f"{study.id}: its code has changed"
    return ""


def expected_seconds(study: str, preset: str) -> float | None:
    """Return how long a run took us on two cores, or None where we have not written it down."""
    return _seconds().get(study, {}).get(preset)


@cache
def _seconds() -> Mapping[str, Mapping[str, float]]:
    found: Mapping[str, Mapping[str, float]] = read_json(HOME / "seconds.json")
    return found
