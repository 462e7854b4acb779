"""What every memoizable IO manager that we ship lists and deletes: its own values, and nothing else that is there."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudstore import VersionedPickledObjectS3IOManager, transfer
from cloudstore.s3.keys import split_s3_url
from core.definitions.direct.io_contexts import build_output_context
from core.errors import DagsterInvariantViolationError, DagsterStorageError
from core.events import StepOutputHandle
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import MemoizableIOManager
from core.values.stored_version import StoredVersion

if TYPE_CHECKING:
    from conftest import PutMany
    from types_boto3_s3 import S3Client

V1, V2 = "1" * 64, "abcdef12" * 8
ODD = [
    *(
        "a/b",
        "a/1",
        "a/10",
        "..",
        ".",
        "../a",
        "a\\b",
        "a b",
        "a+b",
        "a%20b",
        "%",
        "%25",
        "é",
        "e\u0301",
        "🦆",
        "?x=1#y",
    ),
    *("\r\n", "~root", "[a]", "versioned_outputs", V1, ".partial-1", "a.b", " ", "*", "%FF", "null", "-rf"),
]
PREFIXES = ["teams", "teams/data/", "/teams", "teams 1", "teams%201", "équipes/🦆", "a=b", "versioned_outputs"]


@dataclass
class Place:
    """Where a manager stores, and how to put something else there.

    Attributes:
        manager: the manager.
        put: stores bytes under a path below `versioned_outputs`.
        paths: all paths below it.
    """

    manager: MemoizableIOManager
    put: Callable[[str, bytes], None]
    paths: Callable[[], set[str]]


def on_disk(base: Path) -> Place:
    folder = base / "versioned_outputs"

    def put(name: str, content: bytes) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def paths() -> set[str]:
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}

    return Place(VersionedPickledObjectFilesystemIOManager(str(base)), put, paths)


def in_bucket(client: S3Client, bucket: str, prefix: str) -> Place:
    folder = f"{prefix.strip('/')}/versioned_outputs/"

    def put(name: str, content: bytes) -> None:
        client.put_object(Bucket=bucket, Key=folder + name, Body=content)

    def paths() -> set[str]:
        return {each.key.removeprefix(folder) for each in transfer.list_objects(client, bucket, folder)}

    return Place(VersionedPickledObjectS3IOManager(bucket, client, prefix), put, paths)


NewPlace = Callable[[str], Place]


@pytest.fixture(params=["fs", "embedded", "moto"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> NewPlace:
    """Makes a place with a prefix."""
    root = uuid.uuid4().hex
    if request.param == "fs":
        return lambda prefix: on_disk(tmp_path / root / prefix.strip("/"))
    client = request.getfixturevalue(f"{request.param}_client")
    bucket = request.getfixturevalue(f"{request.param}_bucket")
    return lambda prefix: in_bucket(client, bucket, f"{root}/{prefix.lstrip('/')}")


@pytest.fixture
def place(new_place: NewPlace) -> Place:
    return new_place("teams/data")


def output(
    step_key: str = "s", name: str = "result", mapping_key: str | None = None, version: str = V1
) -> OutputContext:
    return build_output_context(step_key, name, mapping_key=mapping_key, version=version)


Identity = tuple[StepOutputHandle, str]


def identity(stored: StoredVersion) -> Identity:
    return stored.handle, stored.version


def identity_of(context: OutputContext) -> Identity:
    assert context.version
    return StepOutputHandle(context.step_key, context.name, context.mapping_key), context.version


def listed(place: Place) -> dict[Identity, StoredVersion]:
    found = list(place.manager.stored_versions())
    by_identity = {identity(each): each for each in found}
    assert len(by_identity) == len(found)
    return by_identity


def test_where_nothing_was_stored_nothing_is_listed(place: Place) -> None:
    assert listed(place) == {}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_was_stored_is_listed_with_its_address_size_and_time(new_place: NewPlace, prefix: str) -> None:
    place, other = new_place(prefix), new_place(f"{prefix.strip('/')}2")
    other.manager.handle_output(output("other"), "of another prefix")
    contexts = [
        output(),
        output(version=V2),
        output(name="b"),
        output("t"),
        output("t", "b", "m"),
        output("t", "b", "n"),
    ]
    before = datetime.now(UTC)
    for size, context in enumerate(contexts):
        place.manager.handle_output(context, b"x" * size * 1000)
    found = listed(place)
    assert set(found) == set(map(identity_of, contexts))
    for size, context in enumerate(contexts):
        stored = found[identity_of(context)]
        assert stored.address == place.manager.get_address(context)
        assert size * 1000 < stored.size_bytes < size * 1000 + 500
        assert stored.stored_at.utcoffset() == timedelta(0)
        assert timedelta(seconds=-2) < stored.stored_at - before < timedelta(minutes=5)  # S3 has whole seconds


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_odd_names_come_back_as_they_were(place: Place, odd: str) -> None:
    contexts = [output(odd), output("s", odd), output("t", "result", odd), output(odd, odd, odd, V2)]
    for context in contexts:
        place.manager.handle_output(context, odd)
    found = listed(place)
    assert set(found) == set(map(identity_of, contexts))
    for context in contexts:
        stored = found[identity_of(context)]
        assert stored.address == place.manager.get_address(context)
        assert place.manager.delete_version(stored)
        assert not place.manager.has_output(context)
    assert (listed(place), place.paths()) == ({}, set())


@pytest.mark.parametrize(
    "name",
    [
        *(V1, f"s/{V1}", f"s/result/m/n/{V1}", "s/result/v1", f"s/result/{V1}.part", f"s/result/{V1[1:]}"),
        *(f"s/result/{V2.upper()}", f"s/result/x{V1}", "s/result/.partial-" + "0" * 32, "s/result/.DS_Store"),
        *(f"s s/result/{V1}", f"s/%41/{V1}", f"s/re*sult/{V1}", f"s/%FF/{V1}", f"s/%E0%A0/{V1}", f"é/result/{V1}"),
        *(f"s/%2e%2e/{V1}", f"s/%zz/{V1}", "report.csv", f"s/result/{V1}/report.csv"),
    ],
)
def test_what_is_not_its_own_is_passed_over(place: Place, name: str) -> None:
    place.put(name, b"somebody else's")
    place.manager.handle_output(output("own"), 1)
    found = listed(place)
    assert set(found) == {identity_of(output("own"))}
    assert place.manager.delete_versions(list(found.values())) == [True]
    assert place.paths() == {name}


def test_deleting_takes_exactly_that_version(place: Place) -> None:
    near = [output(), output(version=V2), output("s1"), output(name="result1"), output("t", "result", "m")]
    for context in near:
        place.manager.handle_output(context, context.step_key)
    found = listed(place)
    assert place.manager.delete_version(found[identity_of(output())])
    assert set(listed(place)) == set(map(identity_of, near[1:]))
    assert [place.manager.has_output(context) for context in near] == [False, True, True, True, True]
    assert not place.manager.delete_version(found[identity_of(output())])
    place.manager.handle_output(output(), "again")
    assert set(listed(place)) == set(map(identity_of, near))


def test_many_are_deleted_at_once(place: Place) -> None:
    contexts = [output(f"s{number}", mapping_key="m" if number % 2 else None) for number in range(40)]
    for context in contexts:
        place.manager.handle_output(context, 1)
    found = listed(place)
    gone = [found[identity_of(context)] for context in contexts[:30]]
    assert place.manager.delete_versions(gone) == [True] * 30
    assert set(listed(place)) == set(map(identity_of, contexts[30:]))
    assert place.manager.delete_versions([]) == []
    place.manager.delete_versions(list(found.values()))  # most of which are gone
    assert place.paths() == set()


def test_many_are_listed_by_pages_and_deleted_by_batches(
    moto_client: S3Client, moto_bucket: str, put_many: PutMany
) -> None:
    prefix = uuid.uuid4().hex
    place = in_bucket(moto_client, moto_bucket, prefix)
    versions = [f"{number:064x}" for number in range(1100)]
    put_many(moto_client, moto_bucket, {f"{prefix}/versioned_outputs/s/result/{version}": b"x" for version in versions})
    requests: list[str] = []

    def note(model: Any, **_: Any) -> None:
        requests.append(model.name)

    moto_client.meta.events.register("before-call.s3", note)
    try:
        found = listed(place)
        assert {version for _, version in found} == set(versions)
        assert requests == ["ListObjectsV2"] * 2
        place.manager.delete_versions(list(found.values()))
        assert requests[2:] == ["DeleteObjects"] * 2
    finally:
        moto_client.meta.events.unregister("before-call.s3", note)
    assert place.paths() == set()


def test_folders_that_are_left_empty_go_and_others_stay(tmp_path: Path) -> None:
    place = on_disk(tmp_path)
    for context in (output(), output("t", "result", "m"), output("t", "result", "n")):
        place.manager.handle_output(context, 1)
    (tmp_path / "other").mkdir()
    found = listed(place)
    place.manager.delete_version(found[identity_of(output())])
    place.manager.delete_version(found[identity_of(output("t", "result", "m"))])
    folders = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_dir()}
    outputs = "versioned_outputs"
    assert folders == {"other", outputs, f"{outputs}/t", f"{outputs}/t/result", f"{outputs}/t/result/n"}
    place.manager.delete_version(found[identity_of(output("t", "result", "n"))])
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_links_are_neither_followed_nor_listed(tmp_path: Path) -> None:
    elsewhere, place = on_disk(tmp_path / "elsewhere"), on_disk(tmp_path / "base")
    elsewhere.manager.handle_output(output(), 1)
    outside = tmp_path / "elsewhere" / "versioned_outputs" / "s"
    place.manager.handle_output(output("own"), 1)
    folder = tmp_path / "base" / "versioned_outputs"
    (folder / "s").symlink_to(outside)
    (folder / "own" / "result" / V2).symlink_to(outside / "result" / V1)
    assert set(listed(place)) == {identity_of(output("own"))}
    (stored,) = elsewhere.manager.stored_versions()
    with pytest.raises(DagsterInvariantViolationError, match="lies outside"):
        place.manager.delete_version(stored)
    assert set(listed(elsewhere)) == {identity_of(output())}


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = on_disk(tmp_path)
    place.manager.handle_output(output(), 1)
    scandir, locked = os.scandir, str(tmp_path / "versioned_outputs" / "s")

    def refusing(path: Any) -> Any:  # the tests may run as root, whom no mode of a folder keeps out
        if str(path) == locked:
            raise PermissionError(13, "Permission denied", locked)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DagsterStorageError, match=rf"Cannot list the values in {locked}: Permission denied\."):
        list(place.manager.stored_versions())


def test_listing_and_deleting_beside_writers(place: Place) -> None:
    def write() -> None:
        for number in range(30):
            place.manager.handle_output(output(f"s{number % 3}", version=f"{number:064x}"), number)

    deleted = 0
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            deleted += sum(place.manager.delete_version(each) for each in place.manager.stored_versions())
        writing.result()
    deleted += sum(place.manager.delete_version(each) for each in place.manager.stored_versions())
    assert (deleted, place.paths()) == (30, set())


class CannotList(MemoizableIOManager):
    def handle_output(self, context: OutputContext, obj: Any) -> None:
        raise NotImplementedError  # abstract; nobody calls it here

    def load_input(self, context: InputContext) -> Any:
        raise NotImplementedError  # abstract; nobody calls it here

    def has_output(self, context: OutputContext) -> bool:
        return False


def test_an_io_manager_that_cannot_list_says_so() -> None:
    manager = CannotList()
    stored = StoredVersion(StepOutputHandle("s"), V1, "somewhere", 1, datetime.now(UTC))
    with pytest.raises(DagsterInvariantViolationError, match=r"class CannotList cannot list .* stored_versions "):
        manager.stored_versions()
    for delete in (manager.delete_version, lambda each: manager.delete_versions([each])):
        with pytest.raises(DagsterInvariantViolationError, match=r"class CannotList cannot delete .* delete_version "):
            delete(stored)


def test_addresses_in_buckets_name_their_objects(moto_client: S3Client, moto_bucket: str) -> None:
    place = in_bucket(moto_client, moto_bucket, uuid.uuid4().hex)
    place.manager.handle_output(output("é/%"), 1)
    (stored,) = place.manager.stored_versions()
    bucket, key = split_s3_url(stored.address)
    assert moto_client.head_object(Bucket=bucket, Key=key)["ContentLength"] == stored.size_bytes
