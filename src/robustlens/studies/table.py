"""The studies by id, each imported when it is asked for.

list(STUDIES)                               # ids, at once
STUDIES["robust-erm"].presets["quick"]      # imports this one
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from robustlens.studies.listed import LISTED

if TYPE_CHECKING:
    import robustlens.registry


class _Studies(Mapping[str, "robustlens.registry.Study"]):
    """The studies by id; one is imported when it is asked for."""

    def __getitem__(self, id: str) -> "robustlens.registry.Study":
        module = import_module(f"robustlens.studies.{LISTED[id].module}")
        found: robustlens.registry.Study = module.STUDY
        return found

    def __contains__(self, id: object) -> bool:
        return id in LISTED

    def __iter__(self) -> Iterator[str]:
        return iter(LISTED)

    def __len__(self) -> int:
        return len(LISTED)


STUDIES = _Studies()
"""The studies that can be run, by id, in the order of the talk."""
