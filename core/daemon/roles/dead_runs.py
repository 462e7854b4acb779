"""The role that finds runs whose processes are gone."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import suppress

from core.daemon.role import Role
from core.errors import DagsterRunAlreadyExists, DagsterRunConflict, DagsterRunNotFoundError, DagsterStorageError
from core.events.records import DagsterEvent, EventLogEntry
from core.instance import DagsterInstance
from core.log_manager import DagsterLogManager
from core.records.claim import CLAIM_SECONDS, Claim
from core.records.pipeline_run import PipelineRun, PipelineRunsFilter, PipelineRunStatus, lineage_tags
from core.records.tags import (
    HIDDEN_TAG_PREFIX,
    MAX_RETRIES_TAG,
    RESUME_RETRY_TAG,
    RESUMES_PARENT_TAG,
    RETRY_NUMBER_TAG,
)

DEAD_RUNS_DAEMON = "DEAD_RUNS"
_LOOK_SECONDS = 5.0
_AT_ONCE = 50
_MOST_LAUNCHES = 3
_STEP_ENDS = {"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"}


class DeadRunsRole(Role):
    """Runs whose claim has expired end as what is known of them says.

    One that was to be cancelled is. One that was launched, and not begun, waits again. Any other has failed; and a run
    goes on from what it has stored, where its tag `dagster/max_retries`, or the setting, allows it.

    Args:
        instance: where runs are kept.
    """

    daemon_type = DEAD_RUNS_DAEMON

    def __init__(self, instance: DagsterInstance) -> None:
        self._instance = instance
        self._known: Claim | None = None

    def turn(self, claim: Claim) -> float:
        if claim != self._known:  # who had the role before may have been killed between two acts
            self._submit_left()
            self._known = claim
        expired = self._instance.run_storage.expired_runs(_AT_ONCE)
        for run_id in expired:
            self._end(run_id, claim.owner)
        if expired:
            self._instance.recover()  # the logs of steps whose process was on this machine
        return 0.0 if len(expired) == _AT_ONCE else _LOOK_SECONDS

    def _submit_left(self) -> None:
        tags = {RESUMES_PARENT_TAG: "true"}
        for run in self._instance.get_runs(PipelineRunsFilter(statuses=(PipelineRunStatus.NOT_STARTED,), tags=tags)):
            parent = self._instance.get_run_by_id(run.parent_run_id or "")
            if parent is not None and parent.is_finished:
                self._instance.submit_run(run.run_id)

    def _end(self, run_id: str, owner: str) -> None:
        claim = self._instance.run_storage.claim_expired_run(run_id, owner, CLAIM_SECONDS)
        if claim is None:
            return
        self._instance.event_log_storage.fence(claim)  # from here on, its process stores nothing, if it is only slow
        with suppress(DagsterStorageError):  # of another user's process
            self._instance.recover_events()
        # It was cancelled from outside, or deleted, at this moment.
        with suppress(DagsterRunConflict, DagsterRunNotFoundError):
            self._record_end(self._instance.get_existing_run(run_id), claim)

    def _record_end(self, run: PipelineRun, claim: Claim) -> None:
        if run.status is PipelineRunStatus.CANCELING:
            self._record(run, claim, "PIPELINE_CANCELED", "Its process is gone, which was asked to stop.")
        elif run.status is PipelineRunStatus.STARTING:
            self._not_begun(run, claim)
        elif run.status is PipelineRunStatus.STARTED:
            resumed = self._resumed(run)
            goes_on = f" Run {resumed.run_id} goes on from what it has stored." if resumed is not None else ""
            self._record(run, claim, "PIPELINE_FAILURE", self._what_is_known(run) + goes_on)
            if resumed is not None:
                self._instance.submit_run(resumed.run_id)

    def _not_begun(self, run: PipelineRun, claim: Claim) -> None:
        launches = self._instance.run_storage.count_launches(run.run_id)
        if 0 < launches < _MOST_LAUNCHES:
            message = "The run was launched, and no process has begun it; it waits again."
            self._record(run, claim, "PIPELINE_ENQUEUED", message)
        else:
            self._record(run, claim, "PIPELINE_FAILURE", "The run was launched, and no process has begun it.")

    def _what_is_known(self, run: PipelineRun) -> str:
        running: dict[str, None] = {}
        for entry in self._instance.all_logs(run.run_id):
            event = entry.dagster_event
            if event is not None and event.step_key is not None:
                if event.event_type_value in ("STEP_START", "STEP_RESTARTED"):
                    running[event.step_key] = None
                elif event.event_type_value in _STEP_ENDS:
                    running.pop(event.step_key, None)
        known = self._instance.running_runs.killed().get(run.run_id)
        which = "Its process" if known is None else f"Its process {known.pid}"
        what = f" It was executing: {', '.join(running)}." if running else ""
        return f"{which} is gone: nothing was heard of it for {CLAIM_SECONDS:g} s.{what}"

    def _record(self, run: PipelineRun, claim: Claim, event_type: str, message: str) -> None:
        entries: list[EventLogEntry] = []
        event = DagsterEvent(event_type, run.pipeline_name, message)
        DagsterLogManager(run.run_id, event_sink=entries.append).log_dagster_event(event)
        self._instance.handle_new_events(entries, claim)

    def _resumed(self, run: PipelineRun) -> PipelineRun | None:
        """The run that goes on after another, stored; None where it may not be gone on with."""
        number = _number(run.tags.get(RETRY_NUMBER_TAG)) + 1
        if number > self._max_retries(run.tags) or run.external_pipeline_origin is None:
            return None
        root = run.root_run_id or run.run_id
        tags = {key: value for key, value in run.tags.items() if not key.startswith(HIDDEN_TAG_PREFIX)}
        resumed = PipelineRun(
            pipeline_name=run.pipeline_name,
            run_id=str(uuid.uuid5(_NAMESPACE, run.run_id)),  # the same, where this is done again by another daemon
            run_config=run.run_config,
            mode=run.mode,
            solid_selection=run.solid_selection,
            solids_to_execute=run.solids_to_execute,
            tags={
                **tags,
                **lineage_tags(root, run.run_id),
                RESUME_RETRY_TAG: "true",
                RESUMES_PARENT_TAG: "true",
                RETRY_NUMBER_TAG: str(number),
            },
            root_run_id=root,
            parent_run_id=run.run_id,
            external_pipeline_origin=run.external_pipeline_origin,
        )
        with suppress(DagsterRunAlreadyExists):
            self._instance.add_run(resumed)
        return resumed

    def _max_retries(self, tags: Mapping[str, str]) -> int:
        of_instance = self._instance.settings.get("run_retries") or {}
        return _number(tags.get(MAX_RETRIES_TAG, of_instance.get("max_retries", 0)))


_NAMESPACE = uuid.UUID("5f1d7c1e-6f0f-4d5c-9a40-3a1d0f6f2b77")


def _number(given: object) -> int:
    try:
        return max(0, int(str(given)))
    except ValueError:  # None, or no number
        return 0
