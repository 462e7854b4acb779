"""Tables of schedules, sensors, their ticks, and backfills."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from rich.text import Text

from core.cli.output.grid import Column, Grid
from core.cli.output.terminal import cell, table
from core.records.backfill import BackfillPartition, BulkActionStatus, PartitionBackfill
from core.records.external_jobs import ExternalSchedule, ExternalSensor
from core.records.job import JobState, JobStatus, JobTick, JobTickStatus, SensorJobData
from core.schedules.due_times import due_times
from core.schedules.zones import zone

_TIME = "%Y-%m-%d %H:%M:%S"
_STYLES = {JobTickStatus.SUCCESS: "green", JobTickStatus.FAILURE: "red", JobTickStatus.SKIPPED: "dim"}
_BACKFILL_STYLES = {
    BulkActionStatus.COMPLETED: "green",
    BulkActionStatus.FAILED: "red",
    BulkActionStatus.CANCELED: "yellow",
}


class ShownSchedule(NamedTuple):
    """A schedule as it is listed."""

    repository: str
    schedule: ExternalSchedule
    state: JobState | None


class ShownSensor(NamedTuple):
    """A sensor as it is listed."""

    repository: str
    sensor: ExternalSensor
    state: JobState | None


def is_running(state: JobState | None) -> bool:
    """Whether a schedule or sensor is turned on."""
    return state is not None and state.status is JobStatus.RUNNING


def schedules_table(shown: Sequence[ShownSchedule], now: datetime) -> Grid:
    """A row for each schedule; the next time is shown of those that are on."""
    drawn = table(
        [
            Column("schedule"), Column("repository", rank=4), Column("pipeline", rank=3), Column("when"),
            Column("zone", rank=2), Column("status"), Column("next", rank=1),
        ]
    )  # fmt: skip
    for repository, schedule, state in shown:
        snapshot = schedule.snapshot
        upcoming = ""
        if is_running(state):
            times = due_times(snapshot.cron_schedule, zone(snapshot.execution_timezone), now)
            upcoming = next((f"{each:{_TIME}}" for each in times), "")
        drawn.add_row(
            cell(snapshot.name),
            cell(repository),
            cell(snapshot.pipeline_name),
            cell(snapshot.cron_schedule),
            cell(snapshot.execution_timezone or "UTC"),
            _status(state),
            upcoming,
        )
    return drawn


def sensors_table(shown: Sequence[ShownSensor]) -> Grid:
    """A row for each sensor."""
    drawn = table(
        [
            Column("sensor"), Column("repository", rank=4), Column("pipeline", rank=2), Column("seconds", True, rank=3),
            Column("status"), Column("last asked", rank=1), Column("cursor", rank=5),
        ]
    )  # fmt: skip
    for repository, sensor, state in shown:
        data = state.job_specific_data if state is not None else None
        known = data if isinstance(data, SensorJobData) else SensorJobData()
        drawn.add_row(
            cell(sensor.name),
            cell(repository),
            cell(", ".join(sensor.snapshot.targets)),
            f"{sensor.snapshot.minimum_interval_seconds:g}",
            _status(state),
            "" if known.last_tick_timestamp is None else local_time(known.last_tick_timestamp),
            cell(known.cursor or ""),
        )
    return drawn


def ticks_table(ticks: Sequence[JobTick]) -> Grid:
    """A row for each tick."""
    drawn = table([Column("when"), Column("outcome"), Column("runs"), Column("said", is_prose=True)])
    for tick in ticks:
        said = tick.skip_reason or (tick.error.message.strip() if tick.error is not None else "")
        drawn.add_row(
            local_time(tick.timestamp),
            cell(tick.status.value, style=_STYLES.get(tick.status, "yellow")),
            cell(*(run_id[:8] for run_id in tick.run_ids)),
            cell(said),
        )
    return drawn


def backfills_table(backfills: Sequence[PartitionBackfill], submitted: Sequence[int]) -> Grid:
    """A row for each backfill; `submitted` says how many runs of each are submitted."""
    drawn = table(
        [
            Column("backfill"), Column("partition set", rank=2), Column("status"), Column("submitted", True),
            Column("asked for", rank=1),
        ]
    )  # fmt: skip
    for backfill, count in zip(backfills, submitted, strict=True):
        drawn.add_row(
            cell(backfill.backfill_id),
            cell(backfill.partition_set_name),
            cell(backfill.status.value, style=_BACKFILL_STYLES.get(backfill.status, "")),
            f"{count}/{len(backfill.partition_names)}",
            local_time(backfill.backfill_timestamp),
        )
    return drawn


def partitions_table(partitions: Sequence[BackfillPartition], statuses: Sequence[str]) -> Grid:
    """A row for each partition of a backfill, with how its run is."""
    drawn = table([Column("partition"), Column("run"), Column("status")])
    for partition, status in zip(partitions, statuses, strict=True):
        drawn.add_row(cell(partition.partition_name), cell(partition.run_id[:8]), cell(status))
    return drawn


def local_time(timestamp: float) -> str:
    """A Unix time on the clocks of this machine."""
    return datetime.fromtimestamp(timestamp, UTC).astimezone().strftime(_TIME)


def _status(state: JobState | None) -> Text:
    return cell("RUNNING", style="green") if is_running(state) else cell("STOPPED", style="dim")
