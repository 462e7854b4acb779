"""Entries of logs that killed processes had taken and not stored yet."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec

from core.events.records import EventLogEntry
from core.instance.launching import LaunchingOfInstance
from core.instance.schedules import SchedulesOfInstance
from core.process.dead_journals import dead_journals
from core.serdes import from_json, to_json


class OfInstance(LaunchingOfInstance, SchedulesOfInstance):
    """What is asked of an instance."""


def store_unstored(instance: OfInstance, folder: Path) -> None:
    """Stores what killed processes of this machine left of the logs of their runs.

    Args:
        instance: that of the runs.
        folder: where they left it.

    Raises:
        DagsterStorageError: what one left cannot be read, or stored.
    """
    for dead in dead_journals(folder):
        with closing(dead):
            entries = [entry for line in dead.lines if (entry := _entry(line)) is not None]
            for run_id in dict.fromkeys(entry.run_id for entry in entries):
                if instance.has_run(run_id):
                    stored = {to_json(entry, replace_surrogates=True) for entry in instance.all_logs(run_id)}
                    left = [each for each in entries if each.run_id == run_id]
                    instance.handle_new_events(
                        [each for each in left if to_json(each, replace_surrogates=True) not in stored]
                    )
            dead.forget()


def _entry(line: bytes) -> EventLogEntry | None:
    try:
        return from_json(EventLogEntry, line.decode())
    except (msgspec.DecodeError, UnicodeDecodeError):  # it was cut off when the process was killed
        return None
