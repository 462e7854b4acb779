"""The interface of run storages; `tests/core/storage/test_run_storage.py` tests every implementation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

from core.events.records import DagsterEvent
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus, RunRecord
from core.records.schema_migration import Migration


class RunStorage(ABC):
    """Keeps the record of every run. Safe for use by many threads and, where persistent, many processes.

    Once a method has returned, its changes are kept even if the process is killed immediately afterwards.

    Example:
        >>> from core import DagsterEvent, PipelineRun, PipelineRunsFilter
        >>> from core.storage.runs import InMemoryRunStorage, RunStorage
        >>> storage: RunStorage = InMemoryRunStorage()
        >>> run = storage.add_run(PipelineRun("count", run_id="a-run", tags={"team": "a"}))
        >>> storage.handle_run_event("a-run", DagsterEvent("PIPELINE_START", "count"))
        >>> [each.status.value for each in storage.get_runs(PipelineRunsFilter(tags={"team": "a"}))]
        ['STARTED']
    """

    is_of_one_machine = False
    """Whether only processes of this machine can open it, as a file on its disk."""

    @abstractmethod
    def add_run(self, pipeline_run: PipelineRun) -> PipelineRun:
        """Stores a new run and returns it.

        Raises:
            DagsterRunAlreadyExists: a run with its id exists; nothing is changed.
            DagsterInvalidConfigError: its config would not come back as it is (`check_recordable`).
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
        """Runs that meet `filters`, newest first.

        Args:
            filters: all runs when None.
            cursor: a run id; only runs added before that one. An unknown id gives an empty list.
            limit: maximum number of runs.

        Raises:
            DagsterInvariantViolationError: `limit` is negative.
        """

    def get_runs(
        self, filters: PipelineRunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[PipelineRun]:
        """Like `get_run_records`, without what else is stored with each run."""
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
            DagsterInvariantViolationError: a tag is not text.
        """

    @abstractmethod
    def delete_run(self, run_id: str) -> None:
        """Deletes a run and its tags; an unknown run is ignored."""

    @abstractmethod
    def wipe(self) -> None:
        """Deletes every run."""

    @abstractmethod
    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        """Keeps it as the latest of its `daemon_type`."""

    @abstractmethod
    def get_daemon_heartbeats(self) -> dict[str, DaemonHeartbeat]:
        """The latest heartbeat of each daemon type."""

    @abstractmethod
    def wipe_daemon_heartbeats(self) -> None:
        """Deletes every heartbeat."""

    def check(self) -> None:
        """Raises DagsterStorageError if the storage cannot be used, DagsterSchemaError if it has to be migrated."""
        return

    def migrate(self) -> list[Migration]:
        """Brings the storage to the schema that this release needs; returns what was done, nothing if it is up to date.

        Raises:
            DagsterStorageError: the storage cannot be used, or the migration failed; the database is unchanged then.
        """
        return []

    def dispose(self) -> None:
        """Closes all connections; they are opened again when the storage is used again."""
        return
