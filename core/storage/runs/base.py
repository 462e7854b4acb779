"""What a run storage does; `tests/core/storage/test_run_storage.py` holds every implementation to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

from core.events.records import DagsterEvent
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus, RunRecord
from core.records.schema_migration import Migration


class RunStorage(ABC):
    """Keeps the record of every run. Safe for use by many threads and, where persistent, many processes.

    What a method has returned from is kept even if the process is killed the moment after.
    """

    @abstractmethod
    def add_run(self, pipeline_run: PipelineRun) -> PipelineRun:
        """Stores a new run and returns it.

        Raises:
            DagsterRunAlreadyExists: a run with its id is stored; nothing is changed.
        """

    @abstractmethod
    def handle_run_event(self, run_id: str, event: DagsterEvent) -> None:
        """Sets the run's status to what `event` makes it; other events and unknown runs change nothing.

        The status of a run that has ended is final.
        """

    @abstractmethod
    def change_status(self, run_id: str, expected: Collection[PipelineRunStatus], status: PipelineRunStatus) -> bool:
        """Sets the run's status where it is one of `expected`, in one step.

        Args:
            run_id: the run; an unknown one is not changed.
            expected: statuses that may be changed. Where `status` is none of them, one of many callers succeeds.
            status: the new one.

        Returns:
            Whether it was changed.
        """

    @abstractmethod
    def get_run_records(
        self, filters: PipelineRunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[RunRecord]:
        """Runs that meet `filters`, the one added last first.

        Args:
            filters: all runs when None.
            cursor: a run id; only runs added before that one. Unknown ids give an empty list.
            limit: at most so many.

        Raises:
            DagsterInvariantViolationError: `limit` is negative.
        """

    def get_runs(
        self, filters: PipelineRunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[PipelineRun]:
        """As `get_run_records`, the runs alone."""
        return [record.pipeline_run for record in self.get_run_records(filters, cursor, limit)]

    @abstractmethod
    def get_runs_count(self, filters: PipelineRunsFilter | None = None) -> int:
        """How many runs meet `filters`."""

    def get_run_by_id(self, run_id: str) -> PipelineRun | None:
        """The run, or None."""
        found = self.get_runs(PipelineRunsFilter(run_ids=(run_id,)))
        return found[0] if found else None

    def has_run(self, run_id: str) -> bool:
        """Whether the run is stored."""
        return self.get_run_by_id(run_id) is not None

    @abstractmethod
    def get_run_tags(self) -> list[tuple[str, set[str]]]:
        """Every tag key with the values it has in some run, sorted by key."""

    @abstractmethod
    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        """Adds tags to a run; a key it has already gets the new value.

        Raises:
            DagsterRunNotFoundError: there is no such run.
            DagsterInvariantViolationError: a tag is no text.
        """

    @abstractmethod
    def delete_run(self, run_id: str) -> None:
        """Forgets a run and its tags. An unknown one is no error."""

    @abstractmethod
    def wipe(self) -> None:
        """Forgets every run."""

    @abstractmethod
    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        """Keeps it as the latest of its `daemon_type`."""

    @abstractmethod
    def get_daemon_heartbeats(self) -> dict[str, DaemonHeartbeat]:
        """The latest heartbeat of each daemon type."""

    @abstractmethod
    def wipe_daemon_heartbeats(self) -> None:
        """Forgets every heartbeat."""

    def check(self) -> None:
        """Raises DagsterStorageError where it cannot be used, DagsterSchemaError where it has to be migrated."""
        return

    def migrate(self) -> list[Migration]:
        """Brings the storage to the form this release needs; returns what was done, nothing where it has that form.

        Raises:
            DagsterStorageError: it cannot be used, or the migration failed and nothing was changed.
        """
        return []

    def dispose(self) -> None:
        """Lets go of connections; the storage opens them anew if it is used again."""
        return
