"""What became of the days: which runs there were, why, which limit they met, and how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from core import DagsterInstance
from core.cli.output.grid import Column
from core.cli.output.terminal import draw, say, table
from core.records.job import JobType
from core.records.pipeline_run import PipelineRun
from core.records.tags import PARTITION_NAME_TAG, RUN_KEY_TAG
from core.views.runs import read_run


def show_runs(instance: DagsterInstance) -> None:
    """Prints a line for each run, by the simulated time at which it was asked for.

    Args:
        instance: whose runs have all ended.

    Raises:
        click.ClickException: two of them used a bucket at the same time.
    """
    states = instance.all_stored_job_state()
    ticks = [tick for state in states for tick in instance.get_job_ticks(state.job_origin_id)]
    runs = {run.run_id: run for run in instance.get_runs()}
    drawn = table([*map(Column, ("day", "time", "why", "bucket", "launched")), Column("how it ended", is_prose=True)])
    day = ""
    for tick in sorted(ticks, key=lambda each: each.timestamp):
        for run in (runs[run_id] for run_id in tick.run_ids):
            at, before = datetime.fromtimestamp(tick.timestamp, UTC), day
            day = f"{at:%a %d %b}"
            cells = (_why(run), run.tags["bucket"], _queued(instance, run, list(runs.values())), _end(instance, run))
            drawn.add_row("" if day == before else day, f"{at:%H:%M}", *cells)
    draw(drawn)
    looks = [tick for tick in ticks if tick.job_type is JobType.SENSOR]
    found = sum(bool(tick.run_ids) for tick in looks)
    say(f"The sensor looked into the bucket {len(looks)} times, and found new keys {found} times.")


def _why(run: PipelineRun) -> str:
    asked = run.tags.get(RUN_KEY_TAG)
    return f"schedule: {run.tags[PARTITION_NAME_TAG]}" if asked is None else f"sensor: {asked}"


def _queued(instance: DagsterInstance, run: PipelineRun, runs: Sequence[PipelineRun]) -> str:
    """Which run of its bucket it had to wait for."""
    own = instance.get_run_stats(run.run_id)
    others = [other for other in runs if other.tags["bucket"] == run.tags["bucket"] and other is not run]
    for other in others:
        its = instance.get_run_stats(other.run_id)
        if _of(its.launch_time) < _of(own.end_time) and _of(own.launch_time) < _of(its.end_time):
            raise click.ClickException(f"Two runs used the bucket {run.tags['bucket']!r} at the same time.")
        if _of(own.enqueued_time) < _of(its.end_time) <= _of(own.launch_time):
            return f"after {_why(other)}"
    return "at once"


def _end(instance: DagsterInstance, run: PipelineRun) -> str:
    report = read_run(instance, run.run_id)
    executed = sum(step.outcome == "executed" for step in report.steps)
    found = sum(step.outcome == "memoized" for step in report.steps)
    reason = report.failures[0].partition(" (")[0] if report.failures else f"{executed} steps executed, {found} found"
    return f"{run.status.value}: {reason}"


def _of(moment: float | None) -> float:
    assert moment is not None  # the run has ended
    return moment
