"""Some solids of a pipeline, with values in the place of what the others feed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    DependencyDefinition,
    HookContext,
    InputDefinition,
    ModeDefinition,
    MultiDependencyDefinition,
    Nothing,
    PipelineDefinition,
    PresetDefinition,
    RetryPolicy,
    SolidDefinition,
    SolidExecutionContext,
    SolidInvocation,
    execute_pipeline,
    execute_solid,
    execute_solid_within_pipeline,
    execute_solids_within_pipeline,
    pipeline,
    solid,
    success_hook,
    validate_run_config,
)


@solid(config_schema={"start": int})
def begin(context: SolidExecutionContext) -> int:
    return int(context.solid_config["start"])


@solid
def add(x: int, y: int = 1) -> int:
    return x + y


@solid(required_resource_keys={"factor"})
def total(context: SolidExecutionContext, items: list) -> int:  # type: ignore[type-arg]
    return sum(items) * int(context.resources.factor)


@solid(input_defs=[InputDefinition("before", Nothing)])
def after(_: SolidExecutionContext) -> str:
    return "done"


@pipeline(mode_defs=[ModeDefinition("one", {"factor": 1}), ModeDefinition("ten", {"factor": 10})], tags={"who": "me"})
def whole() -> None:
    begun = begin()
    first = add.alias("first")(begun)
    second = add.alias("second")(first, begun)
    after(total([first, second]))


CONFIG = {"solids": {"begin": {"config": {"start": 5}}}}


def test_solids_are_executed_with_values_for_what_others_feed() -> None:
    results = execute_solids_within_pipeline(whole, ["first", "second"], {"first": {"x": 1}, "second": {"y": 5}})
    assert {name: result.output_value() for name, result in results.items()} == {"first": 2, "second": 7}
    assert all(result.success for result in results.values())
    assert next(event.step_key for event in results["first"].compute_step_events) == "first"


def test_a_value_takes_the_place_of_a_solid_that_is_executed_too() -> None:
    values = {"first": {"x": 1}, "second": {"x": 100, "y": 5}}
    results = execute_solids_within_pipeline(whole, ["first", "second"], values)
    assert results["second"].output_value() == 105


def test_one_solid_is_executed() -> None:
    assert execute_solid_within_pipeline(whole, "first", {"x": 3}).output_value() == 4
    assert execute_solid_within_pipeline(whole, "total", {"items": [1, 2]}).output_value() == 3
    assert execute_solid_within_pipeline(whole, "total", {"items": [1, 2]}, mode="ten").output_value() == 30
    assert execute_solid_within_pipeline(whole, "after").output_value() == "done"
    assert execute_solid_within_pipeline(whole, "begin", run_config=CONFIG).output_value() == 5


def test_the_run_config_is_that_of_the_whole_or_of_the_part() -> None:
    more: dict[str, Any] = {**CONFIG, "loggers": {}, "resources": {}}
    assert execute_solid_within_pipeline(whole, "first", {"x": 3}, run_config=more).output_value() == 4
    of_part = {"solids": {"first": {"inputs": {"x": {"value": 8}}}}}
    assert execute_solid_within_pipeline(whole, "first", run_config=of_part).output_value() == 9
    with pytest.raises(DagsterInvalidConfigError, match=r"solids\.frist: unknown key"):
        execute_solid_within_pipeline(whole, "first", {"x": 1}, run_config={"solids": {"frist": {}}})
    with pytest.raises(DagsterInvalidConfigError, match=r"solids: missing required config: begin\.config\.start of"):
        execute_solid_within_pipeline(whole, "begin")


def test_what_is_lacking_is_told_with_all_of_it() -> None:
    with pytest.raises(
        DagsterInvariantViolationError, match=r"input 'x' of solid 'second' and 'items' of solid 'total'"
    ):
        execute_solids_within_pipeline(whole, ["second", "total"], {"second": {}})
    with pytest.raises(DagsterInvariantViolationError, match="unknown solid 'third'"):
        execute_solids_within_pipeline(whole, ["third"])
    with pytest.raises(DagsterInvariantViolationError, match=r"unknown solid 'begin'.* Known: first"):
        execute_solids_within_pipeline(whole, ["first"], {"begin": {"x": 1}})
    with pytest.raises(DagsterInvariantViolationError, match="'add': unknown input 'z'"):
        execute_solid_within_pipeline(whole, "first", {"z": 1})


def test_failures_tags_and_the_instance_are_those_of_a_run() -> None:
    @solid
    def fails(context: SolidExecutionContext, x: int) -> None:
        raise ValueError(f"{context.get_tag('who')} {context.get_tag('why')} {x}")

    @pipeline(tags={"who": "me"})
    def failing() -> None:
        fails(add())

    with DagsterInstance.ephemeral() as instance:
        with pytest.raises(ValueError, match="me test 1"):
            execute_solid_within_pipeline(failing, "fails", {"x": 1}, tags={"why": "test"}, instance=instance)
        result = execute_solid_within_pipeline(failing, "fails", {"x": 1}, instance=instance, raise_on_error=False)
        assert not result.success
        assert {run.pipeline_name for run in instance.get_runs()} == {"ephemeral_failing_pipeline"}


def test_the_pipeline_is_as_it_was() -> None:
    before = repr(whole)
    execute_solid_within_pipeline(whole, "first", {"x": 3})
    assert repr(whole) == before == "<PipelineDefinition 'whole' of 5 solids: begin, first, second, total, after>"
    assert not add.input_dict["x"].has_default_value
    assert execute_pipeline(whole, CONFIG).output_for_solid("total") == 17


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[PipelineDefinition, list[str]]:
    """A pipeline of sums, each fed by some of those before it, and some of its solids."""
    count = draw(st.integers(1, 7))
    feeds: dict[SolidInvocation, dict[str, Any]] = {}
    for at in range(count):
        sources = draw(st.lists(st.integers(0, at - 1), max_size=3)) if at else []
        several = [DependencyDefinition(f"s{source}") for source in sources]
        feeds[SolidInvocation("plus", f"s{at}")] = {"items": MultiDependencyDefinition(several)} if several else {}
    plus = SolidDefinition(
        "plus", [InputDefinition("items", list, default_value=[7])], lambda _context, inputs: sum(inputs["items"]) + 1
    )
    names = draw(st.lists(st.sampled_from([f"s{at}" for at in range(count)]), min_size=1, unique=True))
    return PipelineDefinition([plus], "drawn", dependencies=feeds), names


@settings(max_examples=25)
@given(drawn=pipelines())
def test_a_part_gives_what_the_whole_gives(drawn: tuple[PipelineDefinition, list[str]]) -> None:
    pipeline_def, names = drawn
    of_whole = execute_pipeline(pipeline_def)
    values: dict[str, Mapping[str, Any]] = {}
    for name in names:
        sources = [each.solid for each in pipeline_def.solid_named(name).upstream()]
        if not set(sources) <= set(names):
            values[name] = {"items": [of_whole.output_for_solid(source) for source in sources]}
    results = execute_solids_within_pipeline(pipeline_def, names, values)
    assert {name: each.output_value() for name, each in results.items()} == {
        name: of_whole.output_for_solid(name) for name in names
    }


def test_a_run_config_is_checked_and_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSTORE_TEST_START", "4")
    checked = validate_run_config(whole, {**CONFIG, "resources": {}}, "ten")
    assert checked["solids"] == {
        "begin": {"config": {"start": 5}},
        "first": {},
        "second": {},
        "total": {},
        "after": {},
    }
    assert checked["execution"] == {"in_process": {"config": {"retries": {"enabled": {}}}}}
    assert validate_run_config(whole, checked, "ten") == checked, "what it gives is a run config too"
    with pytest.raises(DagsterInvalidConfigError) as raised:
        validate_run_config(whole, {"solids": {"begin": {"config": {"start": "a"}}, "frist": {}}, "resource": {}})
    assert len(raised.value.errors) == 3
    with pytest.raises(DagsterInvariantViolationError, match="unknown mode 'two'"):
        validate_run_config(whole, CONFIG, "two")
    with pytest.raises(DagsterInvariantViolationError, match="Expected a pipeline, got a SolidDefinition"):
        validate_run_config(add)  # type: ignore[arg-type]


def test_a_preset_gives_mode_config_and_tags() -> None:
    @solid
    def tagged(context: SolidExecutionContext, x: int) -> tuple[Any, ...]:
        return context.get_tag("who"), context.get_tag("why"), context.mode_def.name, x

    config = {"solids": {"tagged": {"inputs": {"x": 3}}, "begin": {"config": {"start": 1}}}}
    presets = [PresetDefinition("small", config, mode="two", tags={"who": "preset", "why": "preset"})]

    @pipeline(mode_defs=[ModeDefinition("one"), ModeDefinition("two")], preset_defs=presets)
    def with_presets() -> None:
        tagged(begin())

    result = execute_solid_within_pipeline(with_presets, "tagged", preset="small", tags={"why": "call"})
    assert result.output_value() == ("preset", "call", "two", 3)
    assert execute_solid_within_pipeline(with_presets, "begin", preset="small").output_value() == 1
    with pytest.raises(DagsterInvariantViolationError, match="unknown preset 'large'"):
        execute_solids_within_pipeline(with_presets, ["begin"], preset="large")


def test_solids_keep_their_hooks_and_retry_policies() -> None:
    told: list[str] = []
    attempts: list[int] = []

    @success_hook
    def tell(context: HookContext) -> None:
        told.append(context.step_key)

    @solid(retry_policy=RetryPolicy(max_retries=2))
    def flaky(context: SolidExecutionContext, x: int) -> int:
        attempts.append(context.retry_number)
        if len(attempts) < 3:
            raise ValueError("not yet")
        return x

    @pipeline
    def hooked() -> None:
        flaky.with_hooks({tell})(begin())

    assert execute_solid_within_pipeline(hooked, "flaky", {"x": 1}).output_value() == 1
    assert (attempts, told) == ([0, 1, 2], ["flaky"])
    attempts.clear()
    assert execute_solid(flaky, input_values={"x": 1}).retry_attempts == 2
    attempts.clear()
    with pytest.raises(ValueError, match="not yet"):
        flaky(None, 1)
    assert attempts == [0], "a call is made once"
