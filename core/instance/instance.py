"""The instance: what a process uses to keep runs, events, logs and artifacts."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from types import NoneType, TracebackType
from typing import Any, Self

from core.compute_logs.manager import ComputeLogManager, NoOpComputeLogManager
from core.disk.private import let_group_read
from core.errors import DagsterHomeNotSetError, DagsterInvariantViolationError, DagsterStorageError
from core.instance.dagster_yaml import is_group_readable, resolve_retention, resolve_settings
from core.instance.holding import HeldClaim
from core.instance.ref import InstanceRef
from core.instance.unstored import OfInstance, store_unstored
from core.launcher import RunLauncher
from core.process.leftovers import Leftovers
from core.process.running import RunningRuns
from core.records.daemon_heartbeat import DaemonHeartbeat
from core.run_coordinator import QueuedRunCoordinator, RunCoordinator
from core.scheduler import DagsterDaemonScheduler, Scheduler
from core.serdes import ConfigurableClassData
from core.storage.event_log import EventLogStorage, InMemoryEventLogStorage
from core.storage.root import LocalArtifactStorage, TemporaryArtifactStorage
from core.storage.runs import InMemoryRunStorage, RunStorage
from core.storage.schedules import InMemoryScheduleStorage, ScheduleStorage

HOME_VARIABLE = "DAGSTER_HOME"
_DAEMONS_OF_EVERY_INSTANCE = ("BACKFILL", "DEAD_RUNS", "SENSOR")


class InstanceType(Enum):
    """Whether an instance outlives its process."""

    PERSISTENT = "PERSISTENT"
    EPHEMERAL = "EPHEMERAL"


class DagsterInstance(OfInstance):
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
        retention: how long things are kept, as in `dagster.yaml`.

    Raises:
        DagsterInvariantViolationError: one of its parts is an object of another kind.

    Example:
        >>> from core import DagsterInstance, execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> with DagsterInstance.local_temp("my_instance") as instance:  # or DagsterInstance.get()
        ...     result = execute_pipeline(pipeline(name="count")(lambda: one()), instance=instance)
        ...     instance.get_run_by_id(result.run_id).status.value
        'SUCCESS'
    """

    def __init__(
        self,
        instance_type: InstanceType,
        local_artifact_storage: LocalArtifactStorage,
        run_storage: RunStorage,
        event_storage: EventLogStorage,
        compute_log_manager: ComputeLogManager,
        schedule_storage: ScheduleStorage | None = None,
        scheduler: Scheduler | None = None,
        run_coordinator: RunCoordinator | None = None,
        run_launcher: RunLauncher | None = None,
        settings: Mapping[str, Any] | None = None,
        ref: InstanceRef | None = None,
        retention: Mapping[str, Any] | None = None,
    ) -> None:
        _check_kind("local_artifact_storage", local_artifact_storage, LocalArtifactStorage)
        _check_kind("run_storage", run_storage, RunStorage)
        _check_kind("event_storage", event_storage, EventLogStorage)
        _check_kind("compute_log_manager", compute_log_manager, ComputeLogManager)
        _check_kind("schedule_storage", schedule_storage, ScheduleStorage, NoneType)
        _check_kind("scheduler", scheduler, Scheduler, NoneType)
        _check_kind("run_coordinator", run_coordinator, RunCoordinator, NoneType)
        _check_kind("run_launcher", run_launcher, RunLauncher, NoneType)
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
        self.retention = dict(retention or {})
        self.running_runs = RunningRuns(None if self.is_ephemeral else Path(self.root_directory) / "running")
        self.launched: dict[str, HeldClaim] = {}
        self._ref = ref
        self._own_directory: TemporaryArtifactStorage | None = None  # held, since it goes with what it belongs to
        if run_coordinator is not None:
            run_coordinator.register_instance(self)
        if run_launcher is not None:
            run_launcher.register_instance(self)
        compute_log_manager.report = _reporter_to(weakref.ref(self))

    # How to get one

    @staticmethod
    def get() -> DagsterInstance:
        """The instance in `$DAGSTER_HOME`, or an ephemeral one when that is not set.

        Raises:
            DagsterInvalidConfigError: `dagster.yaml` is not as it must be.
            DagsterInvariantViolationError: `$DAGSTER_HOME` is not an absolute path.
        """
        home = os.environ.get(HOME_VARIABLE, "")
        return DagsterInstance.from_config(_checked_home(home)) if home else DagsterInstance.ephemeral()

    @staticmethod
    def ephemeral(tempdir: str | None = None) -> DagsterInstance:
        """An instance whose runs and events are gone with the process.

        Args:
            tempdir: where values and files go; by default a directory that is made when something needs it, and
                deleted with the instance.
        """
        return DagsterInstance(
            InstanceType.EPHEMERAL,
            TemporaryArtifactStorage() if tempdir is None else LocalArtifactStorage(tempdir),
            InMemoryRunStorage(),
            InMemoryEventLogStorage(),
            NoOpComputeLogManager(),
            InMemoryScheduleStorage(),
            DagsterDaemonScheduler(),
        )

    @staticmethod
    def local_temp(tempdir: str | None = None, overrides: Mapping[str, Any] | None = None) -> DagsterInstance:
        """A persistent instance in a temporary directory, for tests.

        Args:
            tempdir: the directory; by default one that is deleted with the instance.
            overrides: sections of `dagster.yaml`.
        """
        if tempdir is not None:
            return DagsterInstance.from_ref(InstanceRef.from_dir(tempdir, overrides))
        own = TemporaryArtifactStorage()
        instance = DagsterInstance.from_ref(InstanceRef.from_dir(own.base_dir, overrides))
        instance._own_directory = own
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
            DagsterStorageError: a database cannot be used.
            DagsterSchemaError: a database has to be migrated, or a newer release made it.
        """
        let_group_read(is_group_readable(instance_ref.files))
        instance = DagsterInstance(
            InstanceType.PERSISTENT,
            instance_ref.local_artifact_storage_data.rehydrate(),
            instance_ref.run_storage_data.rehydrate(),
            instance_ref.event_storage_data.rehydrate(),
            instance_ref.compute_logs_data.rehydrate(),
            _made(instance_ref.schedule_storage_data),
            _made(instance_ref.scheduler_data) or DagsterDaemonScheduler(),
            _made(instance_ref.run_coordinator_data) or QueuedRunCoordinator(),
            _made(instance_ref.run_launcher_data),
            resolve_settings(instance_ref.settings),
            instance_ref,
            resolve_retention(instance_ref.retention),
        )
        for storage in instance._databases():
            storage.check()
        return instance

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

    def __repr__(self) -> str:
        place = "in memory" if self.is_ephemeral else f"at {self.root_directory}"
        return f"<{type(self).__name__} {place}>"

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

    @property
    def unstored_directory(self) -> Path | None:
        """Path | None: where processes keep what they log until it is stored; None when it is ephemeral."""
        return None if self.is_ephemeral else Path(self.root_directory) / "unstored"

    @property
    def leftovers(self) -> Leftovers | None:
        """Leftovers | None: what its processes began elsewhere and did not end; None when it is ephemeral."""
        return None if self.is_ephemeral else Leftovers(Path(self.root_directory) / "leftovers")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispose()

    def recover(self) -> None:
        """Takes up the logs of processes of this machine that were killed: what of their runs' logs is not stored yet,
        and compute logs, see `ComputeLogManager.recover`.

        Runs call it when they begin. Opening an instance takes up nothing and starts nothing. That a process was
        killed is forgotten when its runs have ended or are deleted.
        """
        self.compute_log_manager.recover()
        with suppress(DagsterStorageError):  # of another user's process, which that user's runs will take up
            self.recover_events()
        with suppress(DagsterStorageError):  # which that user's runs will forget
            self.running_runs.forget_killed(self._are_over)

    def recover_events(self) -> None:
        """Stores what processes of this machine that were killed had logged of their runs and not stored yet.

        Raises:
            DagsterStorageError: what one left cannot be read, or stored.
        """
        if self.unstored_directory is not None:
            store_unstored(self, self.unstored_directory)

    def _are_over(self, run_ids: list[str]) -> bool:
        return all(run is None or run.is_finished for run in map(self.get_run_by_id, run_ids))

    def dispose(self) -> None:
        """Lets go of connections and threads; finishes what is under way."""
        if self.run_launcher is not None:
            self.run_launcher.dispose()
        self.compute_log_manager.dispose()
        for storage in self._databases():
            storage.dispose()

    def _databases(self) -> list[RunStorage | EventLogStorage | ScheduleStorage]:
        storages = [self.run_storage, self.event_log_storage, self.schedule_storage]
        return [storage for storage in storages if storage is not None]

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        """Called regularly by a daemon."""
        self.run_storage.add_daemon_heartbeat(daemon_heartbeat)

    def get_daemon_heartbeats(self) -> dict[str, DaemonHeartbeat]:
        """The latest heartbeat of each daemon type."""
        return self.run_storage.get_daemon_heartbeats()

    def wipe_daemon_heartbeats(self) -> None:
        """Forgets all heartbeats, as of daemons that are gone for good."""
        self.run_storage.wipe_daemon_heartbeats()

    def get_required_daemon_types(self) -> list[str]:
        """The types of the daemons without which something of what this instance is set up for is not done."""
        if self.is_ephemeral:
            return []
        parts = [getattr(part, "required_daemon", None) for part in (self.run_coordinator, self.scheduler)]
        return sorted({*_DAEMONS_OF_EVERY_INSTANCE, *(each for each in parts if each is not None)})


def _check_kind(name: str, part: object, *kinds: type) -> None:
    if not isinstance(part, kinds):
        raise DagsterInvariantViolationError(
            f"The {name} of an instance is of type {type(part).__name__}; give one of type {kinds[0].__name__}."
        )


def _reporter_to(reference: weakref.ref[DagsterInstance]) -> Callable[[str, str], None]:
    """Records what a compute log manager finds out about a run when nobody waits for it any more."""

    def report(run_id: str, message: str) -> None:
        instance = reference()
        run = instance.get_run_by_id(run_id) if instance is not None else None
        if instance is not None and run is not None:
            instance.report_engine_event(message, run, level=logging.WARNING)

    return report


def persistent_instance() -> DagsterInstance:
    """The instance in `$DAGSTER_HOME`, for commands that make no sense without one.

    Raises:
        DagsterHomeNotSetError: it is not set.
    """
    return DagsterInstance.from_ref(persistent_ref())


def persistent_ref() -> InstanceRef:
    """The ref of the instance in `$DAGSTER_HOME`, also of one that cannot be opened before it is migrated.

    Raises:
        DagsterHomeNotSetError: it is not set.
    """
    home = os.environ.get(HOME_VARIABLE, "")
    if not home:
        raise DagsterHomeNotSetError(
            f"${HOME_VARIABLE} is not set, so no run is kept from one command to the next. "
            f"Set it to a directory of yours: export {HOME_VARIABLE}=~/cloudstore"
        )
    return InstanceRef.from_dir(_checked_home(home))


def _made(data: ConfigurableClassData | None) -> Any:
    return data.rehydrate() if data else None


def _checked_home(home: str) -> str:
    path = Path(home).expanduser()
    if not path.is_absolute():
        raise DagsterInvariantViolationError(f"${HOME_VARIABLE} must be an absolute path; it is {home!r}.")
    return str(path)
