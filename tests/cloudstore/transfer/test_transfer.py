from __future__ import annotations

import base64
import io
import tracemalloc
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cloudstore.transfer import (
    PART_BYTES,
    WRITE_ID,
    download,
    exists,
    get_bytes,
    open_stream,
    part_bytes,
    put_bytes,
    put_stream,
)
from cloudstore.transfer.parts import MAX_PARTS, PARTS_IN_FLIGHT
from core.errors import DagsterObjectNotFoundError, DagsterObjectStoreError

CONFLICT = (409, "<Error><Code>ConditionalRequestConflict</Code></Error>")
TAKEN = (412, "<Error><Code>PreconditionFailed</Code></Error>")
UPLOAD_GONE = (404, "<Error><Code>NoSuchUpload</Code></Error>")


def pattern(size: int) -> bytes:
    """Bytes in which every place looks different from its neighbours a chunk or a part away."""
    block = b"".join(number.to_bytes(4, "big") for number in range(250_007))
    return (block * (size // len(block) + 1))[:size]


class OneWay(io.RawIOBase):
    """A stream that cannot seek, gives less than it is asked for, and may raise at its end."""

    def __init__(self, data: bytes, at_end: BaseException | None = None, most: int = 300_000) -> None:
        self._data, self._position, self._at_end, self._most = data, 0, at_end, most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._data[self._position : self._position + min(size, self._most)]
        self._position += len(chunk)
        if not chunk and self._at_end:
            raise self._at_end
        return chunk


# --- writing -------------------------------------------------------------------------------------------------


def test_bytes_come_back_with_what_was_said_about_them(store: Any) -> None:
    assert put_bytes(store.client, store.bucket, "k", b"abc", content_type="text/x", metadata={"a": "b"})
    stored = store.client.head_object(Bucket=store.bucket, Key="k")
    assert (stored["ContentType"], stored["Metadata"]) == ("text/x", {"a": "b"})
    assert get_bytes(store.client, store.bucket, "k") == b"abc"


@pytest.mark.parametrize(
    ("size", "requests"), [(0, 1), (1, 1), (PART_BYTES, 1), (PART_BYTES + 1, 4), (2 * PART_BYTES + 5, 5)]
)
def test_a_stream_of_any_size_comes_back(store: Any, size: int, requests: int) -> None:
    data, before = pattern(size), store.usage.read()
    assert put_stream(store.client, store.bucket, "k", OneWay(data), content_type="text/x")
    assert (store.usage.read() - before).requests == requests
    assert get_bytes(store.client, store.bucket, "k") == data
    assert store.client.head_object(Bucket=store.bucket, Key="k")["ContentType"] == "text/x"
    assert store.pending_uploads() == []


def test_a_stream_is_taken_from_its_position_on(store: Any) -> None:
    stream = io.BytesIO(b"abcdef")
    stream.seek(2)
    put_stream(store.client, store.bucket, "k", stream)
    assert get_bytes(store.client, store.bucket, "k") == b"cdef"


def test_parts_grow_so_that_five_tebibytes_fit() -> None:
    sizes = [part_bytes(number) for number in range(1, MAX_PARTS + 1)]
    assert sizes[0] == PART_BYTES == 16 << 20
    assert sum(sizes) >= 5 << 40
    assert max(sizes) <= 5 << 30
    assert sum(sizes[:128]) == 2 << 30  # 2 GiB are still sent in small parts


def test_an_upload_holds_four_parts_at_most(embedded: Any) -> None:
    zeros = bytes(1 << 20)

    class Zeros(io.RawIOBase):
        left = 10 * PART_BYTES

        def read(self, size: int = -1) -> bytes:
            self.left -= (size := min(size, self.left))
            return zeros[:size]

    put_bytes(embedded.client, embedded.bucket, "warm", b"")
    tracemalloc.start()
    try:
        put_stream(embedded.client, embedded.bucket, "k", Zeros())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert embedded.client.head_object(Bucket=embedded.bucket, Key="k")["ContentLength"] == 10 * PART_BYTES
    assert peak < (PARTS_IN_FLIGHT + 1) * PART_BYTES


def test_every_body_carries_a_checksum_that_readers_can_verify(embedded: Any) -> None:
    data = pattern(PART_BYTES + 1)
    put_bytes(embedded.client, embedded.bucket, "small", data[:9])
    put_stream(embedded.client, embedded.bucket, "large", OneWay(data))
    for key, content in (("small", data[:9]), ("large", data)):
        stored = embedded.client.head_object(Bucket=embedded.bucket, Key=key, ChecksumMode="ENABLED")
        assert base64.b64decode(stored["ChecksumCRC32"]) == zlib.crc32(content).to_bytes(4, "big")


@pytest.mark.parametrize(("mode", "expected"), [("when_supported", True), ("when_required", False)])
def test_the_checksum_mode_is_honoured(embedded: Any, mode: str, expected: bool) -> None:
    client, headers = embedded.client_with(checksum_mode=mode), []
    client.meta.events.register("before-send.s3", lambda request, **_: headers.extend(map(str.lower, request.headers)))
    put_bytes(client, embedded.bucket, "k", b"abc")
    put_stream(client, embedded.bucket, "k", OneWay(bytes(PART_BYTES + 1)))
    assert any("checksum" in name for name in headers) is expected


@pytest.mark.parametrize("size", [3, PART_BYTES + 3])
def test_an_algorithm_can_be_chosen(embedded: Any, size: int) -> None:
    client, data = embedded.client_with(checksum_mode="when_required"), pattern(size)
    put_stream(client, embedded.bucket, "k", OneWay(data), checksum_algorithm="SHA256")
    stored = client.head_object(Bucket=embedded.bucket, Key="k", ChecksumMode="ENABLED")
    assert "ChecksumSHA256" in stored
    assert get_bytes(client, embedded.bucket, "k") == data


@pytest.mark.parametrize("failure", [ValueError("mine"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
@pytest.mark.parametrize("parts", [0, 2])
def test_a_stream_that_fails_leaves_nothing(store: Any, failure: BaseException, parts: int) -> None:
    stream = OneWay(bytes(parts * PART_BYTES + 1), at_end=failure)
    with pytest.raises(type(failure)) as caught:
        put_stream(store.client, store.bucket, "k", stream)
    assert caught.value is failure
    assert not exists(store.client, store.bucket, "k")
    assert store.pending_uploads() == []


def test_a_part_that_fails_leaves_nothing(proxy: Any) -> None:
    proxy.fail((400, "<Error><Code>BadDigest</Code></Error>"), method="PUT", containing="partNumber=2")
    with pytest.raises(DagsterObjectStoreError, match=r"UploadPart.*nothing was stored"):
        put_stream(proxy.client(), proxy.store.bucket, "k", OneWay(bytes(3 * PART_BYTES)))
    assert not exists(proxy.store.client, proxy.store.bucket, "k")
    assert proxy.store.pending_uploads() == []


# --- conditional creation ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5, PART_BYTES + 5])
def test_only_an_absent_object_is_created(store: Any, size: int) -> None:
    first, second = pattern(size), bytes(size)
    assert put_stream(store.client, store.bucket, "k", OneWay(first), if_absent=True)
    assert not put_stream(store.client, store.bucket, "k", OneWay(second), if_absent=True)
    assert get_bytes(store.client, store.bucket, "k") == first
    assert store.pending_uploads() == []
    assert put_stream(store.client, store.bucket, "k", OneWay(second))
    assert get_bytes(store.client, store.bucket, "k") == second


# Single requests on the embedded server only. Of uploads in parts completed at once, both stores here let several win
# (plain boto3 without retries, rounds of four: SeaweedFS 4.48 in 87 of 150, moto 5.2 in 30 of 30 with 16 MiB parts).
def test_of_writers_at_once_one_creates_the_object(embedded: Any) -> None:
    bodies = [bytes([number]) * 5 for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        created = list(
            pool.map(lambda body: put_bytes(embedded.client, embedded.bucket, "k", body, if_absent=True), bodies)
        )
    assert created.count(True) == 1
    assert get_bytes(embedded.client, embedded.bucket, "k") == bodies[created.index(True)]


def test_an_object_created_during_an_upload_is_left_alone(store: Any) -> None:
    class Overtaken(OneWay):
        def read(self, size: int = -1) -> bytes:
            chunk = super().read(size)
            if not chunk and not exists(store.client, store.bucket, "k"):  # all is read, nothing is completed
                put_bytes(store.client, store.bucket, "k", b"theirs")
            return chunk

    assert not put_stream(store.client, store.bucket, "k", Overtaken(pattern(PART_BYTES + 5)), if_absent=True)
    assert get_bytes(store.client, store.bucket, "k") == b"theirs"
    assert store.pending_uploads() == []


@pytest.mark.parametrize(("size", "method"), [(5, "PUT"), (PART_BYTES + 5, "POST")])
def test_a_conflict_is_tried_again(proxy: Any, size: int, method: str) -> None:
    data = pattern(size)
    proxy.fail(CONFLICT, CONFLICT, method=method, containing="" if method == "PUT" else "uploadId")
    assert put_stream(proxy.client(), proxy.store.bucket, "k", OneWay(data), if_absent=True)
    assert get_bytes(proxy.store.client, proxy.store.bucket, "k") == data


def test_a_conflict_that_lasts_is_an_error(proxy: Any) -> None:
    proxy.decide = lambda method, path: CONFLICT
    with pytest.raises(DagsterObjectStoreError, match="under way"):
        put_bytes(proxy.client(), proxy.store.bucket, "k", b"x", if_absent=True)
    assert len(proxy.seen) == 8


@pytest.mark.parametrize(("size", "method"), [(5, "PUT"), (PART_BYTES + 5, "POST")])
def test_a_writer_knows_its_own_object_when_the_answer_was_lost(proxy: Any, size: int, method: str) -> None:
    # The object is there, the client sends again, and the store says that it is taken.
    proxy.fail("lose the answer", TAKEN, method=method, containing="" if method == "PUT" else "uploadId")
    assert put_stream(proxy.client(), proxy.store.bucket, "k", OneWay(pattern(size)), if_absent=True)
    assert proxy.seen.count("HEAD") == 1


def test_a_completed_upload_whose_answer_was_lost_is_a_success(proxy: Any) -> None:
    data = pattern(PART_BYTES + 5)
    proxy.fail("lose the answer", UPLOAD_GONE, method="POST", containing="uploadId")
    assert put_stream(proxy.client(), proxy.store.bucket, "k", OneWay(data))
    assert get_bytes(proxy.store.client, proxy.store.bucket, "k") == data


def test_another_writers_object_is_not_taken_for_ones_own(proxy: Any) -> None:
    put_bytes(proxy.store.client, proxy.store.bucket, "k", b"theirs", metadata={WRITE_ID: "theirs"})
    proxy.fail((503, ""), method="PUT")
    assert not put_bytes(proxy.client(), proxy.store.bucket, "k", b"mine", if_absent=True)
    assert get_bytes(proxy.store.client, proxy.store.bucket, "k") == b"theirs"


# --- reading -------------------------------------------------------------------------------------------------


def read_stream(client: Any, bucket: str, key: str) -> bytes:
    with open_stream(client, bucket, key) as stream:
        return stream.read()


@pytest.mark.parametrize("key", ["empty", "a b", "50%25", "q?x=1", "#h", "ü/é", "a+b", "a&b", "[x]=~", "s3:x"])
def test_keys_are_exact(store: Any, key: str) -> None:
    data = b"" if key == "empty" else key.encode()
    put_stream(store.client, store.bucket, key, OneWay(data))
    assert exists(store.client, store.bucket, key)
    assert get_bytes(store.client, store.bucket, key) == read_stream(store.client, store.bucket, key) == data
    listed = store.client.list_objects_v2(Bucket=store.bucket)["Contents"]
    assert [item["Key"] for item in listed] == [key]


def test_existence_is_of_the_exact_key(store: Any) -> None:
    put_bytes(store.client, store.bucket, "a/10", b"x")
    assert exists(store.client, store.bucket, "a/10")
    assert not exists(store.client, store.bucket, "a/1")
    assert not exists(store.client, store.bucket, "a")
    assert not exists(store.client, "no-such-bucket", "a")


def test_a_stream_seeks_and_reads_as_a_file_does(store: Any) -> None:
    data = pattern(2 * PART_BYTES + 1000)
    put_stream(store.client, store.bucket, "k", OneWay(data))
    with open_stream(store.client, store.bucket, "k") as stream, io.BytesIO(data) as file:
        for offset, whence, size in [
            (0, 0, 10),
            (PART_BYTES - 5, 0, 10),
            (-7, 2, 20),
            (-PART_BYTES, 1, 5),
            (3, 1, 300_000),
            (0, 2, 5),
            (len(data) + 9, 0, 5),
            (0, 0, len(data)),
        ]:
            for opened in (stream, file):
                opened.seek(offset, whence)
            assert stream.read(size) == file.read(size), (offset, whence, size)
            assert stream.tell() == min(file.tell(), len(data))
        assert (stream.readable(), stream.seekable(), stream.writable()) == (True, True, False)


def test_opening_does_not_fetch_the_whole(embedded: Any) -> None:
    put_stream(embedded.client, embedded.bucket, "k", OneWay(bytes(3 * PART_BYTES)))
    before = embedded.usage.read()
    with open_stream(embedded.client, embedded.bucket, "k") as stream:
        stream.read(10)
    used = embedded.usage.read() - before
    assert (used.requests, used.bytes_received) == (1, 16 << 20)


def test_an_object_replaced_while_it_is_read_is_not_mixed(store: Any) -> None:
    put_stream(store.client, store.bucket, "k", OneWay(bytes(PART_BYTES + 5)))
    with open_stream(store.client, store.bucket, "k") as stream:
        stream.read(10)
        put_stream(store.client, store.bucket, "k", OneWay(pattern(PART_BYTES + 5)))
        with pytest.raises(DagsterObjectStoreError, match="replaced"):
            stream.read()


@pytest.mark.parametrize("read", [get_bytes, read_stream])
def test_reading_goes_on_where_the_connection_broke(proxy: Any, read: Callable[..., bytes]) -> None:
    data = pattern(3 << 20)
    put_bytes(proxy.store.client, proxy.store.bucket, "k", data)
    proxy.fail("cut the answer", method="GET")
    before = proxy.store.usage.read()
    assert read(proxy.client(), proxy.store.bucket, "k") == data
    asks_for_sum = read is read_stream  # this store does not tell the checksum with a range
    assert proxy.seen == ["GET", "GET"] + ["HEAD"] * asks_for_sum
    assert (proxy.store.usage.read() - before).requests == 2 + asks_for_sum


def test_a_replaced_object_is_not_appended_to_half_of_the_old_one(proxy: Any) -> None:
    put_bytes(proxy.store.client, proxy.store.bucket, "k", bytes(3 << 20))

    def replace_after_cut(method: str, path: str) -> str | None:
        if proxy.seen.count("GET") == 1:
            return "cut the answer"
        put_bytes(proxy.store.client, proxy.store.bucket, "k", pattern(3 << 20))
        return None

    proxy.decide = replace_after_cut
    with pytest.raises(DagsterObjectStoreError, match="replaced"):
        get_bytes(proxy.client(), proxy.store.bucket, "k")


def test_a_download_appears_whole(store: Any, tmp_path: Path) -> None:
    data, path = pattern(PART_BYTES + 9), tmp_path / "file"
    put_stream(store.client, store.bucket, "k", OneWay(data))
    path.write_bytes(b"old")
    download(store.client, store.bucket, "k", path)
    assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_download_leaves_what_was_there(proxy: Any, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(DagsterObjectNotFoundError):
        download(proxy.client(), proxy.store.bucket, "missing", path)
    put_bytes(proxy.store.client, proxy.store.bucket, "k", b"x")  # half of one byte is none: it never gets on
    proxy.decide = lambda method, path: "cut the answer"
    with pytest.raises(DagsterObjectStoreError, match="broke off"):
        download(proxy.client(), proxy.store.bucket, "k", path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size_bytes", [1000, PART_BYTES, 2 * PART_BYTES + 7])
@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_file_is_stored_from_its_position_on_and_read_to_its_end(
    store: Any, tmp_path: Path, size_bytes: int, buffering: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(pattern(size_bytes))
    with path.open("rb", buffering=buffering) as file:
        file.read(5)
        assert put_stream(store.client, store.bucket, "k", file)
        assert file.read() == b""
    assert get_bytes(store.client, store.bucket, "k") == pattern(size_bytes)[5:]
