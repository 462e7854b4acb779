"""The contract of intermediate storages on object stores, and runs that keep their values in them."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from cloudstore import (
    S3IntermediateStorage,
    S3ObjectStore,
    s3_intermediate_storage,
    s3_plus_default_intermediate_storage_defs,
    s3_resource,
)
from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterResourceUnavailableError,
    DagsterType,
    IntermediateStorage,
    ModeDefinition,
    OutputDefinition,
    PythonObjectDagsterType,
    SerializationStrategy,
    StepOutputHandle,
    TypeStoragePlugin,
    execute_pipeline,
    fs_intermediate_storage,
    mem_intermediate_storage,
    pipeline,
    reexecute_pipeline,
    resource,
    solid,
    usable_as_dagster_type,
)
from core.errors import DagsterInvariantViolationError, DagsterObjectNotFoundError, ValueNotKeptError
from core.types import resolve_dagster_type
from core.values.intermediate_storage import TypeStoragePluginRegistry
from core.values.object_intermediate_storage import ObjectStoreIntermediateStorage
from core.values.object_store import FilesystemObjectStore, InMemoryObjectStore, ObjectStore

ANY = resolve_dagster_type(Any)
KINDS = ["memory", "filesystem", "moto", "embedded"]
Make = Callable[..., ObjectStoreIntermediateStorage]


class Point:
    """A class of the user's own, which cannot be pickled."""

    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def __reduce__(self) -> Any:
        raise TypeError("points are not pickled")


class Json(SerializationStrategy):
    """Points as text."""

    def __init__(self) -> None:
        super().__init__("json", write_mode="w", read_mode="r")

    def serialize(self, value: Any, write_file_obj: IO[Any]) -> None:
        json.dump([value.x, value.y], write_file_obj)

    def deserialize(self, read_file_obj: IO[Any]) -> Any:
        return Point(*json.load(read_file_obj))


class PointPlugin(TypeStoragePlugin):
    """Points as pickled pairs, in a store that keeps objects."""

    @classmethod
    def compatible_with_storage_def(cls, intermediate_storage_def: Any) -> bool:
        return intermediate_storage_def is not mem_intermediate_storage

    @classmethod
    def set_intermediate_object(
        cls, intermediate_storage: Any, context: Any, dagster_type: Any, step_output_handle: Any, value: Any
    ) -> None:
        key = intermediate_storage.key_for_handle(step_output_handle)
        intermediate_storage.object_store.set_object(key, ("by plugin", value.x, value.y))

    @classmethod
    def get_intermediate_object(
        cls, intermediate_storage: Any, context: Any, dagster_type: Any, step_output_handle: Any
    ) -> Point:
        key = intermediate_storage.key_for_handle(step_output_handle)
        marker, x, y = intermediate_storage.object_store.get_object(key)[0]
        assert marker == "by plugin"
        return Point(x, y)


AS_JSON = PythonObjectDagsterType(Point, "JsonPoint", serialization_strategy=Json())


def make_storage(
    kind: str, base: Path, request: pytest.FixtureRequest, run_id: str = "run", **settings: Any
) -> ObjectStoreIntermediateStorage:
    if kind in ("moto", "embedded"):
        client, bucket = (request.getfixturevalue(f"{kind}_{what}") for what in ("client", "bucket"))
        return S3IntermediateStorage(bucket, run_id, client, f"teams/{uuid.uuid4()}", **settings)
    store: ObjectStore = InMemoryObjectStore() if kind == "memory" else FilesystemObjectStore(str(base))
    registry = settings.get("type_storage_plugin_registry")
    return ObjectStoreIntermediateStorage(store, run_id, lambda run: store.key_for_paths(["storage", run]), registry)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def storage(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> ObjectStoreIntermediateStorage:
    return make_storage(kind, tmp_path, request)


# --- the contract ------------------------------------------------------------------------------------------------


def test_values_come_back_and_are_replaced(storage: IntermediateStorage) -> None:
    handle = StepOutputHandle("step")
    for value in (None, 0, "é🦆\0", b"\x80" * 1_000_000, {"a": [(1, 2), {3}]}):
        storage.set_intermediate(None, ANY, handle, value)
        assert storage.has_intermediate(None, handle)
        assert storage.get_intermediate(None, ANY, handle) == value


HANDLES = [
    StepOutputHandle(step, output, mapping_key)
    for step, output, mapping_key in [
        *itertools.product(["1", "10"], ["1", "10"], [None, "1", "10"]),
        *((name, "1", None) for name in ("1/1", "a b", "a%20b", "a+b", "[?]", "..", "")),
        *(("1", "1", name) for name in ("", "1/10", "%", "..", "1[10]")),
    ]
]


def test_outputs_do_not_mix(storage: IntermediateStorage) -> None:
    for number, handle in enumerate(HANDLES):
        assert not storage.has_intermediate(None, handle), handle
        storage.set_intermediate(None, ANY, handle, number)
    for number, handle in enumerate(HANDLES):
        assert storage.get_intermediate(None, ANY, handle) == number


def test_a_value_that_is_not_there_is_named(storage: ObjectStoreIntermediateStorage) -> None:
    storage.set_intermediate(None, ANY, StepOutputHandle("step", "10"), 1)
    for handle in (StepOutputHandle("step", "1"), StepOutputHandle("step", "10", "m"), StepOutputHandle("ste", "10")):
        assert not storage.has_intermediate(None, handle)
        with pytest.raises(DagsterObjectNotFoundError, match=r"No value is stored for output .* of step .*of run run"):
            storage.get_intermediate(None, ANY, handle)
        storage.rm_intermediate(None, handle)
    storage.rm_intermediate(None, StepOutputHandle("step", "10"))
    assert not storage.has_intermediate(None, StepOutputHandle("step", "10"))


def test_runs_do_not_mix_and_one_reads_and_copies_of_another(storage: ObjectStoreIntermediateStorage) -> None:
    handle = StepOutputHandle("step")
    other = storage.of_run("run2")
    storage.set_intermediate(None, ANY, handle, "of run")
    assert not other.has_intermediate(None, handle)
    other.set_intermediate(None, ANY, handle, "of run2")
    assert storage.get_intermediate(None, ANY, handle) == "of run"
    assert storage.of_run("run") is storage
    storage.copy_intermediate_from_run(None, "run2", handle)
    other.rm_intermediate(None, handle)
    assert storage.get_intermediate(None, ANY, handle) == "of run2"
    with pytest.raises(DagsterObjectNotFoundError):
        storage.copy_intermediate_from_run(None, "run2", handle)


def test_a_hostile_name_comes_back_or_is_refused(
    kind: str, hostile: str, fenced: Path, request: pytest.FixtureRequest
) -> None:
    handles = [StepOutputHandle(hostile), StepOutputHandle("s", hostile), StepOutputHandle("s", "o", hostile)]
    try:
        storage = make_storage(kind, fenced, request, run_id=hostile)
        for number, handle in enumerate(handles):
            storage.set_intermediate(None, ANY, handle, number)
    except DagsterInvariantViolationError:
        assert len(hostile) >= 50
        return
    assert [storage.get_intermediate(None, ANY, handle) for handle in handles] == [0, 1, 2]


def test_where_a_value_is_can_be_said(storage: ObjectStoreIntermediateStorage) -> None:
    address = storage.get_address(StepOutputHandle("step", "out", "key"))
    assert address is not None
    assert "storage/run/intermediates/step/out/key" in address
    assert isinstance(storage.object_store, InMemoryObjectStore) is not storage.is_persistent


def test_a_type_says_how_its_values_are_written(storage: ObjectStoreIntermediateStorage) -> None:
    handle = StepOutputHandle("step")
    storage.set_intermediate(None, AS_JSON, handle, Point(1, 2))
    point = storage.get_intermediate(None, AS_JSON, handle)
    assert (point.x, point.y) == (1, 2)
    if storage.is_persistent:
        key = storage.key_for_handle(handle)
        storage.object_store.cp_object(key, "elsewhere")
        assert storage.object_store.get_object(key, AS_JSON.serialization_strategy)[0].x == 1
        with pytest.raises(ValueNotKeptError, match="points are not pickled"):
            storage.set_intermediate(None, ANY, handle, Point(1, 2))


def test_a_plugin_comes_before_the_strategy(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    registry = TypeStoragePluginRegistry([(AS_JSON, PointPlugin)])
    storage = make_storage(kind, tmp_path, request, type_storage_plugin_registry=registry)
    handle = StepOutputHandle("step")
    storage.set_intermediate(None, AS_JSON, handle, Point(3, 4))
    assert storage.object_store.get_object(storage.key_for_handle(handle))[0] == ("by plugin", 3, 4)
    assert storage.get_intermediate(None, AS_JSON, handle).y == 4
    assert storage.of_run("run").get_intermediate(None, AS_JSON, handle).y == 4
    storage.set_intermediate(None, ANY, handle, "of another type")
    assert storage.get_intermediate(None, ANY, handle) == "of another type"


def test_the_registry_takes_plugins_only() -> None:
    registry = TypeStoragePluginRegistry([(AS_JSON, PointPlugin)])
    assert registry.is_registered(AS_JSON)
    assert registry.get(AS_JSON) is registry.get("JsonPoint") is PointPlugin
    assert registry.get(ANY) is None
    assert not registry.is_registered(ANY)
    for wrong in (Json, Json(), "PointPlugin"):
        with pytest.raises(DagsterInvalidDefinitionError, match="'JsonPoint' must be a subclass of TypeStoragePlugin"):
            registry.register_type(AS_JSON, wrong)  # type: ignore[arg-type]


def test_of_two_plugins_that_a_type_brings_the_first_compatible_one_is_taken() -> None:
    class ForMemory(PointPlugin):
        @classmethod
        def compatible_with_storage_def(cls, intermediate_storage_def: Any) -> bool:
            return intermediate_storage_def is mem_intermediate_storage

    class Late(PointPlugin):
        @classmethod
        def compatible_with_storage_def(cls, intermediate_storage_def: Any) -> bool:
            return True

    point = DagsterType(lambda _context, _value: True, "AnyPoint", auto_plugins=[ForMemory, PointPlugin, Late])
    for definition, plugin in ((mem_intermediate_storage, ForMemory), (fs_intermediate_storage, PointPlugin)):
        assert TypeStoragePluginRegistry.of_types([ANY, point], definition).get(point) is plugin


# --- runs --------------------------------------------------------------------------------------------------------


@solid(config_schema=int)
def start(context: Any) -> int:
    return int(context.solid_config)


@solid
def double(number: int) -> int:
    return 2 * number


@pytest.fixture
def s3_config(embedded_options: dict[str, Any], embedded_bucket: str) -> dict[str, Any]:
    """A run config that chooses the storage `s3`."""
    return {
        "resources": {"s3": {"config": embedded_options}},
        "intermediate_storage": {
            "s3": {"config": {"s3_bucket": embedded_bucket, "s3_prefix": f"teams/{uuid.uuid4()}"}}
        },
    }


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


IN_BUCKETS = ModeDefinition(
    resource_defs={"s3": s3_resource}, intermediate_storage_defs=s3_plus_default_intermediate_storage_defs
)


@pipeline(mode_defs=[IN_BUCKETS])
def chain() -> None:
    double.alias("redouble")(double(start()))


def with_start(config: dict[str, Any], number: int) -> dict[str, Any]:
    return {**config, "solids": {"start": {"config": number}}}


def test_a_run_keeps_its_values_in_a_bucket_and_is_executed_again_on_them(
    instance: DagsterInstance, s3_config: dict[str, Any], embedded_client: Any
) -> None:
    chosen = s3_config["intermediate_storage"]["s3"]["config"]
    result = execute_pipeline(chain, with_start(s3_config, 3), instance=instance)
    assert result.output_for_solid("redouble") == 12
    root = f"{chosen['s3_prefix']}/storage/{result.run_id}/intermediates"
    keys = {f"{root}/{step}/result" for step in ("start", "double", "redouble")}
    stored = embedded_client.list_objects_v2(Bucket=chosen["s3_bucket"], Prefix=chosen["s3_prefix"])["Contents"]
    assert {each["Key"] for each in stored} == keys
    addresses = {
        entry.dagster_event.event_specific_data.address
        for entry in instance.all_logs(result.run_id)
        if entry.dagster_event and entry.dagster_event.event_type_value == "HANDLED_OUTPUT"
    }
    assert addresses == {f"s3://{chosen['s3_bucket']}/{key}" for key in keys}

    S3ObjectStore(chosen["s3_bucket"], embedded_client).set_object(f"{root}/double/result", 100)
    again = reexecute_pipeline(
        chain, result.run_id, with_start(s3_config, 3), step_selection=["redouble"], instance=instance
    )
    assert again.executed_step_keys == ["redouble"]
    assert again.output_for_solid("redouble") == 200  # double of what the first run has there now


def test_files_keep_the_values_where_the_instance_or_the_config_says(instance: DagsterInstance, tmp_path: Path) -> None:
    @pipeline
    def plain() -> None:
        double(start())

    config = with_start({"intermediate_storage": {"filesystem": {}}}, 4)
    result = execute_pipeline(plain, config, instance=instance)
    assert Path(instance.storage_directory(), result.run_id, "intermediates", "double", "result=").is_file()
    again = reexecute_pipeline(plain, result.run_id, step_selection=["double"], instance=instance)
    assert (again.executed_step_keys, again.output_for_solid("double")) == (["double"], 8)
    instance.delete_run(result.run_id)
    assert not Path(instance.storage_directory(), result.run_id).exists()

    config["intermediate_storage"] = {"filesystem": {"config": {"base_dir": str(tmp_path / "there")}}}
    result = execute_pipeline(plain, config, instance=instance)
    assert (tmp_path / "there" / "storage" / result.run_id / "intermediates" / "start" / "result=").is_file()


def test_memory_keeps_what_cannot_be_pickled_for_one_run(instance: DagsterInstance) -> None:
    @solid
    def make() -> Any:
        return Point(5, 6)

    @solid
    def take(point: Any) -> int:
        return int(point.y)

    @pipeline
    def points() -> None:
        take(make())

    result = execute_pipeline(points, {"intermediate_storage": {"in_memory": {}}}, instance=instance)
    assert result.output_for_solid("take") == 6
    again = reexecute_pipeline(points, result.run_id, step_selection=["take"], instance=instance, raise_on_error=False)
    assert not again.success


@pytest.mark.parametrize("name", ["filesystem", "s3"])
def test_the_plugin_of_a_type_stores_its_values_with_the_resources_it_requires(
    name: str, instance: DagsterInstance, s3_config: dict[str, Any], tmp_path: Path
) -> None:
    calls: list[Any] = []

    class Calling(PointPlugin):
        @classmethod
        def required_resource_keys(cls) -> frozenset[str]:
            return frozenset({"calls"})

        @classmethod
        def set_intermediate_object(
            cls, storage: Any, context: Any, dagster_type: Any, handle: Any, value: Any
        ) -> None:
            context.resources.calls.append(("set", handle.step_key))
            super().set_intermediate_object(storage, context, dagster_type, handle, value)

        @classmethod
        def get_intermediate_object(cls, storage: Any, context: Any, dagster_type: Any, handle: Any) -> Point:
            context.resources.calls.append(("get", handle.step_key))
            return super().get_intermediate_object(storage, context, dagster_type, handle)

    @usable_as_dagster_type(name="Spot", auto_plugins=[Calling])
    class Spot(Point):
        pass

    @resource
    def recorder() -> list[Any]:
        return calls

    @solid(output_defs=[OutputDefinition(Spot)])
    def make() -> Any:
        return Spot(7, 8)

    @solid
    def take(point: Any) -> int:
        return int(point.x)

    mode = ModeDefinition(
        resource_defs={"s3": s3_resource, "calls": recorder},
        intermediate_storage_defs=s3_plus_default_intermediate_storage_defs,
    )

    @pipeline(mode_defs=[mode])
    def spots() -> None:
        take(make())

    config = s3_config if name == "s3" else {**s3_config, "intermediate_storage": {"filesystem": {}}}
    assert execute_pipeline(spots, config, instance=instance).output_for_solid("take") == 7
    assert calls == [("set", "make"), ("get", "make")]
    again = execute_pipeline(spots, {**s3_config, "intermediate_storage": {"in_memory": {}}}, instance=instance)
    assert again.output_for_solid("take") == 7
    assert len(calls) == 2  # it is not compatible with memory


def test_a_bucket_that_is_not_there_is_refused(s3_config: dict[str, Any]) -> None:
    s3_config["intermediate_storage"]["s3"]["config"]["s3_bucket"] = "no-such-bucket"
    with pytest.raises(DagsterResourceUnavailableError, match="no-such-bucket"):
        execute_pipeline(chain, with_start(s3_config, 1))


def test_a_storage_is_chosen_by_its_name() -> None:
    names = [each.name for each in s3_plus_default_intermediate_storage_defs]
    assert names == ["in_memory", "filesystem", "s3"]
    assert [each.is_persistent for each in s3_plus_default_intermediate_storage_defs] == [False, True, True]
    assert s3_intermediate_storage.required_resource_keys == {"s3"}
    with pytest.raises(DagsterInvalidConfigError, match="intermediate_storage"):
        execute_pipeline(chain, with_start({"intermediate_storage": {"tape": {}}}, 1))
    with pytest.raises(DagsterInvalidConfigError, match="s3_bucket: missing"):
        execute_pipeline(chain, with_start({"intermediate_storage": {"s3": {"config": {}}}}, 1))
