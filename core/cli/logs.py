"""`cloudstore logs`: what steps printed."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from core.cli.failures import clear_failures
from core.cli.runs import find_run
from core.compute_logs.manager import ComputeIOType
from core.errors import DagsterExecutionStepNotFoundError, DagsterStorageError
from core.events.payloads import StepMemoizedData
from core.instance import DagsterInstance, persistent_instance
from core.records.pipeline_run import IN_PROGRESS_STATUSES, PipelineRun, PipelineRunsFilter
from core.records.tags import COMPUTE_LOGS_PRUNED_TAG, EVENTS_PRUNED_TAG

_LOOK_SECONDS = 0.5
_LOOK_FOR_END_SECONDS, _MOST_LOOKS = 0.05, 40  # events of a living process are stored within moments
_LONGEST_WAY = timedelta(seconds=60)  # what the end of a log may take to its place when its run has ended


class _LogsGroup(click.Group):
    """`cloudstore logs RUN STEP` beside `cloudstore logs drain`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


@click.group(cls=_LogsGroup, context_settings={"ignore_unknown_options": True})
def logs() -> None:
    """Print what a step of a run printed: `cloudstore logs RUN STEP [--stderr] [--follow] [--attempt N]`.

    RUN is the run's id, or the beginning of it. `cloudstore logs drain` ships what is not shipped yet.
    """


@logs.command(hidden=True)
@click.argument("run_id", metavar="RUN")
@click.argument("step_key", metavar="STEP")
@click.option("--stderr", is_flag=True, help="What the step wrote to stderr; its stdout by default.")
@click.option("--follow", "-f", is_flag=True, help="Go on until the step has ended, on whatever machine it runs.")
@click.option("--attempt", type=click.IntRange(min=1), help="Only this attempt at the step; the last one by default.")
def show(run_id: str, step_key: str, stderr: bool, follow: bool, attempt: int | None) -> None:
    """Print what a step of a run printed. RUN is the run's id, or the beginning of it."""
    io_type = ComputeIOType.STDERR if stderr else ComputeIOType.STDOUT
    with clear_failures(), persistent_instance() as instance:
        run = find_run(instance, run_id)
        if follow:
            _wait_for_attempt(instance, run, step_key, attempt or 1)
        number = _attempt_to_show(instance, run, step_key, attempt)
        _print_log(instance, run, step_key, io_type, number, follow)
        while follow and attempt is None and _is_begun_again(instance, run, step_key, number):
            number += 1
            click.echo(f"Attempt {number} at step {step_key!r} begins.", err=True)
            _print_log(instance, run, step_key, io_type, number, follow)


@logs.command()
def drain() -> None:
    """Ship the compute logs that are still on this machine, also those of processes that were killed."""
    with clear_failures(), persistent_instance() as instance:
        problems = instance.compute_log_manager.drain()
        if problems:
            raise DagsterStorageError(" ".join(problems))
        click.echo("No compute log is left on this machine but those of processes that are at work.")


def _print_log(
    instance: DagsterInstance, run: PipelineRun, step_key: str, io_type: ComputeIOType, attempt: int, follow: bool
) -> None:
    manager = instance.compute_log_manager
    subscription = manager.subscribe(run.run_id, step_key, io_type, attempt=attempt)
    subscription.is_over = lambda: not follow or _ended_long_ago(instance, run)
    for piece in subscription:
        click.echo(piece.data, nl=False)
    if follow and not manager.is_watch_completed(run.run_id, step_key, attempt):
        click.echo("The end of this log has not arrived; the machine that wrote it may still have it.", err=True)


def _ended_long_ago(instance: DagsterInstance, run: PipelineRun) -> bool:
    """Whether so much time has passed since the end of the run that nothing more of it will come."""
    (record,) = instance.get_run_records(PipelineRunsFilter(run_ids=(run.run_id,))) or (None,)
    if record is None:  # deleted meanwhile
        return True
    is_ended = record.pipeline_run.status not in IN_PROGRESS_STATUSES
    return is_ended and datetime.now(UTC) - record.update_timestamp > _LONGEST_WAY


def _wait_for_attempt(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int) -> bool:
    """Returns when the attempt has begun, or cannot begin any more; whether it has begun."""
    while True:
        is_going_on = _is_going_on(instance, run)  # first, so that the events are all there are if it is not
        events = _step_events(instance, run, step_key)
        if events["LOGS_CAPTURED"] >= attempt:
            return True
        if not is_going_on or events["STEP_SUCCESS"] or events["STEP_FAILURE"]:
            return False
        time.sleep(_LOOK_SECONDS)


def _is_begun_again(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int) -> bool:
    """Whether another attempt follows one whose log has ended; returns when that has begun, if one does."""
    for _ in range(_MOST_LOOKS):  # a process that was killed says nothing of how the attempt ended
        is_going_on = _is_going_on(instance, run)
        events = _step_events(instance, run, step_key)
        if events["LOGS_CAPTURED"] > attempt or events["STEP_UP_FOR_RETRY"] >= attempt:
            return _wait_for_attempt(instance, run, step_key, attempt + 1)
        if not is_going_on or events["STEP_SUCCESS"] or events["STEP_FAILURE"]:
            return False
        time.sleep(_LOOK_FOR_END_SECONDS)
    return False


def _is_going_on(instance: DagsterInstance, run: PipelineRun) -> bool:
    current = instance.get_run_by_id(run.run_id)
    return current is not None and not current.is_finished


def _step_events(instance: DagsterInstance, run: PipelineRun, step_key: str) -> Counter[str]:
    """How many events of each type there are of a step."""
    events = (entry.dagster_event for entry in instance.all_logs(run.run_id))
    return Counter(event.event_type_value for event in events if event is not None and event.step_key == step_key)


def _captured(instance: DagsterInstance, run: PipelineRun) -> dict[str, int]:
    """The steps whose output was captured, with the number of attempts."""
    counts: dict[str, int] = {}
    for entry in instance.all_logs(run.run_id):
        event = entry.dagster_event
        if event is not None and event.event_type_value == "LOGS_CAPTURED" and event.step_key:
            counts[event.step_key] = counts.get(event.step_key, 0) + 1
    return counts


def _attempt_to_show(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int | None) -> int:
    """The attempt that was asked for, or else the last one.

    Raises:
        DagsterExecutionStepNotFoundError: there are no logs of it, and why.
    """
    pruned = run.tags.get(COMPUTE_LOGS_PRUNED_TAG)
    if pruned:
        raise DagsterExecutionStepNotFoundError(
            f"Run {run.run_id}: its compute logs were pruned ({pruned}).", [step_key]
        )
    pruned = run.tags.get(EVENTS_PRUNED_TAG)
    if pruned:  # with what tells its steps
        number = attempt or 1
        if instance.compute_log_manager.is_watch_completed(run.run_id, step_key, number):
            return number
        which = f"an attempt {attempt} at step" if attempt else "a step"
        message = f"Run {run.run_id} has no logs of {which} {step_key!r}; its events were pruned ({pruned})."
        raise DagsterExecutionStepNotFoundError(message, [step_key])
    captured = _captured(instance, run)
    if step_key in captured:
        last = captured[step_key]
        if attempt is not None and attempt > last:
            message = f"Run {run.run_id} has no attempt {attempt} at step {step_key!r}: the last one is {last}."
            raise DagsterExecutionStepNotFoundError(message, [step_key])
        return attempt or last
    for entry in instance.all_logs(run.run_id):
        event: Any = entry.dagster_event
        if event and event.step_key == step_key and isinstance(event.event_specific_data, StepMemoizedData):
            makers = sorted({output.run_id for output in event.event_specific_data.outputs if output.run_id})
            made = f"; run {' and run '.join(makers)} made its outputs" if makers else ""
            message = f"Step {step_key!r} was memoized in run {run.run_id}{made}."
            raise DagsterExecutionStepNotFoundError(message, [step_key])
    known = ", ".join(sorted(captured)) or "none"
    raise DagsterExecutionStepNotFoundError(
        f"Run {run.run_id} has no step {step_key!r}. Steps with logs: {known}.", [step_key]
    )
