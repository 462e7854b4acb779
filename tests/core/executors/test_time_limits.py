"""Steps and runs that may take only so long."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from core.errors import DagsterInvalidDefinitionError, DagsterMaxRuntimeExceededError
from tests.core.executors.in_processes import Code, errors_of, lives, types_of

SLOW = """
def slow(name, seconds="0.2", **more):
    def decorate(code):
        return solid(name=name, tags={"dagster/max_runtime": seconds}, **more)(code)
    return decorate

@slow("waits")
def waits(context):
    wait_for_ever()

@slow("waits_for_another_process")
def waits_for_another_process(context):
    started = subprocess.Popen(["sh", "-c", "trap '' INT; while :; do sleep 1000; done"])
    tell(f"pid {started.pid}")
    started.wait()

@slow("drops_the_interrupt")
def drops_the_interrupt(context):
    tell(f"pid {os.getpid()}")
    while True:
        try:
            wait_for_ever()
        except KeyboardInterrupt:
            pass

@slow("raises_something_else")
def raises_something_else(context):
    try:
        wait_for_ever()
    except KeyboardInterrupt:
        raise ValueError("of the step")

@slow("succeeds_too_late")
def succeeds_too_late(context):
    try:
        wait_for_ever()
    except KeyboardInterrupt:
        return 1

@slow("exits")
def exits(context):
    try:
        wait_for_ever()
    finally:
        os._exit(0)

@slow("is_in_time", "1e3")
def is_in_time(context):
    return 1

@slow("is_in_time_when_it_is_run_again", "1", retry_policy=RetryPolicy(max_retries=1))
def is_in_time_when_it_is_run_again(context):
    if not times_before("again"):
        wait_for_ever()
    return 2

@success_hook
def takes_its_time(context):
    if context.solid.name == "has_a_slow_hook":
        time.sleep(1.2)
        tell("the hook has ended")

@slow("has_a_slow_hook", "1")
def has_a_slow_hook(context):
    return 1

@solid
def has_no_limit(context):
    return 1

@failure_hook
def tell_failure(context):
    tell(f"hook {context.solid.name} {type(context.solid_exception).__name__}")

@pipeline(mode_defs=[mode()], hook_defs={tell_failure, takes_its_time}, tags={"dagster/max_runtime": "1000"})
def piped():
    for each in (waits, waits_for_another_process, drops_the_interrupt, raises_something_else, succeeds_too_late,
                 exits, is_in_time, is_in_time_when_it_is_run_again, has_a_slow_hook, has_no_limit):
        each()
"""
LATE = [
    "waits",
    "waits_for_another_process",
    "drops_the_interrupt",
    "raises_something_else",
    "succeeds_too_late",
    "exits",
]


def test_a_step_that_takes_too_long_is_interrupted_and_then_killed(code_of: Callable[[str], Code]) -> None:
    code = code_of(SLOW)
    with code.instance() as instance:
        result = code.execute(instance, max_concurrent=10, kill_after_seconds=0.3)
        errors = errors_of(result)
        assert errors.keys() == set(LATE)
        for key in LATE:
            assert errors[key].cls_name == "DagsterMaxRuntimeExceededError"
            assert f"Step {key!r} took longer than the 0.2 s that its tag 'dagster/max_runtime'" in errors[key].message
            assert [line for line in code.told if line.startswith(f"hook {key} ")] == [
                f"hook {key} DagsterMaxRuntimeExceededError"
            ]
            assert sorted(types_of(result, key)[-3:]) == ["HOOK_COMPLETED", "HOOK_SKIPPED", "STEP_FAILURE"]
            assert "STEP_SUCCESS" not in types_of(result, key)
        assert result.output_for_solid("is_in_time_when_it_is_run_again") == 2
        asked = [each for each in result.event_list if each.event_type_value == "STEP_UP_FOR_RETRY"]
        assert [each.event_specific_data.error.cls_name for each in asked] == ["DagsterMaxRuntimeExceededError"]  # type: ignore[union-attr]
        # The hooks of a step may take longer than the step.
        assert "the hook has ended" in code.told
        assert types_of(result, "has_a_slow_hook")[-3] == "STEP_SUCCESS"
    assert not [pid for pid in (int(line.split()[1]) for line in code.told if line.startswith("pid ")) if lives(pid)]


RUN = """
@solid
def waits(context):
    tell(f"pid {os.getpid()}")
    wait_for_ever()

@solid
def waits_and_drops_the_interrupt(context):
    tell(f"pid {os.getpid()}")
    try:
        wait_for_ever()
    except KeyboardInterrupt:
        wait_for_ever()

@solid(retry_policy=RetryPolicy(max_retries=1, delay=1000))
def waits_to_be_run_again(context):
    raise ValueError("the first time")

@solid
def never_begins(context):
    tell("it has begun")

@pipeline(mode_defs=[mode()])
def piped():
    for each in (waits_to_be_run_again, waits, waits_and_drops_the_interrupt, never_begins):
        each()
"""


def test_a_run_that_takes_too_long_fails_and_its_steps_are_ended(code_of: Callable[[str], Code]) -> None:
    code = code_of(RUN)
    seconds = 5 if code.executor == "multiprocess" else 8  # in which all steps have begun, whatever else is busy
    message = f"The run took longer than the {seconds} s that its tag 'dagster/max_runtime' allows"
    with code.instance() as instance:
        with pytest.raises(DagsterMaxRuntimeExceededError, match=message):
            code.execute(instance, tags={"dagster/max_runtime": seconds}, raise_on_error=True, kill_after_seconds=0.3)
        (run,) = instance.get_runs()
        stored = [each.dagster_event for each in instance.all_logs(run.run_id) if each.dagster_event]
        assert instance.compute_log_manager.is_watch_completed(run.run_id, "waits_and_drops_the_interrupt")
    assert (run.status.value, stored[-1].event_type_value) == ("FAILURE", "PIPELINE_FAILURE")
    assert message in (stored[-1].message or "")
    failed = {each.step_key: each.message for each in stored if each.event_type_value == "STEP_FAILURE"}
    assert failed == {
        "waits": "Step 'waits' was ended by KeyboardInterrupt.",
        "waits_and_drops_the_interrupt": "Step 'waits_and_drops_the_interrupt' was ended by SIGKILL.",
    }
    assert len(code.told) == 2
    assert not any(lives(int(line.split()[1])) for line in code.told)


@pytest.mark.parametrize("text", ["", "soon", "0", "-1", "inf", "nan", "1e999", "1 s"])
def test_a_tag_that_is_no_number_of_seconds_is_refused_before_anything_starts(
    code_of: Callable[[str], Code], text: str
) -> None:
    code = code_of(RUN)
    with code.instance() as instance:
        with pytest.raises(DagsterInvalidDefinitionError, match="of the run must be a number of seconds, above 0; it"):
            code.execute(instance, tags={"dagster/max_runtime": text})
        code.file.write_text(
            code.file.read_text().replace("@solid\n", f"@solid(tags={{'dagster/max_runtime': {text!r}}})\n")
        )
        with pytest.raises(DagsterInvalidDefinitionError, match="of solid 'waits' must be a number of seconds"):
            code.execute(instance)
        assert instance.get_runs_count() == 0
    assert code.told == []
