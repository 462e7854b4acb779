"""What every IO manager does: values come back, do not mix, and are where they belong."""

from __future__ import annotations

import hashlib
import itertools
import pickle
import re
import threading
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import pandas as pd
import polars
import pyarrow as arrow
import pytest

from cloudstore import (
    PickledObjectS3IOManager,
    VersionedPickledObjectS3IOManager,
    s3_pickle_io_manager,
    versioned_s3_io_manager,
)
from cloudstore.client import make_client
from cloudstore.s3.keys import split_s3_url
from cloudstore.values.metadata import S3UntrustedValueError
from cloudstore.values.options import VALUE_OPTIONS
from core.config.validate import resolve_config
from core.definitions.direct.io_contexts import build_input_context, build_output_context
from core.definitions.direct.resources import build_init_resource_context
from core.errors import (
    DagsterInvariantViolationError,
    DagsterObjectNotFoundError,
    DagsterObjectNotLoadableError,
    DagsterObjectStoreError,
)
from core.resources.fs_io_manager import PickledObjectFilesystemIOManager
from core.resources.mem_io_manager import InMemoryIOManager
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager
from core.types import resolve_dagster_type
from core.usage import UsageMeter
from core.values.codecs import Codec, ValueNotKeptError, register_codec
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager

KINDS = ["mem", "fs", "versioned_fs", "s3 embedded", "s3 moto", "versioned_s3 embedded", "versioned_s3 moto"]


def make_manager(kind: str, base: Path, request: pytest.FixtureRequest) -> IOManager:
    if kind == "mem":
        return InMemoryIOManager()
    if kind == "fs":
        return PickledObjectFilesystemIOManager(str(base))
    if kind == "versioned_fs":
        return VersionedPickledObjectFilesystemIOManager(str(base))
    name, server = kind.split()
    client = request.getfixturevalue(f"{server}_client")
    bucket = request.getfixturevalue(f"{server}_bucket")
    s3_manager = VersionedPickledObjectS3IOManager if name == "versioned_s3" else PickledObjectS3IOManager
    return s3_manager(bucket, client, f"teams/{uuid.uuid4()}")


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def manager(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> IOManager:
    return make_manager(kind, tmp_path, request)


def output(step_key: str = "s", name: str = "result", at: str = "1", mapping_key: str | None = None) -> OutputContext:
    """An output of run `at` and in version `at`, so that it is the same to either kind of IO manager."""
    return build_output_context(step_key, name, run_id=at, version=at, mapping_key=mapping_key)


def input_of(upstream: OutputContext) -> InputContext:
    return build_input_context("x", upstream_output=upstream)


VALUES = [None, 0, "", "é🦆\0", b"\x80" * 1_000_000, {"a": [(1, 2), {3}]}, [None] * 1000, float("inf"), range(3)]


def test_values_come_back(manager: IOManager) -> None:
    for number, value in enumerate(VALUES):
        manager.handle_output(output(at=str(number)), value)
    for number, value in enumerate(VALUES):
        loaded = manager.load_input(input_of(output(at=str(number))))
        assert loaded == value
        assert type(loaded) is type(value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (output("a", at="1"), output("a", at="10")),
        (output("a/1"), output("a/10")),
        (output("a", "1"), output("a", "10")),
        (output("a/b", "c"), output("a", "b/c")),
        (output("a.b", "c"), output("a", "b.c")),
        (output("a", "b"), output("b", "a")),
        (output("a b"), output("a%20b")),
        (output("A"), output("a")),
        (output("é"), output("e\u0301")),
        (output("s[1]"), output("s[2]")),
        (output("s", mapping_key="1"), output("s", mapping_key="2")),
        (output("s", mapping_key="a/b"), output("s", "result/a", mapping_key="b")),
        (output("s", mapping_key="a[b]"), output("s[a]", mapping_key="b")),
        (output("s", mapping_key="a[b]"), output("s", "result[a]", mapping_key="b")),
        (output("s", mapping_key="10", at="1"), output("s", mapping_key="1", at="10")),
    ],
)
def test_no_two_outputs_mix(first: OutputContext, second: OutputContext, manager: IOManager) -> None:
    manager.handle_output(second, "second")
    with pytest.raises(DagsterObjectNotFoundError):
        manager.load_input(input_of(first))
    manager.handle_output(first, "first")
    manager.handle_output(first, "first")
    assert manager.load_input(input_of(first)) == "first"
    assert manager.load_input(input_of(second)) == "second"


def test_writing_again(kind: str, manager: IOManager) -> None:
    manager.handle_output(output(), "first")
    manager.handle_output(output(), "second")
    assert manager.load_input(input_of(output())) == ("first" if kind.startswith("versioned") else "second")


def test_a_value_that_is_not_there(manager: IOManager) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        manager.load_input(input_of(output("missing_step")))
    assert isinstance(caught.value, DagsterObjectNotFoundError)
    assert "missing_step" in str(caught.value)


def test_addresses_are_known_before_and_differ(kind: str, manager: IOManager) -> None:
    outputs = [output(*each) for each in itertools.product(("a", "b"), ("result", "other"), ("1", "10"))]
    addresses = [manager.get_address(each) for each in outputs]
    if kind == "mem":
        assert set(addresses) == {None}
        return
    assert len(set(addresses)) == len(outputs)
    for each in outputs:
        manager.handle_output(each, 1)
    assert [manager.get_address(each) for each in outputs] == addresses
    if "s3" in kind:
        assert all(str(address).startswith("s3://bucket-") for address in addresses)
    else:
        assert all(Path(str(address)).is_file() for address in addresses)


MAPPING_KEYS = [None, "a", "b", "a/b", "..", ".", "a[b]", "[a]", "a b", "a%2Fb", "result", "1", "None", "é", "e\u0301"]


def test_no_two_values_of_a_dynamic_output_share_an_address(kind: str, manager: IOManager) -> None:
    outputs = [output(mapping_key=each, at=at) for each in MAPPING_KEYS for at in ("1", "2")]
    unversioned = [build_output_context("s", run_id="1", mapping_key=each) for each in MAPPING_KEYS]
    addresses = [manager.get_address(each) for each in [*outputs, *(unversioned if kind.startswith("v") else [])]]
    if kind == "mem":
        assert set(addresses) == {None}
    else:
        assert len(set(addresses)) == len(addresses)


class Explosive:
    """Cannot be pickled, which turns out in the middle."""

    def __reduce__(self) -> Any:
        raise RuntimeError("cannot be pickled")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mem"], indirect=True)
def test_a_value_that_cannot_be_pickled_leaves_nothing(manager: IOManager, tmp_path: Path) -> None:
    with pytest.raises(ValueNotKeptError, match="RuntimeError: cannot be pickled"):
        manager.handle_output(output(), [b"x" * 1_000_000, Explosive()])
    with pytest.raises(DagsterObjectNotFoundError):
        manager.load_input(input_of(output()))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    manager.handle_output(output(), "good")
    with pytest.raises(ValueNotKeptError, match="RuntimeError: cannot be pickled"):
        manager.handle_output(output(), Explosive())
    assert manager.load_input(input_of(output())) == "good"


class NeedsTwo(Exception):
    """Pickles itself with one argument, and takes two."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


class AsksItself:
    """Has no attributes yet when its pickle is loaded, and looks for them in itself."""

    def __init__(self) -> None:
        self.inner = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class RaisesLater:
    def __setstate__(self, state: object) -> None:
        raise RuntimeError("no state today")

    def __getstate__(self) -> object:
        return 1


class TakesTooMuch:
    def __reduce__(self) -> Any:
        return TakesTooMuch, (1, 2)


class RaisesNow:
    def __reduce__(self) -> Any:
        raise ZeroDivisionError("no pickle today")


def deep() -> list[Any]:
    inner: list[Any] = []
    for _ in range(100_000):
        inner = [inner]
    return inner


class _Local:
    made = type("Inner", (), {})


NOT_STORED: list[tuple[Any, str, str]] = [
    (NeedsTwo("a", "b"), "NeedsTwo", "cannot be loaded again from its pickle (TypeError"),
    (AsksItself(), "AsksItself", "cannot be loaded again from its pickle (RecursionError"),
    (RaisesLater(), "RaisesLater", "cannot be loaded again from its pickle (RuntimeError: no state today"),
    (TakesTooMuch(), "TakesTooMuch", "cannot be loaded again from its pickle (TypeError"),
    (RaisesNow(), "RaisesNow", "ZeroDivisionError: no pickle today"),
    (_Local.made(), "Inner", "Can't pickle"),
    ([{"a": (NeedsTwo("a", "b"),)}], "list", "cannot be loaded again from its pickle (TypeError"),
    (lambda: 1, "function", "Can't pickle"),
    ((each for each in "ab"), "generator", "cannot pickle 'generator' object"),
    ([iter(each for each in "ab")], "list", "cannot pickle 'generator' object"),
    (threading.Lock(), "_thread.lock", "cannot pickle '_thread.lock' object"),
    (deep(), "list", "RecursionError"),
]


@pytest.mark.parametrize(("value", "type_name", "why"), NOT_STORED, ids=[why for _, _, why in NOT_STORED])
def test_what_could_not_be_loaded_is_not_stored(
    kind: str, manager: IOManager, value: Any, type_name: str, why: str
) -> None:
    if kind == "mem":
        pytest.skip("keeps the very value")
    with pytest.raises(ValueNotKeptError) as caught:
        manager.handle_output(output(), value)
    said = str(caught.value)
    assert said.startswith("Output 'result' of step 's': the value, a ")
    assert type_name in said
    assert why in said
    with pytest.raises(DagsterObjectNotFoundError):
        manager.load_input(input_of(output()))


class Unstable:
    """Can be loaded as long as it is said so."""

    is_loadable = True

    def __setstate__(self, state: object) -> None:
        if not self.is_loadable:
            raise ModuleNotFoundError("No module named 'moved'")

    def __getstate__(self) -> object:
        return 1


def test_a_value_that_cannot_be_loaded_any_more_is_told_with_its_place(
    kind: str, manager: IOManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "mem":
        pytest.skip("keeps the very value")
    manager.handle_output(output(), Unstable())
    assert isinstance(manager.load_input(input_of(output())), Unstable)
    monkeypatch.setattr(Unstable, "is_loadable", False)
    with pytest.raises(DagsterObjectNotLoadableError) as caught:
        manager.load_input(input_of(output()))
    expected = f"The value at {manager.get_address(output())} cannot be loaded: ModuleNotFoundError: No module named"
    assert str(caught.value).startswith(expected)


def test_what_identifies_an_output_must_be_there(manager: IOManager) -> None:
    with pytest.raises(DagsterInvariantViolationError, match="has no run_id"):
        manager.handle_output(build_output_context("the_step"), 1)
    with pytest.raises(DagsterInvariantViolationError, match="'the_step'"):
        manager.load_input(input_of(build_output_context("the_step")))


def test_hostile_names_come_back_or_are_refused(
    kind: str, hostile: str, fenced: Path, request: pytest.FixtureRequest
) -> None:
    manager = make_manager(kind, fenced, request)
    outputs = [output(hostile), output(name=hostile), output(at=hostile), output("t", mapping_key=hostile)]
    for number, each in enumerate(outputs):
        try:
            manager.handle_output(each, number)
        except DagsterInvariantViolationError as error:
            assert kind != "mem"
            shown = repr(hostile[:20])[:-1]
            if hostile.isprintable() and "🦆" not in hostile:
                assert shown in str(error)  # noqa: PT017  whether it is refused is up to the store
            with pytest.raises(DagsterInvariantViolationError):
                manager.load_input(input_of(each))
        else:
            assert manager.load_input(input_of(each)) == number
    if len(hostile) < 50 and hostile not in ("", "\udce9"):
        assert [manager.load_input(input_of(each)) for each in outputs] == [0, 1, 2, 3]
    manager.handle_output(output(), "bystander")
    assert manager.load_input(input_of(output())) == "bystander"


AWKWARD = [
    "a b",
    " a ",
    "a+b",
    "a%2Fb",
    "a%",
    "%",
    "ü/🦆",
    "..",
    "../a",
    ".",
    "a/b/c",
    "/a/",
    "a//b",
    "a\\b",
    "a[b]",
    "a?b=c#d",
    "A",
    "a",
]


def test_awkward_names_are_kept_apart(kind: str, fenced: Path, request: pytest.FixtureRequest) -> None:
    manager = make_manager(kind, fenced, request)
    places = ("step_key", "name", "mapping_key")
    outputs = [
        output(**{place: name}) for name in AWKWARD for place in places if not (kind.endswith("fs") and name == "A")
    ]
    for number, each in enumerate(outputs):
        manager.handle_output(each, number)
    for number, each in enumerate(outputs):
        assert manager.load_input(input_of(each)) == number


@pytest.mark.parametrize("place", ["step_key", "name", "mapping_key"])
@pytest.mark.parametrize("length", [900, 1100])
def test_long_names_are_kept_or_refused_with_the_reason(place: str, length: int, kind: str, manager: IOManager) -> None:
    long, twin = output(**{place: "n" * length}), output(**{place: "n" * (length - 1) + "m"})
    try:
        manager.handle_output(long, 1)
    except (DagsterInvariantViolationError, DagsterObjectStoreError) as error:
        # SeaweedFS ends at fewer bytes than S3 in the last segment, and says so.
        assert re.search(r"nnnn.*(1024|must have 1 to|KeyTooLong)", str(error))  # noqa: PT017  the store decides
        assert length == 1100 or kind.endswith("fs") or kind == "s3 embedded"
        with pytest.raises((DagsterInvariantViolationError, DagsterObjectStoreError)):
            manager.load_input(input_of(long))
    else:
        with pytest.raises(DagsterObjectNotFoundError):
            manager.load_input(input_of(twin))
        manager.handle_output(twin, 2)
        assert [manager.load_input(input_of(each)) for each in (long, twin)] == [1, 2]


S3_KINDS = [kind for kind in KINDS if "s3" in kind]


@pytest.mark.parametrize("kind", S3_KINDS, indirect=True)
def test_an_output_is_stored_by_the_codec_it_names_or_its_type_has(kind: str, manager: IOManager, request: Any) -> None:
    client = request.getfixturevalue(f"{kind.split()[1]}_client")
    cases: list[tuple[dict[str, Any], Any, Any, str]] = [
        ({"codec": "json"}, None, {"a": [1]}, "json"),
        ({"codec": "pickle"}, str, "x", "pickle"),
        ({"unit": "m"}, str, "x", "text"),
        ({}, bytes, b"", "bytes"),
        ({}, np.ndarray, np.arange(6).reshape(2, 3), "npy"),
        ({}, str, None, "pickle"),
        ({}, None, "x", "pickle"),
    ]
    for number, (metadata, declared, value, codec) in enumerate(cases):
        context = build_output_context(
            run_id="r",
            version="v",
            name=f"o{number}",
            metadata=metadata,
            dagster_type=resolve_dagster_type(declared),
        )
        manager.handle_output(context, value)
        # The reader knows neither the metadata nor the type: the object says what it is.
        loaded = manager.load_input(input_of(build_output_context(run_id="r", version="v", name=f"o{number}")))
        assert type(loaded) is type(value)
        assert np.array_equal(loaded, value)
        bucket, key = split_s3_url(str(manager.get_address(context)))
        assert client.head_object(Bucket=bucket, Key=key)["Metadata"]["cloudstore-codec"] == codec


FILE_KINDS = ["fs", "versioned_fs"]


class Reading:
    """What a codec of the user's own is registered for. It cannot be pickled."""

    def __init__(self, celsius: float) -> None:
        self.celsius = celsius

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reading) and self.celsius == other.celsius

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Any:
        raise RuntimeError("cannot be pickled")


class ReadingCodec(Codec):
    name = "test-reading"

    def encode(self, value: Any, stream: IO[bytes]) -> None:
        stream.write(str(value.celsius).encode())

    def decode(self, stream: IO[bytes]) -> Any:
        return Reading(float(stream.read()))


FILES: list[tuple[dict[str, Any], Any, Any, bytes]] = [
    ({"codec": "json"}, None, {"a": [1]}, b'\xffcloudstore:json\n{"a":[1]}'),
    ({"codec": "text"}, None, "", b"\xffcloudstore:text\n"),
    ({"codec": "bytes"}, None, b"x" * 3_000_000, b"\xffcloudstore:bytes\nxxx"),
    ({"codec": "bytes"}, bytes, b"\xffcloudstore:json\n", b"\xffcloudstore:bytes\n\xffcloudstore:json\n"),
    ({"codec": "npy"}, None, np.arange(600_000).reshape(2, -1), b"\xffcloudstore:npy\n\x93NUMPY"),
    ({"codec": "parquet"}, None, pd.DataFrame({"a": [1.5, 2.5]}), b"\xffcloudstore:parquet\nPAR1"),
    ({"codec": "parquet"}, None, arrow.table({"a": [1]}), b"\xffcloudstore:parquet\nPAR1"),
    ({"codec": "parquet"}, None, polars.DataFrame({"a": [1]}), b"\xffcloudstore:parquet\nPAR1"),
    ({}, Reading, Reading(1.5), b"\xffcloudstore:test-reading\n1.5"),
    ({"codec": "pickle"}, str, "x", b"\x80"),
    ({"unit": "m"}, str, "x", b"\x80"),
    ({}, np.ndarray, np.arange(3), b"\x80"),
    ({}, pd.DataFrame, pd.DataFrame({"a": [1]}), b"\x80"),
]


@pytest.mark.parametrize("kind", FILE_KINDS, indirect=True)
def test_a_file_says_its_codec_and_is_a_pickle_where_none_is_asked_for(kind: str, manager: IOManager) -> None:
    register_codec(ReadingCodec(), Reading)
    for number, (metadata, declared, value, beginning) in enumerate(FILES):
        place = {"run_id": "r", "version": "v", "name": f"o{number}"}
        context = build_output_context(**place, metadata=metadata, dagster_type=resolve_dagster_type(declared))
        manager.handle_output(context, value)
        path = Path(str(manager.get_address(context)))
        loaded = manager.load_input(input_of(build_output_context(**place)))  # reading needs to be told nothing
        assert type(loaded) is type(value)
        assert loaded.equals(value) if hasattr(value, "equals") else np.array_equal(loaded, value)
        assert path.read_bytes().startswith(beginning)
        if beginning == b"\x80":
            with path.open("rb") as file:
                assert type(pickle.load(file)) is type(value)
        else:
            with path.open("rb") as file, pytest.raises(pickle.UnpicklingError):
                pickle.load(file)


@pytest.mark.parametrize("kind", FILE_KINDS, indirect=True)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_bare_pickles_of_other_releases_are_read(kind: str, manager: IOManager, protocol: int) -> None:
    path = Path(str(manager.get_address(output())))
    path.parent.mkdir(parents=True)
    content = pickle.dumps({"a": [b"\xff", "é", 1.5]}, protocol)
    path.write_bytes(content + (hashlib.sha256(content).digest() if kind == "versioned_fs" else b""))
    assert manager.load_input(input_of(output())) == {"a": [b"\xff", "é", 1.5]}


@pytest.mark.parametrize("name", ["yaml", None, ["json"]])
def test_an_unknown_codec_is_refused_with_those_there_are(manager: IOManager, name: Any) -> None:
    context = build_output_context("the_step", run_id="r", version="v", metadata={"codec": name})
    with pytest.raises(DagsterInvariantViolationError, match=r"no codec .*\. Known: .*json.*, parquet, pickle"):
        manager.handle_output(context, 1)
    with pytest.raises(DagsterObjectNotFoundError):
        manager.load_input(input_of(context))


@pytest.mark.parametrize("kind", FILE_KINDS, indirect=True)
def test_a_file_of_a_codec_that_is_not_known_here_names_it(kind: str, manager: IOManager) -> None:
    path = Path(str(manager.get_address(output())))
    path.parent.mkdir(parents=True)
    for content in (b"\xffcloudstore:theirs\nx", b"\xffcloudstore:theirs" + b"x" * 1000):
        path.write_bytes(content + hashlib.sha256(content).digest())
        with pytest.raises(DagsterObjectNotLoadableError, match=r"The value at /.* no codec 'theirs.*register_codec"):
            manager.load_input(input_of(output()))


def test_memory_keeps_the_very_value_whatever_its_codec() -> None:
    manager, value = InMemoryIOManager(), object()
    context = build_output_context(run_id="r", metadata={"codec": "json"})
    manager.handle_output(context, value)
    assert manager.load_input(input_of(context)) is value


@pytest.mark.parametrize("kind", [*FILE_KINDS, *S3_KINDS], indirect=True)
def test_a_value_that_the_codec_does_not_keep_is_refused_with_its_output(manager: IOManager) -> None:
    context = build_output_context("the_step", "the_output", run_id="r", version="v", metadata={"codec": "json"})
    with pytest.raises(
        ValueNotKeptError, match=r"'the_output' of step 'the_step': Codec 'json' .* the tuple at value\[0\]"
    ):
        manager.handle_output(context, [(1, 2)])
    with pytest.raises(DagsterObjectNotFoundError):
        manager.load_input(input_of(context))


@pytest.mark.parametrize("name", ["s3", "versioned_s3"])
def test_one_request_stores_an_output_and_one_loads_it(
    name: str, embedded_options: dict[str, Any], embedded_bucket: str
) -> None:
    usage = UsageMeter()
    client = make_client(embedded_options, usage)
    kinds = {"s3": PickledObjectS3IOManager, "versioned_s3": VersionedPickledObjectS3IOManager}
    manager = kinds[name](embedded_bucket, client, f"teams/{uuid.uuid4()}")
    for at, value in enumerate([1, b"x" * (15 << 20)]):
        before = usage.read().requests
        manager.handle_output(output(at=str(at)), value)
        assert usage.read().requests - before == 1
        assert manager.load_input(input_of(output(at=str(at)))) == value
        assert usage.read().requests - before == 2


def started(definition: Any, config: dict[str, Any], client: Any) -> IOManager:
    """The IO manager that a run with this config has."""
    resolved = resolve_config(VALUE_OPTIONS, config, "the IO manager")
    manager: IOManager = definition.resource_fn(
        build_init_resource_context(resolved, resources=SimpleNamespace(s3=client))
    )
    return manager


@pytest.mark.parametrize("definition", [s3_pickle_io_manager, versioned_s3_io_manager])
@pytest.mark.parametrize("source", ["config", "environment"])
def test_the_signing_key_is_taken_from_config_or_the_environment(
    definition: Any, source: str, embedded_client: Any, embedded_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, prefix = "an example of a key", f"teams/{uuid.uuid4()}"
    place = {"s3_bucket": embedded_bucket, "s3_prefix": prefix}
    plain = started(definition, place, embedded_client)
    plain.handle_output(output(at="unsigned"), 1)
    monkeypatch.setenv("CLOUDSTORE_SIGNING_KEY" if source == "environment" else "A_KEY", secret)
    config = place | ({"signing_key": {"env": "A_KEY"}} if source == "config" else {})
    signed = started(definition, config, embedded_client)
    signed.handle_output(output(at="signed"), 2)
    assert signed.load_input(input_of(output(at="signed"))) == 2
    with pytest.raises(S3UntrustedValueError, match="is unsigned"):
        signed.load_input(input_of(output(at="unsigned")))


def test_a_link_that_leads_out_is_not_followed(tmp_path: Path) -> None:
    outside, base = tmp_path / "outside", tmp_path / "base"
    outside.mkdir()
    (base / "versioned_outputs").mkdir(parents=True)
    (base / "1").symlink_to(outside)
    (base / "versioned_outputs" / "s").symlink_to(outside)
    for manager in (
        PickledObjectFilesystemIOManager(str(base)),
        VersionedPickledObjectFilesystemIOManager(str(base)),
    ):
        with pytest.raises(DagsterInvariantViolationError, match="lies outside"):
            manager.handle_output(output(), 1)
    assert list(outside.iterdir()) == []


def test_another_process_finds_files_and_memory_says_why_not(tmp_path: Path) -> None:
    PickledObjectFilesystemIOManager(str(tmp_path)).handle_output(output(), "kept")
    assert PickledObjectFilesystemIOManager(str(tmp_path)).load_input(input_of(output())) == "kept"
    with pytest.raises(DagsterObjectNotFoundError, match="made by another process or run"):
        InMemoryIOManager().load_input(input_of(output()))
