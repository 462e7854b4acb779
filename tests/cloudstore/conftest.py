"""Stores to test against, and a proxy in front of one that fails as it is told."""

from __future__ import annotations

import http.client
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

# Three minutes of runs under faults; `make test-faults` asks for them.
collect_ignore = [] if os.environ.get("CLOUDSTORE_TEST_FAULTS") else ["test_under_faults.py"]

if TYPE_CHECKING:
    from conftest import NewStore, Store
    from types_boto3_s3 import S3Client


@pytest.fixture(params=["moto", "embedded"])
def store(request: pytest.FixtureRequest, new_store: NewStore) -> Store:
    return new_store(request.getfixturevalue(f"{request.param}_options"))


# What may become of a request: an answer of the proxy's own (status, body); "lose the answer" of the store;
# "cut the answer" in the middle of its body; or None, which lets it through.
Fate = tuple[int, str] | str | None


@dataclass
class FailingProxy:
    """Passes requests on to a store, except where `decide(method, path)` says otherwise."""

    store: Store
    endpoint_url: str = ""
    decide: Callable[[str, str], Fate] = lambda method, path: None
    seen: list[str] = field(default_factory=list)

    def fail(self, *fates: Fate, method: str, containing: str = "") -> None:
        """The next requests of this method, with this text in their URL, meet these fates; then all pass."""
        left = list(fates)
        self.decide = lambda verb, path: left.pop(0) if left and verb == method and containing in path else None

    def client(self, **options: Any) -> S3Client:
        return self.store.client_with(endpoint_url=self.endpoint_url, **options)


@pytest.fixture
def proxy(embedded: Store) -> Iterator[FailingProxy]:
    failing = FailingProxy(embedded)
    upstream = urlsplit(embedded.options["endpoint_url"]).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            failing.seen.append(self.command)
            fate = failing.decide(self.command, self.path)
            if isinstance(fate, tuple):
                self.send_response(fate[0])
                self._send(fate[1].encode(), {})
                return
            connection = http.client.HTTPConnection(upstream)
            connection.request(self.command, self.path, body, dict(self.headers.items()) | {"Expect": ""})
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            if fate == "lose the answer":
                self.close_connection = True
                return
            self.send_response(answer.status)
            skipped = ("transfer-encoding", "content-length", "connection", "date", "server")
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in skipped}
            length = answer.getheader("Content-Length") if self.command == "HEAD" else None
            self._send(content, kept, length, cut=fate == "cut the answer")

        def _send(self, content: bytes, headers: dict[str, str], length: str | None = None, cut: bool = False) -> None:
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
            self.close_connection = cut

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _handle

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    failing.endpoint_url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield failing
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
