"""Run config of solids in graphs: as it is, and by config mappings."""

from __future__ import annotations

from typing import Any

import pytest

from core import (
    CompositeSolidDefinition,
    ConfigMapping,
    DagsterConfigMappingFunctionError,
    DagsterInstance,
    DagsterInvalidConfigError,
    Field,
    InputDefinition,
    OutputDefinition,
    StringSource,
    composite_solid,
    configured,
    execute_pipeline,
    pipeline,
    solid,
)


@solid(config_schema={"by": Field(int, default_value=1), "note": Field(StringSource, is_required=False)})
def add(context: Any, number: int = 0) -> int:
    return number + int(context.solid_config["by"])


@solid(config_schema=int)
def times(context: Any, number: int) -> int:
    return number * int(context.solid_config)


@composite_solid
def both(number: int = 2):
    return times(add(number))


@composite_solid(
    config_schema={"by": Field(int, default_value=3), "factor": int},
    config_fn=lambda config: {
        "both": {"solids": {"add": {"config": {"by": config["by"]}}, "times": {"config": config["factor"]}}}
    },
)
def mapped(number: int = 5):
    return both(number)


@pipeline
def open_and_mapped() -> None:
    mapped(both())


def config(both_: Any, mapped_: Any) -> dict[str, Any]:
    return {"solids": {"both": {"solids": both_}, "mapped": mapped_}}


def test_config_stands_within_that_of_the_graph_or_is_made_from_it() -> None:
    given = config({"times": {"config": 10}}, {"config": {"factor": 7}})
    assert execute_pipeline(open_and_mapped, given).output_for_solid("mapped") == ((2 + 1) * 10 + 3) * 7
    given = config({"times": {"config": 10}, "add": {"config": {"by": 0}}}, {"config": {"factor": 7, "by": 0}})
    assert execute_pipeline(open_and_mapped, given).output_for_solid("mapped") == 2 * 10 * 7


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({}, ["solids: missing required config: both.solids.times.config of type Int, mapped.config.factor of type"]),
        (
            config({"times": {"config": "x"}, "ad": {}}, {"config": {"factor": 1}}),
            ["both.solids.ad: unknown key 'ad'; did you mean 'add'", "both.solids.times.config: expected Int"],
        ),
        (
            config({"times": {"config": 1}}, {"config": {"factor": 1}, "solids": {}}),
            ["solids.mapped.solids: unknown key 'solids'"],
        ),
        ({"solids": {"both": {"config": 1, "solids": {"times": {"config": 1}}}, "mapped": {"config": {"factor": 1}}}},
         ["solids.both.config: unknown key 'config'"]),
    ],
)  # fmt: skip
def test_every_fault_is_told_once_with_its_path(given: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(DagsterInvalidConfigError) as raised:
        execute_pipeline(open_and_mapped, given)
    told = [str(error) for error in raised.value.errors]
    assert len(told) == len(faults)
    assert all(any(fault in each for each in told) for fault in faults), told


def in_pipeline(composite: CompositeSolidDefinition) -> Any:
    @pipeline(name="of_one")
    def of_one() -> None:
        composite()

    return of_one


def test_what_a_config_fn_makes_is_checked_and_told_where_the_user_wrote() -> None:
    wrong = CompositeSolidDefinition(
        "wrong",
        [add],
        config_mapping=ConfigMapping(lambda given: {"add": {"config": {"by": given["by"]}}, "ad": {}}, {"by": str}),
    )
    with pytest.raises(DagsterInvalidConfigError) as raised:
        execute_pipeline(in_pipeline(wrong), {"solids": {"wrong": {"config": {"by": "1"}}}})
    unknown, misfit = map(str, raised.value.errors)
    made = "solids.wrong.config: what the config_fn of 'wrong' made of it is wrong at"
    assert unknown.startswith(f"{made} ad: unknown key 'ad'; did you mean 'add'?")
    assert misfit == f"{made} add.config.by: expected Int, got '1' (str)"


def test_a_secret_that_a_config_fn_passes_on_is_in_no_message_and_not_kept(tmp_path: Any) -> None:
    @composite_solid(
        config_schema={"key": Field(str, is_secret=True), "fits": bool},
        config_fn=lambda given: {"add": {"config": {"note" if given["fits"] else "by": given["key"]}}},
    )
    def secretive(number: int = 0):
        return add(number)

    with pytest.raises(DagsterInvalidConfigError) as raised:
        execute_pipeline(
            in_pipeline(secretive), {"solids": {"secretive": {"config": {"key": "hunter2", "fits": False}}}}
        )
    assert "add.config.by" in str(raised.value)
    assert "hunter2" not in str(raised.value)
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        given = {"solids": {"secretive": {"config": {"key": "hunter2", "fits": True}}}}
        result = execute_pipeline(in_pipeline(secretive), given, instance=instance)
        stored = instance.get_existing_run(result.run_id)
    assert result.success
    assert "hunter2" not in repr(stored.run_config)


def test_a_config_fn_that_raises_is_told_by_name() -> None:
    broken = CompositeSolidDefinition("broken", [add], config_mapping=ConfigMapping(lambda given: given["no"], {}))
    with pytest.raises(
        DagsterConfigMappingFunctionError, match="The config_fn of Composite solid 'broken' raised: KeyError"
    ):
        execute_pipeline(in_pipeline(broken))


def test_a_config_fn_without_a_schema_takes_anything_or_nothing() -> None:
    free = CompositeSolidDefinition(
        "free", [add], [], [OutputDefinition().mapping_from("add")],
        ConfigMapping(lambda given: {"add": {"config": {"by": given or 40}}}),
    )  # fmt: skip
    assert execute_pipeline(in_pipeline(free)).output_for_solid("free") == 40
    assert execute_pipeline(in_pipeline(free), {"solids": {"free": {"config": 2}}}).output_for_solid("free") == 2


def test_composite_solids_are_configured() -> None:
    sevenfold = mapped.configured({"factor": 7}, "sevenfold")

    @configured(mapped, {"times": Field(int, default_value=2)})
    def manifold(given: Any) -> Any:
        return {"factor": given["times"], "by": 0}

    @pipeline
    def configured_ones() -> None:
        manifold(sevenfold())
        manifold.alias("again")(mapped())

    given = {
        "solids": {"again": {"config": {"times": 5}}, "mapped": {"config": {"factor": 1}, "inputs": {"number": 1}}}
    }
    result = execute_pipeline(configured_ones, given)
    assert result.output_for_solid("sevenfold") == (5 + 3) * 7
    assert result.output_for_solid("manifold") == (5 + 3) * 7 * 2
    assert result.output_for_solid("again") == (1 + 3) * 5
    with pytest.raises(
        DagsterInvalidConfigError, match=r"configured` of composite solid other.*\n  factor: expected Int"
    ):
        mapped.configured({"factor": "x"}, "other")


def test_a_config_mapping_maps_to_graphs_that_have_one() -> None:
    @composite_solid(config_schema={"n": int}, config_fn=lambda given: {"mapped": {"config": {"factor": given["n"]}}})
    def outer(number: int = 1):
        return mapped(number)

    given = {"solids": {"outer": {"config": {"n": 4}}}}
    assert execute_pipeline(in_pipeline(outer), given).output_for_solid("outer") == (1 + 3) * 4
    assert outer.input_defs[0].name == "number"
    assert InputDefinition("x").mapping_to("a", "b").maps_to == ("a", "b")
