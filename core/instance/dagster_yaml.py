"""Reading `dagster.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from core.config import ConfigFault, Field, Permissive, Shape, raise_faults
from core.errors import DagsterInvalidConfigError
from core.serdes import ConfigurableClassData
from core.serdes.yaml_file import read_yaml_mapping

_CLASS_SECTIONS = (
    "local_artifact_storage",
    "run_storage",
    "event_log_storage",
    "compute_logs",
    "schedule_storage",
    "scheduler",
    "run_coordinator",
    "run_launcher",
)
_CLASS = Field(Shape({"module": str, "class": str, "config": Field(Permissive())}), is_required=False)
_ANYTHING = Field(Permissive(), is_required=False)
# `telemetry` stands in files that users bring; there is none here.
_SCHEMA = Shape(
    {**dict.fromkeys(_CLASS_SECTIONS, _CLASS), "settings": _ANYTHING, "telemetry": _ANYTHING},
)


def load_dagster_yaml(path: Path, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of the file at `path`, an absent file being an empty one.

    Args:
        path: the file.
        overrides: sections that take the place of those of the file.

    Raises:
        DagsterInvalidConfigError: naming the file and the key.
    """
    given = {**(read_yaml_mapping(path) if path.exists() else {}), **overrides}
    faults: list[ConfigFault] = []
    config: dict[str, Any] = _SCHEMA.resolve(given, (), faults)
    if not faults:
        for section in _CLASS_SECTIONS:
            _check_class(section, config, faults)
    raise_faults(faults, given, str(path))
    return config


def _check_class(section: str, config: Mapping[str, Any], faults: list[ConfigFault]) -> None:
    data = section_data(config, section)
    if data is None:
        return
    try:
        schema = data.load_schema()
    except DagsterInvalidConfigError as error:
        faults.append(ConfigFault((section,), str(error)))
        return
    schema.resolve(config[section].get("config"), (section, "config"), faults)


def section_data(config: Mapping[str, Any], section: str) -> ConfigurableClassData | None:
    """The class that a section names, or None where the section is not there."""
    given = config.get(section)
    if given is None:
        return None
    config_yaml = msgspec.json.encode(given.get("config") or {}).decode()  # JSON is YAML
    return ConfigurableClassData(given["module"], given["class"], config_yaml)
