"""Solids that are called outside a run: arguments, context, checks of inputs and outputs, as in a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import (
    AssetMaterialization,
    DagsterError,
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvariantViolationError,
    DagsterResourceFunctionError,
    DagsterStepOutputNotFoundError,
    DagsterTypeCheckDidNotPass,
    DagsterUnknownResourceError,
    ExpectationResult,
    Failure,
    Field,
    InputDefinition,
    ModeDefinition,
    Nothing,
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryRequested,
    SolidDefinition,
    SolidExecutionContext,
    StringSource,
    build_op_context,
    build_solid_context,
    execute_pipeline,
    execute_solid,
    fs_io_manager,
    lambda_solid,
    pipeline,
    resource,
    solid,
)
from core.errors import DagsterInvalidInvocationError, DagsterInvalidPropertyError


@solid
def add(x: int, y: int = 10) -> int:
    """Adds two numbers."""
    return x + y


@solid(config_schema={"factor": int, "unit": Field(str, default_value="m")})
def scaled(context: SolidExecutionContext, x: int) -> str:
    return f"{x * context.solid_config['factor']} {context.solid_config['unit']}"


@solid(required_resource_keys={"store"})
def ask(context: SolidExecutionContext, key: str) -> Any:
    return context.resources.store[key]


def test_a_solid_is_called_as_the_function_that_it_was_made_of() -> None:
    assert add(1) == 11
    assert add(1, 2) == add(x=1, y=2) == add(1, y=2) == add(y=2, x=1) == 3
    assert lambda_solid("double")(lambda x: x * 2)(4) == 8
    assert (add.__name__, add.__doc__, add.__wrapped__(1, 2)) == ("add", "Adds two numbers.", 3)


def test_a_solid_that_takes_a_context_is_given_one_or_none() -> None:
    @solid
    def named(context: SolidExecutionContext) -> str:
        return context.step_key

    @solid
    def plain(_: SolidExecutionContext, x: int) -> int:
        return x

    for context in (None, build_solid_context(), build_op_context()):
        assert named(context) == named(context=context) == "named"
        assert plain(context, 3) == plain(context, x=3) == 3


def test_config_is_checked_and_completed() -> None:
    assert scaled(build_solid_context(config={"factor": 2}), 3) == "6 m"
    assert scaled(build_solid_context(config={"factor": 2, "unit": "km"}), x=3) == "6 km"
    with pytest.raises(DagsterInvalidConfigError, match=r"config of solid scaled.*\n  factor: expected .*got 'two'"):
        scaled(build_solid_context(config={"factor": "two"}), 3)
    with pytest.raises(DagsterInvalidConfigError) as raised:
        scaled(build_solid_context(config={"factor": "two", "units": "km"}), 3)
    assert {error.path for error in raised.value.errors} == {("factor",), ("units",)}
    for context in (None, build_solid_context()):
        with pytest.raises(
            DagsterInvalidConfigError,
            match=r"build_solid_context\(config=\.\.\.\).*\n  \(top level\): missing required config: factor of",
        ):
            scaled(context, 3)


def test_config_of_the_environment_and_of_configured_solids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSTORE_TEST_NAME", "set")

    @solid(config_schema={"name": StringSource})
    def named(context: SolidExecutionContext) -> str:
        return str(context.solid_config["name"])

    assert named(build_solid_context(config={"name": {"env": "CLOUDSTORE_TEST_NAME"}})) == "set"
    assert named.configured({"name": "fixed"}, "fixed")(None) == "fixed"
    mapped = named.configured(lambda config: {"name": config["n"] * 2}, "mapped", config_schema={"n": str})
    assert mapped(build_solid_context(config={"n": "ab"})) == "abab"


def test_resources_are_values_or_definitions_that_are_started() -> None:
    started: list[str] = []

    @resource(config_schema={"a": int})
    def store(init_context: Any) -> dict[str, int]:
        started.append("store")
        return dict(init_context.resource_config)

    assert ask(build_solid_context(resources={"store": {"a": 1}}), "a") == 1
    context = build_solid_context(resources={"store": store.configured({"a": 2})})
    assert started == []
    assert [ask(context, "a"), ask(context, "a")] == [2, 2]
    assert started == ["store"]
    with pytest.raises(
        DagsterInvalidConfigError,
        match=r"resources given to build_solid_context.*\n  store: missing required config: config\.a",
    ):
        build_solid_context(resources={"store": store})


def test_a_resource_that_a_solid_requires_has_to_be_given() -> None:
    for context in (None, build_solid_context(), build_solid_context(resources={"other": 1})):
        with pytest.raises(
            DagsterInvalidInvocationError, match=r"'ask' requires the resource 'store'.*resources=\{'store'"
        ):
            ask(context, "a")
    with pytest.raises(DagsterInvalidInvocationError, match=r"must be a dict; it is a list"):
        build_solid_context(resources=["store"])  # type: ignore[arg-type]

    @solid
    def forgets(context: SolidExecutionContext) -> Any:
        return context.resources.store

    with pytest.raises(DagsterUnknownResourceError, match="required_resource_keys"):
        forgets(build_solid_context(resources={"store": 1}))


def test_resources_that_have_to_be_stopped_are_so_at_the_end_of_a_block() -> None:
    journal: list[str] = []

    @resource
    def store() -> Iterator[dict[str, int]]:
        journal.append("start")
        yield {"a": 1}
        journal.append("stop")

    @resource
    @contextmanager
    def managed(_: Any) -> Iterator[dict[str, int]]:
        journal.append("start")
        yield {"a": 1}
        journal.append("stop")

    @resource(required_resource_keys={"base"})
    def derived(init_context: Any) -> Any:
        return init_context.resources.base

    for given_resources in ({"store": store}, {"store": managed}, {"store": derived, "base": store}):
        journal.clear()
        with build_solid_context(resources=given_resources) as context:
            assert [ask(context, "a"), ask(context, "a")] == [1, 1]
            assert journal == ["start"]
        assert journal == ["start", "stop"]
        journal.clear()
        with pytest.raises(DagsterInvariantViolationError, match=r"`with build_solid_context\(\.\.\.\) as context:`"):
            ask(build_solid_context(resources=given_resources), "a")
        assert journal == ["start", "stop"]
        with pytest.raises(KeyError, match="b"), build_solid_context(resources=given_resources) as context:
            ask(context, "b")
        assert journal == ["start", "stop"] * 2

    @resource
    def broken() -> None:
        raise OSError("no route")

    with pytest.raises(DagsterResourceFunctionError, match=r"'store' could not be started.*no route"):
        ask(build_solid_context(resources={"store": broken}), "a")


def test_a_context_has_what_does_not_belong_to_a_run(caplog: pytest.LogCaptureFixture) -> None:
    @solid(config_schema={"n": int})
    def look(context: SolidExecutionContext) -> dict[str, Any]:
        context.log.info("looked %s", "twice")
        names = ("run_id", "step_key", "solid_config", "run_config", "retry_number")
        return {
            **{name: getattr(context, name) for name in names},
            "tags": (context.has_tag("a"), context.get_tag("a")),
            "solid_def": context.solid_def,
            "instance": context.instance,
        }

    instance = DagsterInstance.ephemeral()
    with caplog.at_level(logging.INFO):
        seen = look(build_solid_context(config={"n": 1}, instance=instance))
    assert seen == {
        "run_id": "EPHEMERAL",
        "step_key": "look",
        "solid_config": {"n": 1},
        "run_config": {"solids": {"look": {"config": {"n": 1}}}},
        "retry_number": 0,
        "tags": (False, None),
        "solid_def": look,
        "instance": instance,
    }
    assert "looked twice" in caplog.text
    context = build_solid_context(config={"n": 1})
    assert look(context)["instance"] is look(context)["instance"] is context.instance
    assert context.instance.is_ephemeral


@pytest.mark.parametrize("name", ["pipeline_run", "pipeline_def", "pipeline_name", "mode_def", "solid"])
def test_what_belongs_to_a_run_is_told_to(name: str) -> None:
    @solid
    def look(context: SolidExecutionContext) -> Any:
        return getattr(context, name)

    with pytest.raises(DagsterInvalidPropertyError, match=f"`context.{name}` belongs to a run.*execute_solid"):
        look(None)


def test_a_context_has_all_that_one_of_a_run_has() -> None:
    in_run = {name for name in dir(SolidExecutionContext) if not name.startswith("_")}
    assert in_run <= set(dir(type(build_solid_context())))


def test_an_unknown_attribute_is_told_with_those_there_are() -> None:
    @solid
    def look(context: SolidExecutionContext) -> Any:
        return context.solid_confg  # type: ignore[attr-defined]

    with pytest.raises(AttributeError, match="did you mean 'solid_config'"):
        look(build_solid_context())


def nothing_between() -> SolidDefinition:
    inputs = [InputDefinition("x"), InputDefinition("before", Nothing), InputDefinition("z")]
    return solid("between", input_defs=inputs)(lambda x, z: (x, z))


@solid
def with_context(context: SolidExecutionContext, x: int) -> int:
    return x


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: add(), "without a value for its input 'x'"),
        (lambda: add(y=1), "without a value for its input 'x'"),
        (lambda: add(1, 2, 3), r"takes 2 inputs \(x, y\), and was given 3"),
        (lambda: add(1, x=2), "given its input 'x' twice"),
        (lambda: add(1, z=2), "unknown input 'z'"),
        (lambda: add(build_solid_context(), 1), "its function takes none; leave it out"),
        (lambda: add(1, y=build_solid_context()), "its function takes none; leave it out"),
        (lambda: with_context(), "was called without one; call it with build_solid_context"),
        (lambda: with_context(x=1), "was called without one; call it with build_solid_context"),
        (lambda: with_context(1), "was given a int; call it with build_solid_context"),
        (lambda: with_context(None), "without a value for its input 'x'"),
        (lambda: with_context(None, 1, 2), r"takes 1 input \(x\), and was given 2"),
        (lambda: with_context(None, 1, context=None), r"takes 1 input \(x\), and was given 2"),
        (lambda: nothing_between()(1, 2, 3), r"takes 2 inputs \(x, z\)"),
        (lambda: nothing_between()(1, 2, before=3), "its input 'before', which carries none; leave it out"),
    ],
)
def test_wrong_arguments_are_told_in_one_sentence(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(DagsterInvalidInvocationError, match=told) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_inputs_that_carry_no_value_are_not_given() -> None:
    assert nothing_between()(1, 2) == nothing_between()(z=2, x=1) == (1, 2)


def test_inputs_are_in_the_order_of_the_parameters() -> None:
    @solid(input_defs=[InputDefinition("x", int), InputDefinition("y", str)])
    def pair(y: str, x: int) -> str:
        return f"{y}{x}"

    assert pair("a", 1) == pair(x=1, y="a") == "a1"


def test_types_are_checked_as_in_a_run() -> None:
    with pytest.raises(DagsterTypeCheckDidNotPass, match="Input 'x' of solid 'add': expected a value of type Int"):
        add("1")

    @solid
    def lies(x: int) -> str:
        return x  # type: ignore[return-value]

    with pytest.raises(DagsterTypeCheckDidNotPass, match=r"Output 'result' of solid 'lies'.*String"):
        lies(1)

    @solid
    def wrong_default(x: int = "a") -> None:  # type: ignore[assignment]
        return None

    with pytest.raises(DagsterTypeCheckDidNotPass, match="Input 'x' of solid 'wrong_default'"):
        wrong_default()


@solid(output_defs=[OutputDefinition(int, "one"), OutputDefinition(str, "two", is_required=False)])
def gives(_: SolidExecutionContext, events: list) -> Iterator[Any]:  # type: ignore[type-arg]
    yield from events


def test_what_a_solid_yields_comes_as_it_is_yielded() -> None:
    table, checked = AssetMaterialization("table"), ExpectationResult(True)
    one, two = Output(1, "one"), Output("b", "two")
    assert list(gives(None, [table, one, checked, two])) == [table, one, checked, two]
    assert [event.value for event in gives(None, [one])] == [1]
    begun = gives(None, [one, Output(2, "two")])
    assert next(begun) is one
    with pytest.raises(DagsterTypeCheckDidNotPass, match="Output 'two' of solid 'gives'"):
        next(begun)


@pytest.mark.parametrize(
    ("events", "error", "told"),
    [
        ([], DagsterStepOutputNotFoundError, "did not give its required output 'one'"),
        ([Output("b", "two")], DagsterStepOutputNotFoundError, "did not give its required output 'one'"),
        ([Output(1, "one"), Output(2, "one")], DagsterInvariantViolationError, "gave its output 'one' twice"),
        ([Output(1, "three")], DagsterInvariantViolationError, "unknown output 'three'"),
        ([1], DagsterInvariantViolationError, r"yielded an int.*yield Output\(value\)"),
        ([Output("1", "one")], DagsterTypeCheckDidNotPass, "Output 'one' of solid 'gives'"),
    ],
)
def test_what_a_solid_may_not_yield(events: list[Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        list(gives(None, events))


def test_the_function_is_closed_with_the_generator() -> None:
    journal: list[str] = []

    @solid(output_defs=[OutputDefinition(int, "one")])
    def opens() -> Iterator[Output]:
        try:
            yield Output(1, "one")
        finally:
            journal.append("closed")

    begun = opens()
    next(begun)
    begun.close()
    assert journal == ["closed"]


def test_what_a_solid_returns_comes_as_it_is() -> None:
    @solid(output_defs=[OutputDefinition(int, "one"), OutputDefinition(int, "two")])
    def returns(what: Any) -> Any:
        return what

    @solid(output_defs=[])
    def silent(what: Any) -> Any:
        return what

    output = Output(3)
    assert lambda_solid("whole")(lambda: output)() is output
    assert silent(None) is None
    with pytest.raises(DagsterInvariantViolationError, match="has 2 outputs and returned a value"):
        returns((1, 2))
    with pytest.raises(DagsterInvariantViolationError, match="has 0 outputs and returned a value"):
        silent(1)
    with pytest.raises(DagsterStepOutputNotFoundError, match="required output 'two'"):
        returns(Output(1, "one"))
    with pytest.raises(DagsterInvariantViolationError, match="unknown output 'three'"):
        returns(Output(1, "three"))


@pytest.mark.parametrize("error", [ValueError("a"), Failure("b"), RetryRequested(), KeyboardInterrupt()])
def test_what_a_function_raises_comes_as_it_is(error: BaseException) -> None:
    @solid
    def fails() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        fails()
    assert raised.value is error


def test_async_solids_are_awaited_and_iterated() -> None:
    @solid
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x if x < 10 else "many"  # type: ignore[return-value]

    @solid(output_defs=[OutputDefinition(int, "one")])
    async def yields(_: SolidExecutionContext, many: bool) -> AsyncIterator[Output]:
        await asyncio.sleep(0)
        yield Output(1, "one")
        if many:
            yield Output(2, "one")

    async def gathered(events: Any) -> list[Any]:
        return [event.value async for event in events]

    assert asyncio.run(later(3)) == 3
    with pytest.raises(DagsterTypeCheckDidNotPass, match="Output 'result' of solid 'later'"):
        asyncio.run(later(10))
    assert asyncio.run(gathered(yields(None, False))) == [1]
    with pytest.raises(DagsterInvariantViolationError, match="gave its output 'one' twice"):
        asyncio.run(gathered(yields(None, True)))


def test_a_solid_made_by_hand_takes_a_context() -> None:
    made = SolidDefinition("made", [InputDefinition("x", int)], lambda context, inputs: (context.step_key, inputs["x"]))
    assert made(None, 3) == ("made", 3)
    assert made(build_solid_context(), x=3) == ("made", 3)
    with pytest.raises(DagsterInvalidInvocationError, match="takes a context first"):
        made(3)


def test_in_the_body_of_a_pipeline_a_call_still_places_the_solid() -> None:
    @solid
    def calls_another(x: int) -> int:
        return int(add(x, 1)) * 2

    @pipeline
    def placing() -> None:
        calls_another(add.alias("first")())

    assert [each.name for each in placing.solids] == ["first", "calls_another"]
    config = {"solids": {"first": {"inputs": {"x": 5}}}}
    assert execute_pipeline(placing, config).output_for_solid("calls_another") == 32
    assert add.alias("other")(1, 2) == add.tag({"a": "b"})(1, 2) == 3


def test_a_context_of_a_run_is_not_taken_for_one_of_a_test() -> None:
    @solid
    def calls_another(context: SolidExecutionContext) -> int:
        return int(with_context(context, 1))

    with pytest.raises(DagsterInvalidInvocationError, match="was given a SolidExecutionContext"):
        execute_pipeline(PipelineDefinition([calls_another], "calling"))


def test_io_managers_and_others_that_come_with_the_package_are_resources(tmp_path: Any) -> None:
    @solid(required_resource_keys={"io"})
    def where(context: SolidExecutionContext) -> str:
        return str(context.resources.io.base_dir)

    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = build_solid_context(resources={"io": fs_io_manager}, instance=instance)
        assert where(context) == instance.storage_directory()


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
TYPES: dict[str, Any] = {"int": int, "str": str, "bool": bool, "list": list[int], "any": None}


@settings(max_examples=40, deadline=None)
@given(value=VALUES, takes=st.sampled_from(sorted(TYPES)), gives_type=st.sampled_from(sorted(TYPES)), other=VALUES)
def test_a_call_ends_as_a_run_of_the_solid_alone_does(value: Any, takes: str, gives_type: str, other: Any) -> None:
    definition = SolidDefinition(
        "either",
        [InputDefinition("x", TYPES[takes], default_value=value)],
        lambda _context, inputs: other if inputs["x"] is None else inputs["x"],
        [OutputDefinition(TYPES[gives_type])],
    )

    def ran() -> Any:
        return execute_pipeline(PipelineDefinition([definition], "alone")).output_for_solid("either")

    assert _outcome(lambda: definition(None)) == _outcome(lambda: definition(None, value)) == _outcome(ran)


def _outcome(act: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "gave", act()
    except DagsterTypeCheckDidNotPass as error:
        return "refused", error.dagster_type.display_name


EVENTS = st.one_of(
    st.builds(Output, st.one_of(st.integers(0, 3), st.text(max_size=2)), st.sampled_from(["one", "two", "three"])),
    st.builds(ExpectationResult, st.booleans()),
    st.just(AssetMaterialization("table")),
    st.sampled_from([3, None, "text"]),
)


@settings(max_examples=60)
@given(events=st.lists(EVENTS, max_size=4), is_returned=st.booleans())
def test_a_call_and_a_run_agree_about_what_may_be_given(events: list[Any], is_returned: bool) -> None:
    def give(_context: Any, _inputs: Any) -> Any:
        return next(iter(events), None) if is_returned else iter_of(events)

    outputs = [OutputDefinition(int, "one"), OutputDefinition(str, "two", is_required=False)]
    definition = SolidDefinition("giving", [], give, outputs)

    def called() -> None:
        given = definition(None)
        for _ in given if not is_returned else ():
            pass

    assert _error_of(called) == _error_of(lambda: execute_solid(definition))


def iter_of(events: list[Any]) -> Iterator[Any]:
    yield from events


def _error_of(act: Callable[[], object]) -> tuple[type, str] | None:
    """What it raised, in words that a call and a run have in common."""
    try:
        act()
    except DagsterError as error:
        return type(error), str(error).replace("Step 'giving'", "Solid 'giving'").replace("of step", "of solid")
    return None


def test_a_call_needs_no_mode_and_no_run() -> None:
    mode: Mapping[str, Any] = {"store": {"a": 1}}
    used = PipelineDefinition([ask], "asking", mode_defs=[ModeDefinition(resource_defs=mode)])
    by_run = execute_pipeline(used, {"solids": {"ask": {"inputs": {"key": "a"}}}}).output_for_solid("ask")
    assert by_run == ask(build_solid_context(resources=mode), "a") == 1
