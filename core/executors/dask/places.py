"""On which worker a step is best executed: where most of what it takes was made."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

from core.events.payloads import HandledOutputData
from core.events.records import EventLogEntry
from core.plan.steps import ExecutionStep

LARGE_BYTES = 16 << 20
"""From what size on it matters where the inputs of a step were made: of smaller ones the cluster may choose any."""


def stored_bytes(entry: EventLogEntry) -> int:
    """How large a value is that was stored just now, where it is a file that this machine can see; else 0."""
    data = entry.dagster_event and entry.dagster_event.event_specific_data
    if isinstance(data, HandledOutputData) and data.address is not None:
        with suppress(OSError, ValueError):
            return Path(data.address).stat().st_size
    return 0


class Places:
    """Where the values of a run were made."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[str, int]] = {}  # by step: the worker, and how many bytes

    def made(self, step_key: str, worker: str, count: int) -> None:
        """A step has stored values.

        Args:
            step_key: the step.
            worker: where it was executed.
            count: of bytes.
        """
        self._made[step_key] = worker, count

    def best_for(self, step: ExecutionStep) -> tuple[str, ...]:
        """The worker that has made most of what a step takes; none where that is little."""
        counts: Counter[str] = Counter()
        for key in {handle.step_key for handle in step.upstream_handles}:
            worker, count = self._made.get(key, ("", 0))
            counts[worker] += count
        return tuple(worker for worker, count in counts.most_common(1) if count >= LARGE_BYTES)
