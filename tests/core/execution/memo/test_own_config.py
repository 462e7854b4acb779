"""Code that changes the config, the defaults and the values from config that it gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic

from core import (
    DagsterInstance,
    InputDefinition,
    ModeDefinition,
    Permissive,
    PipelineDefinition,
    RetryRequested,
    composite_solid,
    execute_pipeline,
    execute_solid,
    pipeline,
    resource,
    solid,
    versioned_filesystem_io_manager,
)
from core.experimental import DynamicOutput, DynamicOutputDefinition

DEFAULT: list[Any] = [{"a": [1]}]
CONFIG: dict[str, Any] = {"free": {"a": [1]}, "listed": [1]}
UNCHANGED = ({"free": {"a": [1]}, "listed": [1]}, [{"a": [1]}])


def changing(config: dict[str, Any], items: list[Any]) -> tuple[Any, Any]:
    found = {"free": {"a": list(config["free"]["a"])}, "listed": list(config["listed"])}, [{"a": list(items[0]["a"])}]
    config["free"]["a"].append(2)
    config["listed"].append(2)
    items[0]["a"].append(2)
    return found


@solid(
    input_defs=[InputDefinition("items", list, default_value=DEFAULT)],
    config_schema={"free": Permissive(), "listed": [int]},
    version="1",
)
def change(context, items):  # type: ignore[no-untyped-def]
    return changing(context.solid_config, items)


configured_once = change.configured(CONFIG, "configured_once")


@composite_solid(config_schema={}, config_fn=lambda _: {"change": {"config": CONFIG}})
def mapped():  # type: ignore[no-untyped-def]
    return change()


def run(made: PipelineDefinition, folder: Path, run_config: dict[str, Any] | None = None) -> Any:
    with DagsterInstance.ephemeral() as instance:
        stores = {"resources": {"io_manager": {"config": {"base_dir": str(folder)}}}}
        return execute_pipeline(made, {**stores, **(run_config or {})}, instance=instance, memoize=True)


STORES = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})


def test_what_a_step_changes_no_other_step_and_no_other_run_sees(tmp_path: Path) -> None:
    @pipeline(mode_defs=[STORES])
    def placed():  # type: ignore[no-untyped-def]
        configured_once()
        configured_once.alias("again")()
        mapped()
        mapped.alias("mapped_again")()

    for folder in ("one", "two"):
        result = run(placed, tmp_path / folder)
        for name in ("configured_once", "again", "mapped", "mapped_again"):
            assert result.output_for_solid(name) == UNCHANGED
    assert DEFAULT == [{"a": [1]}]


def test_what_an_attempt_changes_the_next_does_not_see(tmp_path: Path) -> None:
    @solid(config_schema={"free": Permissive(), "listed": [int]}, version="1")
    def fail_once(context, items: list):  # type: ignore[no-untyped-def, type-arg]
        found = changing(context.solid_config, items)
        if context.retry_number == 0:
            raise RetryRequested
        return found

    given = {"solids": {"fail_once": {"config": CONFIG, "inputs": {"items": DEFAULT}}}}
    assert (
        run(PipelineDefinition([fail_once], mode_defs=[STORES]), tmp_path, given).output_for_solid("fail_once")
        == UNCHANGED
    )


def test_what_the_step_for_one_value_changes_the_others_do_not_see(tmp_path: Path) -> None:
    @solid(output_defs=[DynamicOutputDefinition(int)], version="1")
    def keys():  # type: ignore[no-untyped-def]
        yield from (DynamicOutput(1, "a"), DynamicOutput(2, "b"))

    @solid(
        input_defs=[InputDefinition("number", int), InputDefinition("items", list, default_value=DEFAULT)],
        config_schema=dict,
        version="1",
    )
    def change_each(context, number, items):  # type: ignore[no-untyped-def]
        return changing(context.solid_config, items)

    @pipeline(mode_defs=[STORES])
    def placed():  # type: ignore[no-untyped-def]
        keys().map(change_each.configured(CONFIG, "change_each"))

    result = run(placed, tmp_path)
    assert result.output_for_solid("change_each") == {"a": UNCHANGED, "b": UNCHANGED}
    assert run(placed, tmp_path).executed_step_keys == []


def test_a_model_that_an_attempt_changes_is_its_own(tmp_path: Path) -> None:
    class Settings(pydantic.BaseModel):
        listed: list[int]
        key: pydantic.SecretStr = pydantic.SecretStr("a-key")

    @solid(config_schema=Settings, version="1")
    def fail_once(context):  # type: ignore[no-untyped-def]
        found = list(context.solid_config.listed)
        context.solid_config.listed.append(2)
        assert context.solid_config.listed == [*found, 2]
        if context.retry_number == 0:
            raise RetryRequested
        return found

    given = {"solids": {"fail_once": {"config": {"listed": [1]}}}}
    assert run(PipelineDefinition([fail_once], mode_defs=[STORES]), tmp_path, given).output_for_solid("fail_once") == [
        1
    ]


def test_what_a_resource_changes_in_its_config_is_no_other_version(tmp_path: Path) -> None:
    @resource(config_schema=dict, version="1")
    def store(context):  # type: ignore[no-untyped-def]
        context.resource_config["listed"].append(2)
        return context.resource_config["listed"]

    @solid(required_resource_keys={"store"}, version="1")
    def read(context):  # type: ignore[no-untyped-def]
        return context.resources.store

    mode = ModeDefinition(
        resource_defs={"io_manager": versioned_filesystem_io_manager, "store": store.configured({"listed": [1]})}
    )
    for executed in (["read"], []):
        result = run(PipelineDefinition([read], mode_defs=[mode]), tmp_path)
        assert (result.executed_step_keys, result.output_for_solid("read")) == (executed, [1, 2])


def test_calls_share_no_default_and_values_that_a_test_gives_are_the_very_ones() -> None:
    @solid(input_defs=[InputDefinition("items", list, default_value=[1])])
    def grow(items):  # type: ignore[no-untyped-def]
        items.append(2)
        return items

    assert (grow(), grow()) == ([1, 2], [1, 2])
    given = [3]
    assert execute_solid(grow, input_values={"items": given}).output_value() is given
