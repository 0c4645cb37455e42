"""A web server on this machine that resumes, that cannot resume, or that hangs up half way."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server(ThreadingHTTPServer):
    """Serves contents by file name, below /range, /plain (ignores Range) and /broken."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents = contents
        self.asked: list[tuple[str, int]] = []  # page and first byte of each request

    def at(self, page: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{page}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        _, way, name = self.path.split("/", 2)
        body = self.server.contents.get(name)
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and way != "plain" else 0
        self.server.asked.append((self.path, start))
        if body is None or (start and start >= len(body)):
            self.send_error(404 if body is None else 416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : len(body) // 2 if way == "broken" else None])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(contents: Mapping[str, bytes]) -> Iterator[Server]:
    with Server(contents) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
