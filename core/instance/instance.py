"""The instance: what a process uses to keep runs, events, logs and artifacts."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from core.errors import DagsterHomeNotSetError, DagsterInvariantViolationError, DagsterRunNotFoundError
from core.events.metadata import as_metadata_entries
from core.events.payloads import EngineEventData, StepOutputHandle
from core.events.records import DagsterEvent, EventLogEntry
from core.instance.ref import InstanceRef
from core.log_manager import DagsterLogManager
from core.serdes import ConfigurableClassData
from core.storage.compute_log_manager import ComputeLogManager, NoOpComputeLogManager
from core.storage.daemon_heartbeat import DaemonHeartbeat
from core.storage.event_log import EventLogStorage, InMemoryEventLogStorage
from core.storage.pipeline_run import PipelineRun, PipelineRunsFilter, RunRecord
from core.storage.root import LocalArtifactStorage
from core.storage.runs import InMemoryRunStorage, RunStorage

HOME_VARIABLE = "DAGSTER_HOME"


class InstanceType(Enum):
    """Whether an instance outlives its process."""

    PERSISTENT = "PERSISTENT"
    EPHEMERAL = "EPHEMERAL"


class DagsterInstance:
    """Holds the storages. Get one with `DagsterInstance.get()`; configure it in `$DAGSTER_HOME/dagster.yaml`.

    Usable as a context manager, which lets go of connections and threads at the end.

    Args:
        instance_type: whether it outlives the process.
        local_artifact_storage: where files and values go that need a local disk.
        run_storage: the runs.
        event_storage: their logs.
        compute_log_manager: the stdout and stderr of their steps.
        schedule_storage: the state of schedules.
        scheduler: starts runs on a schedule.
        run_coordinator: decides when submitted runs are launched.
        run_launcher: launches runs in processes of their own.
        settings: flags of this instance.
        ref: what it can be made from again in another process.
    """

    def __init__(
        self,
        instance_type: InstanceType,
        local_artifact_storage: LocalArtifactStorage,
        run_storage: RunStorage,
        event_storage: EventLogStorage,
        compute_log_manager: ComputeLogManager,
        schedule_storage: Any = None,
        scheduler: Any = None,
        run_coordinator: Any = None,
        run_launcher: Any = None,
        settings: Mapping[str, Any] | None = None,
        ref: InstanceRef | None = None,
    ) -> None:
        self.instance_type = instance_type
        self.local_artifact_storage = local_artifact_storage
        self.run_storage = run_storage
        self.event_log_storage = event_storage
        self.compute_log_manager = compute_log_manager
        self.schedule_storage = schedule_storage
        self.scheduler = scheduler
        self.run_coordinator = run_coordinator
        self.run_launcher = run_launcher
        self.settings = dict(settings or {})
        self._ref = ref

    # How to get one

    @staticmethod
    def get() -> DagsterInstance:
        """The instance in `$DAGSTER_HOME`, or an ephemeral one when that is not set.

        Raises:
            DagsterInvalidConfigError: `dagster.yaml` is not as it must be.
            DagsterInvariantViolationError: `$DAGSTER_HOME` is no absolute path.
        """
        home = os.environ.get(HOME_VARIABLE, "")
        return DagsterInstance.from_config(_checked_home(home)) if home else DagsterInstance.ephemeral()

    @staticmethod
    def ephemeral(tempdir: str | None = None) -> DagsterInstance:
        """An instance whose runs and events are gone with the process.

        Args:
            tempdir: where values and files go; by default a directory that is deleted with the instance.
        """
        directory = tempdir or tempfile.mkdtemp(prefix="cloudstore-")
        instance = DagsterInstance(
            InstanceType.EPHEMERAL,
            LocalArtifactStorage(directory),
            InMemoryRunStorage(),
            InMemoryEventLogStorage(),
            NoOpComputeLogManager(),
        )
        if tempdir is None:
            weakref.finalize(instance, _delete_directory, directory, os.getpid())
        return instance

    @staticmethod
    def local_temp(tempdir: str | None = None, overrides: Mapping[str, Any] | None = None) -> DagsterInstance:
        """A persistent instance in a temporary directory, for tests.

        Args:
            tempdir: the directory; by default one that is deleted with the instance.
            overrides: sections of `dagster.yaml`.
        """
        directory = tempdir or tempfile.mkdtemp(prefix="cloudstore-")
        instance = DagsterInstance.from_ref(InstanceRef.from_dir(directory, overrides))
        if tempdir is None:
            weakref.finalize(instance, _delete_directory, directory, os.getpid())
        return instance

    @staticmethod
    def from_config(base_dir: str) -> DagsterInstance:
        """The instance in a directory, by the `dagster.yaml` there."""
        return DagsterInstance.from_ref(InstanceRef.from_dir(base_dir))

    @staticmethod
    def from_ref(instance_ref: InstanceRef) -> DagsterInstance:
        """The instance that a ref describes.

        Raises:
            DagsterInvalidConfigError: a part's class does not exist or its config does not fit.
            DagsterStorageError: a database cannot be opened.
        """
        return DagsterInstance(
            InstanceType.PERSISTENT,
            instance_ref.local_artifact_storage_data.rehydrate(),
            instance_ref.run_storage_data.rehydrate(),
            instance_ref.event_storage_data.rehydrate(),
            instance_ref.compute_logs_data.rehydrate(),
            _made(instance_ref.schedule_storage_data),
            _made(instance_ref.scheduler_data),
            _made(instance_ref.run_coordinator_data),
            _made(instance_ref.run_launcher_data),
            instance_ref.settings,
            instance_ref,
        )

    def get_ref(self) -> InstanceRef:
        """What the instance can be made from again in another process.

        Raises:
            DagsterInvariantViolationError: it is ephemeral.
        """
        if self._ref is None:
            raise DagsterInvariantViolationError(
                f"An ephemeral instance cannot be used by another process. Set ${HOME_VARIABLE} to a directory."
            )
        return self._ref

    @property
    def is_ephemeral(self) -> bool:
        """bool: whether it is gone with the process."""
        return self.instance_type is InstanceType.EPHEMERAL

    @property
    def is_persistent(self) -> bool:
        """bool: whether it outlives the process."""
        return self.instance_type is InstanceType.PERSISTENT

    @property
    def root_directory(self) -> str:
        """str: its directory on the local disk."""
        return self.local_artifact_storage.base_dir

    def storage_directory(self) -> str:
        """Where values and files go that need a local disk."""
        return self.local_artifact_storage.storage_dir

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispose()

    def dispose(self) -> None:
        """Lets go of connections and threads; finishes what is under way."""
        self.compute_log_manager.dispose()
        self.run_storage.dispose()
        self.event_log_storage.dispose()

    # Runs

    def add_run(self, pipeline_run: PipelineRun) -> PipelineRun:
        """Stores a new run; see `RunStorage.add_run`."""
        return self.run_storage.add_run(pipeline_run)

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

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        """Adds tags to a run; see `RunStorage.add_run_tags`."""
        self.run_storage.add_run_tags(run_id, new_tags)

    # Events

    def all_logs(self, run_id: str, of_type: Any = None) -> list[EventLogEntry]:
        """The log of a run, in order."""
        return self.event_log_storage.get_logs_for_run(run_id, of_type=of_type)

    def handle_new_event(self, event: EventLogEntry) -> None:
        """Stores an entry, and the status of the run that follows from it."""
        self.handle_new_events([event])

    def handle_new_events(self, events: list[EventLogEntry]) -> None:
        """Stores entries in order, and the status of their runs that follows from them."""
        self.event_log_storage.store_events(events)
        for entry in events:
            if entry.dagster_event is not None and entry.dagster_event.step_key is None:
                self.run_storage.handle_run_event(entry.run_id, entry.dagster_event)

    def report_engine_event(
        self,
        message: str,
        pipeline_run: PipelineRun,
        engine_event_data: EngineEventData | None = None,
        cls: type | None = None,
        step_key: str | None = None,
        **metadata: Any,
    ) -> DagsterEvent:
        """Records an ENGINE_EVENT that happened outside the execution of the run.

        Args:
            message: what happened.
            pipeline_run: the run it is about.
            engine_event_data: more about it.
            cls: the class that reports it; its name goes before the message.
            step_key: the step it is about.
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
        log = DagsterLogManager(pipeline_run.run_id, event_sink=self.handle_new_event)
        log.log_dagster_event(event, data.error)
        return event

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

    # Daemons

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        """Called regularly by a daemon."""
        self.run_storage.add_daemon_heartbeat(daemon_heartbeat)

    def get_daemon_heartbeats(self) -> dict[str, DaemonHeartbeat]:
        """The latest heartbeat of each daemon type."""
        return self.run_storage.get_daemon_heartbeats()

    # Launching

    def submit_run(self, run_id: str, external_pipeline: Any) -> PipelineRun:
        """Hands a stored run to the run coordinator.

        Raises:
            DagsterInvariantViolationError: the instance has no run coordinator.
            DagsterRunNotFoundError: there is no such run.
        """
        run = self.get_existing_run(run_id)
        coordinator = self._required(self.run_coordinator, "run_coordinator")
        submitted: PipelineRun = coordinator.submit_run(run, external_pipeline=external_pipeline)
        return submitted

    def launch_run(self, run_id: str, external_pipeline: Any) -> PipelineRun:
        """Hands a stored run to the run launcher.

        Raises:
            DagsterInvariantViolationError: the instance has no run launcher.
            DagsterRunNotFoundError: there is no such run.
        """
        run = self.get_existing_run(run_id)
        launcher = self._required(self.run_launcher, "run_launcher")
        launched: PipelineRun = launcher.launch_run(run, external_pipeline=external_pipeline)
        return launched

    @staticmethod
    def _required(part: Any, section: str) -> Any:
        if part is None:
            raise DagsterInvariantViolationError(
                f"This instance has no {section}; name a class for it in the section {section} of dagster.yaml."
            )
        return part


def persistent_instance() -> DagsterInstance:
    """The instance in `$DAGSTER_HOME`, for commands that make no sense without one.

    Raises:
        DagsterHomeNotSetError: it is not set.
    """
    if not os.environ.get(HOME_VARIABLE):
        raise DagsterHomeNotSetError(
            f"${HOME_VARIABLE} is not set, so no run is kept from one command to the next. "
            f"Set it to a directory of yours: export {HOME_VARIABLE}=~/cloudstore"
        )
    return DagsterInstance.get()


def _made(data: ConfigurableClassData | None) -> Any:
    return data.rehydrate() if data else None


def _checked_home(home: str) -> str:
    path = Path(home).expanduser()
    if not path.is_absolute():
        raise DagsterInvariantViolationError(f"${HOME_VARIABLE} must be an absolute path; it is {home!r}.")
    return str(path)


def _delete_directory(directory: str, owner_pid: int) -> None:
    if os.getpid() == owner_pid:  # a forked child has a copy of the instance, but the directory is its parent's
        shutil.rmtree(directory, ignore_errors=True)
