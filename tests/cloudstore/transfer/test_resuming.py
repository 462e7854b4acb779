"""Reading over connections that break, from a store that breaks them at chosen bytes and may know less than S3."""

from __future__ import annotations

import threading
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudstore import transfer
from cloudstore.client import make_client
from core.errors import DagsterObjectStoreError

RANGE = 64 << 10
DATA = b"".join(number.to_bytes(4, "big") for number in range(75_000))  # 300 kB, no two places alike


@dataclass
class BreakingStore:
    """A store with one object.

    Attributes:
        content: the object's.
        cuts: of the next answers to GetObject, after how many bytes each breaks off; headers count where `in_headers`.
        knows_ranges: whether it answers with the range that it is asked for, or with everything.
        compares_etags: whether it refuses requests that are on condition of another ETag.
        replacement: the content after the first answer, if it changes then.
        spans: what was asked for.
    """

    content: bytes = DATA
    cuts: list[int] = field(default_factory=list)
    in_headers: bool = False
    knows_ranges: bool = True
    compares_etags: bool = True
    replacement: bytes | None = None
    spans: list[str | None] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, asked: Any) -> tuple[bytes, bytes, int | None]:
        """The headers, the body, and where it breaks off."""
        with self.lock:
            content, etag = self.content, f'"{zlib.crc32(self.content)}"'
            if method == "GET":
                self.spans.append(asked["Range"])
                self.content = self.content if self.replacement is None else self.replacement
            if self.compares_etags and asked["If-Match"] not in (None, etag):
                return b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n", b"", None
            lines = ["HTTP/1.1 200 OK", f"ETag: {etag}"]
            body = content
            if self.knows_ranges and (span := asked["Range"]):
                start, _, last = span.removeprefix("bytes=").partition("-")
                end = min(int(last) + 1, len(content)) if last else len(content)
                if int(start) >= len(content):
                    told = b"<Error><Code>InvalidRange</Code></Error>"
                    return b"HTTP/1.1 416 Range\r\nContent-Length: %d\r\n\r\n" % len(told), told, None
                body = content[int(start) : end]
                lines[0] = "HTTP/1.1 206 Partial Content"
                lines.append(f"Content-Range: bytes {start}-{end - 1}/{len(content)}")
            if len(body) == len(content):
                lines.append(f"x-amz-checksum-crc32: {b64encode(zlib.crc32(content).to_bytes(4, 'big')).decode()}")
            # Last what need not be there, so that an answer that was cut may look like a whole one.
            lines += [f"Content-Length: {len(body)}", f"x-amz-meta-sha: {sha256(content).hexdigest()}"]
            head = "\r\n".join([*lines, "", ""]).encode()
            cut = self.cuts.pop(0) if self.cuts and method == "GET" else None
            return head, body, cut if cut is None or self.in_headers else cut + len(head)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: BreakingStore

    def _answer(self) -> None:
        head, body, cut = type(self).store.answer(self.command, self.headers)
        whole = head + (body if self.command == "GET" else b"")
        self.close_connection = cut is not None and cut < len(whole)
        self.wfile.write(whole[:cut])

    do_GET = do_HEAD = _answer

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Says nothing when the client goes away."""


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for module in ("ranges", "stream"):
        monkeypatch.setattr(f"cloudstore.transfer.{module}.RANGE_BYTES", RANGE)
    monkeypatch.setattr("cloudstore.transfer.asking._LONGEST_PAUSE_SECONDS", 0)
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    options = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1", "max_attempts": 1}
    made = make_client(
        {**options, "endpoint_url": f"http://127.0.0.1:{server.server_port}", "addressing_style": "path"}
    )
    try:
        yield made
    finally:
        made.close()
        server.shutdown()
        thread.join()
        server.server_close()


def as_bytes(client: Any) -> bytes:
    return transfer.get_bytes(client, "bucket", "key")


def as_content(client: Any) -> bytes:
    content = transfer.get_content(client, "bucket", "key")
    told, stream = content.sha256, content.open()
    data = stream.read()
    assert told == sha256(data).hexdigest()
    assert content.metadata == {"sha": told}
    return data


def as_stream(client: Any) -> bytes:
    with transfer.open_stream(client, "bucket", "key") as stream:
        return b"".join(iter(lambda: stream.read(50_000), b""))


def as_file(client: Any) -> bytes:
    with TemporaryDirectory() as folder:
        transfer.download(client, "bucket", "key", Path(folder, "file"))
        return Path(folder, "file").read_bytes()


READERS: list[Callable[[Any], bytes]] = [as_bytes, as_content, as_stream, as_file]
readers = pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)


@readers
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    size=st.integers(1, len(DATA)) | st.sampled_from([1, RANGE, RANGE + 1]),
    cuts=st.lists(st.integers(0, 400) | st.integers(0, RANGE), max_size=8),
    in_headers=st.booleans(),
    knows_ranges=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:tzname")
def test_what_is_read_over_breaking_connections_is_exact_or_an_error(
    client: Any, read: Callable[[Any], bytes], size: int, cuts: list[int], in_headers: bool, knows_ranges: bool
) -> None:
    Handler.store = BreakingStore(DATA[:size], list(cuts), in_headers=in_headers, knows_ranges=knows_ranges)
    if len(cuts) < 5 and not in_headers:
        assert read(client) == DATA[:size]
        return
    with suppress(DagsterObjectStoreError):
        assert read(client) == DATA[:size]


@readers
def test_five_breaks_without_a_mebibyte_between_them_are_too_many(client: Any, read: Callable[[Any], bytes]) -> None:
    Handler.store = BreakingStore(DATA[:RANGE], [10] * 4)
    assert read(client) == DATA[:RANGE]
    Handler.store = BreakingStore(DATA[:RANGE], [10] * 5)
    with pytest.raises(DagsterObjectStoreError, match=r"GetObject on s3://bucket/key broke off"):
        read(client)


def test_breaks_with_a_mebibyte_between_them_may_be_many(client: Any) -> None:
    data = DATA * 35  # 10 MiB
    Handler.store = BreakingStore(data, [(1 << 20) + 10] * 9)
    assert as_bytes(client) == data
    assert len(Handler.store.spans) == 10


@readers
def test_it_goes_on_with_the_next_byte(client: Any, read: Callable[[Any], bytes]) -> None:
    Handler.store = BreakingStore(DATA[:RANGE], [1000])
    assert read(client) == DATA[:RANGE]
    assert Handler.store.spans[-1] == f"bytes=1000-{RANGE - 1}"


@readers
@pytest.mark.parametrize("knows_ranges", [True, False])
@pytest.mark.parametrize("compares_etags", [True, False])
def test_two_objects_are_never_mixed(
    client: Any, read: Callable[[Any], bytes], knows_ranges: bool, compares_etags: bool
) -> None:
    Handler.store = BreakingStore(
        cuts=[RANGE // 2], knows_ranges=knows_ranges, compares_etags=compares_etags, replacement=DATA[::-1]
    )
    with pytest.raises(DagsterObjectStoreError, match="replaced"):
        read(client)


@pytest.mark.parametrize("read", [as_content, as_stream])
@pytest.mark.parametrize("compares_etags", [True, False])
def test_ranges_of_two_objects_are_never_mixed(client: Any, read: Callable[[Any], bytes], compares_etags: bool) -> None:
    Handler.store = BreakingStore(compares_etags=compares_etags, replacement=DATA[::-1])
    with pytest.raises(DagsterObjectStoreError, match="replaced"):
        read(client)
