"""Files from the network: resumable, checked, whole or absent. The one downloader.

    fetch("https://example.org/w.safetensors", target, Digest("sha256", "9b63df2f..."))

A broken download stays as a `.part` file beside its target; the same call goes on from there.
"""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

from robustlens.errors import InputError
from robustlens.progress import bar

BLOCK = 1 << 18
TIMEOUT = 30
"""Seconds without a byte after which a connection counts as lost."""
LABELS = {"md5": "MD5", "sha256": "SHA-256"}


class Digest(NamedTuple):
    """What a file's content must add up to: "md5" or "sha256", and its hexadecimal digits."""

    algorithm: str
    digits: str

    def __str__(self) -> str:
        return f"{LABELS[self.algorithm]} {self.digits}"

    def of(self, path: Path) -> "Digest":
        """Return the digest of a file by the same algorithm."""
        with path.open("rb") as handle:
            found = hashlib.file_digest(
                handle, lambda: hashlib.new(self.algorithm, usedforsecurity=False)
            )
        return Digest(self.algorithm, found.hexdigest())


def fetch(url: str, target: Path, expected: Digest) -> Path:
    """Return `target`, downloaded from `url` unless it is there and has the expected digest.

    Raises:
        InputError: the connection breaks or there is none (what came is kept, the same call
            resumes; the words say which file to place where by hand), or what came has another
            digest (it is deleted).
    """
    if target.is_file() and expected.of(target) == expected:
        return target
    part = target.with_name(f"{target.name}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        _append(url, part)
    except (OSError, http.client.HTTPException, ValueError) as error:
        kept = f"; what came is kept in {part}" if part.is_file() else ""
        raise InputError(
            f"the download of {target.name} from {url} broke off: {error}",
            f"a connection to its end{kept}",
            f"give the same command again to resume, or, on a machine without a network, place "
            f"{target.name} ({expected}) in {target.parent}",
        ) from error
    _check(part, target.name, expected)
    part.replace(target)
    return target


def _append(url: str, part: Path) -> None:
    """Append to `part` what is missing of `url`, or write it anew if the server cannot resume."""
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            _receive(response, part, have if response.status == 206 else 0)
    except urllib.error.HTTPError as error:
        # 416: nothing lies beyond what we have. Whether it is right, the digest tells.
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


def _check(part: Path, name: str, expected: Digest) -> None:
    received = expected.of(part)
    if received != expected:
        part.unlink()
        raise InputError(
            f"{name} has {received}", str(expected), "it is deleted; download it again"
        )
