"""Data sets from the network.

    get("cifar10")                              # into the cache folder, as cifar-10-python.tar.gz

See `fetch`: resumable, checked, whole or absent.
"""

from dataclasses import dataclass
from pathlib import Path

from robustlens.data.places import cache_folder
from robustlens.errors import UnknownName
from robustlens.fetch import Digest, fetch
from robustlens.files import AnyPath, as_path


@dataclass(frozen=True)
class Download:
    """A file to fetch: its address, its name on disk, and the MD5 its publisher states."""

    url: str
    file: str
    md5: str


DOWNLOADS: dict[str, Download] = {
    "cifar10": Download(
        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        "cifar-10-python.tar.gz",
        "c58f30108f718f92721af3b95e74349a",
    )
}
"""What can be fetched, by the name of the data set."""


def get(name: str, folder: AnyPath | None = None, *, url: str | None = None) -> Path:
    """Return the path of a downloaded data set, fetching it into `folder` unless it is there.

    `folder` is the cache folder and `url` the publisher's, or a mirror's, address. Raises
    `UnknownName` for a name not in `DOWNLOADS`; `InputError` when the connection breaks (what came
    is kept, the same call resumes) or when the MD5 is wrong (it is deleted).
    """
    if name not in DOWNLOADS:
        raise UnknownName("download", name, DOWNLOADS)
    item = DOWNLOADS[name]
    target = as_path(folder or cache_folder()) / item.file
    return fetch(url or item.url, target, Digest("md5", item.md5))
