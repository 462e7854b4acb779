"""What an instance does with runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from core.compute_logs.manager import ComputeLogManager
from core.errors import DagsterRunConflict, DagsterRunNotFoundError
from core.instance.deletion import delete_whole_run
from core.instance.holding import HeldClaim, hold, let_go
from core.process.running import RunningRuns
from core.records.claim import CLAIM_SECONDS, OFFERED, Claim, make_new_owner
from core.records.origin import ExternalPipelineOrigin
from core.records.pipeline_run import (
    NOT_BEGUN_STATUSES,
    PipelineRun,
    PipelineRunsFilter,
    PipelineRunStatus,
    RunRecord,
    make_new_run_id,
)
from core.records.removal import Removal
from core.storage.event_log import EventLogStorage
from core.storage.root import LocalArtifactStorage
from core.storage.runs import RunStorage


class RunsOfInstance:
    """Runs: made, begun, found, counted, tagged, deleted."""

    run_storage: RunStorage
    event_log_storage: EventLogStorage
    compute_log_manager: ComputeLogManager
    local_artifact_storage: LocalArtifactStorage
    running_runs: RunningRuns
    launched: dict[str, HeldClaim]

    def create_run(
        self,
        pipeline_name: str,
        run_id: str | None = None,
        run_config: Mapping[str, Any] | None = None,
        mode: str | None = None,
        solids_to_execute: frozenset[str] | None = None,
        step_keys_to_execute: Sequence[str] | None = None,
        status: PipelineRunStatus | None = None,
        tags: Mapping[str, str] | None = None,
        root_run_id: str | None = None,
        parent_run_id: str | None = None,
        solid_selection: Sequence[str] | None = None,
        external_pipeline_origin: ExternalPipelineOrigin | None = None,
    ) -> PipelineRun:
        """Stores a new run that has not begun; the parameters are the fields of `PipelineRun`.

        Raises:
            DagsterRunAlreadyExists: a run with `run_id` is stored.
            DagsterInvalidConfigError: `run_config` holds something that its record would not keep as it is.
        """
        run = PipelineRun(
            pipeline_name=pipeline_name,
            run_id=run_id or make_new_run_id(),
            run_config=dict(run_config or {}),
            mode=mode or "default",
            solid_selection=list(solid_selection) if solid_selection is not None else None,
            solids_to_execute=solids_to_execute,
            step_keys_to_execute=list(step_keys_to_execute) if step_keys_to_execute is not None else None,
            status=status or PipelineRunStatus.NOT_STARTED,
            tags=dict(tags or {}),
            root_run_id=root_run_id,
            parent_run_id=parent_run_id,
            external_pipeline_origin=external_pipeline_origin,
        )
        return self.add_run(run)

    def add_run(self, pipeline_run: PipelineRun) -> PipelineRun:
        """Stores a new run; see `RunStorage.add_run`."""
        return self.run_storage.add_run(pipeline_run)

    def begin_run(self, pipeline_run: PipelineRun) -> HeldClaim | None:
        """Stores a new run that this process executes; raises what `add_run` raises.

        Returns:
            The claim to it; None in memory, where no other process has runs.
        """
        asked_at = HeldClaim.moment()
        begun = pipeline_run.with_status(PipelineRunStatus.STARTED)
        claim = self.run_storage.add_claimed_run(begun, make_new_owner(), CLAIM_SECONDS)
        return self._held(claim, asked_at)

    def _held(self, claim: Claim, asked_at: float) -> HeldClaim | None:
        return hold(HeldClaim(self.run_storage, claim, asked_at)) if self.event_log_storage.is_persistent else None

    def take_up_run(self, run_id: str) -> HeldClaim | None:
        """Makes a run that is stored and has not begun one that this process executes, and no other; as `begin_run`.

        Raises:
            DagsterRunNotFoundError: there is no such run.
            DagsterRunConflict: it is being executed already, or has ended.
        """
        held = self.launched.pop(run_id, None)
        asked_at = HeldClaim.moment()
        claim = self.run_storage.claim_run(
            run_id,
            make_new_owner(),
            CLAIM_SECONDS,
            NOT_BEGUN_STATUSES,
            PipelineRunStatus.STARTED,
            after=None if held is None else held.claim,
        )
        if held is not None:
            let_go(held)
        if claim is None:
            run = self.get_existing_run(run_id)
            check_not_begun(run)
            raise DagsterRunConflict(f"Run {run_id} has been launched, and another process is about to execute it.")
        return self._held(claim, asked_at)

    @contextmanager
    def offering_run(self, run_id: str) -> Iterator[Claim | None]:
        """A run is launched in the block: nobody finds it dead meanwhile.

        Args:
            run_id: the run.

        Yields:
            The claim that is offered to who is to execute it: that by which it is being launched, or a new one. None
            where the run has ended, or another answers for it.
        """
        asked_at, claim = HeldClaim.moment(), self.run_storage.get_claim(run_id)
        if claim is None or claim.owner != OFFERED or not self.run_storage.renew_claim(claim, CLAIM_SECONDS):
            starting = PipelineRunStatus.STARTING
            claim = self.run_storage.claim_run(run_id, OFFERED, CLAIM_SECONDS, NOT_BEGUN_STATUSES, starting)
        held = None if claim is None else self._held(claim, asked_at)
        try:
            yield claim
        finally:
            if held is not None:
                let_go(held)

    @contextmanager
    def preparing_run(self, run: PipelineRun, offered: Claim | None = None) -> Iterator[None]:
        """Answers for a run that was launched while it is prepared in the block, until `take_up_run` begins it there.

        Args:
            run: the run.
            offered: the claim by which it was launched; None where that is not known. Within such a block, this does
                nothing.

        Raises:
            DagsterRunConflict: another process has taken it up.
        """
        if run.status is not PipelineRunStatus.STARTING or run.run_id in self.launched:
            yield
            return
        asked_at = HeldClaim.moment()
        starting = PipelineRunStatus.STARTING
        claim = self.run_storage.claim_run(
            run.run_id, make_new_owner(), CLAIM_SECONDS, {starting}, starting, after=offered
        )
        if claim is None:
            raise DagsterRunConflict(f"Run {run.run_id} has been launched, and another process is about to execute it.")
        held = self._held(claim, asked_at)
        if held is not None:
            self.launched[run.run_id] = held
        try:
            yield
        finally:
            refused = self.launched.pop(run.run_id, None)
            if refused is not None:
                let_go(refused)
                self.run_storage.release_claim(refused.claim)

    def get_run_by_id(self, run_id: str) -> PipelineRun | None:
        """The run, or None."""
        return self.run_storage.get_run_by_id(run_id)

    def get_existing_run(self, run_id: str) -> PipelineRun:
        """The run; raises DagsterRunNotFoundError when there is none."""
        run = self.run_storage.get_run_by_id(run_id)
        if run is None:
            raise DagsterRunNotFoundError(f"No run {run_id!r} in this instance.", run_id)
        return run

    def has_run(self, run_id: str) -> bool:
        """Whether the run is stored."""
        return self.run_storage.has_run(run_id)

    def get_runs(
        self, filters: PipelineRunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[PipelineRun]:
        """Runs that meet `filters`, the newest first; see `RunStorage.get_runs`."""
        return self.run_storage.get_runs(filters, cursor, limit)

    def get_run_records(
        self, filters: PipelineRunsFilter | None = None, cursor: str | None = None, limit: int | None = None
    ) -> list[RunRecord]:
        """As `get_runs`, with the times at which they were added and changed."""
        return self.run_storage.get_run_records(filters, cursor, limit)

    def get_runs_count(self, filters: PipelineRunsFilter | None = None) -> int:
        """How many runs meet `filters`."""
        return self.run_storage.get_runs_count(filters)

    def get_run_tags(self) -> list[tuple[str, set[str]]]:
        """Every tag key with the values it has in some run."""
        return self.run_storage.get_run_tags()

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        """Adds tags to a run; see `RunStorage.add_run_tags`."""
        self.run_storage.add_run_tags(run_id, new_tags)

    def delete_run(self, run_id: str, dry_run: bool = False) -> list[Removal]:
        """Deletes all of a run: its log, its values and files on the local disk, its compute logs, its record.

        The record goes last, so that a deletion that was cut short can be repeated.

        Args:
            run_id: the run.
            dry_run: deletes nothing.

        Returns:
            What went, or would go.

        Raises:
            DagsterRunNotFoundError: there is no such run.
            DagsterInvariantViolationError: it is in progress, or a process of this machine executes it.
        """
        return delete_whole_run(
            self.get_existing_run(run_id),
            self.run_storage,
            self.event_log_storage,
            self.compute_log_manager,
            self.local_artifact_storage,
            self.running_runs,
            dry_run,
        )


def check_not_begun(run: PipelineRun) -> None:
    """Raises DagsterRunConflict where a run cannot be executed: it is being executed, is to stop, or has ended."""
    if run.status in NOT_BEGUN_STATUSES:
        return
    if run.is_finished:
        state, advice = f"has ended as {run.status.value}", "To execute it again, use reexecute_pipeline."
    else:
        state, advice = f"is {run.status.value}", "Another process executes it, or died while it did."
    raise DagsterRunConflict(f"Run {run.run_id} of pipeline {run.pipeline_name!r} {state}. {advice}")
