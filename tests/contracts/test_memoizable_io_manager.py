"""What every memoizable IO manager does: it knows exactly what is stored, and a version is stored once and whole."""

from __future__ import annotations

import logging
import os
import pickle
import subprocess
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudstore import VersionedPickledObjectS3IOManager
from cloudstore.client import make_client
from cloudstore.s3.keys import split_s3_url
from core.definitions.direct.io_contexts import build_input_context, build_output_context
from core.errors import DagsterObjectCorruptError, DagsterObjectNotFoundError
from core.resources import versioned_fs_io_manager as memoizable_io_manager
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager
from core.usage import UsageMeter
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import MemoizableIOManager

StartPython = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(params=["fs", "embedded", "moto"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> MemoizableIOManager:
    if request.param == "fs":
        return VersionedPickledObjectFilesystemIOManager(str(tmp_path))
    client = request.getfixturevalue(f"{request.param}_client")
    bucket = request.getfixturevalue(f"{request.param}_bucket")
    return VersionedPickledObjectS3IOManager(bucket, client, f"teams/{uuid.uuid4()}")


def output(version: str, step_key: str = "s", name: str = "result") -> OutputContext:
    return build_output_context(step_key, name, version=version)


def input_of(upstream: OutputContext) -> InputContext:
    return build_input_context("x", upstream_output=upstream)


def test_a_version_is_there_once_it_was_stored(manager: MemoizableIOManager) -> None:
    assert not manager.has_output(output("v1"))
    manager.handle_output(output("v1"), "one")
    assert manager.has_output(output("v1"))
    assert manager.load_input(input_of(output("v1"))) == "one"


def test_none_is_a_value(manager: MemoizableIOManager) -> None:
    manager.handle_output(output("v1"), None)
    assert manager.has_output(output("v1"))
    assert manager.load_input(input_of(output("v1"))) is None


def test_two_versions_stay_apart(manager: MemoizableIOManager) -> None:
    manager.handle_output(output("v1"), "one")
    assert not manager.has_output(output("v2"))
    manager.handle_output(output("v2"), "two")
    assert [manager.load_input(input_of(output(version))) for version in ("v1", "v2")] == ["one", "two"]


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        (output("1", "a"), output("10", "a")),
        (output("v", "a", "1"), output("v", "a", "10")),
        (output("v", "a/1"), output("v", "a/10")),
        (output("v", "a"), output("v", "a/1")),
        (output("v"), output("v.part")),
        (output("v", "a", "b"), output("v", "a", "b/v")),
    ],
)
def test_a_name_that_begins_like_another_is_another(
    shorter: OutputContext, longer: OutputContext, manager: MemoizableIOManager
) -> None:
    manager.handle_output(longer, "longer")
    assert not manager.has_output(shorter)
    assert manager.has_outputs([shorter, longer, shorter]) == [False, True, False]
    manager.handle_output(shorter, "shorter")
    manager.handle_output(shorter, "again")
    assert manager.has_outputs([shorter, longer]) == [True, True]
    assert manager.load_input(input_of(longer)) == "longer"
    assert manager.load_input(input_of(shorter)) == "shorter"


def test_many_questions_are_answered_in_order(manager: MemoizableIOManager) -> None:
    outputs = [output(f"v{number}") for number in range(40)]
    for each in outputs[::3]:
        manager.handle_output(each, 1)
    assert manager.has_outputs(outputs) == [number % 3 == 0 for number in range(40)]
    assert manager.has_outputs([]) == []


def test_of_many_threads_one_value_wins_and_stays(manager: MemoizableIOManager) -> None:
    barrier = threading.Barrier(8)

    def store(worker: int) -> tuple[bool, Any]:
        barrier.wait()
        manager.handle_output(output("v"), {"worker": worker, "padding": "x" * 100_000})
        return manager.has_output(output("v")), manager.load_input(input_of(output("v")))["worker"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(store, range(8)))
    assert {there for there, _ in answers} == {True}
    assert len({winner for _, winner in answers}) == 1
    manager.handle_output(output("v"), {"worker": "late"})
    assert manager.load_input(input_of(output("v")))["worker"] == answers[0][1]


STORE_OFTEN = """
import sys
from core.definitions.direct.io_contexts import build_input_context, build_output_context
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager
manager = VersionedPickledObjectFilesystemIOManager(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    output = build_output_context("s", version=str(number))
    manager.handle_output(output, sys.argv[2] * 100_000)
    assert manager.has_output(output)
    print(manager.load_input(build_input_context(upstream_output=output))[0], end="")
"""


def test_of_many_processes_one_value_wins_and_stays(tmp_path: Path, start_python: StartPython) -> None:
    workers = [start_python(STORE_OFTEN, tmp_path, letter) for letter in "abcd"]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    ended = [worker.communicate(timeout=60) for worker in workers]
    (winners,) = {loaded for loaded, _ in ended}  # the processes all loaded the same value of each version
    assert len(winners) == 100
    told = [line for _, warnings in ended for line in warnings.splitlines()]
    assert all("The stored value stays and the new one is dropped" in line for line in told), "no errors"
    assert list(tmp_path.rglob(".*")) == []


VALUE = {"rows": list(range(200)), "name": "é🦆"}


def stored_file(base: Path) -> tuple[VersionedPickledObjectFilesystemIOManager, Path]:
    manager = VersionedPickledObjectFilesystemIOManager(str(base))
    manager.handle_output(output("v"), VALUE)
    return manager, Path(str(manager.get_address(output("v"))))


def is_no_hit_and_is_healed(manager: VersionedPickledObjectFilesystemIOManager) -> None:
    assert not manager.has_output(output("v"))
    with pytest.raises(DagsterObjectCorruptError, match="was cut, altered or exchanged"):
        manager.load_input(input_of(output("v")))
    manager.handle_output(output("v"), VALUE)
    assert manager.has_output(output("v"))
    assert manager.load_input(input_of(output("v"))) == VALUE


@given(st.data())
@settings(max_examples=40)
def test_part_of_a_pickle_is_no_hit_and_is_healed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    manager, path = stored_file(tmp_path_factory.mktemp("values"))
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1), label="bytes left")])
    is_no_hit_and_is_healed(manager)


@given(st.data())
@settings(max_examples=40)
def test_one_altered_bit_is_no_hit_and_is_healed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    manager, path = stored_file(tmp_path_factory.mktemp("values"))
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1), label="byte")] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    path.write_bytes(content)
    is_no_hit_and_is_healed(manager)


@pytest.mark.parametrize("extra", [b"\0", b"x" * 32, pickle.dumps(VALUE)])
def test_bytes_too_many_are_no_hit_and_are_healed(extra: bytes, tmp_path: Path) -> None:
    manager, path = stored_file(tmp_path)
    path.write_bytes(path.read_bytes() + extra)
    is_no_hit_and_is_healed(manager)


def test_a_pickle_without_its_digest_is_no_hit(tmp_path: Path) -> None:
    manager, path = stored_file(tmp_path)
    path.write_bytes(pickle.dumps(VALUE))
    is_no_hit_and_is_healed(manager)


def logged_output(warnings: list[str], stamp: str | None = None) -> OutputContext:
    context = output("v")
    context.stamp, context.log = stamp, logging.Logger("lab")
    handler = logging.Handler()
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]  # listens
    context.log.addHandler(handler)
    return context


def alter(path: Path, content: bytes) -> None:
    """As `write_bytes`, and later: within one tick of the clock the file would have the same times."""
    path.write_bytes(content)
    os.utime(path, (1, 1))


def test_a_file_of_the_known_stamp_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager, path = stored_file(tmp_path)
    stamp = manager.get_stamp(output("v"))
    assert stamp is not None
    read: list[Path] = []
    opened = memoizable_io_manager.open_regular
    monkeypatch.setattr(memoizable_io_manager, "open_regular", lambda path: read.append(path) or opened(path))
    for known, reads in ((stamp, []), (None, [path]), ("other", [path])):
        asking = VersionedPickledObjectFilesystemIOManager(str(tmp_path))
        assert asking.get_stamp(output("v")) is None
        assert asking.has_outputs([logged_output([], known), output("w")]) == [True, False]
        assert asking.get_stamp(output("v")) == stamp
        assert (read, asking.get_stamp(output("w"))) == (reads, None)
        read.clear()


@pytest.mark.parametrize("damage", ["cut", "altered", "emptied"])
def test_a_file_that_was_damaged_since_is_a_miss_that_is_named(tmp_path: Path, damage: str) -> None:
    manager, path = stored_file(tmp_path)
    content = path.read_bytes()
    alter(path, {"cut": content[:-1], "altered": b"X" + content[1:], "emptied": b""}[damage])
    for known in (manager.get_stamp(output("v")), None):
        warnings: list[str] = []
        assert not manager.has_output(logged_output(warnings, known))
        (warning,) = warnings
        assert warning.startswith("Output 'result' of step 's' is computed again")
        assert f"{path} was cut, altered or exchanged" in warning
    warnings.clear()
    manager.handle_output(logged_output(warnings), "new")
    assert warnings == []
    assert manager.load_input(input_of(output("v"))) == "new"
    assert VersionedPickledObjectFilesystemIOManager(str(tmp_path)).has_output(output("v"))


def test_what_is_touched_only_is_read_and_whole(tmp_path: Path) -> None:
    manager, path = stored_file(tmp_path)
    stamp = manager.get_stamp(output("v"))
    os.utime(path, (1, 1))
    assert manager.has_output(logged_output([], stamp))
    assert manager.get_stamp(output("v")) not in (None, stamp)


def test_a_dropped_value_leaves_no_stamp_but_what_was_found(tmp_path: Path) -> None:
    manager, _ = stored_file(tmp_path)
    stamp, other = manager.get_stamp(output("v")), VersionedPickledObjectFilesystemIOManager(str(tmp_path))
    warnings: list[str] = []
    other.handle_output(logged_output(warnings), "dropped")
    assert ["is dropped" in text for text in warnings] == [True]
    assert other.get_stamp(output("v")) is None
    assert other.has_output(output("v"))
    # the attempt made a file, and took it away again; that left the one that is there alone
    assert other.get_stamp(output("v")) == stamp


def test_what_is_replaced_is_the_new_value_and_nobody_is_warned(manager: MemoizableIOManager) -> None:
    manager.handle_output(output("v"), "old")
    former, warnings = manager.get_stamp(output("v")), list[str]()
    again = logged_output(warnings)
    again.replaces_stored = True
    manager.handle_output(again, "new")
    assert manager.load_input(input_of(output("v"))) == "new"
    assert manager.get_stamp(output("v")) not in (None, former)
    assert warnings == []
    manager.handle_output(logged_output(warnings), "newer")
    assert manager.load_input(input_of(output("v"))) == "new"
    assert len(warnings) == 1


def test_many_threads_healing_one_value_end_with_one_whole_value(tmp_path: Path) -> None:
    manager, path = stored_file(tmp_path)
    for _ in range(20):
        path.write_bytes(path.read_bytes()[:-5])
        barrier = threading.Barrier(6)

        def heal(worker: int, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait()
            manager.handle_output(output("v"), worker)
            return manager.load_input(input_of(output("v")))

        with ThreadPoolExecutor(6) as pool:
            loaded = set(pool.map(heal, range(6)))
        assert len(loaded) == 1
        assert manager.has_output(output("v"))
        assert manager.load_input(input_of(output("v"))) in loaded


@pytest.fixture(params=["embedded", "moto"])
def s3_place(request: pytest.FixtureRequest) -> tuple[Any, str, str]:
    """A client, a bucket and a prefix of its own."""
    client = request.getfixturevalue(f"{request.param}_client")
    return client, request.getfixturevalue(f"{request.param}_bucket"), f"teams/{uuid.uuid4()}"


def s3_manager(s3_place: tuple[Any, str, str], **options: Any) -> VersionedPickledObjectS3IOManager:
    client, bucket, prefix = s3_place
    return VersionedPickledObjectS3IOManager(bucket, client, prefix, **options)


def spoil(s3_place: tuple[Any, str, str], body: bytes, **metadata: str) -> None:
    bucket, key = split_s3_url(str(s3_manager(s3_place).get_address(output("v"))))
    s3_place[0].put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)


@pytest.mark.parametrize(
    ("body", "metadata"),
    [
        (b"", {}),
        (
            pickle.dumps(VALUE)[:-1],
            {"cloudstore-codec": "pickle", "cloudstore-sha256": "0", "cloudstore-bytes": "9999"},
        ),
        (pickle.dumps(VALUE), {"cloudstore-codec": "pickle", "cloudstore-sha256": "0"}),
        (pickle.dumps(VALUE), {"cloudstore-codec": "pickle"}),
    ],
)
def test_an_object_that_is_no_whole_value_is_no_hit_and_is_healed(
    s3_place: tuple[Any, str, str], body: bytes, metadata: dict[str, str]
) -> None:
    manager = s3_manager(s3_place)
    spoil(s3_place, body, **metadata)
    assert not manager.has_output(output("v"))
    with pytest.raises(DagsterObjectCorruptError):
        manager.load_input(input_of(output("v")))
    manager.handle_output(output("v"), VALUE)
    assert manager.has_output(output("v"))
    assert manager.load_input(input_of(output("v"))) == VALUE


def test_a_value_of_the_former_release_is_a_hit_and_stays(s3_place: tuple[Any, str, str]) -> None:
    manager = s3_manager(s3_place)
    spoil(s3_place, pickle.dumps("former"), **{"cloudstore-write-id": "x"})
    assert manager.has_output(output("v"))
    manager.handle_output(output("v"), "new")
    assert manager.load_input(input_of(output("v"))) == "former"


def test_what_is_not_signed_as_it_must_be_is_no_hit_and_is_healed(s3_place: tuple[Any, str, str]) -> None:
    keys = ["an example of a key", "an example of another"]
    s3_manager(s3_place).handle_output(output("v"), "unsigned")
    for key in keys:
        manager = s3_manager(s3_place, signing_key=key)
        assert manager.has_outputs([output("v"), output("w")]) == [False, False]
        manager.handle_output(output("v"), key)
        manager.handle_output(output("v"), "late")
        assert manager.has_output(output("v"))
        assert manager.load_input(input_of(output("v"))) == key
    assert s3_manager(s3_place, signing_key=keys[0], former_signing_key=keys[1]).has_output(output("v"))


def test_many_threads_healing_one_object_end_with_one_whole_value(s3_place: tuple[Any, str, str]) -> None:
    manager = s3_manager(s3_place)
    for _ in range(3):
        spoil(s3_place, b"")
        barrier = threading.Barrier(6)

        def heal(worker: int, barrier: threading.Barrier = barrier) -> Any:
            barrier.wait()
            manager.handle_output(output("v"), worker)
            return manager.load_input(input_of(output("v")))

        with ThreadPoolExecutor(6) as pool:
            assert len(set(pool.map(heal, range(6)))) == 1


def test_a_version_is_asked_for_by_one_head_of_its_key(embedded_options: dict[str, Any], embedded_bucket: str) -> None:
    usage = UsageMeter()
    client, sent = make_client(embedded_options, usage), []
    client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.method))
    manager = VersionedPickledObjectS3IOManager(embedded_bucket, client, f"teams/{uuid.uuid4()}")
    manager.has_outputs([output("v1")])
    manager.handle_output(output("v1"), 1)
    manager.has_outputs([output("v1")])
    assert (sent, usage.read().requests) == (["HEAD", "PUT", "HEAD"], 3)


def test_a_value_deleted_meanwhile_is_said_to_be_missing(manager: MemoizableIOManager) -> None:
    with pytest.raises(DagsterObjectNotFoundError):
        manager.load_input(input_of(output("v")))
