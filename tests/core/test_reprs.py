"""What users see of objects that they print: which one it is, and nothing that may be large or secret."""

from __future__ import annotations

from typing import Any

import pytest

from core import (
    Array,
    DagsterInstance,
    DependencyDefinition,
    Field,
    In,
    InputDefinition,
    Int,
    MultiDependencyDefinition,
    MultiOut,
    Noneable,
    Out,
    Output,
    OutputDefinition,
    Selector,
    SolidInvocation,
    build_hook_context,
    build_input_context,
    build_output_context,
    build_solid_context,
    composite_solid,
    execute_pipeline,
    execute_solid,
    lambda_solid,
    pipeline,
    solid,
)
from core.experimental import DynamicOutput, DynamicOutputDefinition

LOADED = build_output_context("load", "rows")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (Output("hunter2"), "<Output 'result' of type str>"),
        (Output([1], "rows"), "<Output 'rows' of type list>"),
        (DynamicOutput("hunter2", "a"), "<DynamicOutput 'result' [a] of type str>"),
        (InputDefinition("rows", list[int]), "<InputDefinition 'rows': List[Int]>"),
        (OutputDefinition(), "<OutputDefinition 'result': Any>"),
        (DynamicOutputDefinition(int, "numbers"), "<DynamicOutputDefinition 'numbers': Int>"),
        (In(int), "<In: Int>"),
        (Out(int), "<Out: Int>"),
        (Out(int, "rows"), "<Out 'rows': Int>"),
        (MultiOut({"even": Out(int), "odd": Out(int)}), "<MultiOut of even, odd>"),
        (SolidInvocation("add"), "<SolidInvocation of 'add'>"),
        (SolidInvocation("add", "again"), "<SolidInvocation of 'add' as 'again'>"),
        (
            MultiDependencyDefinition([DependencyDefinition("one")]),
            "MultiDependencyDefinition([DependencyDefinition(solid='one', output='result', description=None)])",
        ),
        (Field(str, default_value="hunter2"), "<Field: String, not required>"),
        (Field(Int), "<Field: Int, required>"),
        (Array(Noneable(int)), "<Array: list of (Int or null)>"),
        (Selector({"file": str, "memory": {}}), "<Selector: exactly one of file, memory>"),
        (LOADED, "<OutputContextOutsideRun of output 'rows' of step 'load'>"),
        (
            build_input_context("table", upstream_output=LOADED),
            f"<InputContextOutsideRun of input 'table' of step None, fed by {LOADED!r}>",
        ),
    ],
    ids=repr,
)
def test_objects_say_which_one_they_are(shown: Any, expected: str) -> None:
    assert repr(shown) == expected


def test_instances_say_where_they_are(tmp_path: Any) -> None:
    with DagsterInstance.ephemeral() as instance:
        assert repr(instance) == "<DagsterInstance in memory>"
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert repr(instance) == f"<DagsterInstance at {tmp_path}>"


def test_contexts_say_what_they_are_of() -> None:
    @solid
    def shown(context: Any) -> str:
        return repr(context)

    assert execute_solid(shown).output_value() == "<SolidExecutionContext of step 'shown'>"
    assert repr(build_hook_context(solid=shown)) == "<BuiltHookContext of step 'shown'>"
    assert repr(build_hook_context()) == "<BuiltHookContext of step None>"
    assert "SolidContextOutsideRun" in repr(build_solid_context())


@pytest.mark.parametrize(("number", "outcome"), [(1, "succeeded"), (0, "did not succeed")])
def test_results_of_composite_solids_say_how_they_ended(number: int, outcome: str) -> None:
    divide = lambda_solid(name="divide")(lambda: 1 / number)

    @composite_solid
    def dividing() -> Any:
        return divide()

    result = execute_pipeline(pipeline(name="divisions")(lambda: dividing()), raise_on_error=False)
    assert repr(result.result_for_solid("dividing")) == f"<CompositeSolidExecutionResult 'dividing': {outcome}>"
