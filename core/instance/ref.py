"""What an instance is made of, in a form that crosses process boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.instance.dagster_yaml import load_dagster_yaml, section_data
from core.serdes import ConfigurableClassData


class InstanceRef(msgspec.Struct, frozen=True):
    """The class and config of each part of an instance. `{env: NAME}` stays as written, so no secret is in it.

    Users get one from `DagsterInstance.get_ref()` and give it to `DagsterInstance.from_ref()`.
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

    @staticmethod
    def from_dir(base_dir: str, overrides: Mapping[str, Any] | None = None) -> InstanceRef:
        """The ref of the instance in a directory, from its `dagster.yaml` and the defaults.

        Args:
            base_dir: the directory; need not exist.
            overrides: sections that take the place of those of the file.

        Raises:
            DagsterInvalidConfigError: the file is not YAML, or a section is not as it must be.
        """
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
            schedule_storage_data=section_data(config, "schedule_storage"),
            scheduler_data=section_data(config, "scheduler"),
            run_coordinator_data=section_data(config, "run_coordinator"),
            run_launcher_data=section_data(config, "run_launcher"),
            settings=config.get("settings") or {},
        )


def _default(module: str, name: str, base_dir: str) -> ConfigurableClassData:
    # JSON is YAML
    return ConfigurableClassData(module, name, msgspec.json.encode({"base_dir": base_dir}).decode())
