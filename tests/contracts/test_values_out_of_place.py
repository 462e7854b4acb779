"""What every memoizable IO manager does where something else has come into a value's place: another output's value, a
folder, a pipe. It is no hit, it is never given out, nobody waits for it, and the value is computed and stored again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import shutil
import socket
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloudstore import VersionedPickledObjectS3IOManager
from cloudstore.s3.keys import split_s3_url
from core.definitions.direct.io_contexts import build_input_context, build_output_context
from core.errors import DagsterObjectCorruptError, DagsterStorageError
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import MemoizableIOManager


def output(version: str | None = "v", step_key: str = "s", name: str = "result", **more: Any) -> OutputContext:
    return build_output_context(step_key, name, version=version, **more)


def anew(replaces: bool) -> OutputContext:
    made = output()
    made.replaces_stored = replaces
    return made


def input_of(upstream: OutputContext) -> InputContext:
    return build_input_context("x", upstream_output=upstream)


class OnDisk:
    """Values in a folder, and ways to put one in another's place.

    Attributes:
        manager: the IO manager.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manager: MemoizableIOManager = VersionedPickledObjectFilesystemIOManager(str(folder))

    def take(self, of: OutputContext) -> Any:
        return Path(str(self.manager.get_address(of))).read_bytes()

    def put(self, of: OutputContext, taken: Any) -> None:
        path = Path(str(self.manager.get_address(of)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(taken)

    def all_moved(self) -> MemoizableIOManager:
        elsewhere = self.folder.with_name("elsewhere")
        shutil.copytree(self.folder, elsewhere)
        return VersionedPickledObjectFilesystemIOManager(str(elsewhere))


class InBucket:
    """As `OnDisk`, in a bucket."""

    def __init__(self, client: Any, bucket: str) -> None:
        self.client, self.bucket, self.prefix = client, bucket, f"teams/{uuid.uuid4()}"
        self.manager: MemoizableIOManager = VersionedPickledObjectS3IOManager(bucket, client, self.prefix)

    def take(self, of: OutputContext) -> Any:
        bucket, key = split_s3_url(str(self.manager.get_address(of)))
        found = self.client.get_object(Bucket=bucket, Key=key)
        return found["Body"].read(), found["Metadata"]

    def put(self, of: OutputContext, taken: Any) -> None:
        bucket, key = split_s3_url(str(self.manager.get_address(of)))
        self.client.put_object(Bucket=bucket, Key=key, Body=taken[0], Metadata=taken[1])

    def all_moved(self) -> MemoizableIOManager:
        for found in self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix)["Contents"]:
            moved = found["Key"].replace(self.prefix, f"{self.prefix}-moved")
            self.client.copy_object(
                Bucket=self.bucket, Key=moved, CopySource={"Bucket": self.bucket, "Key": found["Key"]}
            )
        return VersionedPickledObjectS3IOManager(self.bucket, self.client, f"{self.prefix}-moved")


Store = OnDisk | InBucket


@pytest.fixture(params=["fs", "embedded", "moto"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "fs":
        return OnDisk(tmp_path / "values")
    return InBucket(
        request.getfixturevalue(f"{request.param}_client"), request.getfixturevalue(f"{request.param}_bucket")
    )


PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "of another version": ({"version": "v1"}, {"version": "v2"}),
    "of another output": ({"name": "a"}, {"name": "b"}),
    "of another step": ({"step_key": "a"}, {"step_key": "b"}),
    "of another mapping key": ({"mapping_key": "a"}, {"mapping_key": "b"}),
    "of a mapping key and of none": ({}, {"mapping_key": "b"}),
    "of names that begin alike": ({"step_key": "a", "name": "b_c"}, {"step_key": "a_b", "name": "c"}),
    "of another run": ({"version": None, "run_id": "a"}, {"version": None, "run_id": "b"}),
    "of a run and of a version": ({"version": None, "run_id": "a"}, {}),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
def test_two_values_that_were_exchanged_are_no_hits_and_are_healed(
    pair: tuple[dict[str, Any], dict[str, Any]], is_known: bool, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = (output(**names) for names in pair)
    for each in (one, two):
        store.manager.handle_output(each, [each.step_key, each.name, each.version, each.run_id, each.mapping_key])
        each.stamp, each.log = store.manager.get_stamp(each) if is_known else None, logging.getLogger("run")
    taken = store.take(one)
    store.put(one, store.take(two))
    store.put(two, taken)
    asked = [each for each in (one, two) if each.version is not None]
    assert store.manager.has_outputs(asked) == [False] * len(asked)
    told = [record.getMessage() for record in caplog.records if record.name == "run"]
    assert len(told) == len(asked)
    for each, text in zip(asked, told, strict=True):
        assert str(store.manager.get_address(each)) in text
    for each in (one, two):
        with pytest.raises(DagsterObjectCorruptError, match="another"):
            store.manager.load_input(input_of(each))
        store.manager.handle_output(each, "healed")
        assert store.manager.load_input(input_of(each)) == "healed"


def test_a_value_that_was_copied_to_where_none_is_is_no_hit(store: Store) -> None:
    store.manager.handle_output(output("v1"), "one")
    store.put(output("v2"), store.take(output("v1")))
    assert store.manager.has_outputs([output("v1"), output("v2")]) == [True, False]


def test_all_values_may_be_moved_together(store: Store) -> None:
    wanted = [output("v1"), output("v2", "outer.inner"), output("v1", "s[é/1]"), output("v1", mapping_key="k")]
    for each in wanted:
        store.manager.handle_output(each, [each.step_key, each.version])
    moved = store.all_moved()
    assert moved.has_outputs(wanted) == [True] * 4
    assert [moved.load_input(input_of(each)) for each in wanted] == [[each.step_key, each.version] for each in wanted]


def test_a_value_of_the_release_before_is_a_hit_though_its_name_is_not_recorded(store: Store) -> None:
    content = pickle.dumps("old")
    if isinstance(store, OnDisk):
        store.put(output(), content + hashlib.sha256(content).digest())
    else:
        store.manager.handle_output(output(), "old")
        body, metadata = store.take(output())
        store.put(output(), (body, {name: text for name, text in metadata.items() if name != "cloudstore-name-sha256"}))
    assert store.manager.has_output(output())
    assert store.manager.load_input(input_of(output())) == "old"


def _link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def _link_around(path: Path) -> None:
    path.with_name("around").symlink_to(path.name)
    path.symlink_to("around")


def _link_to_nothing(path: Path) -> None:
    path.symlink_to("nothing")


def _link_to_another_value(path: Path) -> None:
    path.symlink_to("other")


def _socket(path: Path) -> None:
    here = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"/proc/self/fd/{here}/{path.name}")  # the path itself may be longer than sockets take
    finally:
        os.close(here)


REPLACED: dict[str, Callable[[Path], None]] = {
    "an empty folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a socket": _socket,
    "an empty file": Path.touch,
    "a link to itself": _link_to_itself,
    "a circle of links": _link_around,
    "a link to nothing": _link_to_nothing,
    "a link to another value": _link_to_another_value,
}


@pytest.fixture
def on_disk(tmp_path: Path) -> OnDisk:
    made = OnDisk(tmp_path / "values")
    made.manager.handle_output(output("other"), "another")
    return made


@pytest.mark.parametrize("put", REPLACED.values(), ids=REPLACED)
@pytest.mark.parametrize("replaces", [False, True], ids=["stored once", "refreshed"])
def test_whatever_else_takes_a_values_place_is_no_hit_and_is_replaced(
    put: Callable[[Path], None], replaces: bool, on_disk: OnDisk
) -> None:
    path = Path(str(on_disk.manager.get_address(output())))
    put(path)
    assert not on_disk.manager.has_output(output())
    assert on_disk.manager.find_outputs([output()]) in ([False], [None])
    with pytest.raises((DagsterObjectCorruptError, FileNotFoundError)) as caught:
        on_disk.manager.load_input(input_of(output()))
    assert str(path) in str(caught.value)
    on_disk.manager.handle_output(anew(replaces), "new")
    assert not path.is_symlink()
    assert on_disk.manager.has_output(output())
    assert on_disk.manager.load_input(input_of(output())) == "new"
    assert on_disk.manager.load_input(input_of(output("other"))) == "another"


def _full_folder(path: Path) -> Path:
    path.mkdir()
    (path / "notes.txt").write_text("mine")
    return path


def _file_for_its_folder(path: Path) -> Path:
    shutil.rmtree(path.parent)
    path.parent.write_text("mine")
    return path.parent


def _file_for_the_folder_above(path: Path) -> Path:
    shutil.rmtree(path.parent.parent)
    path.parent.parent.write_text("mine")
    return path.parent.parent


def _looping_folder(path: Path) -> Path:
    shutil.rmtree(path.parent)
    path.parent.symlink_to(path.parent.name)
    return path.parent


KEPT = [_full_folder, _file_for_its_folder, _file_for_the_folder_above, _looping_folder]


@pytest.mark.parametrize("put", KEPT)
@pytest.mark.parametrize("replaces", [False, True], ids=["stored once", "refreshed"])
def test_what_is_somebodys_stays_and_is_named(put: Callable[[Path], Path], replaces: bool, on_disk: OnDisk) -> None:
    path = Path(str(on_disk.manager.get_address(output())))
    kept = put(path)
    assert not on_disk.manager.has_output(output())
    with pytest.raises(DagsterObjectCorruptError, match="Move it away") as lost:
        on_disk.manager.load_input(input_of(output()))
    assert str(path) in str(lost.value)
    with pytest.raises(DagsterStorageError, match="Move it away, and run again") as refused:
        on_disk.manager.handle_output(anew(replaces), "new")
    assert str(kept) in str(refused.value)
    assert os.path.lexists(kept)
    assert list(on_disk.folder.rglob(".partial*")) == []
