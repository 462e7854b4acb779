"""Dynamic outputs: steps for each of their values, lists of all, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidDefinitionError,
    DagsterInvalidSubsetError,
    DagsterInvariantViolationError,
    DependencyDefinition,
    Field,
    List,
    ModeDefinition,
    MultiDependencyDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryRequested,
    composite_solid,
    execute_pipeline,
    fs_io_manager,
    mem_io_manager,
    pipeline,
    reexecute_pipeline,
    solid,
)
from core.definitions.dependency import DynamicCollectDependencyDefinition
from core.experimental import DynamicOutput, DynamicOutputDefinition
from core.plan import build_plan, expanded
from core.plan.progress import Progress

FAILING: set[str] = set()
SKIPPING: set[str] = set()


@solid(output_defs=[DynamicOutputDefinition(int)], config_schema=Field(int, default_value=3))
def emit(context: Any) -> Iterator[DynamicOutput]:
    for number in range(context.solid_config):
        yield DynamicOutput(number, mapping_key=f"k{number}")


@solid
def add_one(number: int) -> int:
    return number + 1


@solid(output_defs=[OutputDefinition(int, is_required=False)])
def maybe(context: Any, number: int) -> Iterator[Output]:
    if context.step_key in FAILING:
        raise RuntimeError(f"{context.step_key} fails")
    if context.step_key not in SKIPPING:
        yield Output(10 * number)


@solid
def total(numbers: List[int]) -> int:
    return sum(numbers)


ADD = solid("add")(lambda left, right: left + right)


@solid
def listed(numbers: List[int]) -> list:
    return numbers


@pytest.fixture(autouse=True)
def _all_well() -> Iterator[None]:
    yield
    FAILING.clear()
    SKIPPING.clear()


MODES = [
    ModeDefinition("disk", resource_defs={"io_manager": fs_io_manager}),
    ModeDefinition("memory", resource_defs={"io_manager": mem_io_manager}),
]


@pipeline(mode_defs=MODES)
def fan_out() -> None:
    numbers = emit()
    mapped = numbers.map(lambda number: maybe(add_one(number)))
    total(mapped.collect())
    listed(numbers.collect())


@pytest.mark.parametrize("mode", ["disk", "memory"])
@pytest.mark.parametrize("count", [0, 1, 3, 12])
def test_there_is_a_step_for_each_value_and_a_list_of_all(mode: str, count: int) -> None:
    result = execute_pipeline(fan_out, {"solids": {"emit": {"config": count}}}, mode=mode)
    keys = [f"k{number}" for number in range(count)]
    assert result.success
    assert set(result.executed_step_keys) == {
        "emit", "total", "listed", *(f"add_one[{key}]" for key in keys), *(f"maybe[{key}]" for key in keys),
    }  # fmt: skip
    assert result.output_for_solid("listed") == list(range(count))
    assert result.output_for_solid("total") == sum(10 * (number + 1) for number in range(count))
    assert result.output_for_solid("emit") == {key: number for number, key in enumerate(keys)}
    assert result.output_for_solid("add_one") == {key: number + 1 for number, key in enumerate(keys)}
    each = result.result_for_solid("maybe")
    assert (each.success, each.skipped, list(each.results)) == (True, False, keys)
    if count:
        assert result.result_for_handle("maybe[k0]").output_value() == 10
        assert each.result_for_key("k0").output_values == {"result": 10}
    assert all(found.solid.key == "maybe" for found in each.results.values())
    with pytest.raises(DagsterInvariantViolationError, match="unknown mapping key 'k99'"):
        each.result_for_key("k99")


def test_what_fails_or_is_skipped_for_one_value_is_so_for_that_value_alone() -> None:
    SKIPPING.add("maybe[k1]")
    result = execute_pipeline(fan_out)
    assert result.output_for_solid("total") == 10 + 30
    assert result.output_for_solid("maybe") == {"k0": 10, "k2": 30}
    SKIPPING.update({"maybe[k0]", "maybe[k2]"})
    result = execute_pipeline(fan_out)
    assert (result.success, result.result_for_solid("total").skipped) == (True, True)
    FAILING.add("maybe[k1]")
    SKIPPING.clear()
    result = execute_pipeline(fan_out, raise_on_error=False)
    assert not result.success
    assert {"maybe[k0]", "maybe[k2]", "listed"} <= set(result.executed_step_keys)
    assert "total" not in result.executed_step_keys
    assert not result.result_for_solid("maybe").success


@solid
def one() -> int:
    return 1


@solid(output_defs=[OutputDefinition(int, is_required=False)])
def absent() -> Iterator[Output]:
    yield from ()


@solid(output_defs=[DynamicOutputDefinition(int)])
def breaks(number: int) -> Iterator[DynamicOutput]:
    yield DynamicOutput(number, "a")
    raise RuntimeError("after one value")


def test_where_the_values_are_not_given_nothing_follows() -> None:
    @pipeline
    def broken() -> None:
        total(breaks(one()).map(add_one).collect())

    @pipeline
    def skipped() -> None:
        total(breaks(absent()).map(add_one).collect())

    result = execute_pipeline(broken, raise_on_error=False)
    assert result.executed_step_keys == ["one", "breaks"]
    assert result.result_for_solid("add_one").results == {}
    result = execute_pipeline(skipped)
    assert (result.success, result.executed_step_keys) == (True, ["absent"])
    assert result.result_for_solid("total").skipped


def test_outputs_may_be_several_returned_and_beside_others() -> None:
    @solid(
        output_defs=[
            DynamicOutputDefinition(int, "numbers"),
            OutputDefinition(str, "name"),
            DynamicOutputDefinition(str, "texts"),
        ]
    )
    def several() -> Iterator[Any]:
        yield DynamicOutput(1, "a", "numbers")
        yield Output("me", "name")
        yield DynamicOutput("x", "p", "texts")
        yield DynamicOutput(2, "b", output_name="numbers")

    @solid
    def with_name(number: int, name: str) -> str:
        return f"{name}{number}"

    @solid
    def joined(texts: List[str]) -> str:
        return "".join(texts)

    @solid
    def upper(text: str) -> str:
        return text.upper()

    @solid(output_defs=[DynamicOutputDefinition()])
    def returning() -> Any:
        return [DynamicOutput(1, "one"), DynamicOutput(2, "two")]

    @pipeline
    def mixed() -> None:
        numbers, name, texts = several()
        joined(numbers.map(lambda number: with_name(number, name)).collect())
        texts.map(upper)
        total(returning().collect())

    result = execute_pipeline(mixed)
    assert result.output_for_solid("joined") == "me1me2"
    assert result.output_for_solid("upper") == {"p": "X"}
    assert result.output_for_solid("total") == 3
    assert result.result_for_solid("several").output_values == {
        "numbers": {"a": 1, "b": 2}, "name": "me", "texts": {"p": "x"},
    }  # fmt: skip


def test_a_function_given_to_map_may_return_several_outputs_or_none() -> None:
    @solid(output_defs=[OutputDefinition(int, "low"), OutputDefinition(int, "high")])
    def both(number: int) -> Iterator[Output]:
        yield Output(number, "low")
        yield Output(number + 100, "high")

    @pipeline
    def mapped() -> None:
        numbers = emit()
        low, high = numbers.map(both)
        total.alias("low")(low.collect())
        total.alias("high")(high.map(add_one).collect())
        one, other = numbers.map(lambda number: (add_one(number), add_one(number)))
        total.alias("other")(other.collect())
        total.alias("one")(numbers.map(lambda number: {"x": add_one(number)})["x"].collect())
        assert numbers.map(lambda number: None) is None
        assert one is not None

    result = execute_pipeline(mapped)
    assert [result.output_for_solid(name) for name in ("low", "high", "other", "one")] == [3, 306, 6, 6]


def test_dynamic_outputs_go_through_composite_solids() -> None:
    @composite_solid
    def emitting():
        return emit().map(add_one)

    @composite_solid
    def adding(number):
        return add_one(add_one(number))

    @composite_solid
    def summing(numbers):
        return total(numbers)

    @pipeline
    def nested() -> None:
        summing(emitting().map(adding).collect())

    assert emitting.output_defs[0].is_dynamic
    result = execute_pipeline(nested)
    assert result.output_for_solid("summing") == 3 + 4 + 5
    assert "adding.add_one_2[k1]" in result.executed_step_keys
    assert result.result_for_solid("adding").output_value() == {"k0": 3, "k1": 4, "k2": 5}
    assert result.result_for_solid("emitting").output_values == {"result": {"k0": 1, "k1": 2, "k2": 3}}
    with pytest.raises(DagsterInvalidDefinitionError, match="must be declared as DynamicOutputDefinition"):
        composite_solid("c", output_defs=[OutputDefinition(int)])(lambda: emit())
    with pytest.raises(DagsterInvalidDefinitionError, match="must be declared as OutputDefinition"):
        composite_solid("c", output_defs=[DynamicOutputDefinition(int)])(lambda: total(emit().collect()))


def test_dependencies_on_dynamic_outputs_are_made_by_hand() -> None:
    by_hand = PipelineDefinition(
        [emit, add_one, total],
        "by_hand",
        dependencies={
            "add_one": {"number": DependencyDefinition("emit")},
            "total": {"numbers": DynamicCollectDependencyDefinition("add_one")},
        },
    )
    assert execute_pipeline(by_hand).output_for_solid("total") == 6


def test_what_is_collected_is_a_list_as_any_other() -> None:
    @solid(output_defs=[DynamicOutputDefinition(int)])
    def down_from(number: int) -> Iterator[DynamicOutput]:
        for each in range(number, 0, -1):
            yield DynamicOutput(each, mapping_key=f"n{each}")

    @composite_solid
    def both(left: List[int], right: List[int]):
        return ADD(left, right)

    @pipeline(mode_defs=MODES)
    def joined() -> None:
        first = emit().map(add_one)  # 1, 2, 3
        second = down_from(total(first.collect()))  # 6, 5, 4, 3, 2, 1
        both(first.collect(), second.collect())
        last = emit.alias("last")()
        summed = total.alias("summed")(second.map(maybe).collect())  # 210
        listed(last.map(lambda number: ADD.alias("with_sum")(number, summed)).collect())

    for mode in ("disk", "memory"):
        result = execute_pipeline(joined, mode=mode)
        assert result.output_for_solid("both") == [1, 2, 3, 6, 5, 4, 3, 2, 1]
        assert result.output_for_solid("maybe") == {f"n{each}": 10 * each for each in range(6, 0, -1)}
        assert result.output_for_solid("listed") == [210, 211, 212]
        assert "both.add" in result.executed_step_keys


def test_a_step_for_a_value_may_be_retried() -> None:
    tries: list[str] = []

    @solid
    def flaky(context: Any, number: int) -> int:
        tries.append(context.step_key)
        if tries.count(context.step_key) < 2:
            raise RetryRequested(max_retries=1)
        return number

    @pipeline
    def retried() -> None:
        total(emit().map(flaky).collect())

    assert execute_pipeline(retried).output_for_solid("total") == 3
    assert len(tries) == 6


def two_maps() -> None:
    emit().map(lambda x: emit.alias("other")().map(lambda y: ADD(x, y)))


def two_maps_further_down() -> None:
    mapped = emit().map(add_one)
    mapped.map(lambda x: emit.alias("other")().map(add_one.alias("more")).map(lambda y: ADD(x, y)))


def map_in_map() -> None:
    each = solid("each", output_defs=[DynamicOutputDefinition()])(lambda number: [])
    emit().map(each)


def list_and_map() -> None:
    numbers = emit()
    numbers.map(lambda number: ADD(number, numbers.collect()))


def list_of_another_and_map() -> None:
    other = emit.alias("other")().map(add_one)
    emit().map(lambda number: ADD(number, other.collect()))


def list_of_mapped() -> None:
    found: list[Any] = []
    emit().map(found.append)
    total(found)


@pytest.mark.parametrize(
    ("body", "solid_key", "message"),
    [
        (two_maps, "add", "is downstream of more than one dynamic output: 'result' of 'emit' and 'result' of 'other'"),
        (two_maps_further_down, "add", "is downstream of more than one dynamic output"),
        (map_in_map, "each", "has a dynamic output and is downstream of another one, 'result' of 'emit'"),
        (list_and_map, "add", "is mapped over 'result' of 'emit', and collects too"),
        (list_of_another_and_map, "add", "is mapped over 'result' of 'emit', and collects too"),
        (
            list_of_mapped,
            "total",
            "takes a list for input 'numbers', with an item that is mapped over 'result' of 'emit'",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_file_and_line(body: Callable[[], None], solid_key: str, message: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=message) as raised:
        pipeline(body)
    file, first = body.__code__.co_filename, body.__code__.co_firstlineno
    told = str(raised.value)
    assert told.startswith(f"Solid {solid_key!r} ({file}:")
    assert first < int(told.split(f"{file}:")[1].split(")")[0]) <= first + 4


def given_as_it_is() -> None:
    add_one(emit())


def in_a_list() -> None:
    total([emit()])


def collected_in_a_list() -> None:
    total([emit().collect()])


def returns_number() -> None:
    emit().map(lambda number: 5)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            given_as_it_is,
            r"was given the dynamic output 'result' of solid 'emit' as it is, at .*test_dynamic.*:\d+\. Use map",
        ),
        (in_a_list, "the dynamic output 'result' of solid 'emit' as it is"),
        (collected_in_a_list, r"a list with an item that collect\(\) makes a list"),
        (returns_number, "The function given to `map` of output 'result' of solid 'emit' returned a int"),
    ],
)
def test_what_is_given_in_another_way_is_refused(body: Callable[[], None], message: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=message):
        pipeline(body)


def test_only_what_is_dynamic_is_collected() -> None:
    with pytest.raises(
        DagsterInvalidDefinitionError, match="collects output 'result' of solid 'add_one', which is neither"
    ):
        PipelineDefinition(
            [emit, add_one, total],
            dependencies={"total": {"numbers": DynamicCollectDependencyDefinition("add_one")}},
        )
    both = MultiDependencyDefinition([DynamicCollectDependencyDefinition("emit")])
    with pytest.raises(DagsterInvalidDefinitionError, match="an item that is a list of all of 'result' of 'emit'"):
        PipelineDefinition([emit, total], dependencies={"total": {"numbers": both}})
    with pytest.raises(DagsterInvariantViolationError, match="The body of pipeline 'unpacks' unpacks or goes through"):

        @pipeline
        def unpacks() -> None:
            for number in emit():
                add_one(number)


@pytest.mark.parametrize("of", [lambda: emit(), lambda: emit().map(add_one), lambda: emit().collect()])
def test_whether_there_are_values_is_not_known_in_a_body(of: Callable[[], Any]) -> None:
    def asks() -> None:
        if of():
            add_one()

    with pytest.raises(
        DagsterInvariantViolationError, match="The body of pipeline 'asks' asks for the truth of output 'result'"
    ):
        pipeline(asks)


@pytest.mark.parametrize("key", ["a b", "", "a.b", "a[0]", 5, None, "é"])
def test_mapping_keys_are_names(key: Any) -> None:
    with pytest.raises(DagsterInvalidDefinitionError, match=r"is not a mapping key|mapping_key of .* must be a str"):
        DynamicOutput(1, key)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([Output(1)], r"Output 'result' of solid 'gives' is dynamic; yield DynamicOutput\(value, mapping_key\) for it"),
        ([DynamicOutput(1, "a", "plain")], r"Output 'plain' of solid 'gives' is not dynamic; yield Output\(value\)"),
        ([DynamicOutput(1, "a"), DynamicOutput(2, "a")], r"gave its output 'result\[a\]' twice"),
        ([DynamicOutput(1, "a", "unknown")], "unknown output 'unknown'"),
    ],
)
def test_outputs_are_given_as_they_are_declared(given: list[Any], message: str) -> None:
    @solid(output_defs=[DynamicOutputDefinition(), OutputDefinition(name="plain", is_required=False)])
    def gives() -> Iterator[Any]:
        yield from given

    @pipeline
    def wrong() -> None:
        gives()

    with pytest.raises(DagsterInvariantViolationError, match=message):
        execute_pipeline(wrong)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[DagsterInstance]:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


@pytest.mark.parametrize(
    ("selection", "executed"),
    [
        (["maybe[k1]"], ["maybe[k1]"]),
        (["maybe[k1]*"], ["maybe[k1]", "total"]),
        (["+maybe[k1]"], ["add_one[k1]", "maybe[k1]"]),
        (["maybe"], ["maybe[k0]", "maybe[k1]", "maybe[k2]"]),
        (["total"], ["total"]),
        (["listed"], ["listed"]),
        (["*maybe[k2]"], ["emit", *(f"add_one[k{n}]" for n in range(3)), *(f"maybe[k{n}]" for n in range(3))]),
    ],
)
def test_steps_for_values_are_executed_again(
    selection: list[str], executed: list[str], instance: DagsterInstance
) -> None:
    first = execute_pipeline(fan_out, instance=instance)
    again = reexecute_pipeline(fan_out, first.run_id, step_selection=selection, instance=instance)
    assert again.executed_step_keys == executed
    if "total" in executed:
        assert again.output_for_solid("total") == 60
    more = reexecute_pipeline(fan_out, again.run_id, step_selection=["total"], instance=instance)
    assert more.output_for_solid("total") == 60


def test_a_failed_run_is_taken_up_with_what_failed_and_what_never_began(instance: DagsterInstance) -> None:
    FAILING.add("maybe[k1]")
    first = execute_pipeline(fan_out, instance=instance, raise_on_error=False)
    FAILING.clear()
    again = reexecute_pipeline(fan_out, first.run_id, from_failure=True, instance=instance)
    assert again.executed_step_keys == ["maybe[k1]", "total"]
    assert again.output_for_solid("total") == 60
    with pytest.raises(DagsterInvalidSubsetError, match=f"Run {again.run_id} has no step that did not end well"):
        reexecute_pipeline(fan_out, again.run_id, from_failure=True, instance=instance)


def test_a_run_that_was_broken_off_goes_on_with_the_values_that_were_given(instance: DagsterInstance) -> None:
    FAILING.add("maybe[k0]")
    with pytest.raises(RuntimeError):
        execute_pipeline(fan_out, instance=instance)
    (broken,) = instance.get_runs()
    FAILING.clear()
    again = reexecute_pipeline(fan_out, broken.run_id, from_failure=True, instance=instance)
    assert again.success
    assert "emit" not in again.executed_step_keys
    assert {"maybe[k0]", "maybe[k1]", "maybe[k2]", "total"} <= set(again.executed_step_keys)
    assert again.output_for_solid("total") == 60


def test_what_was_not_given_is_not_given_to_steps_that_are_executed_again(instance: DagsterInstance) -> None:
    down = solid("down", output_defs=[DynamicOutputDefinition(int)])(lambda number: [DynamicOutput(number, "a")])
    start = solid("start", config_schema=Field(int, default_value=1))(lambda context: context.solid_config)
    both = solid("both")(lambda left, right: [left, right])
    breaks = solid("breaks")(lambda number: maybe_fails("breaks", number))

    def maybe_fails(key: str, number: int) -> int:
        if key in FAILING:
            raise RuntimeError(f"{key} fails")
        return number

    @pipeline(mode_defs=MODES)
    def skipped() -> None:
        number = start()
        values, broken = down(maybe(number)), breaks(number)
        mapped = values.map(add_one)
        both.alias("of_values")(values.collect(), broken)
        both.alias("of_mapped")(mapped.collect(), broken)

    SKIPPING.add("maybe")
    FAILING.add("breaks")
    first = execute_pipeline(skipped, instance=instance, raise_on_error=False)
    FAILING.clear()
    assert execute_pipeline(skipped, instance=instance).executed_step_keys == ["start", "maybe", "breaks"]
    again = reexecute_pipeline(skipped, first.run_id, from_failure=True, instance=instance)
    assert again.executed_step_keys == ["breaks"]
    for selection in (["of_values"], ["of_mapped"], ["add_one"], ["down*"]):
        executed = reexecute_pipeline(skipped, again.run_id, step_selection=selection, instance=instance)
        assert (executed.success, executed.executed_step_keys) == (True, [])
    SKIPPING.clear()
    whole = reexecute_pipeline(skipped, again.run_id, step_selection=["maybe*"], instance=instance)
    assert whole.executed_step_keys == ["maybe", "down", "add_one[a]", "of_values", "of_mapped"]


def test_what_follows_from_values_that_nobody_gave_is_refused(instance: DagsterInstance) -> None:
    nothing = instance.create_run("fan_out", mode="disk")
    for selection in (["total"], ["maybe"]):
        with pytest.raises(
            DagsterInvalidSubsetError, match=r"follows from the values of emit\.result, and no earlier run"
        ):
            reexecute_pipeline(fan_out, nothing.run_id, step_selection=selection, instance=instance)


def test_ten_thousand_keys_are_planned_in_a_time_that_grows_with_them() -> None:
    from core.definitions.run_configs.run_config import build_environment
    from core.execution.preparing.defaults import complete_mode
    from core.executors import in_process_executor
    from core.plan import StepInput

    mode = complete_mode(fan_out.get_mode_definition("memory"), [in_process_executor])
    plan = build_plan(fan_out, build_environment(fan_out, mode, {}))
    made: list[str] = []

    def counting(*given: Any) -> Any:
        found = expanded(*given)
        made.extend(found.plan.steps)
        return found

    progress = Progress(plan, expand=counting)
    attempt = progress.begin_next()
    assert attempt is not None
    keys = [f"k{number}" for number in range(10_000)]
    progress.succeeded("emit", {"result"}, {"result": keys})
    assert len(made) == len(progress.plan.steps) == 2 * 10_000 + 3
    begun = progress.begin_next()
    assert begun is not None
    assert begun.step_key == "add_one[k0]"
    (numbers,) = progress.plan.steps["total"].inputs
    assert isinstance(numbers, StepInput)
    assert len(numbers.upstream_handles) == 10_000
