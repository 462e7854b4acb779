"""Reading `dagster.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from core.compute_logs.manager import ComputeLogManager
from core.config import (
    BoolSource,
    Checked,
    ConfigFault,
    Field,
    FloatSource,
    IntSource,
    Permissive,
    PermissiveSource,
    Shape,
    StringSource,
    hide_passwords,
    not_recordable,
    raise_faults,
)
from core.errors import DagsterInvalidConfigError
from core.launcher import RunLauncher
from core.printable import printable
from core.run_coordinator import RunCoordinator
from core.scheduler import Scheduler
from core.serdes import ConfigurableClassData
from core.serdes.yaml_file import YamlFile, dump_yaml, read_yaml_file
from core.storage.event_log import EventLogStorage
from core.storage.root import LocalArtifactStorage
from core.storage.runs import RunStorage
from core.storage.schedules import ScheduleStorage

_KINDS: dict[str, type] = {
    "local_artifact_storage": LocalArtifactStorage,
    "run_storage": RunStorage,
    "event_log_storage": EventLogStorage,
    "compute_logs": ComputeLogManager,
    "schedule_storage": ScheduleStorage,
    "scheduler": Scheduler,
    "run_coordinator": RunCoordinator,
    "run_launcher": RunLauncher,
}
_MOST_DAYS = 100_000  # the calendar of Python's dates ends not far beyond
_MOST_ITEMS = 10**15  # what a database can count


_DAYS = Checked(FloatSource, f"a number of days above 0, at most {_MOST_DAYS}", lambda days: 0 < days <= _MOST_DAYS)
_COUNT = Checked(IntSource, f"a whole number from 0 to {_MOST_ITEMS}", lambda count: 0 <= count <= _MOST_ITEMS)
_LIMITS = Shape({"max_age_days": Field(_DAYS, is_required=False), "max_count": Field(_COUNT, is_required=False)})
_RETENTION = Field(
    Shape({name: Field(_LIMITS, is_required=False) for name in ("runs", "events", "compute_logs", "values")})
)
_SETTINGS = Field(PermissiveSource())
_FILES = Field(Shape({"group_readable": Field(BoolSource, default_value=False)}))
_CLASS = Field(Shape({"module": StringSource, "class": StringSource, "config": Field(Permissive())}), is_required=False)
# Files that users bring may have `telemetry`; nothing reads it.
_OURS = {"settings": _SETTINGS, "retention": _RETENTION, "files": _FILES}
_SCHEMA = Shape({**dict.fromkeys(_KINDS, _CLASS), **_OURS, "telemetry": dict})
_NEWER = {
    "storage": "write this as run_storage, event_log_storage and schedule_storage, each with its own module, class "
    "and config"
}


def load_dagster_yaml(path: Path, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of the file at `path`, an absent file being an empty one.

    The config of classes, `settings`, `retention` and `files` come out as they were written, `{env: NAME}` included.

    Args:
        path: the file.
        overrides: sections that take the place of those of the file.

    Raises:
        DagsterInvalidConfigError: naming for each fault the file, the line and the key.
    """
    file = read_yaml_file(path, may_be_absent=True)
    given = {**file.content, **overrides}
    faults = [ConfigFault((section,), _NEWER[section]) for section in given if section in _NEWER]
    known = {section: value for section, value in given.items() if section not in _NEWER}
    config: dict[str, Any] = _SCHEMA.resolve(known, (), faults)
    at_fault = {fault.path[0] for fault in faults}
    for section in (each for each in known if each not in at_fault):
        _check_portable(section, known, faults)
        if section in _KINDS:
            _check_class(section, config, faults)
    raise_faults(_placed(faults, file, overrides), given, printable(str(path)))
    return {**config, **{section: given.get(section) or {} for section in _OURS}}


def _check_class(section: str, config: Mapping[str, Any], faults: list[ConfigFault]) -> None:
    kind, given = _KINDS[section], config[section]
    data = ConfigurableClassData(given["module"], given["class"], "")
    key = "module"
    try:
        data.load_module()
        key = "class"
        loaded, schema = data.load_class(), data.load_schema()
    except DagsterInvalidConfigError as error:
        message = hide_passwords(" ".join(str(error).split()))  # what the user's module raised may have many lines
        faults.append(ConfigFault((section, key), message))
        return
    if not issubclass(loaded, kind):
        base = f"{kind.__module__.removesuffix('.base')}.{kind.__name__}"
        message = f"{data.module_name}.{data.class_name} is not a subclass of {base}, which this section requires"
        faults.append(ConfigFault((section, "class"), message))
        return
    schema.resolve(given["config"], (section, "config"), faults)


def _check_portable(section: str, given: Mapping[str, Any], faults: list[ConfigFault]) -> None:
    if section in _OURS:
        faults.extend(not_recordable(given[section], (section,), "cannot be passed to another process as it is"))
        return
    try:
        msgspec.json.encode(given[section])
    except (TypeError, ValueError, OverflowError) as error:
        faults.append(ConfigFault((section,), f"this cannot be passed to another process: {error}"))


def _placed(faults: list[ConfigFault], file: YamlFile, overrides: Mapping[str, Any]) -> list[ConfigFault]:
    """The faults and those of the file, each with its place, in the order of the lines."""
    placed = [
        replace(fault, file="overrides")
        if fault.path[0] in overrides
        else replace(fault, file=str(file.path), line=file.line_of(fault.path))
        for fault in faults
    ]
    return sorted([*placed, *file.faults], key=lambda fault: fault.line)


def section_data(config: Mapping[str, Any], section: str) -> ConfigurableClassData | None:
    """The class that a section names, or None where the section is not there."""
    given = config.get(section)
    if given is None:
        return None
    config_yaml = dump_yaml(msgspec.to_builtins(given.get("config") or {}))
    return ConfigurableClassData(given["module"], given["class"], config_yaml)


def resolve_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of an instance, with the text of the variable in place of each `{env: NAME}`.

    Raises:
        DagsterInvalidConfigError: a variable is not set.
    """
    return _resolved(_SETTINGS, settings, "settings")


def resolve_retention(retention: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """What an instance keeps, with numbers in place of each `{env: NAME}`.

    Returns:
        Any of `runs`, `events`, `compute_logs` and `values`, each with any of `max_age_days` (a float above 0) and
        `max_count` (an int, 0 or more).

    Raises:
        DagsterInvalidConfigError: a variable is not set or holds no such number.
    """
    return _resolved(_RETENTION, retention, "retention")


def is_group_readable(files: Mapping[str, Any]) -> bool:
    """Whether the group may read what the instance makes on the disk.

    Raises:
        DagsterInvalidConfigError: a variable is not set or holds no truth value.
    """
    return bool(_resolved(_FILES, files, "files")["group_readable"])


def _resolved(schema: Field, given: Mapping[str, Any], section: str) -> dict[str, Any]:
    faults: list[ConfigFault] = []
    resolved: dict[str, Any] = schema.resolve(given, (section,), faults)
    raise_faults(faults, given, f"{section} of the instance")
    return resolved
