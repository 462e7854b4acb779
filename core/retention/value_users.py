"""Which runs of an instance use a stored value: whoever deletes values asks this first."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import timedelta

from core.disk.paths import real_path
from core.instance.instance import DagsterInstance
from core.records.pipeline_run import IN_PROGRESS_STATUSES, PipelineRunsFilter

LONGEST_UNRECORDED = timedelta(hours=1)
"""A value may be stored for this long before the run's log says so. The real maximum is about a minute."""


def aliases(address: str) -> tuple[str, ...]:
    """The addresses under which runs may have recorded a value: its own and, for a path, the one without links."""
    real = str(real_path(address)) if address.startswith(os.sep) else address  # URLs never begin with a slash
    return (address,) if real == address else (address, real)


def count_users(
    instance: DagsterInstance, addresses: Iterable[str], run_ids: Collection[str] | None = None
) -> Counter[str]:
    """How many runs of the instance stored or found each value.

    Args:
        instance: has the runs.
        addresses: of the values.
        run_ids: counts only these runs; all by default.
    """
    address_of = {alias: address for address in addresses for alias in aliases(address)}
    counts: Counter[str] = Counter()
    for alias, count in instance.event_log_storage.count_users(address_of, run_ids).items():
        counts[address_of[alias]] += count
    return counts


def runs_in_progress(instance: DagsterInstance) -> list[str]:
    """The ids of the instance's runs that are in progress, and of those that a process executes whatever they say.

    Call this after listing values and before looking up who uses them: a run that has ended by then has recorded
    everything that it stored.
    """
    filters = PipelineRunsFilter(statuses=tuple(IN_PROGRESS_STATUSES))
    return sorted({*instance.running_runs.living(), *(run.run_id for run in instance.get_runs(filters))})
