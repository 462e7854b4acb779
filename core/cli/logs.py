"""`cloudstore logs`: prints what steps printed."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import click

from core.cli.failures import clear_failures
from core.cli.loading import find_run
from core.cli.output.terminal import is_terminal, say, say_output
from core.compute_logs.names import ComputeIOType
from core.errors import DagsterStorageError
from core.instance import DagsterInstance, persistent_instance
from core.records.pipeline_run import IN_PROGRESS_STATUSES, PipelineRun, PipelineRunsFilter
from core.views.step_logs import find_log

_POLL_SECONDS = 0.5
_END_POLL_SECONDS, _MAX_END_POLLS = 0.05, 40  # a living process stores its events within milliseconds, so 2 s are ample
_LOG_ARRIVAL_TIME = timedelta(seconds=60)  # how long the end of a log may take to arrive after its run has ended


class _LogsGroup(click.Group):
    """Accepts `cloudstore logs RUN STEP` besides `cloudstore logs drain`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


@click.group(cls=_LogsGroup, context_settings={"ignore_unknown_options": True})
def logs() -> None:
    """Print what a step of a run printed: `cloudstore logs RUN STEP [--stderr] [--follow] [--attempt N] [--raw]`.

    RUN is the run's id, or the beginning of it. `cloudstore logs drain` uploads logs that are not in the bucket yet.
    """


@logs.command(hidden=True)
@click.argument("run_id", metavar="RUN")
@click.argument("step_key", metavar="STEP")
@click.option("--stderr", is_flag=True, help="Print the stderr of the step; its stdout by default.")
@click.option(
    "--follow", "-f", is_flag=True, help="Keep printing until the step has ended, whichever machine it runs on."
)
@click.option("--raw", is_flag=True, help="Print the bytes as they are on a terminal too; see below.")
@click.option("--attempt", type=click.IntRange(min=1), help="Only this attempt at the step; the last by default.")
def show(run_id: str, step_key: str, stderr: bool, follow: bool, raw: bool, attempt: int | None) -> None:
    """Print what a step of a run printed. RUN is the run's id, or the beginning of it.

    Of a step whose value the run found, it is what the run printed that executed it.

    On a terminal, colours are shown and other control characters are escaped, since a log may come from anywhere;
    --raw leaves them. Elsewhere every byte is printed as it is.
    """
    io_type = ComputeIOType.STDERR if stderr else ComputeIOType.STDOUT
    with clear_failures(), persistent_instance() as instance:
        run = find_run(instance, run_id)
        if follow:
            _wait_for_attempt(instance, run, step_key, attempt or 1)
        asked, (run, number) = run, find_log(instance, run, step_key, attempt)
        if run.run_id != asked.run_id:
            say(f"Run {asked.run_id} found the value of step {step_key!r}; run {run.run_id} executed it.", err=True)
        _print_log(instance, run, step_key, io_type, number, follow, raw)
        while follow and attempt is None and _is_begun_again(instance, run, step_key, number):
            number += 1
            say(f"Attempt {number} at step {step_key!r} begins.", err=True)
            _print_log(instance, run, step_key, io_type, number, follow, raw)


@logs.command()
def drain() -> None:
    """Upload the compute logs that are still on this machine, including those of killed processes."""
    with clear_failures(), persistent_instance() as instance:
        problems = instance.compute_log_manager.drain()
        if problems:
            raise DagsterStorageError(" ".join(problems))
        say("All compute logs are uploaded, except those of processes that are still running.")


def _print_log(
    instance: DagsterInstance,
    run: PipelineRun,
    step_key: str,
    io_type: ComputeIOType,
    attempt: int,
    follow: bool,
    raw: bool,
) -> None:
    manager = instance.compute_log_manager
    subscription = manager.subscribe(run.run_id, step_key, io_type, attempt=attempt)
    subscription.is_over = lambda: not follow or _ended_long_ago(instance, run)
    say_output((piece.data or "" for piece in subscription), raw or not is_terminal())
    if follow and not manager.is_watch_completed(run.run_id, step_key, attempt):
        say("The end of this log has not arrived; it may still be on the machine that wrote it.", err=True)


def _ended_long_ago(instance: DagsterInstance, run: PipelineRun) -> bool:
    """Whether the run ended so long ago that no more of its logs will arrive."""
    (record,) = instance.get_run_records(PipelineRunsFilter(run_ids=(run.run_id,))) or (None,)
    if record is None:  # deleted in the meantime
        return True
    is_ended = record.pipeline_run.status not in IN_PROGRESS_STATUSES
    return is_ended and datetime.now(UTC) - record.update_timestamp > _LOG_ARRIVAL_TIME


def _wait_for_attempt(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int) -> bool:
    """Waits until the attempt has begun or cannot begin any more; returns whether it has begun."""
    while True:
        is_going_on = _is_going_on(instance, run)  # before the events are read, so that none is missed if it has ended
        events = _step_events(instance, run, step_key)
        if events["LOGS_CAPTURED"] >= attempt:
            return True
        if not is_going_on or any(events[each] for each in ("STEP_SUCCESS", "STEP_FAILURE", "STEP_MEMOIZED")):
            return False
        time.sleep(_POLL_SECONDS)


def _is_begun_again(instance: DagsterInstance, run: PipelineRun, step_key: str, attempt: int) -> bool:
    """Whether another attempt follows one whose log has ended; if so, waits until it has begun."""
    for _ in range(_MAX_END_POLLS):  # a limit, since a killed process records no end
        is_going_on = _is_going_on(instance, run)
        events = _step_events(instance, run, step_key)
        if events["LOGS_CAPTURED"] > attempt or events["STEP_UP_FOR_RETRY"] >= attempt:
            return _wait_for_attempt(instance, run, step_key, attempt + 1)
        if not is_going_on or events["STEP_SUCCESS"] or events["STEP_FAILURE"]:
            return False
        time.sleep(_END_POLL_SECONDS)
    return False


def _is_going_on(instance: DagsterInstance, run: PipelineRun) -> bool:
    current = instance.get_run_by_id(run.run_id)
    return current is not None and not current.is_finished


def _step_events(instance: DagsterInstance, run: PipelineRun, step_key: str) -> Counter[str]:
    """The number of events of each type that a step has."""
    events = (entry.dagster_event for entry in instance.all_logs(run.run_id))
    return Counter(event.event_type_value for event in events if event is not None and event.step_key == step_key)
