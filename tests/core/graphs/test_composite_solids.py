"""Composite solids: what they are made of, what feeds them, and what they are refused for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from core import (
    CompositeSolidDefinition,
    CompositeSolidExecutionResult,
    ConfigMapping,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DependencyDefinition,
    InputDefinition,
    InputMapping,
    List,
    ModeDefinition,
    MultiDependencyDefinition,
    Nothing,
    Output,
    OutputDefinition,
    OutputMapping,
    PipelineDefinition,
    SolidInvocation,
    composite_solid,
    execute_pipeline,
    pipeline,
    resource,
    solid,
)
from core.definitions.dependency import MappedInputPlaceholder
from core.definitions.parts.input_output import InputPointer, OutputPointer


@solid
def one() -> int:
    return 1


@solid
def add_one(number: int) -> int:
    return number + 1


@solid
def total(numbers: List[int]) -> int:
    return sum(numbers)


@solid(output_defs=[OutputDefinition(int, "half", is_required=False), OutputDefinition(int, "rest")])
def split(number: int) -> Iterator[Output]:
    if number % 2 == 0:
        yield Output(number // 2, "half")
    yield Output(number % 2, "rest")


@composite_solid
def add_two(number: int) -> int:
    """Adds two."""
    return add_one(add_one(number))


@composite_solid
def add_four(number):
    return add_two.alias("again")(add_two(number))


def test_a_composite_solid_is_one_solid_in_a_pipeline_and_several_steps_of_a_run() -> None:
    @pipeline
    def nested() -> None:
        add_one(add_four(one()))

    assert [each.name for each in nested.solids] == ["one", "add_four", "add_one"]
    inner = [
        "add_four.add_two.add_one",
        "add_four.add_two.add_one_2",
        "add_four.again.add_one",
        "add_four.again.add_one_2",
    ]
    assert [each.key for each in nested.leaves] == ["one", *inner, "add_one"]
    assert list(nested.graphs) == ["add_four", "add_four.add_two", "add_four.again"]
    result = execute_pipeline(nested)
    assert result.executed_step_keys == ["one", *inner, "add_one"]
    assert [event.solid_name for event in result.event_list if event.event_type_value == "STEP_START"] == [
        "one", "add_one", "add_one_2", "add_one", "add_one_2", "add_one",
    ]  # fmt: skip
    assert result.output_for_solid("add_one") == 6
    assert add_two.description == "Adds two."
    assert isinstance(add_two, CompositeSolidDefinition)


def test_a_composite_solid_has_a_result() -> None:
    @composite_solid(output_defs=[OutputDefinition(int, "all"), OutputDefinition(int, "part")])
    def outer(number: int) -> Any:
        sum_ = add_four(number)
        return {"all": sum_, "part": split(sum_).half}

    @pipeline
    def odd_and_even() -> None:
        outer(one())
        outer.alias("even")(add_one(one()))

    result = execute_pipeline(odd_and_even)
    odd, even = result.result_for_solid("outer"), result.result_for_handle("even")
    assert isinstance(odd, CompositeSolidExecutionResult)
    assert [each.solid_name for each in result.solid_result_list] == ["one", "one_2", "outer", "add_one", "even"]
    assert (odd.success, odd.skipped, odd.output_values, odd.output_value("part")) == (True, False, {"all": 5}, None)
    assert (even.output_values, even.output_value("all")) == ({"all": 6, "part": 3}, 6)
    assert [each.solid_name for each in odd.solid_result_list] == ["add_four", "split"]
    assert odd.result_for_solid("add_four").result_for_solid("again").output_value() == 5
    assert odd.result_for_solid("add_four.again.add_one").output_value() == 4
    assert result.output_for_solid("outer.add_four.again.add_one_2") == 5
    assert {event.step_key for event in odd.compute_step_events} == {
        key for key in result.executed_step_keys if key.startswith("outer.")
    }
    with pytest.raises(DagsterInvariantViolationError, match=r"Solid 'outer': unknown output 'result'"):
        odd.output_value()
    with pytest.raises(
        DagsterInvariantViolationError, match=r"unknown solid 'outer\.splitt'; did you mean 'outer\.split'"
    ):
        odd.result_for_solid("splitt")
    with pytest.raises(DagsterInvariantViolationError, match="unknown solid 'nothing'"):
        result.result_for_solid("nothing")


def test_a_failure_inside_fails_the_composite_solid_and_what_follows_is_not_executed() -> None:
    @solid
    def breaks(_: Any, number: int) -> int:
        raise RuntimeError(f"no {number}")

    @composite_solid
    def outer(number: int) -> int:
        return add_one(breaks(number))

    @pipeline
    def broken() -> None:
        add_one.alias("after")(outer(one()))

    result = execute_pipeline(broken, raise_on_error=False)
    assert not result.success
    assert not result.result_for_solid("outer").success
    assert result.result_for_handle("outer.breaks").failure_data is not None
    assert result.executed_step_keys == ["one", "outer.breaks"]
    with pytest.raises(RuntimeError, match="no 1"):
        execute_pipeline(broken)


def test_an_output_that_is_not_given_skips_what_it_feeds_across_composite_solids() -> None:
    @composite_solid(input_defs=[InputDefinition("number", int)], output_defs=[OutputDefinition(int, "half")])
    def halved(number):
        return split(number).half

    @pipeline
    def halves() -> None:
        add_two(halved(one()))

    result = execute_pipeline(halves)
    assert result.success
    taken = result.result_for_solid("add_two")
    assert (taken.skipped, taken.success, taken.output_values) == (True, True, {})
    assert result.executed_step_keys == ["one", "halved.split"]


def test_nothing_and_lists_go_through_composite_solids() -> None:
    order: list[str] = []

    @solid(output_defs=[OutputDefinition(Nothing)])
    def prepare() -> None:
        order.append("prepared")

    @solid(input_defs=[InputDefinition("start", Nothing)])
    def read() -> int:
        order.append("read")
        return 5

    @composite_solid(input_defs=[InputDefinition("start", Nothing)])
    def reading(start):
        return add_one(read(start))

    @composite_solid
    def summed(numbers, more, most):
        return total([more, total.alias("inner")(numbers), most])

    @pipeline
    def sums() -> None:
        number = reading(prepare())
        summed([one(), number, add_one(number)], more=one(), most=number)

    result = execute_pipeline(sums)
    assert result.output_for_solid("summed") == 1 + (1 + 6 + 7) + 6
    assert order == ["prepared", "read"]
    assert reading.input_dict["start"].dagster_type.is_nothing


def test_composite_solids_are_made_by_hand() -> None:
    by_hand = CompositeSolidDefinition(
        "by_hand",
        [add_one, total],
        input_mappings=[
            InputDefinition("b").mapping_to("total", "numbers", fan_in_index=1),
            (a := InputDefinition("a", int)).mapping_to("first", "number"),
            InputMapping(a, InputPointer("second", "number")),
        ],
        output_mappings=[
            OutputDefinition(int, "sum").mapping_from("total"),
            OutputMapping(OutputDefinition(name="first"), OutputPointer("first", "result")),
        ],
        dependencies={
            SolidInvocation("add_one", "first", tags={"kind": "first"}): {},
            SolidInvocation("add_one", "second"): {},
            "total": {
                "numbers": MultiDependencyDefinition(
                    [DependencyDefinition("first"), MappedInputPlaceholder, DependencyDefinition("second")]
                )
            },
        },
        description="As text.",
        tags={"of": "it"},
        positional_inputs=["a", "b"],
    )
    assert [each.name for each in by_hand.input_defs] == ["a", "b"]
    assert [(each.name, each.dagster_type.display_name) for each in by_hand.output_defs] == [
        ("sum", "Int"), ("first", "Int"),
    ]  # fmt: skip
    built = PipelineDefinition(
        [one, by_hand],
        "built",
        dependencies={
            SolidInvocation("by_hand", "alias", {"more": "tags"}): {
                "a": DependencyDefinition("one"), "b": DependencyDefinition("one"),
            },
            "one": {},
            SolidInvocation("by_hand", "next"): {
                "a": DependencyDefinition("alias", "sum"), "b": DependencyDefinition("alias", "first"),
            },
        },
    )  # fmt: skip
    result = execute_pipeline(built)
    assert result.output_for_solid("alias", "sum") == 2 + 1 + 2
    assert result.result_for_solid("next").output_values == {"sum": 6 + 2 + 6, "first": 6}
    assert next(each for each in built.leaves if each.key == "alias.first").tags == {"kind": "first"}
    assert built.solid_named("alias").tags == {"of": "it", "more": "tags"}

    @pipeline
    def called() -> None:
        by_hand(one(), add_one(one()))

    assert execute_pipeline(called).output_for_solid("by_hand", "sum") == 2 + 2 + 2


def test_inputs_that_nothing_feeds_come_from_run_config_or_defaults() -> None:
    @composite_solid
    def outer(number: int, other: int = 7):
        return {"a": add_two(number), "b": add_one.alias("with_default")(other)}

    @composite_solid
    def outermost(number, other: int):
        outer.alias("fixed")(add_one(number))
        outer(number, other)

    @pipeline
    def unfed() -> None:
        outermost()

    given = {"solids": {"outermost": {"inputs": {"number": 3, "other": {"value": 4}}}}}
    result = execute_pipeline(unfed, given)
    assert result.result_for_handle("outermost.outer").output_values == {"a": 5, "b": 5}
    assert result.result_for_handle("outermost.fixed").output_values == {"a": 6, "b": 8}
    del given["solids"]["outermost"]["inputs"]["other"]  # type: ignore[attr-defined]
    assert execute_pipeline(unfed, given).output_for_solid("outermost.outer.with_default") == 8
    with pytest.raises(
        DagsterInvalidConfigError, match=r"1 error:\n  solids: missing required config: outermost\.inputs\.number"
    ):
        execute_pipeline(unfed)
    there = {"solids": {"outermost": {"solids": {"outer": {"inputs": {"number": 3}}}, "inputs": {"number": 1}}}}
    with pytest.raises(DagsterInvalidConfigError, match=r"given by input 'number' of 'outermost'"):
        execute_pipeline(unfed, there)
    fed = {"solids": {"outermost": {"solids": {"fixed": {"inputs": {"number": 3}}}, "inputs": {"number": 1}}}}
    with pytest.raises(DagsterInvalidConfigError, match="a solid feeds this input"):
        execute_pipeline(unfed, fed)


def test_solids_inside_have_the_resources_that_they_require() -> None:
    @resource
    def step() -> int:
        return 10

    @solid(required_resource_keys={"step"})
    def add_step(context: Any, number: int) -> int:
        assert (context.solid.name, context.step_key) == ("add_step", "outer.add_step")
        return number + int(context.resources.step)

    @composite_solid
    def outer(number):
        return add_step(number)

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"step": step})])
    def with_resource() -> None:
        outer(one())

    assert execute_pipeline(with_resource).output_for_solid("outer") == 11
    with pytest.raises(DagsterInvalidDefinitionError, match="solid 'add_step' requires the resource 'step'"):
        PipelineDefinition([outer, one], dependencies={"outer": {"number": DependencyDefinition("one")}})


def unmapped_input(_number):
    return one()


def unknown_output(number: int) -> Any:
    return {"x": add_one(number)}


def returns_input(number: int) -> Any:
    return number


def returns_constant() -> Any:
    one()
    return 5


def asks(number: int) -> Any:
    return add_one(number) if number else None


def unpacks(numbers: Any) -> Any:
    return [add_one(each) for each in numbers]


def takes_many(*numbers: int) -> Any:
    return total(list(numbers))


def two_of_one_name(number: int) -> Any:
    other = solid("add_one")(lambda number: number)
    return add_one(other(number))


def gives_constant(_: Any = None) -> Any:
    return add_one(5)


Y = OutputDefinition(int, "y")


@pytest.mark.parametrize(
    ("body", "more", "message"),
    [
        (unmapped_input, {}, r"'unmapped_input' gives its input '_number' to no solid"),
        (unknown_output, {"output_defs": [Y]}, "returns an unknown output 'x'.*Known: y"),
        (lambda: None, {"name": "empty", "output_defs": [Y]}, "'empty' returns nothing for its output 'y'"),
        (lambda: one(), {"name": "more", "output_defs": [Y, OutputDefinition(int, "z")]}, "unknown output 'result'"),
        (returns_input, {}, "returns its input 'number', which no solid gives"),
        (returns_constant, {}, "returns an int. Return the output of a solid in it"),
        (takes_many, {}, r"takes \*numbers"),
        (two_of_one_name, {}, "uses two different solids called 'add_one'"),
        (gives_constant, {}, "was given an int"),
        (returns_constant, {"input_defs": [InputDefinition("x", Nothing)]}, "declares an input 'x' that its function"),
        (add_one.compute_fn, {"name": "a.b"}, r"'a\.b' is not a valid composite solid name"),
        (lambda: one(), {"name": "c", "config_schema": {"a": int}}, "'c' has a config_schema and no config_fn"),
        (lambda: one(), {"name": "c", "config_fn": lambda _: {}}, "'c' has a config_fn and no config_schema"),
        (lambda: one(), {"name": "c", "output_defs": [OutputDefinition(Nothing)]}, "one of them is Nothing"),
        (lambda n: add_one(n), {"name": "c", "input_defs": [InputDefinition("n", Nothing)]}, "one of them is Nothing"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(body: Callable[..., Any], more: dict[str, Any], message: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=message):
        composite_solid(**more)(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [(asks, "asks for the truth of its input 'number'"), (unpacks, "unpacks or goes through its input")],
)
def test_values_are_not_known_in_a_body(body: Callable[..., Any], message: str) -> None:
    with pytest.raises(DagsterInvariantViolationError, match=message):
        composite_solid(body)


def test_what_is_of_another_body_is_refused() -> None:
    with pytest.raises(
        DagsterInvalidDefinitionError,
        match="Composite solid 'inner' uses the output of solid 'one' of pipeline 'outer', which is not known in it",
    ):

        @pipeline
        def outer() -> None:
            number = one()

            @composite_solid
            def inner():
                return add_one(number)

            inner()


X = InputDefinition("x")
TO_NUMBERS = {"total": {"numbers": MultiDependencyDefinition([MappedInputPlaceholder, DependencyDefinition("one")])}}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"input_mappings": [X.mapping_to("ad_one", "number")]}, "unknown solid 'ad_one'; did you mean 'add_one'"),
        ({"input_mappings": [X.mapping_to("add_one", "numbr")]}, "unknown input 'numbr'; did you mean 'number'"),
        ({"input_mappings": [X.mapping_to("add_one", "number")] * 2}, "to which one is mapped already"),
        (
            {
                "input_mappings": [X.mapping_to("add_one", "number")],
                "dependencies": {"add_one": {"number": DependencyDefinition("one")}},
            },
            "which another solid feeds already",
        ),
        ({"input_mappings": [X.mapping_to("total", "numbers", 0)]}, "MappedInputPlaceholder does not stand"),
        ({"input_mappings": [X.mapping_to("total", "numbers", 1)], "dependencies": TO_NUMBERS}, "does not stand there"),
        ({"dependencies": TO_NUMBERS}, "no input is mapped to item 0 of its input 'numbers'"),
        (
            {
                "input_mappings": [
                    X.mapping_to("add_one", "number"),
                    InputDefinition("x").mapping_to("total", "numbers"),
                ]
            },
            "two different inputs called 'x'",
        ),
        (
            {"output_mappings": [Y.mapping_from("tow")]},
            "its output 'y' is mapped from solid 'tow': unknown solid 'tow'",
        ),
        ({"output_mappings": [Y.mapping_from("one", "r")]}, "unknown output 'r'"),
        ({"output_mappings": [Y.mapping_from("one"), Y.mapping_from("total")]}, "and from another one too"),
        ({"input_mappings": [X.mapping_to("add_one", "number")], "positional_inputs": ["y"]}, "positional_inputs must"),
        (
            {"dependencies": {"add_one": {"number": DependencyDefinition("add_one")}}},
            "has a cycle among the solids add_one",
        ),
        ({"dependencies": {"add_on": {}}}, "Dependencies of composite solid 'made': unknown solid 'add_on'"),
    ],
)
def test_mappings_that_do_not_fit_are_refused_by_name(more: dict[str, Any], message: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=message) as raised:
        CompositeSolidDefinition("made", [one, add_one, total], **more)
    assert "omposite solid 'made'" in str(raised.value)


def test_a_pipeline_has_one_solid_of_a_name_however_deep() -> None:
    other = solid("add_one")(lambda number: number)

    @composite_solid
    def inner(number: int) -> int:
        return other(number)

    with pytest.raises(
        DagsterInvalidDefinitionError, match=r"two different solids called 'add_one', at 'add_one' and 'inner\.add_one'"
    ):

        @pipeline
        def confused() -> None:
            inner(add_one(one()))


def test_a_list_with_an_item_that_no_solid_or_several_give_is_refused() -> None:
    @composite_solid
    def summed(number):
        return total([number, one()])

    with pytest.raises(
        DagsterInvalidDefinitionError, match=r"'number' of 'summed' gives one item .* no solid feeds it"
    ):

        @pipeline
        def unfed() -> None:
            summed()

    with pytest.raises(
        DagsterInvalidDefinitionError, match=r"'number' of 'summed' gives one .* several values feed it"
    ):

        @pipeline
        def fed_by_two() -> None:
            summed([one(), one()])


def test_graphs_may_be_a_hundred_in_each_other_and_no_more() -> None:
    inner: Any = add_one
    for level in range(100):
        inner = CompositeSolidDefinition(
            f"level_{level}",
            [inner],
            [InputDefinition("number").mapping_to(inner.name, "number")],
            [OutputDefinition().mapping_from(inner.name)],
        )

    @pipeline
    def deep() -> None:
        inner(one())

    assert execute_pipeline(deep).output_for_solid("level_99") == 2
    with pytest.raises(
        DagsterInvalidDefinitionError, match="'over' has 101 graphs in each other, and 100 are the most"
    ):
        CompositeSolidDefinition("over", [inner])


def test_config_mappings_belong_to_graphs_that_have_them() -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match="Composite solid 'add_two' has no config mapping"):
        add_two.configured({"a": 1}, "configured")
    assert ConfigMapping(dict, {"a": int}).config_schema == {"a": int}


def test_a_pipeline_takes_no_inputs() -> None:
    with pytest.raises(
        DagsterInvalidDefinitionError, match="The function of pipeline 'takes' takes number, and a pipeline"
    ):

        @pipeline
        def takes(number: int) -> None:
            add_one(number)
