"""The instance in a process that executes steps of a run: databases are opened when the user's code asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.disk.private import let_group_read
from core.instance.dagster_yaml import is_group_readable, resolve_retention, resolve_settings
from core.instance.instance import DagsterInstance, InstanceType
from core.instance.ref import InstanceRef
from core.launcher import RunLauncher
from core.process.running import RunningRuns
from core.serdes import ConfigurableClassData
from core.storage.event_log import EventLogStorage
from core.storage.runs import RunStorage
from core.storage.schedules import ScheduleStorage


class InstanceOfSteps(DagsterInstance):
    """An instance as it is where steps of a run are executed, whose events another process stores.

    Most steps need neither its databases, which take longer to open than a small step takes, nor what starts runs.

    Args:
        ref: what it is made of.

    Raises:
        DagsterInvalidConfigError: a part's class does not exist, or its config does not fit.
    """

    def __init__(self, ref: InstanceRef) -> None:
        let_group_read(is_group_readable(ref.files))
        self.instance_type = InstanceType.PERSISTENT
        self.local_artifact_storage = ref.local_artifact_storage_data.rehydrate()
        self.compute_log_manager = ref.compute_logs_data.rehydrate()
        self.settings = resolve_settings(ref.settings)
        self.retention = dict(resolve_retention(ref.retention))
        self.running_runs = RunningRuns(Path(self.root_directory) / "running")
        self.launched = {}
        self._ref = ref
        self._own_directory = None
        self._made_when_asked: dict[str, ConfigurableClassData | None] = {
            "run_storage": ref.run_storage_data,
            "event_log_storage": ref.event_storage_data,
            "schedule_storage": ref.schedule_storage_data,
            "scheduler": ref.scheduler_data,
            "run_coordinator": ref.run_coordinator_data,
            "run_launcher": ref.run_launcher_data,
        }

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._made_when_asked:
            raise AttributeError(name)
        data = self._made_when_asked[name]
        made = data.rehydrate() if data else None
        if isinstance(made, RunStorage | EventLogStorage | ScheduleStorage):
            made.check()
        if isinstance(made, RunLauncher):
            made.register_instance(self)
        setattr(self, name, made)
        return made

    def dispose(self) -> None:
        for name in self._made_when_asked.keys() - self.__dict__.keys():
            setattr(self, name, None)  # what was not asked for has nothing to let go of
        super().dispose()
