"""IO managers and intermediate storages against a dictionary: any order of uses, names awkward in every store."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from cloudstore import PickledObjectS3IOManager, S3IntermediateStorage, VersionedPickledObjectS3IOManager
from cloudstore.s3.keys import split_s3_url
from core import StepOutputHandle
from core.definitions.direct.io_contexts import build_input_context, build_output_context
from core.errors import DagsterInvariantViolationError, DagsterObjectNotFoundError, DagsterObjectStoreError
from core.resources.fs_io_manager import PickledObjectFilesystemIOManager
from core.resources.mem_io_manager import InMemoryIOManager
from core.resources.versioned_fs_io_manager import VersionedPickledObjectFilesystemIOManager
from core.types import resolve_dagster_type
from core.values.io_context import OutputContext
from core.values.io_manager import IOManager, MemoizableIOManager
from core.values.object_intermediate_storage import ObjectStoreIntermediateStorage
from core.values.object_store import FilesystemObjectStore, InMemoryObjectStore

# Names that are easily taken for each other: by a prefix, a pattern, a decoding, a folder, a letter's case or form.
ALIKE = [
    *(("a", "a/1", "a/10"), ("a", "A", "a0"), ("a b", "a+b", "a%20b"), ("a%20b", "a%2520b", "a b"), ("%", "%25", "%%")),
    *(("a", " a", "a "), ("..", "%2E%2E", "."), ("../a", "a", "/a/"), ("a//b", "a/b", "a\\b"), ("é", "e\u0301", "É")),
    *(("🦆", "?x=1#y", "*"), ("a.b", "a=b", "a=.b"), ("[a]", "a", "*"), ("~", "%7E", "\n"), ("a", "b", "a=")),
]
LONG = ["n" * 899 + last for last in "ab"]  # some stores refuse them; all that keep them keep them apart
PREFIXES = ["teams", "teams 1", "teams%201", "teams+1", "Teams", "équipes/🦆", "a=b", "t" * 60]
VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.binary(max_size=20), st.lists(st.integers()))
PLACES = st.lists(st.integers(0, 4), min_size=4, max_size=4)
CHOICE = st.integers(0, 9)
CHOSEN = settings(max_examples=12, stateful_step_count=25, database=None, derandomize=True)
REFUSALS = (DagsterInvariantViolationError, DagsterObjectStoreError)


class Identity(NamedTuple):
    """What identifies a value: no two of these may ever meet."""

    prefix: str
    run_id: str
    step_key: str
    output: str
    mapping_key: str | None


def identity_of(names: list[str], prefix: str, *, is_dynamic: bool) -> Identity:
    """What some names make; at most one of them long, and never the run's."""
    run_id, step_key, output, mapping_key = names
    if len(run_id) > 100:
        run_id = "run"
    if len(step_key) > 100:
        output = "result"
    # Outputs below one prefix have mapping keys always or never: files of outputs are not folders of others.
    if len(step_key + output) > 100:
        mapping_key = "m"
    return Identity(prefix, run_id, step_key, output, mapping_key if is_dynamic else None)


class Machine(RuleBasedStateMachine):
    """Draws identities out of a few names, and keeps the model."""

    @initialize(
        alike=st.sampled_from(ALIKE),
        prefixes=st.lists(st.sampled_from(PREFIXES), min_size=2, max_size=2, unique=True),
        places=st.lists(PLACES, min_size=3, max_size=6),
    )
    def begin(self, alike: tuple[str, ...], prefixes: list[str], places: list[list[int]]) -> None:
        names = [*alike, *LONG]
        drawn = [
            identity_of([names[index] for index in place], prefixes[place[0] % 2], is_dynamic=place[0] % 2 == 0)
            for place in places
        ]
        # Beside each, those that differ from it in one name alone.
        near = [each._replace(output=name) for each in drawn[:1] for name in alike if each.mapping_key is None]
        near += [
            each._replace(mapping_key=name) for each in drawn[:1] for name in alike if each.mapping_key is not None
        ]
        self.identities = list(dict.fromkeys([*near, *drawn]))
        self.prefixes = prefixes
        self.model: dict[Identity, Any] = {}
        self.refused: set[Identity] = set()
        self.root = uuid.uuid4().hex

    def identity(self, number: int) -> Identity:
        """One of the few that this machine is about, so that its uses meet."""
        return self.identities[number % len(self.identities)]

    def check_refusal(self, identity: Identity) -> None:
        """Only what is too long is refused."""
        assert any(len(name) > 800 for name in identity if name is not None), identity
        self.refused.add(identity)


# --- IO managers -------------------------------------------------------------------------------------------------

Managers = Callable[[str, str], IOManager]
"""Makes the IO manager that keeps its values below a root and a prefix."""


@pytest.fixture(
    params=["mem", "fs", "versioned_fs", "s3 moto", "s3 embedded", "versioned_s3 moto", "versioned_s3 embedded"]
)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def managers(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Managers:
    if kind == "mem":
        return lambda root, prefix: InMemoryIOManager()
    if kind.endswith("fs"):
        files = PickledObjectFilesystemIOManager if kind == "fs" else VersionedPickledObjectFilesystemIOManager
        return lambda root, prefix: files(str(tmp_path / root / prefix))
    name, server = kind.split()
    client, bucket = (request.getfixturevalue(f"{server}_{what}") for what in ("client", "bucket"))
    objects = PickledObjectS3IOManager if name == "s3" else VersionedPickledObjectS3IOManager
    return lambda root, prefix: objects(bucket, client, f"{root}/{prefix}")


def context_of(identity: Identity) -> OutputContext:
    return build_output_context(
        identity.step_key,
        identity.output,
        run_id=identity.run_id,
        version=identity.run_id,
        mapping_key=identity.mapping_key,
    )


def test_an_io_manager_behaves_as_a_dictionary(kind: str, managers: Managers, request: pytest.FixtureRequest) -> None:
    is_versioned = kind.startswith("versioned")

    def delete(address: str) -> None:
        """Whoever prunes deletes just this."""
        if "s3" in kind:
            bucket, key = split_s3_url(address)
            request.getfixturevalue(f"{kind.split()[1]}_client").delete_object(Bucket=bucket, Key=key)
        else:
            Path(address).unlink()

    class Managed(Machine):
        def manager(self, identity: Identity) -> IOManager:
            # Values in memory are those of one manager; others are found by every manager of the same place.
            if kind == "mem":
                self.kept = getattr(self, "kept", None) or {each: managers("", "") for each in self.prefixes}
                return self.kept[identity.prefix]
            return managers(self.root, identity.prefix)

        @rule(number=CHOICE, value=VALUES)
        def store(self, number: int, value: Any) -> None:
            identity = self.identity(number)
            try:
                self.manager(identity).handle_output(context_of(identity), value)
            except REFUSALS:
                self.check_refusal(identity)
                return
            if not is_versioned or identity not in self.model:
                self.model[identity] = value

        @rule(number=CHOICE)
        def load(self, number: int) -> None:
            self.compare(self.identity(number))

        @rule(number=CHOICE)
        def has(self, number: int) -> None:
            identity = self.identity(number)
            manager = self.manager(identity)
            if isinstance(manager, MemoizableIOManager) and identity not in self.refused:
                try:
                    assert manager.has_outputs([context_of(identity)] * 2) == [identity in self.model] * 2
                except REFUSALS:
                    self.check_refusal(identity)

        @rule(number=CHOICE)
        def delete(self, number: int) -> None:
            if self.model and kind != "mem":
                identity = list(self.model)[number % len(self.model)]
                delete(str(self.manager(identity).get_address(context_of(identity))))
                del self.model[identity]

        def compare(self, identity: Identity) -> None:
            load = build_input_context("x", upstream_output=context_of(identity))
            if identity in self.model:
                loaded = self.manager(identity).load_input(load)
                assert loaded == self.model[identity]
                assert type(loaded) is type(self.model[identity])
            elif identity not in self.refused:
                with pytest.raises(REFUSALS) as caught:
                    self.manager(identity).load_input(load)
                if not isinstance(caught.value, DagsterObjectNotFoundError):
                    self.check_refusal(identity)

        def teardown(self) -> None:
            if not hasattr(self, "model"):
                return
            for identity in self.model:
                self.compare(identity)
            addresses = [self.manager(each).get_address(context_of(each)) for each in self.model]
            assert kind == "mem" or len(set(addresses)) == len(addresses)

    run_state_machine_as_test(Managed, settings=CHOSEN)


# --- intermediate storages ---------------------------------------------------------------------------------------

ANY = resolve_dagster_type(None)
Storages = Callable[[str, str, str], ObjectStoreIntermediateStorage]
"""Makes the storage of a run below a root and a prefix."""


@pytest.fixture
def storages(request: pytest.FixtureRequest, tmp_path: Path) -> Storages:
    name: str = request.param
    if name in ("moto", "embedded"):
        client, bucket = (request.getfixturevalue(f"{name}_{what}") for what in ("client", "bucket"))
        return lambda root, prefix, run_id: S3IntermediateStorage(bucket, run_id, client, f"{root}/{prefix}")
    memories: dict[tuple[str, str], InMemoryObjectStore] = {}

    def make(root: str, prefix: str, run_id: str) -> ObjectStoreIntermediateStorage:
        in_memory = memories.setdefault((root, prefix), InMemoryObjectStore())
        store = in_memory if name == "memory" else FilesystemObjectStore(str(tmp_path / root / prefix))
        return ObjectStoreIntermediateStorage(store, run_id, lambda run: store.key_for_paths(["storage", run]))

    return make


@pytest.mark.parametrize("storages", ["memory", "filesystem", "moto", "embedded"], indirect=True)
def test_an_intermediate_storage_behaves_as_a_dictionary(storages: Storages) -> None:
    class Stored(Machine):
        def place(self, number: int) -> tuple[Identity, ObjectStoreIntermediateStorage, StepOutputHandle]:
            identity = self.identity(number)
            storage = storages(self.root, identity.prefix, identity.run_id)
            return identity, storage, StepOutputHandle(identity.step_key, identity.output, identity.mapping_key)

        @rule(number=CHOICE, value=VALUES)
        def store(self, number: int, value: Any) -> None:
            identity, storage, handle = self.place(number)
            try:
                storage.set_intermediate(None, ANY, handle, value)
            except REFUSALS:
                self.check_refusal(identity)
            else:
                self.model[identity] = value

        @rule(number=CHOICE)
        def load(self, number: int) -> None:
            identity, storage, handle = self.place(number)
            if identity in self.model:
                loaded = storage.get_intermediate(None, ANY, handle)
                assert loaded == self.model[identity]
                assert type(loaded) is type(self.model[identity])
                return
            with pytest.raises(REFUSALS) as caught:
                storage.get_intermediate(None, ANY, handle)
            if not isinstance(caught.value, DagsterObjectNotFoundError):
                self.check_refusal(identity)

        @rule(number=CHOICE)
        def has(self, number: int) -> None:
            identity, storage, handle = self.place(number)
            try:
                assert storage.has_intermediate(None, handle) == (identity in self.model)
            except REFUSALS:
                self.check_refusal(identity)

        @rule(number=CHOICE)
        def delete(self, number: int) -> None:
            identity, storage, handle = self.place(number)
            try:
                storage.rm_intermediate(None, handle)
            except REFUSALS:
                self.check_refusal(identity)
            self.model.pop(identity, None)

        @rule(number=CHOICE, run=CHOICE)
        def copy_from_another_run(self, number: int, run: int) -> None:
            identity, storage, handle = self.place(number)
            source = identity._replace(run_id=self.identity(run).run_id)
            try:
                storage.copy_intermediate_from_run(None, source.run_id, handle)
            except DagsterObjectNotFoundError:
                assert source not in self.model
            except REFUSALS:
                self.check_refusal(identity)
            else:
                self.model[identity] = self.model[source]

        def teardown(self) -> None:
            addresses = set()
            for identity, value in getattr(self, "model", {}).items():
                storage = storages(self.root, identity.prefix, identity.run_id)
                handle = StepOutputHandle(identity.step_key, identity.output, identity.mapping_key)
                assert storage.get_intermediate(None, ANY, handle) == value
                addresses.add((identity.prefix, storage.get_address(handle)))
            assert len(addresses) == len(getattr(self, "model", {}))

    run_state_machine_as_test(Stored, settings=CHOSEN)
