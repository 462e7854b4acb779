"""Files: in one request, in parts, by ranges; and writing on condition."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudstore import S3FileHandle, S3FileManager
from cloudstore.transfer import PART_BYTES, get_bytes, put_bytes, put_stream
from core.errors import DagsterObjectNotFoundError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TEXT = "zażółć\nline two\n"
WRITERS = 16


@pytest.fixture
def manager(client: S3Client, bucket: str) -> S3FileManager:
    return S3FileManager(client, bucket, "some/base")


def pending_uploads(client: S3Client, bucket: str) -> list[Any]:
    return list(client.list_multipart_uploads(Bucket=bucket).get("Uploads", []))


def test_bytes_and_text_come_back(manager: S3FileManager) -> None:
    data = manager.write_data(b"\x00\xff", ext="bin")
    text = manager.write(io.StringIO(TEXT), mode="w", ext=".txt")
    assert isinstance(data, S3FileHandle)
    assert data.s3_key.startswith("some/base/")
    assert data.s3_key.endswith(".bin")
    assert manager.read_data(data) == b"\x00\xff"
    assert manager.read_data(manager.write_data(b"")) == b""
    with manager.read(text, "r") as stream:
        assert stream.read() == TEXT


def test_a_stream_of_many_parts_comes_back(manager: S3FileManager, client: S3Client, bucket: str) -> None:
    content = os.urandom(2 * PART_BYTES + 12_345)
    handle = manager.write(io.BytesIO(content))
    assert isinstance(handle, S3FileHandle)
    head = client.head_object(Bucket=bucket, Key=handle.s3_key)
    assert head["ContentLength"] == len(content)
    assert head["ETag"].strip('"').endswith("-3")  # it came in three parts
    assert hashlib.sha256(manager.read_data(handle)).digest() == hashlib.sha256(content).digest()
    with manager.read(handle) as stream:
        assert stream.seek(PART_BYTES - 2) == PART_BYTES - 2
        assert stream.read(4) == content[PART_BYTES - 2 : PART_BYTES + 2]
        stream.seek(-5, os.SEEK_END)
        assert stream.read() == content[-5:]
    assert Path(manager.copy_handle_to_local_temp(handle)).read_bytes() == content
    manager.delete_local_temp()
    assert pending_uploads(client, bucket) == []


def test_a_stream_that_fails_leaves_nothing(manager: S3FileManager, client: S3Client, bucket: str) -> None:
    class Failing(io.RawIOBase):
        left = 3 * PART_BYTES

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            if self.left <= 0:
                raise OSError("the source broke off")
            self.left -= len(buffer)
            return len(buffer)

    with pytest.raises(OSError, match="broke off"):
        manager.write(io.BufferedReader(Failing()))
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert pending_uploads(client, bucket) == []


def test_a_missing_file_is_named(manager: S3FileManager, bucket: str) -> None:
    for missing in (S3FileHandle(bucket, "some/base/none"), S3FileHandle(f"{bucket}-gone", "key")):
        with pytest.raises(DagsterObjectNotFoundError, match=missing.s3_bucket):
            manager.read_data(missing)


@pytest.mark.parametrize("size", [10, PART_BYTES + 1])
def test_what_exists_is_not_replaced(client: S3Client, bucket: str, size: int) -> None:
    first, second = b"1" * size, b"2" * size
    assert put_stream(client, bucket, "key", io.BytesIO(first), if_absent=True)
    assert not put_stream(client, bucket, "key", io.BytesIO(second), if_absent=True)
    assert get_bytes(client, bucket, "key") == first
    assert put_stream(client, bucket, "key", io.BytesIO(second))
    assert get_bytes(client, bucket, "key") == second
    assert pending_uploads(client, bucket) == []


def test_of_many_writers_at_once_one_wins(client: S3Client, bucket: str) -> None:
    start = threading.Barrier(WRITERS)

    def write(number: int, key: str) -> bool:
        start.wait()
        return put_bytes(client, bucket, key, str(number).encode(), if_absent=True)

    with ThreadPoolExecutor(WRITERS) as pool:
        for key in ("a", "b", "c"):
            won = list(pool.map(lambda number, key=key: write(number, key), range(WRITERS)))
            assert sum(won) == 1
            assert get_bytes(client, bucket, key) == str(won.index(True)).encode()
