"""Where data sets live: the folder named by ROBUSTLENS_DATA, then the user's cache folder.

paths = find_all("cifar10_test.npz")        # [] when neither folder has it
"""

import os
from pathlib import Path

from robustlens.errors import InputError

VARIABLE = "ROBUSTLENS_DATA"
"""The environment variable that names a folder of data sets."""


def cache_folder() -> Path:
    """Return the folder for downloads: XDG_CACHE_HOME or ~/.cache, then robustlens."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "robustlens"


def folders() -> list[Path]:
    """Return the folders that are looked in, in order."""
    named = os.environ.get(VARIABLE)
    return [*([Path(named).expanduser()] if named else []), cache_folder()]


def find_all(*files: str) -> list[Path]:
    """Return the path of each file, from the first folder that has it; none if one is missing."""
    paths = [
        next((path for folder in folders() if (path := folder / file).is_file()), None)
        for file in files
    ]
    found = [path for path in paths if path is not None]
    return found if len(found) == len(files) else []


def require(name: str, file: str) -> Path:
    """Return the path of the one file of a data set; raise `absent` when there is none."""
    paths = find_all(file)
    if not paths:
        raise absent(name, file)
    return paths[0]


def absent(name: str, wanted: str, remedy: str = "") -> InputError:
    """Return the error that says what was looked for, where, and what to do about it."""
    variable = f"set {VARIABLE} to the folder that holds it"
    return InputError(
        f"the data set {name} is not here",
        f"{wanted} in {' or '.join(map(str, folders()))}",
        f"{remedy} or {variable}" if remedy else variable,
    )
