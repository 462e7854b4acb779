"""The contract of ObjectStore, held by every implementation: memory, files, two S3 servers."""

from __future__ import annotations

import csv
import itertools
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from cloudstore import S3ObjectStore
from cloudstore.s3.keys import join_key
from core import PickleSerializationStrategy, SerializationStrategy
from core.errors import (
    DagsterInvariantViolationError,
    DagsterObjectAccessError,
    DagsterObjectCorruptError,
    DagsterObjectNotFoundError,
    DagsterObjectStoreError,
)
from core.values.object_store import FilesystemObjectStore, InMemoryObjectStore, ObjectStore

KINDS = ["memory", "filesystem", "moto", "embedded"]

# Faithful in every store, and easily mixed up where existence or deletion goes by a prefix, a pattern or a decoding.
KEYS = [
    *("a", "a/1", "a/10", "a/1/x", "a0", "A", "a b", "a+b", "a%20b", "a%2Bb", "a%2520b", "b/a/1", "a=", "a/1="),
    *("🦆/é", "🦆/e\u0301", "[a]", "*", "a?x=1", "a#y", "~", "-rf", "...", "a:b", "a;b", "'a'", '"a"', "a&b", "<a>"),
    *(" ", "a ", " a", ".partial-1", "x" * 190, "/".join(["y" * 190] * 5)),
]
REFUSED = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/.",
    "a\\b",
    "a\0b",
    "a\nb",
    "\udce9",
    "x" * 1025,
]

Make = Callable[[], ObjectStore]


class Csv(SerializationStrategy):
    """Rows of texts, as text."""

    def __init__(self) -> None:
        super().__init__("csv", write_mode="w", read_mode="r")

    def serialize(self, value: Any, write_file_obj: IO[Any]) -> None:
        csv.writer(write_file_obj).writerows(value)

    def deserialize(self, read_file_obj: IO[Any]) -> Any:
        return list(csv.reader(read_file_obj))


class Failing(SerializationStrategy):
    """Writes some of a value, and then fails."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__("failing")
        self._size_bytes = size_bytes

    def serialize(self, value: Any, write_file_obj: IO[Any]) -> None:
        write_file_obj.write(b"x" * self._size_bytes)
        raise RuntimeError("the value cannot be written")

    def deserialize(self, read_file_obj: IO[Any]) -> Any:
        raise AssertionError("nothing is there to be read")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def make(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes an empty store."""
    if kind == "memory":
        yield InMemoryObjectStore
    elif kind == "filesystem":
        yield lambda: FilesystemObjectStore(str(tmp_path / uuid.uuid4().hex))
    elif kind == "moto":
        moto = request.getfixturevalue("new_moto_bucket")
        yield lambda: S3ObjectStore(moto(), request.getfixturevalue("moto_client"))
    else:
        client = request.getfixturevalue("embedded_client")
        with request.getfixturevalue("new_buckets").lent() as take:
            yield lambda: S3ObjectStore(take(), client)


@pytest.fixture
def store(make: Make) -> ObjectStore:
    return make()


VALUES = [None, 0, "", "é🦆\0", b"\x80" * 1_000_000, {"a": [(1, 2), {3}]}, float("inf"), range(3)]


def test_values_come_back_as_they_were(store: ObjectStore) -> None:
    for number, value in enumerate(VALUES):
        uri = store.set_object(f"k/{number}", value)
        loaded, loaded_uri = store.get_object(f"k/{number}")
        assert loaded == value
        assert type(loaded) is type(value)
        assert uri == loaded_uri == store.uri_for_key(f"k/{number}")


def test_a_value_larger_than_what_is_held_in_memory_comes_back(store: ObjectStore) -> None:
    value = bytes(range(256)) * (80 << 10)  # 20 MiB: sent in parts, fetched in many chunks
    store.set_object("large", value)
    assert store.get_object("large")[0] == value


def test_each_key_stands_for_itself_alone(store: ObjectStore) -> None:
    for key in KEYS:
        assert not store.has_object(key), key
        store.set_object(key, key)
    assert len({store.uri_for_key(key) for key in KEYS}) == len(KEYS)
    for key in KEYS:
        assert store.get_object(key)[0] == key
    for key in KEYS[::2]:
        store.rm_object(key)
    assert [key for key in KEYS if store.has_object(key)] == KEYS[1::2]
    for key in KEYS[1::2]:
        assert store.get_object(key)[0] == key


def test_a_prefix_of_a_key_is_another_key(store: ObjectStore) -> None:
    store.set_object("a/10", "ten")
    for other in ("a", "a/1", "a/100", "a/10/1"):
        assert not store.has_object(other)
        with pytest.raises(DagsterObjectNotFoundError):
            store.get_object(other)
        store.rm_object(other)
    store.set_object("a/1", "one")
    store.set_object("a/1", "another")
    store.rm_object("a/1")
    assert store.get_object("a/10")[0] == "ten"


def test_what_is_not_there_is_named(store: ObjectStore) -> None:
    for ask in (store.get_object, lambda key: store.cp_object(key, "there"), lambda key: store.cp_object(key, key)):
        with pytest.raises(DagsterObjectNotFoundError, match=r"no object .*missing"):
            ask("some/missing")
    assert not store.has_object("there")
    assert store.rm_object("some/missing") == store.uri_for_key("some/missing")


def test_a_copy_is_an_object_of_its_own(store: ObjectStore) -> None:
    store.set_object("from here", [1])
    store.set_object("to/there", "old")
    assert store.cp_object("from here", "to/there") == (store.uri_for_key("from here"), store.uri_for_key("to/there"))
    store.set_object("from here", [2])
    assert store.get_object("to/there")[0] == [1]
    store.cp_object("from here", "from here")
    store.rm_object("to/there")
    assert store.get_object("from here")[0] == [2]


@pytest.mark.parametrize("key", REFUSED, ids=lambda key: ascii(key[:10]))
def test_a_key_that_some_store_does_not_keep_is_refused_by_all(store: ObjectStore, key: str) -> None:
    uses: list[Callable[[], object]] = [
        lambda: store.set_object(key, 1),
        lambda: store.get_object(key),
        lambda: store.has_object(key),
        lambda: store.rm_object(key),
        lambda: store.cp_object(key, "a"),
        lambda: store.cp_object("there", key),
        lambda: store.uri_for_key(key),
    ]
    store.set_object("there", 1)
    for use in uses:
        with pytest.raises(DagsterInvariantViolationError, match="cannot be the key of an object"):
            use()
    assert not store.has_object("a")


def test_hostile_names_make_keys_of_their_own(store: ObjectStore, hostile: str) -> None:
    paths = [[hostile], ["a", hostile], [hostile, "a"], ["a", hostile, "a"]]
    try:
        keys = [store.key_for_paths(names) for names in paths]
        for number, key in enumerate(keys):
            store.set_object(key, number)
    except DagsterInvariantViolationError:
        assert len(hostile) >= 50  # it is too long
        return
    assert [store.get_object(key)[0] for key in keys] == [0, 1, 2, 3]
    assert [key.count("/") for key in keys] == [0, 1, 1, 2]


@given(st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=4), unique_by=tuple, max_size=20))
def test_keys_of_different_names_differ_and_are_the_same_in_every_store(paths: list[list[str]]) -> None:
    client = boto3.client("s3", region_name="us-east-1")  # sends nothing
    plain, s3 = InMemoryObjectStore(), S3ObjectStore("bucket", client)
    keys = [plain.key_for_paths(names) for names in paths]
    assert len(set(keys)) == len(keys)
    assert keys == [s3.key_for_paths(names) for names in paths] == [join_key("", *names) for names in paths]


def test_no_names_make_no_key(store: ObjectStore) -> None:
    with pytest.raises(DagsterInvariantViolationError):
        store.key_for_paths([])
    with pytest.raises(DagsterInvariantViolationError, match="1024"):
        store.key_for_paths(["x" * 600, "y" * 600])


def test_text_is_kept_with_its_line_ends(store: ObjectStore) -> None:
    rows = [["a", "b\r\nc", "é🦆"], ["\n", "", '"']]
    store.set_object("rows", rows, Csv())
    assert store.get_object("rows", Csv())[0] == rows


def test_the_strategy_says_what_is_in_the_file(tmp_path: Path) -> None:
    store = FilesystemObjectStore(str(tmp_path))
    store.set_object("a/rows", [["é", "b"]], Csv())
    path = tmp_path / "a" / "rows="
    assert path.read_bytes() == "é,b\r\n".encode()
    assert store.uri_for_key("a/rows") == path.as_uri()
    assert Csv().deserialize_from_file(str(path)) == [["é", "b"]]
    Csv().serialize_to_file([["c"]], str(path))
    assert store.get_object("a/rows", Csv())[0] == [["c"]]
    pickled = PickleSerializationStrategy()
    assert (pickled.name, pickled.read_mode, pickled.write_mode) == ("pickle", "rb", "wb")
    pickled.serialize_to_file({1}, str(path))
    assert store.get_object("a/rows")[0] == {1}


@pytest.mark.parametrize("size_bytes", [1000, 40 << 20], ids=["small", "more than two parts"])
def test_a_writer_that_fails_leaves_what_was_there(store: ObjectStore, kind: str, size_bytes: int) -> None:
    if kind == "memory":
        pytest.skip("writes nothing: it keeps the value itself")
    for key, there in (("new", False), ("old", True)):
        if there:
            store.set_object(key, "whole")
        with pytest.raises(RuntimeError, match="cannot be written"):
            store.set_object(key, 1, Failing(size_bytes))
        assert store.has_object(key) is there
    assert store.get_object("old")[0] == "whole"
    if isinstance(store, FilesystemObjectStore):
        assert [path.name for path in store.base_dir.rglob("*") if path.is_file()] == ["old="]


def test_readers_see_whole_values_while_one_is_replaced(store: ObjectStore) -> None:
    sizes = itertools.cycle([10, 100_000, 1_000_000])
    store.set_object("k", b"a" * 10)
    done = threading.Event()

    def read() -> list[int]:
        seen = []
        while not done.is_set():
            value = store.get_object("k")[0]
            assert len(set(value)) == 1, "a mixture of two values"
            seen.append(len(value))
        return seen

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for letter, size in zip([b"b", b"c", b"d"] * 7, sizes, strict=False):
                store.set_object("k", letter * size)
        finally:
            done.set()
        seen = {size for reader in readers for size in reader.result()}
    assert seen <= {10, 100_000, 1_000_000}


def test_the_protocol_of_a_uri_can_be_chosen(store: ObjectStore) -> None:
    assert store.uri_for_key("a/b", protocol="s3a://").startswith("s3a://")
    assert "/a/b" in store.uri_for_key("c/a/b", protocol="s3a://")


# --- against a dictionary ----------------------------------------------------------------------------------------


def test_it_behaves_as_a_dictionary(make: Make) -> None:
    keys = st.sampled_from(KEYS)

    class Machine(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            self.store, self.model = make(), dict[str, Any]()

        @rule(key=keys, value=st.one_of(st.integers(), st.binary(max_size=20), st.lists(st.text(), max_size=3)))
        def set_(self, key: str, value: Any) -> None:
            self.store.set_object(key, value)
            self.model[key] = value

        @rule(key=keys)
        def get(self, key: str) -> None:
            if key in self.model:
                assert self.store.get_object(key)[0] == self.model[key]
            else:
                with pytest.raises(DagsterObjectNotFoundError):
                    self.store.get_object(key)

        @rule(key=keys)
        def remove(self, key: str) -> None:
            self.store.rm_object(key)
            self.model.pop(key, None)

        @rule(src=keys, dst=keys)
        def copy(self, src: str, dst: str) -> None:
            if src in self.model:
                self.store.cp_object(src, dst)
                self.model[dst] = self.model[src]
            else:
                with pytest.raises(DagsterObjectNotFoundError):
                    self.store.cp_object(src, dst)

        @rule(key=keys)
        def ask(self, key: str) -> None:
            assert self.store.has_object(key) == (key in self.model)

        def teardown(self) -> None:
            for key, value in self.model.items():
                assert self.store.get_object(key)[0] == value

    chosen = settings(max_examples=8, stateful_step_count=20, database=None)
    run_state_machine_as_test(Machine, settings=chosen)


# --- what is one store's own -------------------------------------------------------------------------------------


@pytest.fixture
def requests(embedded_client: Any) -> Iterator[list[str]]:
    """The operations that are sent meanwhile."""
    sent: list[str] = []

    def note(model: Any, **_: Any) -> None:
        sent.append(model.name)

    embedded_client.meta.events.register("before-call.s3", note, unique_id="note")
    yield sent
    embedded_client.meta.events.unregister("before-call.s3", unique_id="note")


def test_a_value_costs_one_request_each_way(embedded_client: Any, embedded_bucket: str, requests: list[str]) -> None:
    store, key = S3ObjectStore(embedded_bucket, embedded_client), uuid.uuid4().hex
    store.set_object(key, "value")
    store.get_object(key)
    store.has_object(key)
    store.rm_object(key)
    assert requests == ["PutObject", "GetObject", "HeadObject", "DeleteObject"]


def test_a_refusal_is_not_taken_for_an_absence(s3_server: Any, embedded_bucket: str) -> None:
    store = S3ObjectStore(embedded_bucket, s3_server.client(aws_secret_access_key="wrong"))
    uses: list[Callable[[], object]] = [
        lambda: store.has_object("a"),
        lambda: store.get_object("a"),
        lambda: store.set_object("a", 1),
        lambda: store.rm_object("a"),
        lambda: store.cp_object("a", "b"),
    ]
    for use in uses:
        with pytest.raises(DagsterObjectAccessError):
            use()


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    outside, base = tmp_path / "outside", tmp_path / "base"
    outside.mkdir()
    base.mkdir()
    (base / "a").symlink_to(outside)
    with pytest.raises(DagsterInvariantViolationError, match="lies outside"):
        FilesystemObjectStore(str(base)).set_object("a/b", 1)
    assert list(outside.iterdir()) == []


def test_memory_gives_back_the_very_value_and_files_outlive_the_store(tmp_path: Path) -> None:
    value = object()
    memory = InMemoryObjectStore()
    memory.set_object("k", value)
    assert memory.get_object("k")[0] is value
    FilesystemObjectStore(str(tmp_path)).set_object("k", "kept")
    assert FilesystemObjectStore(str(tmp_path)).get_object("k")[0] == "kept"
    assert (memory.is_persistent, FilesystemObjectStore(str(tmp_path)).is_persistent) == (False, True)


def test_an_object_that_was_altered_is_not_decoded(moto_client: Any, moto_bucket: str) -> None:
    store, key = S3ObjectStore(moto_bucket, moto_client, run_id="the-run"), uuid.uuid4().hex
    store.set_object(key, "value")
    metadata = moto_client.head_object(Bucket=moto_bucket, Key=key)["Metadata"]
    content = moto_client.get_object(Bucket=moto_bucket, Key=key)["Body"].read()
    moto_client.put_object(Bucket=moto_bucket, Key=key, Body=content.replace(b"value", b"other"), Metadata=metadata)
    with pytest.raises(DagsterObjectCorruptError, match="the-run"):
        store.get_object(key)


@pytest.mark.parametrize("strategy", [None, Csv()], ids=["pickle", "csv"])
def test_a_signed_object_is_trusted_under_its_own_key_and_that_of_a_copy(
    moto_client: Any, moto_bucket: str, strategy: SerializationStrategy | None
) -> None:
    signed = S3ObjectStore(moto_bucket, moto_client, signing_key="k" * 16)
    plain = S3ObjectStore(moto_bucket, moto_client)
    root = uuid.uuid4().hex
    signed.set_object(f"{root}/a", [["1"]], strategy)
    signed.cp_object(f"{root}/a", f"{root}/b")
    assert signed.get_object(f"{root}/b", strategy)[0] == [["1"]]
    plain.cp_object(f"{root}/a", f"{root}/c")
    assert plain.get_object(f"{root}/c", strategy)[0] == [["1"]]
    plain.set_object(f"{root}/d", [["1"]], strategy)
    for untrusted in (f"{root}/c", f"{root}/d"):
        with pytest.raises(DagsterObjectCorruptError):
            signed.get_object(untrusted, strategy)
        with pytest.raises(DagsterObjectCorruptError):
            signed.cp_object(untrusted, f"{root}/e")
    assert not signed.has_object(f"{root}/e")


def test_the_strategy_that_wrote_a_value_reads_it(store: ObjectStore, kind: str) -> None:
    if kind not in ("moto", "embedded"):
        pytest.skip("does not know what wrote a value")
    store.set_object("pickled", [["1"]])
    with pytest.raises(DagsterObjectStoreError, match="'csv'"):
        store.get_object("pickled", Csv())
