"""The contract of FileManager, held by every implementation; then what is S3's own."""

from __future__ import annotations

import gc
import io
import os
import pickle
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cloudstore.files import manager as s3_file_manager_module
from cloudstore.files.manager import S3FileHandle, S3FileManager
from cloudstore.testing import Fault, FaultProxy
from cloudstore.transfer import PART_BYTES, RANGE_BYTES, put_bytes
from core import ModeDefinition, execute_pipeline, mem_file_manager, pipeline, solid
from core.errors import (
    DagsterInvariantViolationError,
    DagsterObjectAccessError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterObjectStoreError,
)
from core.files.local import LocalFileHandle, LocalFileManager
from core.files.manager import FileHandle, FileManager
from core.files.memory import InMemoryFileHandle, InMemoryFileManager

TEXT = "zażółć\nline two\n"
KINDS = ["memory", "local", "moto", "embedded"]
EXTENSIONS = [
    *((None, ""), ("", ""), ("csv", ".csv"), (".csv", ".csv"), ("tar.gz", ".tar.gz"), (".tar.gz", ".tar.gz")),
    *(("..", ".."), ("..csv", "..csv"), ("a b+c%20&?#", ".a b+c%20&?#"), ("é🦆", ".é🦆"), ("x" * 200, "." + "x" * 200)),
]
HOSTILE_EXTENSIONS = ["/../../etc", "a/b", "a\\b", "a\0b", "a\nb", "\x7f", "\udce9", "x" * 201, "é" * 101, "./", "../x"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest) -> Any:
    """The bucket behind a file manager, where it has one."""
    if kind in ("memory", "local"):
        return None
    return request.getfixturevalue("new_store")(request.getfixturevalue(f"{kind}_options"))


@pytest.fixture
def manager(kind: str, store: Any, tmp_path: Path) -> FileManager:
    if kind == "memory":
        return InMemoryFileManager()
    if kind == "local":
        return LocalFileManager(str(tmp_path / "files"))
    return S3FileManager(store.client, store.bucket, "some/base")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def s3_manager(embedded: Any) -> S3FileManager:
    return S3FileManager(embedded.client, embedded.bucket, "base")


def missing_like(handle: FileHandle) -> FileHandle:
    if isinstance(handle, S3FileHandle):
        return S3FileHandle(handle.s3_bucket, handle.s3_key + "0")
    if isinstance(handle, InMemoryFileHandle):
        return InMemoryFileHandle(handle.name + "0")
    return LocalFileHandle(handle.path_desc + "0")


def stored(manager: FileManager) -> list[str]:
    """The names of all files that there are, parts of files included."""
    if isinstance(manager, InMemoryFileManager):
        return [handle.path_desc for handle in manager._files]
    if isinstance(manager, LocalFileManager):
        return [path.name for path in Path(manager.base_dir).rglob("*")]
    assert isinstance(manager, S3FileManager)
    client, bucket = manager._s3_session, manager._s3_bucket
    uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    objects = client.list_objects_v2(Bucket=bucket).get("Contents", [])
    return [each["Key"] for each in (*uploads, *objects)]


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


class Breaking(io.RawIOBase):
    """A stream that gives some bytes, and then fails."""

    def __init__(self, size_bytes: int, error: BaseException) -> None:
        self._left, self._error = size_bytes, error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            raise self._error
        count = min(len(buffer), self._left)
        buffer[:count] = b"x" * count
        self._left -= count
        return count


@pytest.mark.parametrize("mode", ["wb", "w"])
@pytest.mark.parametrize("size_bytes", [0, 1000, 40 << 20], ids=["nothing", "little", "parts"])
@pytest.mark.parametrize("error", [ConnectionError("gone"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_a_source_that_breaks_off_leaves_nothing(
    manager: FileManager, mode: str, size_bytes: int, error: BaseException
) -> None:
    source: Any = io.BufferedReader(Breaking(size_bytes, error), 1 << 20)
    with pytest.raises(type(error)) as caught:
        manager.write(source if mode == "wb" else io.TextIOWrapper(source, "ascii"), mode=mode)
    assert caught.value is error
    assert stored(manager) == []


def test_a_text_source_need_not_seek_and_is_taken_from_its_position_on(manager: FileManager) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "r", encoding="utf-8") as source:
        with os.fdopen(writing, "wb") as sink:
            sink.write(TEXT.encode())
        assert source.readline() == "zażółć\n"
        assert manager.read_data(manager.write(source, mode="w")) == b"line two\n"


def test_text_that_is_read_can_seek(manager: FileManager) -> None:
    handle = manager.write_data(TEXT.encode())
    with manager.read(handle, mode="r") as stream:
        assert stream.seekable()
        assert stream.readline() == "zażółć\n"
        place = stream.tell()
        assert stream.read() == "line two\n"
        stream.seek(place)
        assert stream.read(4) == "line"
        stream.seek(0)
        assert stream.read() == TEXT


def test_streams_of_one_file_do_not_disturb_each_other(manager: FileManager) -> None:
    handle = manager.write_data(b"0123456789")
    with manager.read(handle) as one, manager.read(handle) as other:
        assert (one.read(3), other.read(5), one.read(3)) == (b"012", b"01234", b"345")
        one.close()
        assert other.read() == b"56789"


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


@pytest.mark.parametrize(("ext", "end"), EXTENSIONS)
def test_the_extension_is_kept(manager: FileManager, ext: str | None, end: str) -> None:
    data = manager.write_data(b"abc", ext=ext)
    text = manager.write(io.StringIO("abc"), mode="w", ext=ext)
    for handle in (data, text):
        name = handle.path_desc.rpartition("/")[2]
        assert (name[32:], name[:32].isalnum()) == (end, True)
        assert manager.read_data(handle) == b"abc"
        assert Path(manager.copy_handle_to_local_temp(handle)).read_bytes() == b"abc"


@pytest.mark.parametrize("ext", HOSTILE_EXTENSIONS, ids=lambda ext: ascii(ext[:12]))
def test_an_extension_is_no_path(manager: FileManager, ext: str) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="extension"):
        manager.write_data(b"", ext=ext)
    assert stored(manager) == []


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


WRITER = """
import pickle, sys
kind, options, bucket, folder = pickle.load(sys.stdin.buffer)
if kind == "memory":
    from core.files.memory import InMemoryFileManager
    manager = InMemoryFileManager()
elif kind == "local":
    from core.files.local import LocalFileManager
    manager = LocalFileManager(folder)
else:
    from cloudstore.client import make_client
    from cloudstore.files.manager import S3FileManager
    manager = S3FileManager(make_client(options), bucket, "elsewhere")
sys.stdout.buffer.write(pickle.dumps(manager.write_data(b"theirs", ext="txt")))
"""


def test_a_file_that_another_process_wrote_reads_or_is_said_to_be_there(
    manager: FileManager, kind: str, store: Any, tmp_path: Path
) -> None:
    given = pickle.dumps((kind, store and store.options, store and store.bucket, str(tmp_path)))
    written = subprocess.run([sys.executable, "-c", WRITER], input=given, capture_output=True, check=True).stdout
    handle = pickle.loads(written)
    if kind == "memory":
        with pytest.raises(DagsterObjectNotFoundError, match="another process"):
            manager.read(handle)
        return
    assert manager.read_data(handle) == b"theirs"
    assert Path(manager.copy_handle_to_local_temp(handle)).read_bytes() == b"theirs"


def test_all_copies_are_deleted_and_nothing_else(manager: FileManager, temporary: Path) -> None:
    handles = [manager.write_data(b"abc", ext="csv"), manager.write(io.StringIO("abc"), mode="w")]
    files = stored(manager)
    copies = [Path(manager.copy_handle_to_local_temp(handle)) for handle in handles]
    assert {copy.read_bytes() for copy in copies} == {b"abc"}
    manager.delete_local_temp()
    assert list(temporary.rglob("*")) == []
    assert stored(manager) == files
    assert [manager.read_data(handle) for handle in handles] == [b"abc", b"abc"]


def test_a_copy_is_made_once_and_deleting_twice_does_no_harm(manager: FileManager, store: Any) -> None:
    handle = manager.write_data(b"abc", ext="csv")
    before = store and store.usage.read()
    path = manager.copy_handle_to_local_temp(handle)
    assert manager.copy_handle_to_local_temp(pickle.loads(pickle.dumps(handle))) == path
    assert store is None or (store.usage.read() - before).requests == 1
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


# --- memory ------------------------------------------------------------------------------------------------------


NO_HANDLES = [
    None,
    "s3://bucket/key",
    "/etc/passwd",
    "",
    b"bytes",
    Path("/etc/passwd"),
    5,
    ["a"],
    io.BytesIO(b"x"),
    object,
]


@pytest.mark.parametrize("given", NO_HANDLES, ids=lambda given: f"{given!r:.20}")
def test_what_is_no_handle_is_refused_by_name(manager: FileManager, given: Any) -> None:
    for use in (manager.read, manager.read_data, manager.copy_handle_to_local_temp):
        with pytest.raises(DagsterInvariantViolationError) as caught:
            use(given)
        said = str(caught.value)
        assert "file manager takes the handle of a file, as its write() returns it, and was given" in said
        assert f"a {type(given).__name__}" in said


def test_what_is_no_content_is_refused_by_name(manager: FileManager) -> None:
    for data in (None, 5, "text", ["a"], Path("x"), io.BytesIO(b"x")):
        kind = "None" if data is None else f"an? {type(data).__name__}"
        with pytest.raises(DagsterInvariantViolationError, match=f"Expected bytes to write, got {kind}"):
            manager.write_data(data)  # type: ignore[arg-type]
    for source in (None, "/etc/passwd", b"bytes", Path("x"), 5):
        for mode in ("w", "wb"):
            with pytest.raises(DagsterInvariantViolationError, match="Expected a readable file object"):
                manager.write(source, mode)  # type: ignore[arg-type]
    for ext in (5, b"csv", Path("csv")):
        with pytest.raises(DagsterInvariantViolationError, match="A file extension is a text such as csv"):
            manager.write_data(b"x", ext)  # type: ignore[arg-type]
    for content in (bytearray(b"x"), memoryview(b"x")):
        assert manager.read_data(manager.write_data(content)) == b"x"  # type: ignore[arg-type]


def test_the_resource_in_memory_is_shared_by_a_run_and_ends_with_it() -> None:
    @solid(required_resource_keys={"files"})
    def write(context: Any) -> Any:
        return context.resources.files.write_data(b"abc", ext="bin")

    @solid(required_resource_keys={"files"})
    def read(context: Any, handle: Any) -> Any:
        return context.resources.files.read_data(handle)

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"files": mem_file_manager})])
    def both() -> None:
        read(write())

    result = execute_pipeline(both)
    assert result.output_for_solid("read") == b"abc"
    handle = result.output_for_solid("write")
    assert eval(repr(handle)) == handle
    with pytest.raises(DagsterObjectNotFoundError, match="another file manager"):
        InMemoryFileManager().read_data(handle)


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


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ConnectionError("gone")], ids=["Ctrl-C", "error"])
def test_a_thread_that_waited_for_a_copy_that_failed_makes_it_itself(
    s3_manager: S3FileManager, monkeypatch: pytest.MonkeyPatch, temporary: Path, error: BaseException
) -> None:
    handle = s3_manager.write_data(b"abc")
    fetching, failing, fetch = threading.Event(), threading.Event(), s3_file_manager_module.transfer.download

    def download(client: Any, bucket: str, key: str, path: str) -> None:
        if not fetching.is_set():
            fetching.set()
            failing.wait(10)
            raise error
        fetch(client, bucket, key, path)

    monkeypatch.setattr(s3_file_manager_module.transfer, "download", download)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(s3_manager.copy_handle_to_local_temp, handle)
        assert fetching.wait(10)
        second = pool.submit(s3_manager.copy_handle_to_local_temp, handle)
        failing.set()
        assert first.exception() is error
        assert Path(second.result()).read_bytes() == b"abc"
    assert [path.read_bytes() for path in temporary.rglob("*") if path.is_file()] == [b"abc"]


def test_a_copy_that_something_else_deleted_is_made_again(s3_manager: S3FileManager, temporary: Path) -> None:
    one, other = s3_manager.write_data(b"abc"), s3_manager.write_data(b"def")
    path = Path(s3_manager.copy_handle_to_local_temp(one))
    path.unlink()
    assert Path(s3_manager.copy_handle_to_local_temp(one)).read_bytes() == b"abc"
    shutil.rmtree(path.parent)
    for handle, data in ((one, b"abc"), (other, b"def")):
        assert Path(s3_manager.copy_handle_to_local_temp(handle)).read_bytes() == data
    s3_manager.delete_local_temp()
    assert list(temporary.iterdir()) == []


def test_without_a_place_for_copies_there_is_an_error_and_later_a_copy(
    s3_manager: S3FileManager, temporary: Path
) -> None:
    handle = s3_manager.write_data(b"abc")
    temporary.rmdir()
    with pytest.raises(FileNotFoundError, match=str(temporary)):
        s3_manager.copy_handle_to_local_temp(handle)
    temporary.mkdir()
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


# --- S3: what is read is what was written ----------------------------------------------------------------------------

SMALL, LARGE = b"0123456789" * 30_000, b"0123456789" * (RANGE_BYTES // 10 + 1)  # one range, two ranges
BOTH_SUMS = r"[A-Za-z0-9+/]{6}==.*[A-Za-z0-9+/]{6}=="


@pytest.fixture(params=["moto", "embedded"])
def far(request: pytest.FixtureRequest) -> Any:
    """A bucket of either server."""
    return request.getfixturevalue("new_store")(request.getfixturevalue(f"{request.param}_options"))


@pytest.fixture
def faulty(far: Any) -> Iterator[FaultProxy]:
    with FaultProxy(far.options["endpoint_url"]) as proxy:
        yield proxy


def behind(faulty: FaultProxy, far: Any, **options: Any) -> S3FileManager:
    client = far.client_with(endpoint_url=faulty.endpoint_url, max_attempts=1, **options)
    return S3FileManager(client, far.bucket, "base")


def read_whole(stream: Any) -> bytes:
    data: Any = stream.read()
    return data.encode() if isinstance(data, str) else bytes(data)


def read_by_and_by(stream: Any) -> bytes:
    pieces = list(iter(lambda: stream.read(100_000), stream.read(0)))
    return b"".join(piece.encode() if isinstance(piece, str) else piece for piece in pieces)


@pytest.mark.parametrize("read", [read_whole, read_by_and_by])
@pytest.mark.parametrize("mode", ["rb", "r"])
@pytest.mark.parametrize(
    ("data", "at_byte"),
    [(b"abc", 0), (b"abc", 2), (SMALL, 295_000), (LARGE, RANGE_BYTES - 1)],
    ids=["first", "last", "within", "end of a range"],
)
def test_a_wrong_byte_is_noticed(
    far: Any, faulty: FaultProxy, read: Callable[[Any], bytes], mode: str, data: bytes, at_byte: int
) -> None:
    manager = behind(faulty, far)
    handle = manager.write_data(data)
    faulty.inject(Fault.wrong_byte(at_byte), times=1)
    told = f"GetObject on {handle.path_desc}.*{BOTH_SUMS}"
    with pytest.raises(DagsterObjectCorruptError, match=told), manager.read(handle, mode=mode) as stream:
        read(stream)
    with manager.read(handle, mode=mode) as stream:
        assert read(stream) == data


def test_text_that_is_no_text_any_more_is_an_error_before_its_end(far: Any, faulty: FaultProxy) -> None:
    manager = behind(faulty, far)
    handle = manager.write_data(SMALL)
    faulty.inject(Fault.wrong_byte(150_000), times=1)
    with manager.read(handle, mode="r") as stream, pytest.raises(UnicodeDecodeError):
        read_by_and_by(stream)


def test_bytes_that_were_altered_are_not_taken_for_the_end(embedded: Any) -> None:
    with FaultProxy(embedded.options["endpoint_url"]) as faulty:
        manager = behind(faulty, embedded)
        handle = manager.write_data(SMALL)
        faulty.inject(Fault.wrong_byte(0), times=1)
        stream = manager.read(handle)
        with pytest.raises(DagsterObjectCorruptError):
            read_by_and_by(stream)
        with pytest.raises(ValueError, match="closed"):
            stream.read(1)


def test_the_store_is_asked_for_a_sum_once_and_only_where_it_did_not_tell_it(far: Any, request: Any) -> None:
    manager, is_told = S3FileManager(far.client, far.bucket, ""), "moto" in request.node.callspec.id
    for data, expected in ((SMALL, 1 if is_told else 2), (LARGE, 3)):
        handle, before = manager.write_data(data), far.usage.read()
        with manager.read(handle) as stream:
            assert stream.read(len(data)) == data
            assert stream.read() == b""
            assert (far.usage.read() - before).requests == expected
            stream.seek(0)
            assert stream.read(len(data)) == data
            assert (far.usage.read() - before).requests == expected + len(data) // RANGE_BYTES + 1
        before = far.usage.read()
        with manager.read(handle) as stream:
            assert stream.read(10) == data[:10]
        assert (far.usage.read() - before).requests == 1


def test_seeking_ends_the_check_until_the_beginning_is_read_again(far: Any, faulty: FaultProxy) -> None:
    manager = behind(faulty, far)
    handle = manager.write_data(LARGE)
    faulty.inject(Fault.wrong_byte(0), times=1)
    with manager.read(handle) as stream:
        assert stream.read(10) != LARGE[:10]
        stream.seek(5_000_000)
        assert stream.read() == LARGE[5_000_000:]
        stream.seek(0)
        assert stream.read() == LARGE
        faulty.inject(Fault.wrong_byte(0), times=1)
        stream.seek(0)
        with pytest.raises(DagsterObjectCorruptError):
            stream.read()


def test_a_wrong_byte_after_a_break_is_noticed(far: Any, faulty: FaultProxy) -> None:
    manager = behind(faulty, far)
    handle = manager.write_data(SMALL)
    faulty.inject(Fault.cut(200_000), operations="GetObject", times=1)
    faulty.inject(Fault.wrong_byte(0), times=1)
    with manager.read(handle) as stream, pytest.raises(DagsterObjectCorruptError, match=BOTH_SUMS):
        stream.read()
    assert [record.fault is not None for record in faulty.records if record.operation == "GetObject"] == [True, True]


def test_a_sum_of_sums_is_not_held_against_bytes(far: Any) -> None:
    client, key = far.client, {"Bucket": far.bucket, "Key": "parts"}
    upload = client.create_multipart_upload(**key, ChecksumAlgorithm="CRC32", ChecksumType="COMPOSITE")["UploadId"]
    parts, bodies = [], [b"a" * (5 << 20), b"b" * (RANGE_BYTES - (5 << 20)), b"c"]
    for number, body in enumerate(bodies, 1):
        sent = client.upload_part(**key, UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="CRC32")
        parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumCRC32": sent["ChecksumCRC32"]})
    client.complete_multipart_upload(**key, UploadId=upload, MultipartUpload={"Parts": parts})
    with S3FileManager(client, far.bucket, "").read(S3FileHandle(far.bucket, "parts")) as stream:
        assert stream.read() == b"".join(bodies)


def test_who_takes_no_checksums_asks_for_none(far: Any, faulty: FaultProxy) -> None:
    manager = behind(faulty, far, checksum_mode="when_required")
    handle = S3FileManager(far.client, far.bucket, "").write_data(SMALL)
    with manager.read(handle) as stream:
        assert stream.read() == SMALL
    assert [record.operation for record in faulty.records] == ["GetObject"]


def test_a_file_without_a_sum_reads(far: Any) -> None:
    manager = S3FileManager(far.client_with(checksum_mode="when_required"), far.bucket, "")
    for data in (SMALL, LARGE):
        with S3FileManager(far.client, far.bucket, "").read(manager.write_data(data)) as stream:
            assert stream.read() == data


def test_a_sum_that_the_store_does_not_give_away_is_an_error(far: Any, faulty: FaultProxy) -> None:
    manager = behind(faulty, far)
    handle = manager.write_data(LARGE)
    faulty.inject(Fault.error("AccessDenied", 403), operations="HeadObject")
    with manager.read(handle) as stream, pytest.raises(DagsterObjectAccessError, match="HeadObject"):
        stream.read()


def test_a_file_replaced_before_its_last_bytes_were_checked_is_an_error(embedded: Any) -> None:
    put_bytes(embedded.client, embedded.bucket, "k", SMALL)
    with S3FileManager(embedded.client, embedded.bucket, "").read(S3FileHandle(embedded.bucket, "k")) as stream:
        assert stream.read(10) == SMALL[:10]
        put_bytes(embedded.client, embedded.bucket, "k", SMALL[::-1])
        with pytest.raises(DagsterObjectStoreError, match="replaced while it was read"):
            stream.read()
