"""Runs in numbers, counted in their logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.events.records import EventLogEntry
from core.records.run_stats import PipelineRunStatsSnapshot

_ENDS = ("PIPELINE_SUCCESS", "PIPELINE_FAILURE", "PIPELINE_CANCELED")


def stats_of(run_id: str, log: Sequence[EventLogEntry]) -> PipelineRunStatsSnapshot:
    """What a log says of its run."""
    counts: Counter[str] = Counter()
    last: dict[str, float] = {}
    for entry in log:
        if entry.dagster_event is not None:
            counts[entry.dagster_event.event_type_value] += 1
            last[entry.dagster_event.event_type_value] = entry.timestamp
    return PipelineRunStatsSnapshot(
        run_id,
        counts["STEP_SUCCESS"],
        counts["STEP_FAILURE"],
        counts["ASSET_MATERIALIZATION"],
        counts["STEP_EXPECTATION_RESULT"],
        last.get("PIPELINE_ENQUEUED"),
        last.get("PIPELINE_STARTING"),
        last.get("PIPELINE_START"),
        max((last[each] for each in _ENDS if each in last), default=None),
    )
