"""What an instance does with events."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from core.events.event_types import DagsterEventType
from core.events.metadata import as_metadata_entries
from core.events.payloads import EngineEventData, StepOutputHandle
from core.events.records import DagsterEvent, EventLogEntry
from core.events.user_events import AssetKey
from core.log_manager import DagsterLogManager
from core.records.claim import Claim
from core.records.pipeline_run import PipelineRun
from core.storage.event_log import EventCallback, EventLogStorage
from core.storage.runs import RunStorage


class EventsOfInstance:
    """Events: stored, read, watched, reported from outside a run, asked for assets and addresses."""

    run_storage: RunStorage
    event_log_storage: EventLogStorage

    def all_logs(self, run_id: str, of_type: DagsterEventType | None = None) -> list[EventLogEntry]:
        """The log of a run, in order."""
        return self.event_log_storage.get_logs_for_run(run_id, of_type=of_type)

    def handle_new_event(self, event: EventLogEntry) -> None:
        """Stores an entry, and the status of the run that follows from it."""
        self.handle_new_events([event])

    def handle_new_events(self, events: Sequence[EventLogEntry], claim: Claim | None = None) -> None:
        """Stores entries in order, and the status of their runs that follows from them.

        Args:
            events: the entries.
            claim: by which this process answers for the run that all of them are of.

        Raises:
            DagsterRunConflict: another has taken the run over since. Nothing is stored.
        """
        if claim is None:
            self.event_log_storage.store_events(events)
        else:
            self.event_log_storage.store_claimed_events(claim, events)
        for entry in events:
            if entry.dagster_event is not None and entry.dagster_event.step_key is None:
                self.run_storage.handle_run_event(entry.run_id, entry.dagster_event, claim)

    def watch_event_logs(self, run_id: str, cursor: int | None, cb: EventCallback) -> None:
        """Calls `cb` with each entry of a run after `cursor`, until the run has ended; see `EventLogStorage.watch`."""
        self.event_log_storage.watch(run_id, cursor, cb)

    def end_watch_event_logs(self, run_id: str, cb: EventCallback) -> None:
        """Calls `cb` no more."""
        self.event_log_storage.end_watch(run_id, cb)

    def report_engine_event(
        self,
        message: str,
        pipeline_run: PipelineRun,
        engine_event_data: EngineEventData | None = None,
        cls: type | None = None,
        step_key: str | None = None,
        level: int = logging.INFO,
        **metadata: Any,
    ) -> DagsterEvent:
        """Records an ENGINE_EVENT that happened outside the execution of the run.

        Args:
            message: what happened.
            pipeline_run: the run it is about.
            engine_event_data: more about it.
            cls: the class that reports it; its name goes before the message.
            step_key: the step it is about.
            level: how serious it is, as in `logging`.
            metadata: labelled values to keep with the event.
        """
        data = engine_event_data or EngineEventData()
        entries = as_metadata_entries(metadata, data.metadata_entries)
        data = msgspec.structs.replace(data, metadata_entries=entries)
        event = DagsterEvent(
            "ENGINE_EVENT",
            pipeline_run.pipeline_name,
            f"[{cls.__name__}] {message}" if cls else message,
            step_key,
            event_specific_data=data,
        )
        self._report(pipeline_run, event, level)
        return event

    def report_run_canceling(self, pipeline_run: PipelineRun, message: str | None = None) -> DagsterEvent:
        """Records that a run was asked to stop."""
        return self._report_status(pipeline_run, "PIPELINE_CANCELING", message or "The run was asked to stop.")

    def report_run_canceled(self, pipeline_run: PipelineRun, message: str | None = None) -> DagsterEvent:
        """Records that a run was cancelled: for one whose process is gone and cannot say so."""
        return self._report_status(pipeline_run, "PIPELINE_CANCELED", message or "The run was cancelled from outside.")

    def report_run_failed(self, pipeline_run: PipelineRun, message: str | None = None) -> DagsterEvent:
        """Records that a run failed: for one whose process is gone and cannot say so."""
        default = "The run was reported as failed from outside."
        return self._report_status(pipeline_run, "PIPELINE_FAILURE", message or default)

    def _report_status(self, pipeline_run: PipelineRun, event_type: str, message: str) -> DagsterEvent:
        event = DagsterEvent(event_type, pipeline_run.pipeline_name, message)
        self._report(pipeline_run, event)
        return event

    def _report(self, pipeline_run: PipelineRun, event: DagsterEvent, level: int | None = None) -> None:
        log = DagsterLogManager(pipeline_run.run_id, event_sink=self.handle_new_event)
        data = event.event_specific_data
        log.log_dagster_event(event, data.error if isinstance(data, EngineEventData) else None, level)

    def get_addresses_for_step_output_versions(
        self, step_output_versions: Mapping[tuple[str, StepOutputHandle], str]
    ) -> dict[tuple[str, StepOutputHandle], str | None]:
        """Where versions of step outputs were stored.

        Args:
            step_output_versions: (pipeline name, output) -> version.

        Returns:
            (pipeline name, output) -> address, or None where there is none.
        """
        found = self.event_log_storage.get_step_output_addresses(step_output_versions)
        return {key: found[key].address if key in found else None for key in step_output_versions}

    def all_asset_keys(self) -> list[AssetKey]:
        """Every asset that a kept run materialized, sorted by path."""
        return self.event_log_storage.all_asset_keys()

    def has_asset_key(self, asset_key: AssetKey) -> bool:
        """Whether a kept run materialized it."""
        return bool(self.event_log_storage.get_asset_records(asset_key, limit=1))

    def events_for_asset_key(
        self,
        asset_key: AssetKey,
        partitions: Collection[str] | None = None,
        before_cursor: int | None = None,
        after_cursor: int | None = None,
        limit: int | None = None,
        ascending: bool = False,
    ) -> list[tuple[int, EventLogEntry]]:
        """Materializations of an asset, each with a cursor; see `EventLogStorage.get_asset_records`."""
        records = self.event_log_storage.get_asset_records(
            asset_key, partitions, before_cursor, after_cursor, limit, ascending
        )
        return [(record.storage_id, record.event_log_entry) for record in records]

    def wipe_assets(self, asset_keys: Collection[AssetKey]) -> None:
        """Forgets assets and their materializations; the logs of the runs stay as they are."""
        for asset_key in asset_keys:
            self.event_log_storage.wipe_asset(asset_key)
