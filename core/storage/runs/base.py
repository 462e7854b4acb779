"""The interface of run storages; `tests/core/storage/test_run_storage.py` tests every implementation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping

from core.events.records import DagsterEvent
from core.records.claim import Claim
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.records.pipeline_run import (
    STATUS_AFTER_EVENT,
    UNFINISHED_STATUSES,
    PipelineRun,
    PipelineRunsFilter,
    PipelineRunStatus,
    RunRecord,
)
from core.records.queue import Dequeued, QueueLimits
from core.records.schema_migration import Migration
from core.storage.runs.changes import Changes, NoChanges


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
    def add_claimed_run(self, pipeline_run: PipelineRun, owner: str, seconds: float) -> Claim:
        """As `add_run`, of a run for which `owner` answers for the first `seconds`; returns the claim."""

    def handle_run_event(self, run_id: str, event: DagsterEvent, claim: Claim | None = None) -> None:
        """Sets the run's status to what `event` makes it; other events and unknown runs change nothing.

        The status of a run that has ended is final.

        Args:
            run_id: the run.
            event: the event.
            claim: by which the run's process says so; one that another has taken over since changes nothing.
        """
        status = STATUS_AFTER_EVENT.get(event.event_type_value)
        if status is not None:
            self.change_status(run_id, UNFINISHED_STATUSES, status, claim)

    @abstractmethod
    def change_status(
        self,
        run_id: str,
        expected: Collection[PipelineRunStatus],
        status: PipelineRunStatus,
        claim: Claim | None = None,
    ) -> bool:
        """Sets the run's status where it is one of `expected`, in one step.

        Nobody answers any more for a run that has ended, or waits.

        Args:
            run_id: the run; an unknown one is not changed.
            expected: statuses that may be changed. Where `status` is none of them, one of many callers succeeds.
            status: the new one.
            claim: changes nothing where another has taken this one over.

        Returns:
            Whether it was changed.
        """

    # Who answers for a run: claims, which expire by the storage's own clock

    @abstractmethod
    def claim_run(
        self,
        run_id: str,
        owner: str,
        seconds: float,
        expected: Collection[PipelineRunStatus],
        status: PipelineRunStatus | None = None,
        after: Claim | None = None,
    ) -> Claim | None:
        """Takes a run over: from now on `owner` answers for it. Of several at once, one succeeds.

        Args:
            run_id: the run.
            owner: who answers for it. One that is OFFERED is taken over by the next one that claims it.
            seconds: how long, unless it is renewed.
            expected: the statuses in which it is taken over.
            status: the new one; as it is by default.
            after: the claim that is taken over, which need not have expired. By default any that has, or is OFFERED.

        Returns:
            The claim; None where there is no such run, its status is none of `expected`, another answers for it
            whose claim has not expired, or its claim is not `after`.
        """

    @abstractmethod
    def claim_expired_run(self, run_id: str, owner: str, seconds: float) -> Claim | None:
        """Takes a run over that is one of `expired_runs`; None where it is none any more."""

    @abstractmethod
    def renew_claim(self, claim: Claim, seconds: float) -> bool:
        """Makes a claim good for `seconds` from now on, also where it has expired.

        Returns:
            Whether it is good: False where another has taken the run over, or it has ended.
        """

    @abstractmethod
    def release_claim(self, claim: Claim) -> None:
        """Nobody answers for the run any more. A claim that another has taken over is left alone."""

    @abstractmethod
    def get_claim(self, run_id: str) -> Claim | None:
        """The claim to a run, expired or not; None where nobody answers for it."""

    @abstractmethod
    def expired_runs(self, limit: int) -> list[str]:
        """Runs that are STARTING, STARTED or CANCELING, and whose claim has expired: their processes are gone.

        Args:
            limit: maximum number of runs; those that expired first.
        """

    @abstractmethod
    def claim_role(self, role: str, owner: str, seconds: float) -> Claim | None:
        """Takes a role, which one process has at a time; None where another has it whose claim has not expired."""

    @abstractmethod
    def renew_role(self, claim: Claim, seconds: float) -> bool:
        """As `renew_claim`, of a role."""

    @abstractmethod
    def release_role(self, claim: Claim) -> None:
        """Leaves a role to whoever takes it next. A claim that another has taken over is left alone."""

    # The queue

    @abstractmethod
    def dequeue(self, role: Claim, limits: QueueLimits, count: int, seconds: float) -> list[Dequeued]:
        """Takes runs out of the queue, in one step: they are STARTING then, and OFFERED to who is to execute them.

        The run with the highest priority is first (the tag `dagster/priority`, a whole number, else 0), of several the
        one that was added first. A run that a limit holds is passed over. In progress are those that are STARTING,
        STARTED or CANCELING, whoever started them.

        Args:
            role: of who launches runs; nothing is taken where it has expired, or another has taken it over.
            limits: how many runs may be in progress; not exceeded, whoever else calls this.
            count: maximum number of runs to take.
            seconds: how long the claims to them are good for.
        """

    @abstractmethod
    def get_queue(self, limit: int | None = None) -> list[PipelineRun]:
        """The runs that wait, in the order in which they are launched unless a limit holds them.

        Args:
            limit: maximum number of runs.
        """

    @abstractmethod
    def count_launches(self, run_id: str) -> int:
        """How often a run was taken out of the queue; 0 of an unknown one."""

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
    def rewrite_run(self, pipeline_run: PipelineRun) -> None:
        """Puts a record in the place of that of the same run, which has not begun; its status and tags stay."""

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

    def changes(self) -> Changes:
        """Tells when something may have changed; made for one thread, which closes it."""
        return NoChanges()

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
