"""File managers and the file cache, driven step by step against a dictionary as the model."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from cloudstore import S3FileCache, S3FileHandle, S3FileManager
from cloudstore.s3.keys import join_key
from core import FileHandle, FileManager, InMemoryFileHandle, InMemoryFileManager, LocalFileHandle
from core.errors import DagsterObjectNotFoundError
from core.files.local import LocalFileManager

# The same steps in every run, and no five minutes of shrinking where one fails.
SETTINGS = settings(
    max_examples=12,
    stateful_step_count=25,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
)

BLOCK = bytes(range(256)) * 2000
CONTENTS = st.one_of(st.binary(max_size=40), st.integers(0, len(BLOCK)).map(lambda size: BLOCK[:size]))
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TEXTS_OF_LINES = st.lists(TEXTS, max_size=5).map("\r\n".join)
EXTENSIONS = st.sampled_from([None, "", "csv", ".csv", "tar.gz", "a b+c%20", "é"])
OFFSETS = st.one_of(st.integers(0, 60), st.integers(0, len(BLOCK) + 10))

# Names that are easily mixed up where a key goes by a prefix, a path or a decoding.
NAMES = [
    *("a", "a/1", "a/10", "a//1", "/a", "a/", "..", "../a", "a/..", ".", "", "a b", "a+b", "a%20b", "a%2Bb", "A"),
    *("é", "e\u0301", "🦆/x", "?x=1#y", "a\\b", "a\nb", "~", "\udce9", "/".join(["x" * 179] * 5)),
    *("/".join(["x" * 179] * 5) + "x", "/".join(["é" * 30] * 5), "/".join(["e\u0301é" * 15] * 5)),
]
NAMES_OF_ONE_LONG_SEGMENT = ["x" * 900, "x" * 899, "é" * 150]  # SeaweedFS keeps segments of up to 255 bytes


class OneWay(io.RawIOBase):
    """A stream that does not seek, and gives less than it is asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(memoryview(buffer)[:70_000])


def source_of(data: bytes, seeks: bool) -> IO[bytes]:
    return io.BytesIO(data) if seeks else io.BufferedReader(OneWay(data))


def as_text(data: bytes) -> str:
    """What reading in text mode gives: the line ends are those of text files in Python."""
    return io.TextIOWrapper(io.BytesIO(data), "utf-8").read()


def missing_like(handle: FileHandle) -> FileHandle:
    if isinstance(handle, S3FileHandle):
        return S3FileHandle(handle.s3_bucket, handle.s3_key + "0")
    if isinstance(handle, InMemoryFileHandle):
        return InMemoryFileHandle(handle.name + "0")
    return LocalFileHandle(handle.path_desc + "0")


@pytest.mark.parametrize("kind", ["memory", "local", "moto", "embedded"])
def test_a_file_manager_behaves_as_a_dictionary(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Short ranges, so that slices cross them.
    monkeypatch.setattr("cloudstore.transfer.stream.RANGE_BYTES", 100_000)
    make: Callable[[], FileManager]
    if kind == "memory":
        make = InMemoryFileManager
    elif kind == "local":
        make = lambda: LocalFileManager(str(tmp_path / "files"))  # noqa: E731  one line a kind
    else:
        store = request.getfixturevalue("new_store")(request.getfixturevalue(f"{kind}_options"))
        make = lambda: S3FileManager(store.client, store.bucket, "some/base")  # noqa: E731

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # now: the server, too, has files there

    class Machine(RuleBasedStateMachine):
        handles: Bundle[Any] = Bundle("handles")

        @initialize()
        def begin(self) -> None:
            self.manager, self.model = make(), dict[FileHandle, bytes]()
            self.copies: dict[FileHandle, str] = {}

        def added(self, handle: FileHandle, data: bytes) -> FileHandle:
            assert handle not in self.model
            self.model[handle] = data
            return handle

        @rule(target=handles, data=CONTENTS, ext=EXTENSIONS)
        def write_data(self, data: bytes, ext: str | None) -> FileHandle:
            return self.added(self.manager.write_data(data, ext), data)

        @rule(target=handles, data=CONTENTS, skipped=OFFSETS, seeks=st.booleans(), ext=EXTENSIONS)
        def write(self, data: bytes, skipped: int, seeks: bool, ext: str | None) -> FileHandle:
            source = source_of(data, seeks)
            source.read(skipped)
            return self.added(self.manager.write(source, ext=ext), data[skipped:])

        @rule(target=handles, text=st.one_of(TEXTS, TEXTS_OF_LINES), seeks=st.booleans())
        def write_text(self, text: str, seeks: bool) -> FileHandle:
            source: Any = io.StringIO(text, newline="")
            if not seeks:
                source = io.TextIOWrapper(source_of(text.encode(), seeks), "utf-8", newline="")
            return self.added(self.manager.write(source, "w"), text.encode())

        @rule(handle=handles)
        def read_data(self, handle: FileHandle) -> None:
            assert self.manager.read_data(handle) == self.model[handle]

        @rule(handle=handles)
        def read_whole(self, handle: FileHandle) -> None:
            with self.manager.read(handle) as stream:
                assert stream.read() == self.model[handle]
                assert stream.read() == b""

        @rule(handle=handles, places=st.lists(st.tuples(OFFSETS, OFFSETS, st.sampled_from([0, 1, 2])), max_size=4))
        def read_slices(self, handle: FileHandle, places: list[tuple[int, int, int]]) -> None:
            data = self.model[handle]
            with self.manager.read(handle) as stream:
                for offset, size, whence in places:
                    base = (0, stream.tell(), len(data))[whence]
                    start = min(base + offset, len(data)) if whence < 2 else max(0, base - offset)
                    stream.seek(start - base, whence)
                    assert stream.tell() == start
                    assert stream.read(size) == data[start : start + size]

        @rule(handle=handles)
        def read_text(self, handle: FileHandle) -> None:
            try:
                text = as_text(self.model[handle])
            except UnicodeDecodeError:
                return
            with self.manager.read(handle, "r") as stream:
                assert "".join(stream) == text
                stream.seek(0)
                assert stream.read() == text

        @rule(handle=handles)
        def copy(self, handle: FileHandle) -> None:
            path = self.manager.copy_handle_to_local_temp(handle)
            assert self.copies.setdefault(handle, path) == path
            assert Path(path).read_bytes() == self.model[handle]
            assert kind == "local" or len(set(self.copies.values())) == len(self.copies)

        @rule()
        def delete_copies(self) -> None:
            self.manager.delete_local_temp()
            assert kind == "local" or not any(map(Path.exists, map(Path, self.copies.values())))
            self.copies.clear()

        @rule(handle=handles)
        def ask_for_what_is_missing(self, handle: FileHandle) -> None:
            asks: list[Callable[[FileHandle], object]] = [
                self.manager.read,
                self.manager.read_data,
                self.manager.copy_handle_to_local_temp,
            ]
            for ask in asks:
                with pytest.raises(DagsterObjectNotFoundError):
                    ask(missing_like(handle))

        @precondition(lambda self: kind in ("moto", "embedded", "local"))
        @rule()
        def begin_anew(self) -> None:
            """Files outlive the manager that wrote them, its copies do not."""
            self.manager.delete_local_temp()
            self.copies.clear()
            self.manager = make()

        def teardown(self) -> None:
            for handle, data in getattr(self, "model", {}).items():
                assert self.manager.read_data(handle) == data
            self.manager.delete_local_temp()
            assert [path.name for path in tmp_path.iterdir() if path.name != "files"] == []

    run_state_machine_as_test(Machine, settings=SETTINGS)


def names_without_folders() -> list[str]:
    """Those of which no other goes on with a "/": SeaweedFS refuses to create a key that is a folder of others."""
    keys = {name: join_key("", *name.split("/")) for name in NAMES}
    return [name for name in NAMES if not any(key.startswith(keys[name] + "/") for key in keys.values())]


@pytest.mark.parametrize("kind", ["moto", "embedded"])
def test_the_file_cache_behaves_as_a_dictionary(kind: str, request: pytest.FixtureRequest) -> None:
    options = request.getfixturevalue(f"{kind}_options")
    new_store = request.getfixturevalue("new_store")
    names = st.sampled_from(NAMES + NAMES_OF_ONE_LONG_SEGMENT if kind == "moto" else names_without_folders())

    class Machine(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            store, self.model = new_store(options), dict[str, bytes]()
            caches = [S3FileCache(store.bucket, "some cache", store.client, overwrite) for overwrite in (False, True)]
            self.keeping, self.replacing = caches
            self.manager = S3FileManager(store.client, store.bucket, "")
            self.client, self.bucket = store.client, store.bucket

        @rule(name=names, data=CONTENTS, seeks=st.booleans())
        def write(self, name: str, data: bytes, seeks: bool) -> None:
            handle = self.keeping.write_file_object(name, source_of(data, seeks))
            assert handle == self.keeping.get_file_handle(name)
            self.model.setdefault(name, data)

        @rule(name=names, data=CONTENTS)
        def overwrite(self, name: str, data: bytes) -> None:
            handle = self.replacing.write_binary_data(name, data)
            assert handle == self.keeping.get_file_handle(name)
            self.model[name] = data

        @rule(name=names)
        def ask(self, name: str) -> None:
            assert self.keeping.has_file_object(name) == self.replacing.has_file_object(name) == (name in self.model)

        @rule(name=names)
        def read(self, name: str) -> None:
            handle = self.keeping.get_file_handle(name)
            if name in self.model:
                with self.manager.read(handle) as stream:
                    assert stream.read() == self.model[name]
                return
            with pytest.raises(DagsterObjectNotFoundError):
                self.manager.read(handle)

        def teardown(self) -> None:
            stored = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
            assert {each["Key"] for each in stored} == set(map(self.keeping.get_full_key, self.model))
            for name, data in self.model.items():
                assert self.manager.read_data(self.keeping.get_file_handle(name)) == data

    run_state_machine_as_test(Machine, settings=SETTINGS)
