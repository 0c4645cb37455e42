"""Data sets from the network: resumable, checked, whole or absent.

    get("cifar10")                              # into the cache folder, as cifar-10-python.tar.gz

A broken download stays as a `.part` file beside its target; the same call goes on from there.
"""

import hashlib
import http.client
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from robustlens.data.places import cache_folder
from robustlens.errors import InputError, UnknownName
from robustlens.progress import bar

BLOCK = 1 << 18
TIMEOUT = 30
"""Seconds without a byte after which a connection counts as lost."""


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


def get(name: str, folder: Path | None = None, *, url: str | None = None) -> Path:
    """Return the path of a downloaded data set, fetching it into `folder` unless it is there.

    `folder` is the cache folder and `url` the publisher's, or a mirror's, address. Raises
    `UnknownName` for a name not in `DOWNLOADS`; `InputError` when the connection breaks (what came
    is kept, the same call resumes) or when the MD5 is wrong (it is deleted).
    """
    if name not in DOWNLOADS:
        raise UnknownName("download", name, DOWNLOADS)
    item = DOWNLOADS[name]
    target = (folder or cache_folder()) / item.file
    if target.is_file() and _md5(target) == item.md5:
        return target
    part = target.with_name(f"{target.name}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url or item.url, part)
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            f"the download of {name} from {url or item.url} broke off: {error}",
            f"a connection to its end; what came is kept in {part}",
            "give the same command again to resume",
        ) from error
    _check(part, item)
    part.replace(target)
    return target


def _fetch(url: str, part: Path) -> None:
    """Append to `part` what is missing of `url`, or write it anew if the server cannot resume."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            _receive(response, part, have if response.status == 206 else 0)
    except urllib.error.HTTPError as error:
        # 416: nothing lies beyond what we have. Whether it is right, the MD5 tells.
        with error:
            if error.code != 416:
                raise


def _receive(response: http.client.HTTPResponse, part: Path, have: int) -> None:
    length = response.headers.get("Content-Length")
    total = have + int(length) if length else 0
    with part.open("ab" if have else "wb") as handle, bar(part.stem, total) as advance:
        advance(have)
        while block := response.read(BLOCK):
            handle.write(block)
            advance(len(block))
    # `read` with a size ends quietly when the other side hangs up.
    if part.stat().st_size < total:
        raise ConnectionError(f"{part.stat().st_size} of {total} bytes came")


def _check(part: Path, item: Download) -> None:
    received = _md5(part)
    if received != item.md5:
        part.unlink()
        raise InputError(
            f"{item.file} has MD5 {received}", f"MD5 {item.md5}", "it is deleted; download it again"
        )


def _md5(path: Path) -> str:
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest()
