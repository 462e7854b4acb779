"""The file cache in a bucket, and files that a pipeline puts into one."""

from __future__ import annotations

import io
import os
import tracemalloc
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudstore import (
    S3Coordinate,
    S3FileCache,
    S3FileHandle,
    S3FileManager,
    file_handle_to_s3,
    s3_file_cache,
    s3_file_manager,
    s3_resource,
)
from cloudstore.files.solids import S3Coordinate as SameCoordinate
from core import (
    AssetKey,
    DagsterInvalidConfigError,
    DagsterResourceUnavailableError,
    InputDefinition,
    LocalFileHandle,
    ModeDefinition,
    build_init_resource_context,
    execute_pipeline,
    local_file_manager,
    pipeline,
    solid,
)
from core.errors import (
    DagsterInvariantViolationError,
    DagsterObjectAccessError,
    DagsterObjectNotFoundError,
    DagsterObjectStoreError,
)

MakeCache = Callable[..., S3FileCache]

KEYS = [
    *("a", "a/1", "a/10", "a/1/x", "a b", "a+b", "a%20b", "A", "ü.csv", "..", "../a", "a/../b", "/a", "a/", "a//b"),
    *("", ".", "a\\b", "a\nb", "?x=1#y", "🦆" * 20),
]


@pytest.fixture
def make_cache(store: Any) -> MakeCache:
    """Makes a cache on either server."""
    return lambda overwrite=False, key="some/cache": S3FileCache(store.bucket, key, store.client, overwrite)


def content(cache: S3FileCache, file_key: str) -> bytes:
    manager = S3FileManager(cache.s3, cache.s3_bucket, "elsewhere")
    return manager.read_data(cache.get_file_handle(file_key))


def test_a_file_is_found_under_its_key(make_cache: MakeCache) -> None:
    cache = make_cache()
    assert not cache.has_file_object("2013/flights.csv")
    handle = cache.write_binary_data("2013/flights.csv", b"rows")
    assert handle == S3FileHandle(cache.s3_bucket, "some/cache/2013/flights.csv")
    assert handle == cache.get_file_handle("2013/flights.csv")
    assert cache.has_file_object("2013/flights.csv")
    assert content(make_cache(), "2013/flights.csv") == b"rows"
    with pytest.raises(DagsterObjectNotFoundError):
        content(cache, "2013/flights.cs")


def test_each_key_stands_for_itself_alone(make_cache: MakeCache) -> None:
    cache = make_cache(overwrite=True)
    for key in KEYS:
        assert not cache.has_file_object(key), key
        cache.write_binary_data(key, key.encode())
    assert [content(cache, key) for key in KEYS] == [key.encode() for key in KEYS]
    cache.write_binary_data("a/1", b"new")
    assert [key for key in KEYS if content(cache, key) != key.encode()] == ["a/1"]


@given(st.lists(st.text(max_size=10), unique=True, max_size=20))
def test_different_keys_never_meet_and_stay_below_the_cache(keys: list[str]) -> None:
    cache = S3FileCache("bucket", "some/cache", object())  # type: ignore[arg-type]  # sends nothing
    full = [cache.get_full_key(key) for key in keys]
    assert len(set(full)) == len(keys)
    assert all(each.startswith("some/cache/") for each in full)
    assert not {segment for each in full for segment in each.split("/")} & {"", ".", ".."}


def test_a_key_that_is_too_long_is_refused(make_cache: MakeCache) -> None:
    for use in (make_cache().has_file_object, make_cache().get_file_handle):
        with pytest.raises(DagsterInvariantViolationError, match="1024"):
            use("x" * 1020)
    with pytest.raises(DagsterInvariantViolationError, match="prefix"):
        make_cache(key="a/../b")


def test_what_is_there_stays_unless_it_is_to_be_replaced(make_cache: MakeCache) -> None:
    handle = make_cache().write_binary_data("f", b"first")
    assert make_cache().write_binary_data("f", b"second") == handle
    assert content(make_cache(), "f") == b"first"
    make_cache(overwrite=True).write_binary_data("f", b"third")
    assert content(make_cache(), "f") == b"third"


def test_of_many_writers_one_wins(make_cache: MakeCache) -> None:
    cache = make_cache()
    contents = [bytes([number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda each: cache.write_binary_data("f", each), contents))
    first = content(cache, "f")
    assert first in contents
    cache.write_binary_data("f", b"late")
    assert content(cache, "f") == first


def test_of_writers_of_many_files_at_once_one_wins_each(make_cache: MakeCache) -> None:
    cache = make_cache()
    with ThreadPoolExecutor(8) as pool:
        writes = [(f"{number % 4}", b"%d" % number) for number in range(32)]
        handles = list(pool.map(lambda each: cache.write_binary_data(*each), writes))
    assert len(set(handles)) == 4
    for name in "0123":
        assert content(cache, name) in {data for each, data in writes if each == name}


def test_a_file_that_the_store_refuses_to_create_is_not_said_to_be_there(
    embedded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudstore.transfer.asking._LONGEST_PAUSE_SECONDS", 0.01)
    cache = S3FileCache(embedded.bucket, "cache", embedded.client)
    cache.write_binary_data("a/1", b"one")
    with pytest.raises(DagsterObjectStoreError, match=r"cache/a: .*nothing was stored"):
        cache.write_binary_data("a", b"lost")  # SeaweedFS takes the folder for an object
    assert not cache.has_file_object("a")
    S3FileCache(embedded.bucket, "cache", embedded.client, overwrite=True).write_binary_data("a", b"kept")
    assert (content(cache, "a"), content(cache, "a/1")) == (b"kept", b"one")


def test_a_file_object_is_stored_from_its_position_on_and_need_not_seek(make_cache: MakeCache) -> None:
    source = io.BytesIO(b"abcdef")
    source.seek(2)
    make_cache().write_file_object("seeks", source)
    assert content(make_cache(), "seeks") == b"cdef"
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        with os.fdopen(writing, "wb") as sink:
            sink.write(b"through a pipe")
        make_cache().write_file_object("pipe", pipe)
    assert content(make_cache(), "pipe") == b"through a pipe"
    with pytest.raises(DagsterInvariantViolationError, match="text"):
        make_cache().write_file_object("text", io.StringIO("text"))
    assert not make_cache().has_file_object("text")


class Generated(io.RawIOBase):
    """A stream of a length that is not held anywhere, which may break off."""

    def __init__(self, size_bytes: int, breaks: bool = False) -> None:
        self._left = size_bytes
        self._breaks = breaks

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left and self._breaks:
            raise ConnectionError("the source broke off")
        count = min(len(buffer), self._left)
        buffer[:count] = bytes(count)
        self._left -= count
        return count


def test_a_large_file_is_streamed(embedded: Any) -> None:
    cache = S3FileCache(embedded.bucket, "cache", embedded.client)
    size_bytes = 160 << 20
    tracemalloc.start()
    try:
        cache.write_file_object("large", io.BufferedReader(Generated(size_bytes)))  # type: ignore[arg-type]
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    key = cache.get_full_key("large")
    assert embedded.client.head_object(Bucket=embedded.bucket, Key=key)["ContentLength"] == size_bytes
    assert peak_bytes < 96 << 20


@pytest.mark.parametrize("size_bytes", [1000, 40 << 20], ids=["small", "parts"])
def test_a_source_that_breaks_off_leaves_nothing(store: Any, size_bytes: int) -> None:
    cache = S3FileCache(store.bucket, "cache", store.client)
    source = io.BufferedReader(Generated(size_bytes, breaks=True))  # type: ignore[arg-type]
    with pytest.raises(ConnectionError):
        cache.write_file_object("f", source)
    assert not cache.has_file_object("f")
    assert store.pending_uploads() == []


def test_a_refusal_is_not_taken_for_an_absence(embedded: Any) -> None:
    client = embedded.client_with(aws_secret_access_key="wrong")
    with pytest.raises(DagsterObjectAccessError):
        S3FileCache(embedded.bucket, "cache", client).has_file_object("f")


# --- in pipelines ------------------------------------------------------------------------------------------------


def config_of(store: Any, **more: Any) -> dict[str, Any]:
    return {"bucket": store.bucket, "key": "cache", **store.options, **more}


def test_the_resource_makes_a_cache_of_its_config(store: Any) -> None:
    @solid(required_resource_keys={"cache"})
    def fetch(context: Any) -> str:
        cache = context.resources.cache
        if not cache.has_file_object("f"):
            cache.write_binary_data("f", b"fetched")
        return str(cache.get_file_handle("f").s3_path)

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"cache": s3_file_cache})])
    def fetching() -> None:
        fetch()

    run_config = {"resources": {"cache": {"config": config_of(store)}}}
    for _ in range(2):
        result = execute_pipeline(fetching, run_config)
        assert result.output_for_solid("fetch") == f"s3://{store.bucket}/cache/f"
    del run_config["resources"]["cache"]["config"]["bucket"]
    with pytest.raises(DagsterInvalidConfigError, match="bucket: missing"):
        execute_pipeline(fetching, run_config)


def test_the_resource_refuses_a_bucket_that_is_not_there(embedded: Any) -> None:
    cache = s3_file_cache(build_init_resource_context({**config_of(embedded), "overwrite": True}))
    assert cache.overwrite
    with pytest.raises(DagsterResourceUnavailableError, match="no-such-bucket"):
        s3_file_cache(build_init_resource_context({**config_of(embedded), "bucket": "no-such-bucket"}))


def pipeline_of(manager: Any, write: Callable[[Any], Any]) -> Any:
    @solid(required_resource_keys={"file_manager"})
    def make(context: Any) -> Any:
        return write(context.resources.file_manager)

    @solid
    def show(handle: S3FileHandle) -> str:
        return handle.s3_path

    mode = ModeDefinition(resource_defs={"s3": s3_resource, "file_manager": manager})

    @pipeline(mode_defs=[mode])
    def storing() -> None:
        show(file_handle_to_s3(make()))

    return storing


@pytest.mark.parametrize("key", ["plain/name.csv", "a b+c%20ü"])
@pytest.mark.parametrize("source", ["local", "s3"])
def test_a_file_is_put_into_a_bucket(store: Any, key: str, source: str, tmp_path: Path) -> None:
    manager, config = {
        "local": (local_file_manager, {"base_dir": str(tmp_path)}),
        "s3": (s3_file_manager, {"s3_bucket": store.bucket, "s3_prefix": "files", **store.options}),
    }[source]
    run_config = {
        "resources": {"s3": {"config": store.options}, "file_manager": {"config": config}},
        "solids": {"file_handle_to_s3": {"config": {"Bucket": store.bucket, "Key": key}}},
    }
    result = execute_pipeline(pipeline_of(manager, lambda files: files.write_data(b"content")), run_config)
    url = f"s3://{store.bucket}/{key}"
    assert result.output_for_solid("file_handle_to_s3", "s3_file_handle") == S3FileHandle(store.bucket, key)
    assert result.output_for_solid("show") == url
    assert store.client.get_object(Bucket=store.bucket, Key=key)["Body"].read() == b"content"
    (made,) = [each for each in result.step_event_list if each.event_type_value == "ASSET_MATERIALIZATION"]
    materialization = made.event_specific_data.materialization
    assert materialization.asset_key == AssetKey(url)
    (entry,) = materialization.metadata_entries
    assert (entry.label, entry.entry_data.path) == (key.rpartition("/")[2], url)


def test_a_file_that_is_missing_is_not_put_anywhere(embedded: Any, tmp_path: Path) -> None:
    run_config = {
        "resources": {"s3": {"config": embedded.options}, "file_manager": {"config": {"base_dir": str(tmp_path)}}},
        "solids": {"file_handle_to_s3": {"config": {"Bucket": embedded.bucket, "Key": "k"}}},
    }
    missing = pipeline_of(local_file_manager, lambda _files: LocalFileHandle(str(tmp_path / "missing")))
    result = execute_pipeline(missing, run_config, raise_on_error=False)
    assert not result.success
    assert "Contents" not in embedded.client.list_objects_v2(Bucket=embedded.bucket)


def test_a_coordinate_is_given_by_config() -> None:
    assert S3Coordinate is SameCoordinate

    @solid(input_defs=[InputDefinition("at", S3Coordinate)])
    def show(at: Any) -> str:
        return f"{at['bucket']} {at['key']}"

    @pipeline
    def showing() -> None:
        show()

    def run(at: Any) -> Any:
        return execute_pipeline(showing, {"solids": {"show": {"inputs": {"at": at}}}}).output_for_solid("show")

    name = uuid.uuid4().hex
    assert run({"bucket": "b", "key": name}) == f"b {name}"
    with pytest.raises(DagsterInvalidConfigError, match="key: missing"):
        run({"bucket": "b"})


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ({"bucket": "b", "key": "k"}, True),
        ({"bucket": "b"}, False),
        ({"bucket": "b", "key": 1}, False),
        ({"bucket": "b", "key": "k", "x": "y"}, False),
        ("s3://b/k", False),
        (None, False),
    ],
)
def test_a_coordinate_is_a_bucket_and_a_key(value: object, passes: bool) -> None:
    assert S3Coordinate.type_check(None, value).success is passes
