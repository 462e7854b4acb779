"""Inputs that no solid feeds, loaded by root input managers: config, versions, requirements, failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DagsterTypeCheckDidNotPass,
    Field,
    FileFingerprint,
    InputContext,
    InputDefinition,
    ModeDefinition,
    Nothing,
    PipelineDefinition,
    ResourceDefinition,
    RootInputManager,
    RootInputManagerDefinition,
    SolidDefinition,
    SourceHashVersionStrategy,
    build_init_resource_context,
    build_input_context,
    execute_pipeline,
    execute_solid,
    pipeline,
    plan_pipeline,
    resource,
    root_input_manager,
    solid,
    validate_run_config,
    versioned_filesystem_io_manager,
)


@root_input_manager
def constant(context: InputContext) -> int:
    """Loads 7."""
    return 7


@solid(input_defs=[InputDefinition("x", int, root_manager_key="loader", metadata={"table": "t"})])
def double(x: int) -> int:
    return x * 2


def doubling(loader: Any, **resources: Any) -> PipelineDefinition:
    return PipelineDefinition(
        [double], "doubling", mode_defs=[ModeDefinition(resource_defs={"loader": loader, **resources})]
    )


def test_an_input_that_nothing_feeds_is_loaded() -> None:
    result = execute_pipeline(doubling(constant))
    assert result.output_for_solid("double") == 14
    [loaded] = [event for event in result.event_list if event.is_loaded_input]
    assert (loaded.event_specific_data.input_name, loaded.event_specific_data.manager_key) == ("x", "loader")  # type: ignore[union-attr]
    assert (constant.__name__, constant.__doc__, constant.description) == ("constant", "Loads 7.", "Loads 7.")


def test_a_solid_that_feeds_it_takes_its_place() -> None:
    @solid
    def one() -> int:
        return 1

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"loader": constant})])
    def fed() -> None:
        double(one())

    @pipeline
    def fed_without_one() -> None:
        double(one())

    assert execute_pipeline(fed).output_for_solid("double") == 2
    assert execute_pipeline(fed_without_one).output_for_solid("double") == 2, "the resource is not required then"
    assert execute_solid(double, input_values={"x": 5}).output_value() == 10
    assert double(4) == 8


def test_it_is_told_of_the_input_its_config_and_its_resources() -> None:
    seen: list[InputContext] = []

    @resource
    def database() -> dict[str, int]:
        return {"t": 3}

    @root_input_manager(
        config_schema={"scale": Field(int, default_value=1)},
        input_config_schema={"limit": int},
        required_resource_keys={"database"},
    )
    def from_table(context: InputContext) -> int:
        seen.append(context)
        return int(context.resources.database[context.metadata["table"]] * context.resource_config["scale"])

    config = {
        "resources": {"loader": {"config": {"scale": 10}}},
        "solids": {"double": {"inputs": {"x": {"limit": 5}}}},
    }
    used = doubling(from_table, database=database)
    assert execute_pipeline(used, config).output_for_solid("double") == 60
    (context,) = seen
    assert (context.name, context.step_key, context.upstream_output) == ("x", "double", None)
    assert (context.config, context.resource_config) == ({"limit": 5}, {"scale": 10})
    assert (context.dagster_type.display_name, context.pipeline_name) == ("Int", "doubling")
    assert context.solid_def is double
    assert validate_run_config(used, config)["solids"]["double"] == {"inputs": {"x": {"limit": 5}}}
    with pytest.raises(
        DagsterInvalidConfigError, match=r"solids: missing required config: double\.inputs\.x\.limit of"
    ):
        execute_pipeline(used)
    with pytest.raises(
        DagsterInvalidConfigError, match=r"solids\.double\.inputs\.x: .*'loader'.*no input_config_schema"
    ):
        execute_pipeline(doubling(constant), {"solids": {"double": {"inputs": {"x": 5}}}})


def test_by_hand_and_as_an_object() -> None:
    class Counting(RootInputManager):
        def __init__(self) -> None:
            self.count = 0

        def load_input(self, context: InputContext) -> int:
            self.count += 1
            return self.count

    shared = Counting()
    for loader in (
        shared,
        ResourceDefinition.hardcoded_resource(Counting()),
        RootInputManagerDefinition(lambda _context: Counting()),
        root_input_manager(lambda _context: Counting()),
        root_input_manager(lambda: 1),
    ):
        assert execute_pipeline(doubling(loader)).output_for_solid("double") == 2
    assert shared.count == 1

    @resource
    def yields() -> Iterator[Counting]:
        yield Counting()

    assert execute_pipeline(doubling(yields)).output_for_solid("double") == 2


def test_it_is_made_and_called_by_itself() -> None:
    manager = constant(build_init_resource_context())
    assert manager.load_input(build_input_context(name="x")) == 7


def test_wrong_definitions_are_refused() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="has a default value and the root input manager 'loader'"):
        InputDefinition("x", default_value=3, root_manager_key="loader")
    with pytest.raises(
        DagsterInvalidDefinitionError, match=r"input 'x' of solid 'double' requires the resource 'loader'"
    ):
        PipelineDefinition([double], "lacking")
    with pytest.raises(DagsterInvariantViolationError, match=r"'loader' is used as a root input manager, but .* int"):
        execute_pipeline(doubling(3))


def test_failures_are_those_of_the_step() -> None:
    @root_input_manager
    def broken(_: InputContext) -> int:
        raise OSError("no route")

    result = execute_pipeline(doubling(broken), raise_on_error=False)
    assert result.result_for_solid("double").failure_data is not None
    assert "root input manager 'loader' failed: OSError: no route" in str(
        result.result_for_solid("double").failure_data
    )
    with pytest.raises(OSError, match="no route"):
        execute_pipeline(doubling(broken))
    with pytest.raises(DagsterTypeCheckDidNotPass, match="Input 'x' of step 'double'"):
        execute_pipeline(doubling(root_input_manager(lambda: "seven")))


def test_an_input_that_carries_no_value_is_not_loaded() -> None:
    waits = SolidDefinition("waits", [InputDefinition("x", Nothing, root_manager_key="loader")], lambda *_: 1)
    broken = root_input_manager(lambda: 1 / 0)
    used = PipelineDefinition([waits], "waiting", mode_defs=[ModeDefinition(resource_defs={"loader": broken})])
    assert execute_pipeline(used).output_for_solid("waits") == 1


# Memoized runs


def memoizing(loader: Any, metadata: dict[str, Any] | None = None, **more: Any) -> PipelineDefinition:
    inputs = [InputDefinition("x", root_manager_key="loader", metadata=metadata)]
    take = SolidDefinition("take", inputs, lambda _context, given: given["x"], version="1")
    resources = {"loader": loader, "io_manager": versioned_filesystem_io_manager, **more}
    return PipelineDefinition([take], "taking", mode_defs=[ModeDefinition(resource_defs=resources)])


def loading(value: Any, version: str | None = "1", **rest: Any) -> RootInputManagerDefinition:
    return root_input_manager(version=version, **rest)(lambda _context: value)  # type: ignore[no-any-return]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


def executed(instance: DagsterInstance, used: PipelineDefinition, config: Any = None) -> bool:
    result = execute_pipeline(used, config, instance=instance, memoize=True)
    assert result.success
    return bool(result.executed_step_keys)


CONFIG_A = {"solids": {"take": {"inputs": {"x": {"a": 1}}}}}
CONFIG_B = {"solids": {"take": {"inputs": {"x": {"a": 2}}}}}
OF_MANAGER_A = {"resources": {"loader": {"config": {"a": 1}}}}
OF_MANAGER_B = {"resources": {"loader": {"config": {"a": 2}}}}


@pytest.mark.parametrize(
    ("first", "second", "is_executed"),
    [
        ((loading(1),), (loading(2),), False),
        ((loading(1),), (loading(1, version="2"),), True),
        ((loading(1), {"table": "a"}), (loading(1), {"table": "a"}), False),
        ((loading(1), {"table": "a"}), (loading(1), {"table": "b"}), True),
    ],
    ids=["the same version", "another version", "the same metadata", "other metadata"],
)
def test_a_step_is_a_hit_where_what_it_is_loaded_by_is_the_same(
    instance: DagsterInstance, first: tuple[Any, ...], second: tuple[Any, ...], is_executed: bool
) -> None:
    assert executed(instance, memoizing(*first))
    assert executed(instance, memoizing(*second)) is is_executed


@pytest.mark.parametrize(
    ("schema", "configs"),
    [("input_config_schema", (CONFIG_A, CONFIG_B)), ("config_schema", (OF_MANAGER_A, OF_MANAGER_B))],
)
def test_config_is_part_of_the_version(instance: DagsterInstance, schema: str, configs: tuple[Any, Any]) -> None:
    used = memoizing(loading(1, **{schema: {"a": int}}))
    assert [executed(instance, used, config) for config in (configs[0], configs[0], configs[1])] == [True, False, True]


def test_secrets_are_no_part_of_the_version(instance: DagsterInstance) -> None:
    used = memoizing(loading(1, input_config_schema={"a": Field(int, is_secret=True)}))
    assert [executed(instance, used, config) for config in (CONFIG_A, CONFIG_B)] == [True, False]


def test_what_its_config_points_at_is_part_of_the_version(instance: DagsterInstance, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    pointing = {"path": Field(str, fingerprint=FileFingerprint())}
    for schema, config in (
        ("input_config_schema", {"solids": {"take": {"inputs": {"x": {"path": str(rows)}}}}}),
        ("config_schema", {"resources": {"loader": {"config": {"path": str(rows)}}}}),
    ):
        rows.write_text(f"1 {schema}")
        used = memoizing(loading(1, **{schema: pointing}))
        assert [executed(instance, used, config) for _ in range(2)] == [True, False]
        rows.write_text(f"2 {schema}")
        assert executed(instance, used, config)


def test_without_a_version_there_is_no_hit_and_the_plan_says_why(instance: DagsterInstance) -> None:
    unversioned = memoizing(loading(1, version=None))
    assert [executed(instance, unversioned) for _ in range(2)] == [True, True]
    [step] = plan_pipeline(unversioned, instance=instance).versioned.steps
    assert (step.unversioned, step.facts["input x"]) == ("resource 'loader' has no version", "loaded by loader")
    requiring = memoizing(loading(1, required_resource_keys={"db"}), db=ResourceDefinition.hardcoded_resource(1))
    [step] = plan_pipeline(requiring, instance=instance).versioned.steps
    assert (step.unversioned, step.resources) == ("resource 'db' has no version", ("loader", "db"))
    odd = memoizing(loading(1), {"table": object()})
    [step] = plan_pipeline(odd, instance=instance).versioned.steps
    assert "which has no canonical form" in step.unversioned


def test_versions_of_root_input_managers_follow_from_their_code() -> None:
    def from_code(make: Callable[[], Any]) -> str | None:
        return SourceHashVersionStrategy().get_resource_version(root_input_manager(make))

    def one() -> int:
        return 1

    def two() -> int:
        return 2

    assert from_code(one) == from_code(one) is not None
    assert from_code(one) != from_code(two)
