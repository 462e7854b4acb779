"""Checks of what a command depends on, and the checks of an instance."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec

from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.manager import ComputeLogManager
from core.compute_logs.names import ComputeIOType
from core.config import hide_passwords
from core.errors import DagsterError
from core.instance import InstanceRef, persistent_ref
from core.instance.instance import HOME_VARIABLE
from core.serdes import ConfigurableClassData

State = Literal["ok", "missing", "not tried"]


class Check(msgspec.Struct, frozen=True):
    """The outcome of one check.

    Attributes:
        part: what it belongs to, such as a resource key.
        what: what was checked.
        state: "ok"; "missing"; or "not tried", if that was not possible or would have left something behind.
        detail: what was found, or how to fix it.
    """

    part: str
    what: str
    state: State
    detail: str = ""


def attempt(part: str, what: str, probe: Callable[[], str]) -> Check:
    """Checks one thing: "ok" with the text that `probe` returns, "missing" with the message of the error it raises."""
    try:
        return Check(part, what, "ok", probe())
    except (DagsterError, OSError) as error:
        return Check(part, what, "missing", hide_passwords(str(error)))


def configured_instance() -> InstanceRef | None:
    """What the instance in `$DAGSTER_HOME` is made from; None if that is not set.

    Raises:
        DagsterInvalidConfigError: `dagster.yaml` is invalid.
    """
    return persistent_ref() if os.environ.get(HOME_VARIABLE) else None


def check_instance(ref: InstanceRef) -> Iterator[Check]:
    """Checks the databases of an instance, and the folder of its compute logs if that is on the local disk.

    Args:
        ref: of the instance.
    """
    databases = {
        "run storage": ref.run_storage_data,
        "event log storage": ref.event_storage_data,
        "schedule storage": ref.schedule_storage_data,
    }
    for what, data in databases.items():
        if data is not None:
            yield attempt("instance", what, partial(_open_database, data))
    yield attempt("instance", "compute log manager", lambda: _compute_logs(ref.compute_logs_data.rehydrate()))


def _open_database(data: ConfigurableClassData) -> str:
    storage = data.rehydrate()
    try:
        storage.check()
    finally:
        storage.dispose()
    return data.class_name


def _compute_logs(manager: ComputeLogManager) -> str:
    try:
        if isinstance(manager, LocalComputeLogManager):
            _check_writable(Path(manager.get_local_path("a-run", "a-step", ComputeIOType.STDOUT)))
    finally:
        manager.dispose()
    return type(manager).__name__


def _check_writable(path: Path) -> None:
    folder: Any = next(each for each in path.parents if each.exists())
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"No permission to write to {folder}. Grant it to this user, or set another base_dir.")
