"""Outputs that are assets: what is recorded when they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import (
    AssetKey,
    AssetMaterialization,
    DagsterEvent,
    DagsterInstance,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    EventMetadataEntry,
    InputContext,
    InputDefinition,
    IOManager,
    IOManagerDefinition,
    ModeDefinition,
    Nothing,
    Output,
    OutputContext,
    OutputDefinition,
    PipelineDefinition,
    execute_pipeline,
    pipeline,
    root_input_manager,
    solid,
    versioned_filesystem_io_manager,
)
from core.events.payloads import AssetLineageInfo, StepMaterializationData

RAW, CLEAN, REPORT = AssetKey(["db", "raw"]), AssetKey(["db", "clean"]), AssetKey("report")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


def made(events: list[DagsterEvent]) -> list[StepMaterializationData]:
    return [event.step_materialization_data for event in events if event.is_step_materialization]


@solid(output_defs=[OutputDefinition(asset_key=RAW, asset_partitions=["b", "a"])])
def raw() -> list[int]:
    return [1, 2]


@solid(output_defs=[OutputDefinition(asset_key=lambda context: AssetKey(["db", context.step_key]))])
def clean(rows: list) -> list:  # type: ignore[type-arg]
    return rows


@solid(output_defs=[OutputDefinition(asset_key=REPORT)])
def report(rows: list, other: list) -> int:  # type: ignore[type-arg]
    return len(rows) + len(other)


def test_a_stored_output_is_recorded_as_an_asset_with_what_it_was_made_from(instance: DagsterInstance) -> None:
    @pipeline
    def assets() -> None:
        rows = raw()
        report(clean(rows), rows)
        report.alias("twice")(rows, rows)

    result = execute_pipeline(assets, instance=instance)
    of_raw = AssetLineageInfo(RAW.path, ("a", "b"))
    assert made(result.event_list) == [
        StepMaterializationData(RAW.path, partition="a"),
        StepMaterializationData(RAW.path, partition="b"),
        StepMaterializationData(CLEAN.path, asset_lineage=(of_raw,)),
        StepMaterializationData(REPORT.path, asset_lineage=(of_raw,)),
        StepMaterializationData(REPORT.path, asset_lineage=(AssetLineageInfo(CLEAN.path), of_raw)),
    ]
    assert of_raw.asset_key == RAW
    assert set(instance.all_asset_keys()) == {RAW, CLEAN, REPORT}
    [record] = instance.event_log_storage.get_asset_records(CLEAN)
    assert (
        record.event_log_entry.dagster_event
        == result.result_for_solid("clean").materialization_events_during_compute[0]
    )
    assert [each.partition for each in result.result_for_solid("raw").materializations_during_compute] == ["a", "b"]
    names = [event.event_type_value for event in result.result_for_solid("clean").compute_step_events]
    assert names.index("STEP_OUTPUT") < names.index("ASSET_MATERIALIZATION") < names.index("HANDLED_OUTPUT")


class Telling(IOManager):
    """Tells how many bytes it stores."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> Iterator[Any]:
        self.values[context.step_key] = obj
        yield EventMetadataEntry.int(8, "bytes")
        yield AssetMaterialization("own")

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        return self.values[context.upstream_output.step_key]


def test_its_metadata_is_what_the_solid_and_the_io_manager_say() -> None:
    @solid(output_defs=[OutputDefinition(asset_key=RAW)])
    def told() -> Iterator[Output]:
        yield Output(1, metadata={"rows": 3})

    mode = ModeDefinition(resource_defs={"io_manager": IOManagerDefinition.hardcoded_io_manager(Telling())})
    result = execute_pipeline(PipelineDefinition([told], "telling", mode_defs=[mode]))
    own, asset = made(result.event_list)
    assert own.asset_path == ("own",)
    assert [entry.label for entry in asset.metadata_entries] == ["rows", "bytes"]


def test_an_input_says_which_asset_it_takes() -> None:
    @root_input_manager
    def loader(_: InputContext) -> list[int]:
        return [1]

    def by_metadata(context: InputContext) -> AssetKey:
        return AssetKey(["seen", context.metadata["table"], str(context.upstream_output is None)])

    inputs = [
        InputDefinition("rows", root_manager_key="loader", metadata={"table": "t"}, asset_key=by_metadata),
        InputDefinition("fed", asset_key=AssetKey("named"), asset_partitions=lambda _context: ["x"]),
        InputDefinition("also", metadata={"table": "u"}, asset_key=by_metadata),
        InputDefinition("plain", default_value=1, metadata={"table": "v"}, asset_key=by_metadata),
        InputDefinition("waits", Nothing),
    ]

    @solid(input_defs=inputs, output_defs=[OutputDefinition(asset_key=REPORT)])
    def use(rows: Any, fed: Any, also: Any, plain: Any) -> int:
        return 1

    one = solid("one")(lambda: 1)

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"loader": loader})])
    def using() -> None:
        use(fed=one(), also=one(), waits=raw())

    [data] = [each for each in made(execute_pipeline(using).event_list) if each.asset_path == REPORT.path]
    assert data.asset_lineage == (
        AssetLineageInfo(("seen", "t", "True")),
        AssetLineageInfo(("named",), ("x",)),
        AssetLineageInfo(("seen", "u", "False")),
        AssetLineageInfo(("seen", "v", "True")),
        AssetLineageInfo(RAW.path, ("a", "b")),
    )


def test_what_was_not_given_or_not_stored_is_no_asset(instance: DagsterInstance) -> None:
    class Refusing(Telling):
        def handle_output(self, context: OutputContext, obj: Any) -> Iterator[Any]:
            yield EventMetadataEntry.int(8, "bytes")
            raise OSError("full")

    @solid(output_defs=[OutputDefinition(int, "a", is_required=False, asset_key=RAW)], version="1")
    def gives_none() -> Iterator[Output]:
        yield from ()

    @solid(output_defs=[OutputDefinition(int, asset_key=RAW)])
    def wrong() -> str:
        return "text"  # type: ignore[return-value]

    refusing = ModeDefinition(resource_defs={"io_manager": IOManagerDefinition.hardcoded_io_manager(Refusing())})
    kept = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
    for used in (
        PipelineDefinition([raw], "refused", mode_defs=[refusing]),
        PipelineDefinition([gives_none], "absent", mode_defs=[kept]),
        PipelineDefinition([wrong], "mistyped"),
    ):
        result = execute_pipeline(used, raise_on_error=False, instance=instance, memoize=True)
        assert made(result.event_list) == []
    assert instance.all_asset_keys() == []


def test_a_memoized_step_makes_no_asset_again(instance: DagsterInstance) -> None:
    one = solid("one", version="1", output_defs=[OutputDefinition(asset_key=RAW)])(lambda: 1)
    mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
    used = PipelineDefinition([one], "memoizing", mode_defs=[mode])
    counts = [len(made(execute_pipeline(used, instance=instance, memoize=True).event_list)) for _ in range(2)]
    assert counts == [1, 0]


def test_wrong_definitions_are_refused() -> None:
    for define in (InputDefinition, OutputDefinition):
        name: dict[str, Any] = {"name": "x"}
        with pytest.raises(DagsterInvalidDefinitionError, match="must be an AssetKey or a function"):
            define(**name, asset_key="table")
        with pytest.raises(DagsterInvalidDefinitionError, match="asset_partitions and no asset_key"):
            define(**name, asset_partitions={"a"})
        with pytest.raises(DagsterInvalidDefinitionError, match=r"must be a set or list of str"):
            define(**name, asset_key=RAW, asset_partitions="a")


@pytest.mark.parametrize(
    ("key", "partitions", "told"),
    [
        (lambda _: "text", None, "asset_key of output 'result' of step 'gives' must return an AssetKey"),
        (RAW, lambda _: "text", "asset_partitions of output 'result' of step 'gives' must return a set of names"),
        (RAW, lambda _: 3, "asset_partitions of output 'result' of step 'gives' must return a set of names"),
    ],
)
def test_a_function_that_names_no_asset_fails_the_step(key: Any, partitions: Any, told: str) -> None:
    gives = solid("gives", output_defs=[OutputDefinition(asset_key=key, asset_partitions=partitions)])(lambda: 1)
    with pytest.raises(DagsterInvariantViolationError, match=told):
        execute_pipeline(PipelineDefinition([gives], "giving"))


def test_a_function_that_raises_fails_the_step() -> None:
    gives = solid("gives", output_defs=[OutputDefinition(asset_key=lambda context: context.nothing)])(lambda: 1)
    used = PipelineDefinition([gives], "giving")
    with pytest.raises(AttributeError, match="nothing"):
        execute_pipeline(used)
    failed = execute_pipeline(used, raise_on_error=False).result_for_solid("gives").failure_data
    assert "Naming the asset of output 'result' of step 'gives' failed" in str(failed)
