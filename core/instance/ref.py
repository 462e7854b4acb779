"""What an instance is made of, in a form that crosses process boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.config import show_value
from core.errors import DagsterInvariantViolationError
from core.instance.dagster_yaml import load_dagster_yaml, section_data
from core.serdes import ConfigurableClassData
from core.serdes.yaml_file import dump_yaml


class InstanceRef(msgspec.Struct, frozen=True):
    """The class and config of each part of an instance, with `{env: NAME}` as it was written.

    Users get one from `DagsterInstance.get_ref()` and give it to `DagsterInstance.from_ref()`. `repr` names the
    classes and leaves out what they are configured with, which may still hold a password.

    Example:
        >>> from core import DagsterInstance
        >>> with DagsterInstance.local_temp("my_instance") as instance:
        ...     run = instance.create_run("count")
        ...     ref = instance.get_ref()  # can be pickled, and sent to another process
        >>> with DagsterInstance.from_ref(ref) as same:
        ...     same.get_run_by_id(run.run_id).pipeline_name
        'count'
    """

    local_artifact_storage_data: ConfigurableClassData
    run_storage_data: ConfigurableClassData
    event_storage_data: ConfigurableClassData
    compute_logs_data: ConfigurableClassData
    schedule_storage_data: ConfigurableClassData | None = None
    scheduler_data: ConfigurableClassData | None = None
    run_coordinator_data: ConfigurableClassData | None = None
    run_launcher_data: ConfigurableClassData | None = None
    settings: dict[str, Any] = {}
    custom_instance_class_data: ConfigurableClassData | None = None
    retention: dict[str, Any] = {}
    files: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"InstanceRef({', '.join(f'{name}={shown}' for name, shown in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return [(name, _shown(value)) for name, value in values.items() if value]

    @staticmethod
    def from_dir(base_dir: str, overrides: Mapping[str, Any] | None = None) -> InstanceRef:
        """The ref of the instance in a directory, from its `dagster.yaml` and the defaults.

        Args:
            base_dir: the directory; need not exist.
            overrides: sections that take the place of those of the file.

        Raises:
            DagsterInvalidConfigError: the file is not YAML, or sections are not as they must be; with each line.
            DagsterInvariantViolationError: the name of the directory is not UTF-8, as all names in databases must be.
        """
        if not _is_utf8(base_dir):
            raise DagsterInvariantViolationError(
                f"The directory of an instance cannot be {base_dir!r}, whose name is not UTF-8. Give it another name."
            )
        config = load_dagster_yaml(Path(base_dir) / "dagster.yaml", overrides or {})
        history, storage = str(Path(base_dir) / "history"), str(Path(base_dir) / "storage")
        return InstanceRef(
            local_artifact_storage_data=section_data(config, "local_artifact_storage")
            or _default("core.storage.root", "LocalArtifactStorage", base_dir),
            run_storage_data=section_data(config, "run_storage")
            or _default("core.storage.runs", "SqliteRunStorage", history),
            event_storage_data=section_data(config, "event_log_storage")
            or _default("core.storage.event_log", "SqliteEventLogStorage", history),
            compute_logs_data=section_data(config, "compute_logs")
            or _default("core.storage.local_compute_log_manager", "LocalComputeLogManager", storage),
            schedule_storage_data=section_data(config, "schedule_storage")
            or _default("core.storage.schedules", "SqliteScheduleStorage", str(Path(base_dir) / "schedules")),
            scheduler_data=section_data(config, "scheduler"),
            run_coordinator_data=section_data(config, "run_coordinator"),
            run_launcher_data=section_data(config, "run_launcher")
            or ConfigurableClassData("core.launcher", "DefaultRunLauncher", dump_yaml({})),
            settings=config["settings"],
            retention=config["retention"],
            files=config["files"],
        )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:
    is_class = isinstance(value, ConfigurableClassData)
    return f"{value.module_name}.{value.class_name}" if is_class else show_value(value)


def _default(module: str, name: str, base_dir: str) -> ConfigurableClassData:
    return ConfigurableClassData(module, name, dump_yaml({"base_dir": base_dir}))
