import hashlib
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from robustlens.data import download as module
from robustlens.data import get
from robustlens.data.download import Download
from robustlens.errors import InputError, UnknownName

BODY = bytes(range(256)) * 4000


class Handler(BaseHTTPRequestHandler):
    """/range resumes, /plain ignores Range, /broken hangs up half way."""

    def do_GET(self) -> None:
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.path != "/plain" else 0
        self.server.asked.append((self.path, start))  # type: ignore[attr-defined]
        if self.path == "/missing" or (start and start >= len(BODY)):
            self.send_error(404 if self.path == "/missing" else 416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        self.wfile.write(BODY[start : len(BODY) // 2 if self.path == "/broken" else None])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        md5 = hashlib.md5(BODY).hexdigest()
        monkeypatch.setitem(module.DOWNLOADS, "toy", Download(at(server, "range"), "toy.bin", md5))
        yield server
        server.shutdown()


def at(server: ThreadingHTTPServer, page: str) -> str:
    return f"http://127.0.0.1:{server.server_port}/{page}"


def asked(server: ThreadingHTTPServer) -> list[tuple[str, int]]:
    return server.asked  # type: ignore[attr-defined, no-any-return]


def test_fetches_into_the_cache_and_only_once(server: ThreadingHTTPServer, alone: Path) -> None:
    assert get("toy") == alone / "toy.bin"
    assert get("toy").read_bytes() == BODY
    assert asked(server) == [("/range", 0)]
    (alone / "toy.bin").write_bytes(b"damaged since")
    assert get("toy").read_bytes() == BODY
    assert [path.name for path in alone.iterdir()] == ["toy.bin"]


@pytest.mark.parametrize(("page", "start"), [("range", len(BODY) // 2), ("plain", 0)])
def test_a_broken_download_is_kept_and_resumed(
    server: ThreadingHTTPServer, tmp_path: Path, page: str, start: int
) -> None:
    with pytest.raises(InputError, match=r"broke off: 512000 of 1024000 .*kept in .*same command"):
        get("toy", tmp_path, url=at(server, "broken"))
    assert (tmp_path / "toy.bin.part").read_bytes() == BODY[: len(BODY) // 2]
    assert get("toy", tmp_path, url=at(server, page)).read_bytes() == BODY
    assert asked(server)[-1] == (f"/{page}", start)


def test_a_whole_part_needs_no_more_bytes(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    (tmp_path / "toy.bin.part").write_bytes(BODY)
    assert get("toy", tmp_path).read_bytes() == BODY


def test_a_wrong_digest_deletes_the_part(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    official = module.DOWNLOADS["cifar10"].md5
    ours = hashlib.md5(BODY).hexdigest()
    with pytest.raises(InputError, match=f"has MD5 {ours}; expected MD5 {official} .*deleted"):
        get("cifar10", tmp_path, url=at(server, "range"))
    assert not list(tmp_path.iterdir())


def test_connection_errors(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    (tmp_path / "toy.bin.part").write_bytes(BODY[:9])
    with pytest.raises(InputError, match=r"broke off: HTTP Error 404.*toy.bin.part"):
        get("toy", tmp_path, url=at(server, "missing"))
    with pytest.raises(InputError, match="refused"):
        get("toy", tmp_path, url="http://127.0.0.1:9/")
    assert (tmp_path / "toy.bin.part").read_bytes() == BODY[:9]
    with pytest.raises(UnknownName, match=r"unknown download 'cifar'; .*did you mean 'cifar10'"):
        get("cifar")
