"""The contract of FileManager, held by every implementation; then what is S3's own."""

from __future__ import annotations

import gc
import io
import os
import pickle
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cloudstore.file_manager import S3FileHandle, S3FileManager
from cloudstore.transfer import PART_BYTES, put_bytes
from core.errors import DagsterInvariantViolationError, DagsterObjectNotFoundError
from core.storage.file_manager import FileHandle, FileManager, LocalFileHandle, LocalFileManager

TEXT = "zażółć\nline two\n"


@pytest.fixture(params=["local", "moto", "embedded"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> FileManager:
    if request.param == "local":
        return LocalFileManager(str(tmp_path / "files"))
    options = request.getfixturevalue(f"{request.param}_options")
    store = request.getfixturevalue("new_store")(options)
    return S3FileManager(store.client, store.bucket, "some/base")


@pytest.fixture
def s3_manager(embedded: Any) -> S3FileManager:
    return S3FileManager(embedded.client, embedded.bucket, "base")


def missing_like(handle: FileHandle) -> FileHandle:
    if isinstance(handle, S3FileHandle):
        return S3FileHandle(handle.s3_bucket, handle.s3_key + "0")
    return LocalFileHandle(handle.path_desc + "0")


# --- the contract --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"abc", bytes(range(256)) * 5000])
def test_data_comes_back(manager: FileManager, data: bytes) -> None:
    handle = manager.write_data(data)
    assert manager.read_data(handle) == data
    assert Path(manager.copy_handle_to_local_temp(handle)).read_bytes() == data
    with manager.read(handle) as stream:
        assert stream.read() == data


def test_a_file_object_is_stored_from_its_position_on(manager: FileManager) -> None:
    source = io.BytesIO(b"abcdef")
    source.seek(2)
    assert manager.read_data(manager.write(source)) == b"cdef"


def test_a_file_object_need_not_seek(manager: FileManager) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source:
        with os.fdopen(writing, "wb") as sink:
            sink.write(b"through a pipe")
        assert manager.read_data(manager.write(source)) == b"through a pipe"


def test_text_is_utf8_both_ways(manager: FileManager) -> None:
    handle = manager.write(io.StringIO(TEXT), mode="w")
    assert manager.read_data(handle) == TEXT.encode("utf-8")
    with manager.read(handle, mode="r") as stream:
        assert list(stream) == TEXT.splitlines(keepends=True)


def test_what_is_read_can_seek(manager: FileManager) -> None:
    handle = manager.write_data(b"0123456789")
    with manager.read(handle, mode="rb") as stream:
        assert stream.seekable()
        assert stream.seek(-3, os.SEEK_END) == 7
        assert stream.read() == b"789"
        stream.seek(2)
        assert stream.read(3) == b"234"


def test_no_two_writes_share_a_file(manager: FileManager) -> None:
    one, other = manager.write_data(b"1"), manager.write_data(b"1")
    assert one != other
    assert one.path_desc != other.path_desc


@pytest.mark.parametrize(("ext", "end"), [("csv", ".csv"), (".csv", ".csv"), ("tar.gz", ".tar.gz")])
def test_the_extension_is_kept(manager: FileManager, ext: str, end: str) -> None:
    assert manager.write_data(b"", ext=ext).path_desc.endswith(end)
    assert manager.write(io.StringIO(""), mode="w", ext=ext).path_desc.endswith(end)


@pytest.mark.parametrize("ext", ["/../../etc", "a/b", "a\\b"])
def test_an_extension_is_no_path(manager: FileManager, ext: str) -> None:
    with pytest.raises(DagsterInvariantViolationError):
        manager.write_data(b"", ext=ext)


def test_only_the_four_modes_are_taken(manager: FileManager) -> None:
    handle = manager.write_data(b"")
    for mode in ("w", "wb", "a", "r+", ""):
        with pytest.raises(DagsterInvariantViolationError, match="mode"):
            manager.read(handle, mode=mode)
    for mode in ("r", "rb", "a", ""):
        with pytest.raises(DagsterInvariantViolationError, match="mode"):
            manager.write(io.BytesIO(), mode=mode)


def test_text_and_bytes_are_not_mixed_up(manager: FileManager) -> None:
    with pytest.raises(DagsterInvariantViolationError, match='mode "w"'):
        manager.write(io.StringIO("text"))
    with pytest.raises(DagsterInvariantViolationError, match='mode "wb"'):
        manager.write(io.BytesIO(b"bytes"), mode="w")


def test_a_missing_file_is_said_to_be_missing(manager: FileManager) -> None:
    missing = missing_like(manager.write_data(b"abc"))
    read: list[Callable[[FileHandle], object]] = [manager.read, manager.read_data, manager.copy_handle_to_local_temp]
    for act in read:
        with pytest.raises(DagsterObjectNotFoundError):
            act(missing)


def test_a_handle_is_a_value(manager: FileManager) -> None:
    handle = manager.write_data(b"abc")
    again = pickle.loads(pickle.dumps(handle))
    assert again == handle
    assert {again: 1}[handle] == 1
    assert handle != missing_like(handle)
    assert manager.read_data(again) == b"abc"


def test_a_copy_is_made_once_and_deleting_twice_does_no_harm(manager: FileManager) -> None:
    handle = manager.write_data(b"abc", ext="csv")
    path = manager.copy_handle_to_local_temp(handle)
    assert manager.copy_handle_to_local_temp(handle) == path
    assert path.endswith(".csv")
    manager.delete_local_temp()
    manager.delete_local_temp()
    assert Path(manager.copy_handle_to_local_temp(handle)).read_bytes() == b"abc"


class ForeignHandle(FileHandle):
    @property
    def path_desc(self) -> str:
        return "elsewhere://file"


def test_a_handle_of_another_kind_is_refused(manager: FileManager) -> None:
    read: list[Callable[[FileHandle], object]] = [manager.read, manager.read_data, manager.copy_handle_to_local_temp]
    for act in read:
        with pytest.raises(DagsterInvariantViolationError, match=r"ForeignHandle \(elsewhere://file\)"):
            act(ForeignHandle())


# --- S3 ------------------------------------------------------------------------------------------------------


def test_a_handle_says_where_the_file_is(s3_manager: S3FileManager, embedded: Any) -> None:
    handle = s3_manager.write_data(b"abc", ext="txt")
    assert isinstance(handle, S3FileHandle)
    assert handle.s3_bucket == embedded.bucket
    assert handle.s3_key.startswith("base/")
    assert len(handle.s3_key) == len("base/" + 32 * "f" + ".txt")
    assert handle.s3_path == handle.path_desc == f"s3://{embedded.bucket}/{handle.s3_key}"
    assert eval(repr(handle)) == handle


@pytest.mark.parametrize(
    ("base", "key"), [("base", "base/a/b"), ("/base/", "base/a/b"), ("", "a/b"), ("x/y", "x/y/a/b")]
)
def test_full_keys_are_below_the_base_key(embedded: Any, base: str, key: str) -> None:
    assert S3FileManager(embedded.client, embedded.bucket, base).get_full_key("a/b") == key


def test_a_key_does_not_leave_the_base_key(s3_manager: S3FileManager) -> None:
    with pytest.raises(DagsterInvariantViolationError):
        s3_manager.get_full_key("../secret")


def test_a_file_of_another_bucket_reads_too(s3_manager: S3FileManager, embedded: Any) -> None:
    embedded.client.create_bucket(Bucket=f"{embedded.bucket}-2")
    put_bytes(embedded.client, f"{embedded.bucket}-2", "k", b"abc")
    assert s3_manager.read_data(S3FileHandle(f"{embedded.bucket}-2", "k")) == b"abc"


def test_a_large_file_streams_both_ways(s3_manager: S3FileManager) -> None:
    data = bytes(PART_BYTES) + b"end"
    handle = s3_manager.write(io.BytesIO(data))
    with s3_manager.read(handle) as stream:
        stream.seek(-3, os.SEEK_END)
        assert stream.read() == b"end"
    assert s3_manager.read_data(handle) == data


def test_a_write_that_fails_stores_nothing(s3_manager: S3FileManager, embedded: Any) -> None:
    with pytest.raises(DagsterInvariantViolationError):
        s3_manager.write(io.StringIO("text"))
    assert "Contents" not in embedded.client.list_objects_v2(Bucket=embedded.bucket)


def test_many_threads_fetch_a_file_once(s3_manager: S3FileManager, embedded: Any) -> None:
    handles = [s3_manager.write_data(bytes([number]) * 100_000) for number in range(4)]
    barrier, before = threading.Barrier(8), embedded.usage.read()

    def copy(number: int) -> str:
        barrier.wait()
        return s3_manager.copy_handle_to_local_temp(handles[number % 4])

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(copy, range(8)))
    assert (embedded.usage.read() - before).requests == 4
    assert paths[:4] == paths[4:]
    assert len(set(paths)) == 4


def test_copies_are_private_and_are_all_deleted(s3_manager: S3FileManager) -> None:
    paths = [Path(s3_manager.copy_handle_to_local_temp(s3_manager.write_data(b"abc"))) for _ in range(2)]
    (directory,) = {path.parent for path in paths}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    s3_manager.delete_local_temp()
    assert not directory.exists()


def test_a_fetch_that_failed_is_tried_again(s3_manager: S3FileManager, embedded: Any) -> None:
    handle = S3FileHandle(embedded.bucket, "late")
    with pytest.raises(DagsterObjectNotFoundError):
        s3_manager.copy_handle_to_local_temp(handle)
    put_bytes(embedded.client, embedded.bucket, "late", b"abc")
    assert Path(s3_manager.copy_handle_to_local_temp(handle)).read_bytes() == b"abc"


def test_copies_go_with_the_manager_but_not_with_a_forked_one(embedded: Any) -> None:
    manager = S3FileManager(embedded.client, embedded.bucket, "base")
    path = Path(manager.copy_handle_to_local_temp(manager.write_data(b"abc")))
    child = os.fork()
    if child == 0:
        try:
            manager.delete_local_temp()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert path.exists()
    del manager
    gc.collect()
    assert not path.parent.exists()
