"""Hooks: which are called when a step has ended, in which order, with what; and what becomes of those that raise."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DagsterResourceUnavailableError,
    DagsterType,
    DagsterUnknownResourceError,
    DependencyDefinition,
    Failure,
    Field,
    HookContext,
    HookDefinition,
    InputContext,
    InputDefinition,
    IOManager,
    ModeDefinition,
    Output,
    OutputContext,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    ResourceDefinition,
    RetryPolicy,
    RetryRequested,
    SolidDefinition,
    SolidInvocation,
    build_hook_context,
    composite_solid,
    execute_pipeline,
    failure_hook,
    io_manager,
    pipeline,
    resource,
    solid,
    success_hook,
    versioned_filesystem_io_manager,
)
from core.compute_logs.names import ComputeIOType
from core.definitions.hook import HookExecutionResult
from core.errors import DagsterInvalidInvocationError, DagsterTerminatedError, HookExecutionError
from core.events.payloads import HookErroredData
from core.events.records import DagsterEvent
from core.serdes import to_json


class Mishap(Exception):
    """What a user's own code raises."""


class Stop(BaseException):
    """What is no Exception, and no interrupt either."""


def hook_events(events: list[DagsterEvent], step_key: str | None = None) -> list[str]:
    """HOOK_... of each hook that was called or passed over, in order."""
    of_hooks = [each for each in events if each.is_hook_event and step_key in (None, each.step_key)]
    return [each.event_type_value.removeprefix("HOOK_").lower() for each in of_hooks]


class Called:
    """A success hook and a failure hook that note what they are called with."""

    def __init__(self) -> None:
        self.contexts: list[tuple[str, HookContext]] = []

        @success_hook
        def ok(context: HookContext) -> None:
            self.contexts.append(("ok", context))

        @failure_hook
        def oh_no(context: HookContext) -> None:
            self.contexts.append(("oh_no", context))

        self.hooks = {ok, oh_no}

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.contexts]


# ---- which are called ----


class Manager(IOManager):
    def __init__(self, fails: str = "") -> None:
        self.fails, self.values = fails, dict[Any, Any]()

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        if self.fails == "store":
            raise Mishap
        self.values[context.step_key] = obj

    def load_input(self, context: InputContext) -> Any:
        if self.fails == "load":
            raise Mishap
        assert context.upstream_output is not None
        return self.values[context.upstream_output.step_key]


def _raise(error: BaseException) -> Callable[[Any], Any]:
    def compute(_context: Any) -> Any:
        raise error

    return compute


def _yields(*given: Any) -> Callable[[Any], Any]:
    def compute(_context: Any) -> Iterator[Any]:
        yield from given

    return compute


def _right(_context: Any, value: Any) -> bool:
    return bool(value.is_right)


SUCCEEDS = {
    "returns": lambda _: 1,
    "yields": _yields(Output(1)),
}
FAILS = {
    "raises": _raise(Mishap()),
    "raises StopIteration": _raise(StopIteration()),
    "raises Failure": _raise(Failure("no rows")),
    "asks for a retry in vain": _raise(RetryRequested(0)),
    "raises what is no Exception": _raise(Stop()),
    "exits": _raise(SystemExit(0)),
    "exits with a message": _raise(SystemExit("no")),
    "gives a wrong type": lambda _: "text",
    "gives nothing": _yields(),
    "gives twice": _yields(Output(1), Output(2)),
    "yields what is no event": _yields(1),
    "cannot store": lambda _: 1,
    "cannot load": lambda _: 1,
    "gets a wrong type": lambda _: 1,
    "has a type check that raises": lambda _: 1,
}
INTERRUPTED = {
    "is interrupted": _raise(KeyboardInterrupt()),
    "is terminated": _raise(DagsterTerminatedError(15)),
}


def _ending(kind: str, hooks: Any) -> PipelineDefinition:
    """A pipeline whose last step has hooks, and ends in some way."""
    compute = {**SUCCEEDS, **FAILS, **INTERRUPTED}[kind]
    output_type = DagsterType(_right, "Right") if kind.startswith("has a type") else int
    first = SolidDefinition("first", [], lambda *_: 1)
    last = SolidDefinition(
        "last",
        [InputDefinition("value", str if kind.startswith("gets") else int)],
        lambda context, _: compute(context),
        [OutputDefinition(output_type)],
    )
    manager = Manager({"cannot store": "store", "cannot load": "load"}.get(kind, ""))
    mode = ModeDefinition(resource_defs={"io_manager": io_manager(lambda _: manager)})
    if kind == "cannot store":
        first = SolidDefinition("first", [], lambda *_: None, [])
        return PipelineDefinition([first, last_alone(last)], dependencies=placed("last", hooks), mode_defs=[mode])
    feeds = {"value": DependencyDefinition("first")}
    return PipelineDefinition([first, last], dependencies=placed("last", hooks, feeds), mode_defs=[mode])


def last_alone(last: SolidDefinition) -> SolidDefinition:
    return SolidDefinition("last", [], last.compute_fn, last.output_defs)


def placed(name: str, hooks: Any, feeds: Any = None) -> dict[Any, Any]:
    return {SolidInvocation(name, hook_defs=hooks): feeds or {}}


@pytest.mark.parametrize("raise_on_error", [True, False])
@pytest.mark.parametrize("kind", [*SUCCEEDS, *FAILS, *INTERRUPTED])
def test_each_end_of_a_step_calls_the_hooks_that_are_for_it(
    kind: str, raise_on_error: bool, instance: DagsterInstance
) -> None:
    called = Called()
    try:
        execute_pipeline(_ending(kind, called.hooks), instance=instance, raise_on_error=raise_on_error)
    except BaseException:
        assert kind not in SUCCEEDS
    expected, events = ["ok"], ["skipped", "completed"]
    if kind in FAILS:
        expected, events = ["oh_no"], ["completed", "skipped"]
    elif kind in INTERRUPTED:
        expected, events = [], []
    assert called.names == expected
    [run] = instance.get_runs()
    stored = [each.dagster_event for each in instance.all_logs(run.run_id) if each.dagster_event]
    assert hook_events(stored) == hook_events(stored, "last") == events
    kinds = [each.event_type_value for each in stored if each.step_key == "last"]
    end = "STEP_SUCCESS" if kind in SUCCEEDS else "STEP_FAILURE"
    assert kinds[-1 - len(events)] == end, "they are called after the last event of the step"
    assert run.status.value == ("CANCELED" if kind in INTERRUPTED else "SUCCESS" if kind in SUCCEEDS else "FAILURE")


def test_steps_that_are_not_executed_call_none(instance: DagsterInstance) -> None:
    called = Called()

    @solid(output_defs=[OutputDefinition(int, "one"), OutputDefinition(int, "other", is_required=False)])
    def gives() -> Iterator[Output]:
        yield Output(1, "one")

    @solid
    def breaks(_value: int) -> int:
        raise Mishap

    @solid
    def takes(value: int) -> int:
        return value

    @pipeline(hook_defs=called.hooks)
    def branching() -> None:
        one, other = gives()
        takes.alias("skipped")(other)
        takes.alias("abandoned")(breaks(one))

    result = execute_pipeline(branching, instance=instance, raise_on_error=False)
    assert [(name, context.step_key) for name, context in called.contexts] == [("ok", "gives"), ("oh_no", "breaks")]
    assert len(hook_events(result.event_list)) == 4


def test_a_memoized_step_calls_none(instance: DagsterInstance) -> None:
    called = Called()
    mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
    memoized = PipelineDefinition(
        [SolidDefinition("gives", [], lambda *_: 1, version="1")], mode_defs=[mode], hook_defs=called.hooks
    )
    execute_pipeline(memoized, instance=instance, memoize=True)
    again = execute_pipeline(memoized, instance=instance, memoize=True)
    assert again.memoized_step_keys == ["gives"]
    assert called.names == ["ok"]
    assert hook_events(again.event_list) == []


def test_hooks_are_no_part_of_a_version(instance: DagsterInstance) -> None:
    mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
    memoized = PipelineDefinition([SolidDefinition("gives", [], lambda *_: 1, version="1")], mode_defs=[mode])
    execute_pipeline(memoized, instance=instance, memoize=True)
    again = execute_pipeline(memoized.with_hooks(Called().hooks), instance=instance, memoize=True)
    assert again.executed_step_keys == []


@pytest.mark.parametrize("failures", [0, 1, 2, 3])
@pytest.mark.parametrize("asks", [True, False])
def test_a_step_that_is_run_again_calls_them_once_at_its_end(failures: int, asks: bool) -> None:
    called, attempts = Called(), itertools.count()

    @solid(retry_policy=None if asks else RetryPolicy(2), output_defs=[OutputDefinition(int)])
    def tries() -> Iterator[Output]:
        number = next(attempts)
        yield Output(number)
        if number < failures:
            raise RetryRequested(2) if asks else Mishap(number)

    @pipeline(hook_defs=called.hooks)
    def of_one() -> None:
        tries()

    result = execute_pipeline(of_one, raise_on_error=False)
    assert called.names == ["ok" if failures <= 2 else "oh_no"]
    assert len(hook_events(result.event_list)) == 2
    assert result.event_list[-2].is_hook_event
    [(_, context)] = called.contexts
    assert context.solid_output_values == {"result": min(failures, 2)}, "of the last attempt"


# ---- their order ----

NAMES = st.sets(st.sampled_from("abcdefgh"))


@given(NAMES, NAMES, NAMES, NAMES)
def test_each_is_called_once_by_name(
    of_place: set[str], more: set[str], of_pipeline: set[str], added: set[str]
) -> None:
    order: list[str] = []
    hooks = {name: success_hook(name)(lambda _, name=name: order.append(name)) for name in "hdacbgef"}

    def chosen(names: set[str]) -> set[HookDefinition]:
        return {hooks[name] for name in names}

    @solid
    def gives() -> None:
        pass

    @pipeline(hook_defs=chosen(of_pipeline))
    def of_two() -> None:
        gives.with_hooks(chosen(of_place)).alias("other").with_hooks(chosen(more))()
        gives()

    result = execute_pipeline(of_two.with_hooks(chosen(added)))
    names = [*sorted(of_place | more | of_pipeline | added), *sorted(of_pipeline | added)]
    assert order == names
    assert [event.message for event in result.event_list if event.is_hook_event] == [
        f"Finished hook {name!r} of step {step!r}."
        for step, of_step in (("other", of_place | more | of_pipeline | added), ("gives", of_pipeline | added))
        for name in sorted(of_step)
    ]


@given(NAMES, NAMES, NAMES, NAMES)
def test_the_hooks_of_a_graph_are_those_of_the_steps_in_it(
    of_solid: set[str], of_inner: set[str], of_outer: set[str], of_pipeline: set[str]
) -> None:
    order: list[tuple[str, str]] = []

    def noting(name: str) -> HookDefinition:
        return success_hook(name)(lambda context: order.append((context.step_key, name)))

    hooks = {name: noting(name) for name in "abcdefgh"}

    def chosen(names: set[str]) -> set[HookDefinition]:
        return {hooks[name] for name in names}

    @solid
    def gives() -> None:
        pass

    @composite_solid
    def inner() -> None:
        gives.with_hooks(chosen(of_solid))()

    @composite_solid
    def outer() -> None:
        inner.with_hooks(chosen(of_inner)).alias("first")()
        gives.alias("beside")()

    @pipeline(hook_defs=chosen(of_pipeline))
    def nested() -> None:
        outer.with_hooks(chosen(of_outer))()

    execute_pipeline(nested)
    of_first = of_solid | of_inner | of_outer | of_pipeline
    assert [name for key, name in order if key == "outer.first.gives"] == sorted(of_first)
    assert [name for key, name in order if key == "outer.beside"] == sorted(of_outer | of_pipeline)


def test_several_of_one_name_are_called_as_they_were_defined() -> None:
    order: list[int] = []

    def numbered(number: int) -> HookDefinition:
        @success_hook
        def tells(_context: Any) -> None:
            order.append(number)

        return tells

    hooks = [numbered(number) for number in range(20)]
    alone = SolidDefinition("alone", [], lambda *_: 1)
    execute_pipeline(PipelineDefinition([alone], dependencies=placed("alone", hooks[::-1]), hook_defs=set(hooks[::2])))
    assert order == list(range(20))


def test_a_hook_decorates_a_pipeline() -> None:
    called = Called()
    one, other = sorted(called.hooks, key=lambda hook: hook.name)

    @one
    @other
    @pipeline(tags={"kind": "x"})
    def of_two() -> None:
        """Two solids."""
        gives()
        gives.alias("other")()

    @solid
    def never() -> None: ...

    assert isinstance(of_two, PipelineDefinition)
    assert (of_two.name, of_two.description, of_two.tags) == ("of_two", "Two solids.", {"kind": "x"})
    execute_pipeline(of_two)
    assert called.names == ["ok", "ok"]


@solid
def gives() -> int:
    return 1


def test_a_pipeline_stays_as_it_was() -> None:
    called = Called()
    plain = PipelineDefinition([gives])
    hooked = plain.with_hooks(called.hooks)
    execute_pipeline(plain)
    assert called.names == []
    execute_pipeline(hooked)
    assert called.names == ["ok"]


# ---- what they are told ----


def test_the_context_says_what_the_step_was(instance: DagsterInstance) -> None:
    called = Called()

    @solid(
        config_schema={"rows": int},
        output_defs=[OutputDefinition(int, "one"), OutputDefinition(list, "many")],
        required_resource_keys={"tool"},
    )
    def counts(context: Any) -> Iterator[Output]:
        yield Output(context.solid_config["rows"], "one")
        yield Output([1, 2], "many")

    mode = ModeDefinition("local", resource_defs={"tool": ResourceDefinition.hardcoded_resource("hammer")})

    @pipeline(mode_defs=[mode], hook_defs=called.hooks)
    def told() -> None:
        counts.alias("counted")()

    config = {"solids": {"counted": {"config": {"rows": 3}}}}
    result = execute_pipeline(told, config, instance=instance)
    [(name, context)] = called.contexts
    assert (name, context.hook_def.name, context.required_resource_keys) == ("ok", "ok", frozenset())
    assert (context.solid.name, context.solid.definition, context.step_key) == ("counted", counts, "counted")
    assert (context.pipeline_name, context.run_id, context.mode_def) == ("told", result.run_id, mode)
    assert context.solid_config == {"rows": 3}
    assert context.solid_output_values == {"one": 3, "many": [1, 2]}
    assert context.solid_exception is None
    with pytest.raises(AttributeError, match=r"`context`: unknown attribute 'solid_name'"):
        _ = context.solid_name
    with pytest.raises(DagsterUnknownResourceError):
        _ = context.resources.tool


@pytest.mark.parametrize("kind", FAILS)
def test_a_failure_hook_gets_the_users_own_exception(kind: str) -> None:
    called = Called()
    raised: BaseException | None = None
    try:
        execute_pipeline(_ending(kind, called.hooks))
    except BaseException as error:
        raised = error
    [(_, context)] = called.contexts
    assert context.solid_exception is not None
    if kind == "raises StopIteration":  # which cannot be raised out of a generator
        assert isinstance(context.solid_exception, StopIteration)
    elif not kind.startswith("exits"):
        assert context.solid_exception is raised
    else:
        assert isinstance(context.solid_exception, SystemExit)


def test_a_failure_hook_gets_the_values_that_were_given_before() -> None:
    called = Called()
    two = [OutputDefinition(int, "one"), OutputDefinition(int, "other")]
    for last in (Output("text", "other"), None):

        def compute(_context: Any, last: Any = last) -> Iterator[Output]:
            yield Output(1, "one")
            if last is None:
                raise Mishap
            yield last

        built = PipelineDefinition(
            [SolidDefinition("alone", [], lambda context, _: compute(context), two)],
            hook_defs=called.hooks,
        )
        execute_pipeline(built, raise_on_error=False)
    assert [context.solid_output_values for _, context in called.contexts] == [
        {"one": 1, "other": "text"},
        {"one": 1},
    ]


def test_what_a_hook_logs_and_prints_is_the_steps(instance: DagsterInstance) -> None:
    @success_hook
    def tells(context: HookContext) -> None:
        context.log.info("logged")
        print("printed")
        os.system("echo by a child >&2")

    @solid
    def prints() -> None:
        print("by the step")

    @pipeline(hook_defs={tells})
    def of_one() -> None:
        prints()

    result = execute_pipeline(of_one, instance=instance)
    logs = instance.compute_log_manager
    assert logs.read_logs_file(result.run_id, "prints", ComputeIOType.STDOUT).data == "by the step\nprinted\n"
    errors = logs.read_logs_file(result.run_id, "prints", ComputeIOType.STDERR).data or ""
    assert [line.rpartition(" - ")[2] for line in errors.splitlines()] == ["logged", "by a child"]
    [logged] = [each for each in instance.all_logs(result.run_id) if each.user_message == "logged"]
    assert logged.step_key == "prints"


# ---- resources ----


def test_their_resources_are_started_for_them_alone() -> None:
    lived: list[str] = []

    @resource(config_schema={"channel": str})
    def slack(context: Any) -> Iterator[str]:
        lived.append("started")
        yield context.resource_config["channel"]
        lived.append("stopped")

    @success_hook(required_resource_keys={"slack"})
    def tells(context: HookContext) -> None:
        lived.append(context.resources.slack)

    @solid
    def lives() -> None:
        lived.append("step")

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"slack": slack})])
    def of_one() -> None:
        lives.with_hooks({tells})()

    execute_pipeline(of_one, {"resources": {"slack": {"config": {"channel": "#runs"}}}})
    assert lived == ["started", "step", "#runs", "stopped"]


def test_a_run_is_refused_where_what_a_hook_needs_is_not_there(instance: DagsterInstance) -> None:
    @resource
    def slack(_context: Any) -> None:
        raise DagsterResourceUnavailableError("no such channel")

    telling = success_hook("tells", required_resource_keys={"slack"})(print_it)
    mode = ModeDefinition(resource_defs={"slack": slack})
    refused = PipelineDefinition([gives], mode_defs=[mode], hook_defs={telling})
    with pytest.raises(DagsterResourceUnavailableError, match="no such channel"):
        execute_pipeline(refused, instance=instance, raise_on_error=False)
    assert instance.get_runs() == []


def test_a_resource_that_no_mode_has_refuses_the_pipeline() -> None:
    @failure_hook(required_resource_keys={"slack", "io_manager"})
    def tells(_context: HookContext) -> None: ...

    slack = ModeDefinition("chatty", resource_defs={"slack": ResourceDefinition.none_resource()})
    said = (
        "Pipeline 'of_one': hook 'tells' requires the resource 'slack', which mode 'quiet' does not have. Add it to "
        "resource_defs of ModeDefinition(name='quiet'). It has: io_manager."
    )
    for make in (
        lambda: PipelineDefinition([gives], "of_one", mode_defs=[slack, ModeDefinition("quiet")], hook_defs={tells}),
        lambda: PipelineDefinition(
            [gives], "of_one", dependencies=placed("gives", [tells]), mode_defs=[ModeDefinition("quiet")]
        ),
        lambda: PipelineDefinition([gives], "of_one", mode_defs=[ModeDefinition("quiet")]).with_hooks([tells]),
        lambda: tells(PipelineDefinition([gives], "of_one", mode_defs=[ModeDefinition("quiet")])),
    ):
        with pytest.raises(DagsterInvalidDefinitionError) as caught:
            make()
        assert str(caught.value) == said
    assert execute_pipeline(PipelineDefinition([gives], mode_defs=[slack], hook_defs={tells})).success


# ---- those that raise ----


def _asks_for_what_it_does_not_require(context: Any) -> None:
    _ = context.resources.slack


RAISING: dict[str, tuple[Callable[[Any], Any], str]] = {
    "an exception": (_raise(Mishap("oh dear")), "raised: Mishap: oh dear"),
    "a StopIteration": (_raise(StopIteration()), "raised: StopIteration: "),
    "a Failure": (_raise(Failure("no")), "raised: Failure: no"),
    "a request to be run again": (_raise(RetryRequested()), "raised: RetryRequested: "),
    "an error of ours": (_asks_for_what_it_does_not_require, "failed: Unknown resource 'slack'"),
    "sys.exit": (lambda _: sys.exit(3), "was ended by sys.exit(3)."),
    "what is no Exception": (_raise(Stop()), "was ended by Stop."),
    "a RecursionError": (lambda context: RAISING["a RecursionError"][0](context), "raised: RecursionError"),
}


@pytest.mark.parametrize("kind", RAISING)
@pytest.mark.parametrize("step_fails", [True, False])
def test_one_that_raises_changes_nothing_else(kind: str, step_fails: bool, instance: DagsterInstance) -> None:
    function, said = RAISING[kind]
    called: list[str] = []
    decorator = failure_hook if step_fails else success_hook
    hooks = {
        decorator("a")(lambda _: called.append("a")),
        decorator("b")(function),
        decorator("c")(lambda _: called.append("c")),
    }

    @solid
    def ends() -> int:
        if step_fails:
            raise Mishap("of the step")
        return 1

    @solid
    def after(value: int) -> int:
        return value

    @pipeline
    def of_two() -> None:
        after(ends.with_hooks(hooks)())

    result = execute_pipeline(of_two, instance=instance, raise_on_error=False)
    assert called == ["a", "c"]
    assert hook_events(result.event_list) == ["completed", "errored", "completed"]
    assert result.success == (not step_fails)
    assert result.result_for_solid("after").success == (not step_fails)
    if step_fails:
        with pytest.raises(Mishap, match="of the step"):
            execute_pipeline(of_two)
    [entry] = [
        each
        for each in instance.all_logs(result.run_id)
        if each.dagster_event and each.dagster_event.event_type_value == "HOOK_ERRORED"
    ]
    event = entry.dagster_event
    assert event is not None
    assert (event.message or "").startswith(f"Hook 'b' of step 'ends' {said}")
    data = event.event_specific_data
    assert isinstance(data, HookErroredData)
    assert data.hook_name == "b"
    assert data.error == entry.error_info
    if "raised" in said:
        assert data.error is not None
        assert data.error.cls_name == HookExecutionError.__name__
        assert data.error.cause is not None
        assert Path(__file__).name in "".join(data.error.cause.stack)


def test_a_secret_in_what_it_raises_is_not_stored(instance: DagsterInstance) -> None:
    @success_hook(required_resource_keys={"slack"})
    def tells(context: HookContext) -> None:
        raise ValueError(f"refused: {context.resources.slack}")

    slack = ResourceDefinition(lambda context: context.resource_config["token"], {"token": Field(str, is_secret=True)})
    mode = ModeDefinition(resource_defs={"slack": slack})
    config = {"resources": {"slack": {"config": {"token": "xoxb-12345"}}}}
    result = execute_pipeline(
        PipelineDefinition([gives], mode_defs=[mode], hook_defs={tells}), config, instance=instance
    )
    stored = to_json(list(instance.all_logs(result.run_id)))
    assert "refused: **********" in stored
    assert "xoxb" not in stored


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DagsterTerminatedError(15)])
def test_an_interrupt_in_a_hook_cancels_the_run(error: BaseException, instance: DagsterInstance) -> None:
    called: list[str] = []
    hooks = {success_hook("a")(_raise(error)), success_hook("b")(lambda _: called.append("b"))}
    with pytest.raises(type(error)):
        execute_pipeline(PipelineDefinition([gives], hook_defs=hooks), instance=instance, raise_on_error=False)
    [run] = instance.get_runs()
    assert run.status.value == "CANCELED"
    assert called == []


def test_a_child_that_a_hook_forks_ends_where_it_comes_out_of_it(tmp_path: Path, instance: DagsterInstance) -> None:
    note = tmp_path / "note"

    @success_hook
    def forks(_context: HookContext) -> None:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        else:
            note.write_text("child")

    result = execute_pipeline(PipelineDefinition([gives], hook_defs={forks}), instance=instance)
    assert note.read_text() == "child"
    assert hook_events(result.event_list) == ["completed"]
    assert len(instance.all_logs(result.run_id)) == len(result.event_list)


# ---- by hand, and in tests ----


def test_a_hook_by_hand_gets_the_events_of_the_step() -> None:
    seen: list[list[str]] = []

    def looks(context: HookContext, events: Any) -> HookExecutionResult | None:
        seen.append([event.event_type_value for event in events])
        return HookExecutionResult("looks", is_skipped=True) if context.step_key == "other" else None

    looking = HookDefinition(name="looks", hook_fn=looks)

    @pipeline(hook_defs={looking})
    def of_two() -> None:
        gives()
        gives.alias("other")()

    result: PipelineExecutionResult = execute_pipeline(of_two)
    kinds = ["LOGS_CAPTURED", "STEP_START", "STEP_OUTPUT", "HANDLED_OUTPUT", "STEP_SUCCESS"]
    assert [[kind for kind in kinds_seen if kind != "LOGS_CAPTURED"] for kinds_seen in seen] == [kinds[1:]] * 2
    assert hook_events(result.event_list) == ["completed", "skipped"]


@pytest.mark.parametrize("decorator", [success_hook, failure_hook])
def test_a_hook_is_called_in_a_test(decorator: Any) -> None:
    seen: list[Any] = []

    @decorator(required_resource_keys={"slack"})
    def tells(context: HookContext) -> None:
        """Says what happened."""
        seen.append((context.resources.slack, context.solid_exception, context.solid_output_values))

    assert (tells.name, tells.__name__, tells.__doc__) == ("tells", "tells", "Says what happened.")
    error = Mishap()
    tells(build_hook_context(resources={"slack": "#runs"}, solid_exception=error, solid_output_values={"result": 1}))
    tells(context=build_hook_context({"slack": "#other"}))
    assert seen == [("#runs", error, {"result": 1}), ("#other", None, {})]
    with pytest.raises(
        DagsterInvalidInvocationError,
        match="Hook 'tells' requires the resource 'slack', which was not given; give it by build_hook_context",
    ):
        tells(build_hook_context())
    for arguments in ([], [build_hook_context(), 1]):
        with pytest.raises(DagsterInvalidInvocationError, match="takes one argument, 'context'"):
            tells(*arguments)
    with pytest.raises(DagsterInvalidInvocationError, match="takes one argument, 'context'"):
        tells(other=build_hook_context())


def test_what_it_raises_in_a_test_is_raised() -> None:
    @failure_hook
    def raises(_: Any) -> None:
        raise Mishap

    with pytest.raises(Mishap):
        raises(build_hook_context())
    with pytest.raises(Mishap):
        raises(None)
    with pytest.raises(Mishap):
        raises(_=build_hook_context())


def test_resources_of_a_test_may_be_definitions() -> None:
    lived: list[str] = []

    @resource(config_schema={"channel": str}, required_resource_keys={"token"})
    def slack(context: Any) -> Iterator[str]:
        lived.append("started")
        yield f"{context.resource_config['channel']} {context.resources.token}"
        lived.append("stopped")

    @success_hook(required_resource_keys={"slack"})
    def tells(context: HookContext) -> None:
        lived.append(context.resources.slack)

    with build_hook_context({"slack": slack.configured({"channel": "#runs"}), "token": "secret"}) as context:
        assert lived == []
        tells(context)
    assert lived == ["started", "#runs secret", "stopped"]
    for _ in range(2):
        lived.clear()
        context = build_hook_context({"slack": slack.configured({"channel": "#runs"}), "token": "secret"})
        with pytest.raises(DagsterInvariantViolationError, match="write `with build_hook_context"):
            tells(context)
        assert lived == ["started", "stopped"]
    with pytest.raises(DagsterInvalidConfigError, match="config of the resources given to build_hook_context"):
        build_hook_context({"slack": slack, "token": "secret"})
    with pytest.raises(DagsterInvalidInvocationError, match="resources of build_hook_context must be a dict"):
        build_hook_context(["slack"])  # type: ignore[arg-type]


def test_what_it_logs_in_a_test_goes_to_pythons_logger(caplog: pytest.LogCaptureFixture) -> None:
    @success_hook
    def tells(context: HookContext) -> None:
        context.log.warning("told")

    tells(build_hook_context())
    assert [(record.name, record.levelname) for record in caplog.records] == [("dagster", "WARNING")]
    assert caplog.messages[0].endswith("told")


def test_a_context_of_a_test_says_what_it_was_not_told() -> None:
    mode = ModeDefinition("local")
    context = build_hook_context(mode_def=mode, solid=gives.alias("other"), run_id="1")
    assert (context.mode_def, context.solid.name, context.step_key, context.run_id) == (mode, "other", "other", "1")
    assert build_hook_context(solid=gives).solid.definition is gives
    for name in ("solid", "step_key", "run_id", "pipeline_name", "hook_def", "required_resource_keys", "resources"):
        with pytest.raises(DagsterInvariantViolationError, match=r"This hook context was built without a \w+; to have"):
            getattr(build_hook_context(), name)


def test_a_value_that_a_hook_replaces_is_replaced_for_it_alone(instance: DagsterInstance) -> None:
    seen: list[Any] = []

    @success_hook(name="a_first")
    def replaces(context: HookContext) -> None:
        context.solid_output_values["result"] = "another"
        context.solid_output_values.clear()

    @success_hook(name="b_second")
    def sees(context: HookContext) -> None:
        seen.append(context.solid_output_values)

    @solid
    def makes() -> list[int]:
        return [1]

    @solid
    def takes(rows: list[int]) -> list[int]:
        return rows

    @pipeline(hook_defs={replaces, sees})
    def hooked() -> None:
        takes(makes())

    assert execute_pipeline(hooked, instance=instance).output_for_solid("takes") == [1]
    assert seen == [{"result": [1]}, {"result": [1]}]


async def _is_async(_context: Any) -> None: ...


def _generates(_context: Any) -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: success_hook(lambda _: None), "'<lambda>' is not a valid hook name"),
        (lambda: success_hook("a b")(lambda _: None), "'a b' is not a valid hook name"),
        (lambda: success_hook("a")(lambda: None), "must take one argument, the context: def a(context)"),
        (lambda: failure_hook("a")(lambda _context, _events: None), "must take one argument"),
        (lambda: failure_hook(_is_async), "needs a function that is neither async nor a generator"),
        (lambda: success_hook(_generates), "neither async nor a generator"),
        (lambda: success_hook("a")(3), "it was given 3"),
        (lambda: HookDefinition(name="a", hook_fn=None), "hook_fn of hook 'a' must be a function; it is None."),
        (
            lambda: success_hook(required_resource_keys="slack")(print_it),
            "a set or list of str; it is a str; write ['slack']",
        ),
        (lambda: gives.with_hooks(print_hook), "hook_defs of solid 'gives' must be a set of hooks; write {hook}"),
        (lambda: gives.with_hooks({print_it}), "hook_defs of solid 'gives' holds <function print_it"),
        (
            lambda: SolidInvocation("x", hook_defs=[1]),
            "holds an int, which is not a HookDefinition",
        ),
        (lambda: PipelineDefinition([gives], "p", hook_defs=[1]), "hook_defs of pipeline 'p' holds an int"),
        (lambda: PipelineDefinition([gives], "p").with_hooks([1]), "hook_defs of pipeline 'p' holds 1"),
    ],
)
def test_what_is_no_hook_is_refused(make: Any, said: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError) as caught:
        make()
    assert said in str(caught.value)


def print_it(_context: Any) -> None: ...


print_hook = success_hook(print_it)


def test_a_hook_that_was_not_decorated_is_not_called_by_itself() -> None:
    with pytest.raises(DagsterInvalidInvocationError, match=r"call its hook_fn\(context, events\)"):
        HookDefinition(name="a", hook_fn=lambda *_: None)(build_hook_context())
