"""What was probed, what became of it, and the probes of an instance."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.manager import ComputeIOType, ComputeLogManager
from core.config import hide_passwords
from core.errors import DagsterError
from core.instance import InstanceRef, persistent_ref
from core.instance.instance import HOME_VARIABLE
from core.serdes import ConfigurableClassData

State = Literal["ok", "missing", "not tried"]

_STYLES = {"ok": "green", "missing": "bold red", "not tried": "yellow"}


class Check(msgspec.Struct, frozen=True):
    """One thing that was probed.

    Attributes:
        part: what it belongs to, such as a resource key.
        what: the thing.
        state: "ok"; "missing"; or "not tried", where that was not possible or would have left something behind.
        detail: what was found, or what mends it.
    """

    part: str
    what: str
    state: State
    detail: str = ""


def show_checks(checks: Sequence[Check]) -> None:
    """A table on a terminal; elsewhere a line a check: state, part, what and detail, with tabs between."""
    if not sys.stdout.isatty():
        for check in checks:
            click.echo(
                "\t".join(" ".join(cell.split()) for cell in (check.state, check.part, check.what, check.detail))
            )
        return
    table = Table()
    for name in ("part", "what", "state", "found, or what mends it"):
        table.add_column(name, overflow="fold")
    part = ""
    for check in checks:
        if check.part != part:
            table.add_section()
        told = "" if check.part == part else check.part
        table.add_row(Text(told), Text(check.what), Text(check.state, _STYLES[check.state]), Text(check.detail))
        part = check.part
    Console().print(table)


def attempt(part: str, what: str, probe: Callable[[], str]) -> Check:
    """Probes one thing: "ok" with what `probe` returns, "missing" with what it raises."""
    try:
        return Check(part, what, "ok", probe())
    except (DagsterError, OSError) as error:
        return Check(part, what, "missing", hide_passwords(str(error)))


def configured_instance() -> InstanceRef | None:
    """What the instance in `$DAGSTER_HOME` is made from; None where that is not set.

    Raises:
        DagsterInvalidConfigError: `dagster.yaml` is not as it must be.
    """
    return persistent_ref() if os.environ.get(HOME_VARIABLE) else None


def check_instance(ref: InstanceRef) -> Iterator[Check]:
    """Probes the databases of an instance, and the folder of its compute logs where that is on the local disk.

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
        raise PermissionError(f"{folder} cannot be written to; give this user the right to, or set another base_dir.")
