"""How steps fail, what becomes of the others, and what the caller gets to see."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import core
from core import (
    AssetMaterialization,
    DagsterExecutionStepExecutionError,
    DagsterInstance,
    DagsterInvariantViolationError,
    DagsterStepOutputNotFoundError,
    DagsterType,
    DagsterTypeCheckDidNotPass,
    DagsterTypeCheckError,
    DependencyDefinition,
    EventMetadata,
    ExpectationResult,
    Failure,
    InputDefinition,
    ModeDefinition,
    Nothing,
    Output,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    RetryRequested,
    SolidDefinition,
    TypeCheck,
    execute_pipeline,
    pipeline,
    resource,
    solid,
)

NO_RETRIES: dict[str, Any] = {"execution": {"in_process": {"config": {"retries": {"disabled": {}}}}}}


class Mishap(Exception):
    """What a user's own code raises."""


def alone(compute: Any, *outputs: OutputDefinition) -> PipelineDefinition:
    """A pipeline of one solid."""
    solid_def = SolidDefinition("alone", [], lambda context, _: compute(context), list(outputs) or None)
    return PipelineDefinition([solid_def], "of_one")


def failed(compute: Any, *outputs: OutputDefinition) -> PipelineExecutionResult:
    result = execute_pipeline(alone(compute, *outputs), raise_on_error=False)
    assert not result.success
    return result


def raises(_context: Any) -> None:
    raise Mishap("oh dear")


def test_the_users_own_exception_is_raised_as_it_is() -> None:
    mine = Mishap("oh dear")

    def raise_mine(_context: Any) -> None:
        raise mine

    with pytest.raises(Mishap) as caught:
        execute_pipeline(alone(raise_mine))
    assert caught.value is mine


def test_or_the_result_says_what_failed() -> None:
    result = failed(raises)
    solid_result = result.result_for_solid("alone")
    assert not solid_result.success
    assert solid_result.failure_data is not None
    error = solid_result.failure_data.error
    assert error is not None
    assert error.cls_name == DagsterExecutionStepExecutionError.__name__
    assert error.cause is not None
    assert error.cause.message.endswith("Mishap: oh dear")
    assert "in raises" in "".join(error.cause.stack)
    assert str(Path(core.__file__).parent) not in "".join(error.cause.stack)
    assert result.event_list[-1].message == "The run of pipeline 'of_one' failed: these steps failed: alone."


@pytest.mark.parametrize("raise_on_error", [True, False])
def test_the_run_is_stored_as_failed(instance: DagsterInstance, raise_on_error: bool) -> None:
    if raise_on_error:
        with pytest.raises(Mishap):
            execute_pipeline(alone(raises), instance=instance)
    else:
        execute_pipeline(alone(raises), instance=instance, raise_on_error=False)
    [run] = instance.get_runs()
    assert run.status.value == "FAILURE"
    stored = [entry.dagster_event for entry in instance.all_logs(run.run_id)]
    assert [event.event_type_value for event in stored if event][-2:] == ["STEP_FAILURE", "PIPELINE_FAILURE"]


def diamond(ran: list[str]) -> PipelineDefinition:
    @solid
    def source() -> int:
        ran.append("source")
        return 1

    @solid
    def breaks(number: int) -> int:
        ran.append("breaks")
        raise Mishap(number)

    @solid
    def copies(number: int) -> int:
        ran.append("copies")
        return number

    @solid
    def joins(numbers: list[int]) -> int:
        ran.append("joins")
        return sum(numbers)

    @pipeline
    def diamond_shaped() -> None:
        start = source()
        joins([copies.alias("after")(breaks(start)), copies(start)])
        copies.alias("independent")(copies.alias("between")(start))

    return diamond_shaped


def test_independent_branches_go_on_after_a_failure() -> None:
    ran: list[str] = []
    result = execute_pipeline(diamond(ran), raise_on_error=False)
    assert not result.success
    assert sorted(result.executed_step_keys) == ["between", "breaks", "copies", "independent", "source"]
    assert "joins" not in ran
    assert result.output_for_solid("independent") == 1
    for name in ("after", "joins"):
        never = result.result_for_solid(name)
        assert not never.success
        assert not never.skipped
        assert never.failure_data is None


def test_the_first_error_ends_the_run_where_errors_are_raised() -> None:
    ran: list[str] = []
    with pytest.raises(Mishap):
        execute_pipeline(diamond(ran))
    assert ran == ["source", "breaks"]


# ---- retries ----


def flaky(failures: int, max_retries: int, attempts: list[int], seconds_to_wait: float | None = None) -> Any:
    def compute(_context: Any) -> str:
        attempts.append(len(attempts) + 1)
        print(f"attempt {len(attempts)}")
        if len(attempts) <= failures:
            raise RetryRequested(max_retries, seconds_to_wait) from Mishap(len(attempts))
        return "done"

    return compute


def test_a_requested_retry_runs_the_step_again() -> None:
    attempts: list[int] = []
    result = execute_pipeline(alone(flaky(2, 2, attempts)))
    assert result.success
    assert attempts == [1, 2, 3]
    assert result.output_for_solid("alone") == "done"
    types = [event.event_type_value for event in result.step_event_list]
    assert types.count("STEP_UP_FOR_RETRY") == types.count("STEP_RESTARTED") == 2
    assert types.count("STEP_START") == 1
    assert result.executed_step_keys == ["alone"]


def test_retries_end_after_the_most_that_were_asked_for() -> None:
    attempts: list[int] = []
    result = execute_pipeline(alone(flaky(9, 2, attempts)), raise_on_error=False)
    assert not result.success
    assert attempts == [1, 2, 3]
    with pytest.raises(RetryRequested):
        execute_pipeline(alone(flaky(9, 0, [])))


def test_retries_can_be_disabled() -> None:
    attempts: list[int] = []
    result = execute_pipeline(alone(flaky(1, 5, attempts)), NO_RETRIES, raise_on_error=False)
    assert not result.success
    assert attempts == [1]
    assert not any(event.event_type_value == "STEP_UP_FOR_RETRY" for event in result.event_list)


class SimulatedTime:
    """Stands for the module `time`: sleeping takes no time, and only sleeping lets time pass."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def simulated_time(monkeypatch: pytest.MonkeyPatch) -> SimulatedTime:
    simulated = SimulatedTime()
    monkeypatch.setattr("core.execution.steps.in_turn.time", simulated)
    return simulated


def test_a_retry_waits_as_long_as_it_was_asked_to(simulated_time: SimulatedTime) -> None:
    execute_pipeline(alone(flaky(2, 2, [], seconds_to_wait=7.5)))
    assert simulated_time.slept == [7.5, 7.5]


def test_other_steps_run_while_a_step_waits_to_be_retried(simulated_time: SimulatedTime) -> None:
    solids = [
        SolidDefinition("asks", [], lambda context, _: flaky(1, 1, attempts, seconds_to_wait=60.0)(context)),
        SolidDefinition("after", [InputDefinition("value")], lambda *_: None),
        SolidDefinition("other", [], lambda *_: None),
    ]
    attempts: list[int] = []
    built = PipelineDefinition(solids, dependencies={"after": {"value": DependencyDefinition("asks")}})
    result = execute_pipeline(built)
    kinds = ("STEP_START", "STEP_RESTARTED")
    began = [event.step_key for event in result.event_list if event.event_type_value in kinds]
    assert began == ["asks", "other", "asks", "after"]
    assert simulated_time.slept == [60.0]


# ---- Failure ----


def test_a_failure_has_a_description_and_metadata() -> None:
    def fails(_context: Any) -> None:
        raise Failure("too few rows", metadata={"rows": 3, "where": EventMetadata.url("https://example.com")})

    data = failed(fails).result_for_solid("alone").failure_data
    assert data is not None
    assert data.user_failure_description == "too few rows"
    assert [entry.label for entry in data.metadata_entries] == ["rows", "where"]
    with pytest.raises(Failure, match="too few rows"):
        execute_pipeline(alone(fails))


# ---- types ----

EVEN = DagsterType(lambda _, value: value % 2 == 0, "Even")
SMALL = DagsterType(lambda _, value: TypeCheck(value < 10, f"{value} is not small"), "Small")


def test_an_output_of_the_wrong_type_fails_the_step() -> None:
    with pytest.raises(DagsterTypeCheckDidNotPass, match=r"Output 'result' of step 'alone': expected .* Even, got 3"):
        execute_pipeline(alone(lambda _: 3, OutputDefinition(EVEN)))
    with pytest.raises(DagsterTypeCheckDidNotPass, match="12 is not small"):
        execute_pipeline(alone(lambda _: 12, OutputDefinition(SMALL)))
    with pytest.raises(DagsterTypeCheckDidNotPass, match=r"Output 'result' of step 'alone'.*Int, got True"):
        execute_pipeline(alone(lambda _: True, OutputDefinition(int)))
    assert execute_pipeline(alone(lambda _: 4, OutputDefinition(EVEN))).success


def test_an_input_of_the_wrong_type_fails_the_step_that_takes_it() -> None:
    ran: list[Any] = []
    gives = SolidDefinition("gives", [], lambda *_: 3)
    takes = SolidDefinition("takes", [InputDefinition("number", EVEN)], lambda *_: ran.append(1))
    built = PipelineDefinition([gives, takes], dependencies={"takes": {"number": DependencyDefinition("gives")}})
    result = execute_pipeline(built, raise_on_error=False)
    assert result.result_for_solid("gives").success
    assert result.result_for_solid("takes").failure_data is not None
    assert ran == []
    with pytest.raises(DagsterTypeCheckDidNotPass, match="Input 'number' of step 'takes'"):
        execute_pipeline(built)


def test_a_type_check_that_raises_is_the_users_error() -> None:
    broken = DagsterType(lambda _, value: value.nothing_of_that_name, "Broken")
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        execute_pipeline(alone(lambda _: 3, OutputDefinition(broken)))
    data = failed(lambda _: 3, OutputDefinition(broken)).result_for_solid("alone").failure_data
    assert data is not None
    assert data.error is not None
    assert data.error.cls_name == DagsterTypeCheckError.__name__


# ---- outputs ----


def test_an_output_is_given_once() -> None:
    def twice(_context: Any) -> Iterator[Output]:
        yield Output(1)
        yield Output(2)

    with pytest.raises(DagsterInvariantViolationError, match="'alone' gave its output 'result' twice"):
        execute_pipeline(alone(twice))


def test_an_output_that_is_not_declared_is_refused() -> None:
    def unknown(_context: Any) -> Iterator[Output]:
        yield Output(1, "resul")

    with pytest.raises(DagsterInvariantViolationError, match="unknown output 'resul'; did you mean 'result'"):
        execute_pipeline(alone(unknown))


def test_a_required_output_must_be_given() -> None:
    def gives_one(_context: Any) -> Iterator[Output]:
        yield Output(1, "first")

    outputs = [OutputDefinition(name="first"), OutputDefinition(name="second")]
    with pytest.raises(DagsterStepOutputNotFoundError, match="'alone' did not give its required output 'second'"):
        execute_pipeline(alone(gives_one, *outputs))


def test_what_is_no_event_is_not_yielded() -> None:
    def yields_value(_context: Any) -> Iterator[int]:
        yield 5

    with pytest.raises(DagsterInvariantViolationError, match=r"'alone' yielded an int.*yield Output\(value\)"):
        execute_pipeline(alone(yields_value))


def test_a_value_is_not_returned_for_several_outputs() -> None:
    outputs = [OutputDefinition(name="first"), OutputDefinition(name="second")]
    with pytest.raises(DagsterInvariantViolationError, match="has 2 outputs and returned a value"):
        execute_pipeline(alone(lambda _: (1, 2), *outputs))


def test_a_value_given_for_an_output_that_carries_none_is_refused() -> None:
    with pytest.raises(DagsterTypeCheckDidNotPass):
        execute_pipeline(alone(lambda _: 5, OutputDefinition(Nothing)))


def test_values_given_before_the_failure_are_kept() -> None:
    def halfway(_context: Any) -> Iterator[Any]:
        yield Output(1, "first")
        yield AssetMaterialization("report", metadata={"rows": 5})
        yield ExpectationResult(False, "enough rows")
        raise Mishap

    outputs = [OutputDefinition(name="first"), OutputDefinition(name="second")]
    result = failed(halfway, *outputs).result_for_solid("alone")
    assert result.output_values == {"first": 1}
    assert [made.asset_key.path for made in result.materializations] == [("report",)]


def test_a_failed_expectation_does_not_fail_the_step() -> None:
    def expects(_context: Any) -> Iterator[Any]:
        yield ExpectationResult(False, "enough rows")
        yield Output(1)

    result = execute_pipeline(alone(expects))
    assert result.success
    [event] = [each for each in result.event_list if each.event_type_value == "STEP_EXPECTATION_RESULT"]
    assert event.message == "Expectation 'enough rows' failed."


# ---- interruption ----


def interrupted(ran: list[str]) -> PipelineDefinition:
    def stop(_context: Any, _inputs: Any) -> None:
        signal.raise_signal(signal.SIGINT)  # as Ctrl-C does
        ran.append("never")

    def never(_context: Any, _inputs: Any) -> None:
        ran.append("never")

    solids = [
        SolidDefinition("before", [], lambda *_: 1),
        SolidDefinition("stops", [InputDefinition("start", Nothing)], stop),
        SolidDefinition("never", [InputDefinition("start", Nothing)], never),
    ]
    feeds = {
        "stops": {"start": DependencyDefinition("before")},
        "never": {"start": DependencyDefinition("stops")},
    }
    return PipelineDefinition(solids, "interrupted", dependencies=feeds)


@pytest.mark.parametrize("raise_on_error", [True, False])
def test_an_interruption_ends_the_run_as_canceled_and_is_raised(
    instance: DagsterInstance, raise_on_error: bool
) -> None:
    ran: list[str] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            execute_pipeline(interrupted(ran), instance=instance, raise_on_error=raise_on_error)
    finally:
        signal.signal(signal.SIGINT, before)
    assert "never" not in ran
    [run] = instance.get_runs()
    assert run.status.value == "CANCELED"
    stored = [entry.dagster_event for entry in instance.all_logs(run.run_id)]
    types = [(event.event_type_value, event.step_key) for event in stored if event]
    assert ("STEP_SUCCESS", "before") in types
    assert types[-2:] == [("STEP_FAILURE", "stops"), ("PIPELINE_CANCELED", None)]


def test_a_step_that_exits_the_process_fails_the_run(instance: DagsterInstance) -> None:
    def leave(_context: Any) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        execute_pipeline(alone(leave), instance=instance, raise_on_error=False)
    assert [run.status.value for run in instance.get_runs()] == ["FAILURE"]


def test_failures_are_logged_as_errors(instance: DagsterInstance) -> None:
    execute_pipeline(diamond([]), instance=instance, raise_on_error=False)
    [run] = instance.get_runs()
    errors = [entry for entry in instance.all_logs(run.run_id) if entry.level >= logging.ERROR]
    steps = [entry.step_key for entry in errors]
    assert sorted(step for step in steps if step) == ["after", "breaks", "joins"]
    [abandoned] = [entry for entry in errors if entry.step_key == "after"]
    assert abandoned.user_message == "Step 'after' is not executed, because steps that feed it failed: breaks."


@pytest.mark.parametrize("said", ["oh dear", "oh dear.", "oh dear!", "two\nlines", ""])
def test_what_failed_the_run_ends_with_one_period(said: str) -> None:
    @resource
    def broken(_context: Any) -> None:
        raise Mishap(said)

    uses = solid(name="uses", required_resource_keys={"broken"})(lambda _context: None)
    made = pipeline(name="made", mode_defs=[ModeDefinition(resource_defs={"broken": broken})])(lambda: uses())
    message = str(execute_pipeline(made, raise_on_error=False).event_list[-1].message)
    assert message.startswith("The run of pipeline 'made' failed: Resource 'broken'")
    assert not message.endswith(("..", ":.", " .", "!."))
    assert message.endswith((".", "!")) or "\n" in message, message
