"""The runs that wait, and what holds each of them."""

from __future__ import annotations

import msgspec

from core.instance import DagsterInstance
from core.records.pipeline_run import CLAIMED_STATUSES, PipelineRun, PipelineRunsFilter
from core.records.queue import Places
from core.records.tags import priority_of
from core.run_coordinator import QueuedRunCoordinator


class WaitingRun(msgspec.Struct, frozen=True):
    """A run that waits.

    Attributes:
        run: the run.
        priority: higher ones are first.
        held_by: why it is not launched now, in words; None where it is next, as soon as a daemon looks.
    """

    run: PipelineRun
    priority: int
    held_by: str | None


def queue_of(instance: DagsterInstance, limit: int) -> list[WaitingRun]:
    """The first runs that wait, in the order in which they are launched unless a limit holds them.

    Args:
        instance: whose queue.
        limit: maximum number of runs.
    """
    coordinator = instance.run_coordinator
    if not isinstance(coordinator, QueuedRunCoordinator):
        return [WaitingRun(run, priority_of(run.tags), None) for run in instance.run_storage.get_queue(limit)]
    in_progress = instance.get_runs(PipelineRunsFilter(statuses=tuple(CLAIMED_STATUSES)))
    places = Places(coordinator.limits, [run.tags for run in in_progress])
    found = []
    for run in instance.run_storage.get_queue(limit):
        holding = places.holding(run.tags)
        held_by = str(holding) if holding is not None else None
        if held_by is None and places.left <= 0:
            held_by = f"{coordinator.limits.max_runs} runs in all"
        if held_by is None:
            places.take(run.tags)
        found.append(WaitingRun(run, priority_of(run.tags), held_by))
    return found
