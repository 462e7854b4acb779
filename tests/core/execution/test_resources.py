"""Resources: each started once and only where needed, what they require before them, all stopped in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core import (
    DagsterInstance,
    DagsterInvalidConfigError,
    DagsterInvalidDefinitionError,
    DagsterInvariantViolationError,
    DagsterResourceFunctionError,
    DagsterResourceUnavailableError,
    DagsterUnknownResourceError,
    Field,
    ModeDefinition,
    PipelineDefinition,
    ResourceDefinition,
    SolidDefinition,
    build_init_resource_context,
    execute_pipeline,
    make_values_resource,
    resource,
)


def using(compute: Any, *keys: str, **resource_defs: Any) -> PipelineDefinition:
    """A pipeline of one solid that requires these resources."""
    solid_def = SolidDefinition("use", [], lambda context, _: compute(context), required_resource_keys=set(keys))
    return PipelineDefinition([solid_def], "using", mode_defs=[ModeDefinition(resource_defs=resource_defs)])


class Journal:
    """Resources that write down when they start and stop."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def resource(self, name: str, *required: str, fails: str = "") -> ResourceDefinition:
        def lifetime(context: Any) -> Iterator[str]:
            self.lines.append(f"start {name}")
            if fails == "start":
                raise OSError(f"{name} cannot start")
            yield f"{name}({', '.join(getattr(context.resources, key) for key in required)})"
            self.lines.append(f"stop {name}")
            if fails == "stop":
                raise OSError(f"{name} cannot stop")

        return ResourceDefinition(lifetime, required_resource_keys=set(required))


def test_resources_are_functions_of_their_config_or_plain_values() -> None:
    @resource(config_schema={"size": Field(int, default_value=3)})
    def sized(context: Any) -> int:
        return int(context.resource_config["size"]) * 2

    @resource
    def bare() -> str:
        return "bare"

    defs = {
        "sized": sized,
        "bare": bare,
        "value": {"a": 1},
        "none": ResourceDefinition.none_resource(),
        "text": ResourceDefinition.string_resource(),
        "values": make_values_resource(city=str),
        "fixed": sized.configured({"size": 50}),
        "mapped": sized.configured(lambda text: {"size": len(text)}, config_schema=str),
    }
    built = using(lambda context: context.resources._asdict(), *defs, **defs)
    config = {"text": "a text", "values": {"city": "Bonn"}, "mapped": "four"}
    result = execute_pipeline(built, {"resources": {key: {"config": value} for key, value in config.items()}})
    assert result.output_for_solid("use") == {
        "sized": 6,
        "bare": "bare",
        "value": {"a": 1},
        "none": None,
        "text": "a text",
        "values": {"city": "Bonn"},
        "fixed": 100,
        "mapped": 8,
    }


def test_config_is_required_of_resources_that_are_used_and_of_no_others() -> None:
    needs = ResourceDefinition(lambda context: context.resource_config, {"size": int})
    with pytest.raises(
        DagsterInvalidConfigError, match=r"resources: missing required config: used\.config\.size of type Int"
    ):
        execute_pipeline(using(lambda context: 1, "used", used=needs, unused=needs))
    given = {"resources": {"used": {"config": {"size": 1}}}}
    assert execute_pipeline(using(lambda context: 1, "used", used=needs, unused=needs), given).success


def test_what_a_resource_requires_starts_before_it_and_each_starts_once() -> None:
    journal = Journal()
    defs = {
        "top": journal.resource("top", "left", "right"),
        "left": journal.resource("left", "ground"),
        "right": journal.resource("right", "ground"),
        "ground": journal.resource("ground"),
        "unused": journal.resource("unused"),
    }
    first = SolidDefinition("first", [], lambda c, _: c.resources.top, required_resource_keys={"top"})
    second = SolidDefinition("second", [], lambda c, _: c.resources.ground, required_resource_keys={"top", "ground"})
    built = PipelineDefinition([first, second], mode_defs=[ModeDefinition(resource_defs=defs)])
    result = execute_pipeline(built)
    assert result.output_for_solid("first") == "top(left(ground()), right(ground()))"
    started = journal.lines[:4]
    assert started[0] == "start ground"
    assert started[-1] == "start top"
    assert set(started) == {"start ground", "start left", "start right", "start top"}
    assert journal.lines[4:] == [line.replace("start", "stop") for line in reversed(started)]


@pytest.mark.parametrize("raise_on_error", [True, False])
def test_resources_stop_in_reverse_order_when_a_step_fails(raise_on_error: bool) -> None:
    journal = Journal()

    def fail(_context: Any) -> None:
        raise ZeroDivisionError

    built = using(fail, "b", a=journal.resource("a"), b=journal.resource("b", "a"))
    if raise_on_error:
        with pytest.raises(ZeroDivisionError):
            execute_pipeline(built)
    else:
        assert not execute_pipeline(built, raise_on_error=False).success
    assert journal.lines == ["start a", "start b", "stop b", "stop a"]


def test_resources_stop_when_the_user_interrupts() -> None:
    journal = Journal()

    def interrupt(_context: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute_pipeline(using(interrupt, "a", a=journal.resource("a")))
    assert journal.lines == ["start a", "stop a"]


def test_a_resource_that_cannot_start_fails_the_run_and_stops_the_others(instance: DagsterInstance) -> None:
    journal = Journal()
    built = using(lambda _: 1, "b", a=journal.resource("a"), b=journal.resource("b", "a", fails="start"))
    with pytest.raises(OSError, match="b cannot start"):
        execute_pipeline(built, instance=instance)
    assert journal.lines == ["start a", "start b", "stop a"]
    result = execute_pipeline(built, instance=instance, raise_on_error=False)
    assert not result.success
    assert result.executed_step_keys == []
    assert result.event_list[-1].event_type_value == "PIPELINE_FAILURE"
    assert "Resource 'b' could not be started: OSError: b cannot start" in (result.event_list[-1].message or "")
    assert [run.status.value for run in instance.get_runs()] == ["FAILURE", "FAILURE"]


def test_a_resource_that_is_unavailable_refuses_the_run_without_a_trace(instance: DagsterInstance) -> None:
    journal = Journal()

    @resource(required_resource_keys={"a"})
    def absent(_context: Any) -> None:
        raise DagsterResourceUnavailableError("The server is away.")

    built = using(lambda _: 1, "absent", a=journal.resource("a"), absent=absent)
    for raise_on_error in (True, False):
        with pytest.raises(DagsterResourceUnavailableError, match="The server is away"):
            execute_pipeline(built, instance=instance, raise_on_error=raise_on_error)
    assert instance.get_runs() == []
    assert journal.lines == ["start a", "stop a"] * 2


def test_a_resource_that_cannot_stop_fails_the_run_and_the_others_stop(instance: DagsterInstance) -> None:
    journal = Journal()
    built = using(lambda _: 1, "b", a=journal.resource("a"), b=journal.resource("b", "a", fails="stop"))
    with pytest.raises(OSError, match="b cannot stop"):
        execute_pipeline(built, instance=instance)
    assert journal.lines == ["start a", "start b", "stop b", "stop a"]
    assert [run.status.value for run in instance.get_runs()] == ["FAILURE"]


def test_resources_that_require_each_other_in_a_circle_are_an_error() -> None:
    journal = Journal()
    defs = {"a": journal.resource("a", "b"), "b": journal.resource("b", "c"), "c": journal.resource("c", "a")}
    with pytest.raises(DagsterInvalidDefinitionError, match="circle: a -> b -> c -> a"):
        execute_pipeline(using(lambda _: 1, "a", **defs))
    assert journal.lines == []


def test_a_solid_sees_only_the_resources_it_requires() -> None:
    built = using(lambda context: context.resources.other, "mine", mine=1, other=2)
    with pytest.raises(DagsterUnknownResourceError, match=r"'other'.*available here: mine.*required_resource_keys"):
        execute_pipeline(built)
    looked = using(lambda context: hasattr(context.resources, "other"), "mine", mine=1, other=2)
    assert execute_pipeline(looked).output_for_solid("use") is False


def test_a_generator_yields_once() -> None:
    @resource
    def never() -> Iterator[int]:
        yield from ()

    @resource
    def twice() -> Iterator[int]:
        yield 1
        yield 2

    with pytest.raises(DagsterInvalidDefinitionError, match="'never' is a generator that yields nothing"):
        execute_pipeline(using(lambda _: 1, "never", never=never))
    with pytest.raises(DagsterInvalidDefinitionError, match="'twice' is a generator that yields more than once"):
        execute_pipeline(using(lambda _: 1, "twice", twice=twice))


def test_a_context_manager_is_entered_and_left() -> None:
    lines: list[str] = []

    @resource
    @contextmanager
    def managed(_context: Any) -> Iterator[str]:
        lines.append("enter")
        yield "inside"
        lines.append("leave")

    result = execute_pipeline(using(lambda context: context.resources.managed, "managed", managed=managed))
    assert result.output_for_solid("use") == "inside"
    assert lines == ["enter", "leave"]


def test_a_resource_that_is_no_io_manager_cannot_store_values() -> None:
    with pytest.raises(
        DagsterInvariantViolationError, match="'io_manager' is used as an IO manager, but it is an instance of int"
    ):
        execute_pipeline(using(lambda _: 1, io_manager=5))


def test_a_resource_is_told_of_the_run_and_can_be_made_without_one(instance: DagsterInstance) -> None:
    seen: list[Any] = []

    @resource(config_schema=int, required_resource_keys={"other"})
    def told(context: Any) -> int:
        seen.append((context.run_id, context.instance, context.resources.other))
        return int(context.resource_config) + int(context.resources.other)

    built = using(lambda context: context.resources.told, "told", told=told, other=5)
    result = execute_pipeline(built, {"resources": {"told": {"config": 1}}}, instance=instance)
    assert seen == [(result.run_id, instance, 5)]
    assert result.output_for_solid("use") == 6

    class Other:
        other = 20

    assert told(build_init_resource_context(config=1, resources=Other())) == 21


def test_a_failure_to_start_names_the_resource_in_the_stored_error(instance: DagsterInstance) -> None:
    journal = Journal()
    built = using(lambda _: 1, "a", a=journal.resource("a", fails="start"))
    result = execute_pipeline(built, instance=instance, raise_on_error=False)
    data: Any = result.event_list[-1].event_specific_data
    assert data.error.cls_name == DagsterResourceFunctionError.__name__
    assert data.error.cause.message == "OSError: a cannot start"
