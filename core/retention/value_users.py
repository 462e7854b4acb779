"""What an instance knows of who uses a stored value, for those that delete values."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import timedelta

from core.instance.instance import DagsterInstance
from core.records.pipeline_run import IN_PROGRESS_STATUSES, PipelineRunsFilter

MOST_TIME_TO_RECORD = timedelta(hours=1)
"""Between storing a value and the log saying so: a minute at the very worst."""


def known_as(address: str) -> tuple[str, ...]:
    """The addresses that runs may know a value by: its own and, of a path, also the one without links."""
    real = os.path.realpath(address) if address.startswith(os.sep) else address  # as no URL begins
    return (address,) if real == address else (address, real)


def count_users(
    instance: DagsterInstance, addresses: Iterable[str], run_ids: Collection[str] | None = None
) -> Counter[str]:
    """How many of the instance's runs stored or found each value; only those of `run_ids`, where these are given."""
    own = {alias: address for address in addresses for alias in known_as(address)}
    counts: Counter[str] = Counter()
    for alias, count in instance.event_log_storage.count_users(own, run_ids).items():
        counts[own[alias]] += count
    return counts


def runs_in_progress(instance: DagsterInstance) -> list[str]:
    """The ids of the instance's runs that are in progress.

    To be asked for after values were seen and before their users are: a run that has ended has recorded all that it
    stored.
    """
    filters = PipelineRunsFilter(statuses=tuple(IN_PROGRESS_STATUSES))
    return [run.run_id for run in instance.get_runs(filters)]
