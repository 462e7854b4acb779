"""`@op`, `@graph`, and the jobs that graphs become."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import (
    ConfigMapping,
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    Field,
    In,
    InputDefinition,
    MultiOut,
    Nothing,
    Out,
    Output,
    OutputDefinition,
    SolidDefinition,
    execute_pipeline,
    graph,
    in_process_executor,
    op,
    pipeline,
    reexecute_pipeline,
    resource,
)


@op(ins={"number": In(int, "A number.")}, out=Out(int, description="One more."), config_schema={"by": Field(int, 1)})
def add(context, number):
    """Adds."""
    return number + context.solid_config["by"]


@op(out={"even": Out(int, is_required=False), "odd": Out(int, is_required=False)})
def sort_out(number: int) -> Iterator[Output]:
    yield Output(number, "odd" if number % 2 else "even")


@graph
def add_two(number: int):
    """Adds two."""
    return add(add(number))


def test_an_op_is_a_solid_whose_inputs_and_outputs_have_their_names_as_keys() -> None:
    assert isinstance(add, SolidDefinition)
    (number,), (result,) = add.input_defs, add.output_defs
    assert (number.name, number.dagster_type.display_name, number.description) == ("number", "Int", "A number.")
    assert (result.name, result.dagster_type.display_name, result.description) == ("result", "Int", "One more.")
    assert [(each.name, each.is_required) for each in sort_out.output_defs] == [("even", False), ("odd", False)]
    assert add.description == "Adds."

    @op
    def plain(x: int = 3) -> str:
        return str(x)

    assert (plain.input_defs[0].default_value, plain.output_defs[0].dagster_type.display_name) == (3, "String")

    @op(
        "named",
        ins={"start": In(Nothing), "y": In(default_value=5, metadata={"a": 1})},
        out=MultiOut([Out(int, "a", io_manager_key="io_manager"), Out(name="b")]),
        tags={"kind": "op"},
        version="1",
    )
    def several(y: int) -> Any:
        yield Output(y, "a")
        yield Output(y, "b")

    inputs = {each.name: (each.dagster_type.display_name, each.metadata) for each in several.input_defs}
    assert inputs == {"y": ("Int", {"a": 1}), "start": ("Nothing", {})}
    assert [each.name for each in several.output_defs] == ["a", "b"]
    assert (several.name, several.tags, several.version) == ("named", {"kind": "op"}, "1")

    @op(input_defs=[InputDefinition("x", int)], output_defs=[OutputDefinition(int, "z")])
    def as_before(x: Any) -> Any:
        return x

    assert as_before.output_defs[0].name == "z"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"ins": {"y": In(int)}}, "declares an input 'y' that its function does not take"),
        ({"ins": {"x": In(int)}, "input_defs": [InputDefinition("x")]}, "in `ins` or in `input_defs`"),
        ({"out": Out(int), "output_defs": [OutputDefinition()]}, "in `out` or in `output_defs`"),
        ({"out": {"a b": Out(int)}}, "'a b' is not a valid output name"),
        ({"ins": {"x-y": In(int)}}, "'x-y' is not a valid input name"),
    ],
)
def test_what_does_not_fit_an_op_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=message):
        op("made", **more)(lambda x: x)


@pytest.mark.parametrize(
    ("outs", "message"),
    [
        ([Out(int)], "needs a name"),
        ({"a": Out(int, "b")}, "the name 'b'"),
        ([Out(int, "a"), Out(str, "a")], "two outputs called 'a'"),
        ({"a": int}, "outs of a MultiOut holds the class int for 'a'"),
    ],
)
def test_several_outputs_need_a_name_each(outs: Any, message: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=message):
        MultiOut(outs)


def test_a_graph_is_placed_in_graphs_and_pipelines() -> None:
    @op
    def number_of(number: int) -> int:
        return number

    @graph(out={"big": Out(int), "small": Out(int)})
    def outer(number: int) -> Any:
        return {"big": add_two(add_two(number)), "small": number_of(number)}

    @pipeline
    def placed() -> None:
        outer()

    result = execute_pipeline(placed, {"solids": {"outer": {"inputs": {"number": 1}}}})
    assert result.result_for_solid("outer").output_values == {"big": 5, "small": 1}
    assert "outer.add_two_2.add" in result.executed_step_keys


def test_a_graph_is_executed_on_its_own() -> None:
    result = add_two.execute_in_process({"inputs": {"number": 5}, "solids": {"add": {"config": {"by": 10}}}})
    assert result.success
    assert result.output_value() == 16
    assert result.output_values == {"result": 16}
    assert result.output_for_node("add") == 15
    assert result.result_for_node("add_2").success
    assert result.run.executed_step_keys == ["add", "add_2"]
    with pytest.raises(DagsterInvariantViolationError, match="Graph 'add_two': unknown output 'other'"):
        result.output_value("other")
    with pytest.raises(DagsterInvalidConfigError, match=r"1 error:\n  inputs: missing required config: number"):
        add_two.execute_in_process()


def test_a_graph_becomes_a_job(tmp_path: Path) -> None:
    @resource(config_schema=Field(int, default_value=2))
    def factor(context: Any) -> int:
        return int(context.resource_config)

    @op(required_resource_keys={"factor"})
    def times(context: Any, number: int) -> int:
        return number * int(context.resources.factor)

    @graph(tags={"of": "graph"}, ins={"number": In(int, default_value=3)})
    def timed(number):
        """Times."""
        return times(add(number))

    job = timed.to_job("job", resource_defs={"factor": factor}, tags={"more": "tags"}, executor_def=in_process_executor)
    assert (job.name, job.description, job.tags) == ("job", "Times.", {"of": "graph", "more": "tags"})
    assert [each.name for each in job.mode_defs] == ["default"]
    with DagsterInstance.ephemeral(str(tmp_path)) as instance:
        first = execute_pipeline(job, {"resources": {"factor": {"config": 5}}}, instance=instance)
        assert first.output_for_solid("times") == (3 + 1) * 5
        assert [each.solid_name for each in first.solid_result_list] == ["add", "times"]
        again = reexecute_pipeline(job, first.run_id, {"inputs": {"number": 0}}, instance=instance)
        assert again.output_for_solid("times") == 2
    with pytest.raises(DagsterInvalidDefinitionError, match="'times' requires the resource 'factor'"):
        timed.to_job()
    assert timed.execute_in_process(resources={"factor": 7}).output_value() == 28


def test_a_job_has_a_run_config_of_its_own_or_makes_it() -> None:
    fixed = add_two.to_job(config={"inputs": {"number": 4}})
    assert execute_pipeline(fixed).output_for_solid("add_2") == 6
    assert execute_pipeline(fixed, {"inputs": {"number": 0}}).output_for_solid("add_2") == 2

    def full(given: Any) -> Any:
        return {"inputs": {"number": given["n"]}, "solids": {"add": {"config": {"by": given.get("by")}}}}

    made = add_two.to_job(config=ConfigMapping(full, {"n": int, "by": Field(int, is_required=False)}))
    assert execute_pipeline(made, {"n": 1, "by": 5}).output_for_solid("add_2") == 7
    with pytest.raises(DagsterInvalidConfigError, match=r"1 error:\n  n: missing required config"):
        execute_pipeline(made)
    with pytest.raises(
        DagsterInvalidConfigError, match=r"config_fn of 'add_two' made of it is wrong at solids\.add\.config"
    ):
        execute_pipeline(made, {"n": 1})


def test_a_graph_has_config_of_its_own() -> None:
    @graph(config=ConfigMapping(lambda given: {"add": {"config": {"by": given}}}, int))
    def added(number: int):
        return add(number)

    @graph(config={"add": {"config": {"by": 30}}})
    def fixed(number: int):
        return add(number)

    assert added.execute_in_process({"config": 7, "inputs": {"number": 1}}).output_value() == 8
    assert fixed.execute_in_process({"inputs": {"number": 1}}).output_value() == 31

    @pipeline
    def both() -> None:
        fixed(added())

    given = {"solids": {"added": {"config": 5, "inputs": {"number": 1}}}}
    assert execute_pipeline(both, given).output_for_solid("fixed") == 36
