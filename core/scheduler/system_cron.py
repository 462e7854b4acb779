"""The scheduler that the machine's cron is."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from core.disk.private import make_folder
from core.errors import DagsterSchedulerError
from core.records.external_jobs import ExternalSchedule
from core.records.origin import GrpcServerRepositoryLocationOrigin, LoadableTargetOrigin
from core.scheduler.base import Scheduler
from core.scheduler.crontab import Crontab
from core.serdes import ConfigurableClass, ConfigurableClassData

EVERY_MINUTE = "* * * * *"
_COMMENT = "# dagster-schedule: "
# Last days, last or n-th weekdays, and steps from one number on, which Debian's cron does not know.
_NOT_OF_CRON = re.compile(r"#|(?<![A-Z])L(?![A-Z])|LW|(?<![\d*-])\d+/")
_LOOKED_AHEAD_DAYS = 800


class SystemCronScheduler(Scheduler, ConfigurableClass):
    """Schedules are started by the cron of this machine, without a daemon. In `dagster.yaml`:

    scheduler:
      module: core.scheduler
      class: SystemCronScheduler

    A schedule that is on has a line in the crontab of the user who turned it on. It calls a script of the instance,
    which calls `cloudstore api launch_scheduled_execution`. What that does is what the daemon does when a schedule is
    due: each time is taken once, also where cron calls twice. Where the clocks of a schedule are not those of the
    machine, or cron does not know its expression, cron calls each minute, and nothing is done in minutes that are none
    of its.

    Cron gives processes few environment variables: what the code of a schedule needs is named in its
    `environment_vars`.

    Args:
        inst_data: the config that it was made from.

    Example:
        >>> from core.scheduler import SystemCronScheduler
        >>> SystemCronScheduler.config_type()
        {}
    """

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {}

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> SystemCronScheduler:
        return SystemCronScheduler(inst_data)

    def debug_info(self) -> str:
        try:
            lines = [line for line in Crontab(Path(os.devnull)).lines() if _COMMENT in line]
        except DagsterSchedulerError as error:
            return str(error)
        return "\n".join(["The lines of the crontab of this user:", *(lines or ["none"])])

    def start_schedule(self, instance: Any, external_schedule: ExternalSchedule) -> None:
        origin_id = external_schedule.get_external_origin_id()
        command = _command(external_schedule)
        script, log = self._script(instance, origin_id), Path(self.get_logs_path(instance, origin_id))
        make_folder(script.parent)
        make_folder(log.parent)
        _write_script(script, _content(instance.root_directory, command, external_schedule.name))
        snapshot = external_schedule.snapshot
        is_as_cron = not _NOT_OF_CRON.search(snapshot.cron_schedule.upper()) and _are_clocks_of_machine(
            snapshot.execution_timezone
        )
        when = snapshot.cron_schedule if is_as_cron else EVERY_MINUTE
        line = f"{when} {_quoted(script)} >> {_quoted(log)} 2>&1 {_COMMENT}{origin_id}"
        self._crontab(instance).change(lambda lines: [*_without(lines, origin_id), line])

    def stop_schedule(self, instance: Any, schedule_origin_id: str) -> None:
        self._crontab(instance).change(lambda lines: _without(lines, schedule_origin_id))
        self._script(instance, schedule_origin_id).unlink(missing_ok=True)

    def running_schedule_count(self, instance: Any, schedule_origin_id: str) -> int:
        return sum(_is_of(line, schedule_origin_id) for line in self._crontab(instance).lines())

    def wipe(self, instance: Any) -> None:
        def is_own(line: str) -> bool:
            _, comment, origin_id = line.rpartition(_COMMENT)
            return bool(comment) and _quoted(self._script(instance, origin_id)) in line

        self._crontab(instance).change(lambda lines: [line for line in lines if not is_own(line)])

    def get_logs_path(self, instance: Any, schedule_origin_id: str) -> str:
        return str(Path(instance.root_directory) / "schedules" / "logs" / schedule_origin_id / "scheduler.log")

    def _script(self, instance: Any, schedule_origin_id: str) -> Path:
        return Path(instance.root_directory) / "schedules" / "scripts" / f"{schedule_origin_id}.sh"

    def _crontab(self, instance: Any) -> Crontab:
        return Crontab(Path(instance.root_directory) / "schedules" / "crontab.lock")


def _command(schedule: ExternalSchedule) -> list[str]:
    """What starts a schedule once.

    Raises:
        DagsterSchedulerError: its code is loaded by somebody else's server.
    """
    location = schedule.repository_origin.repository_location_origin
    if isinstance(location, GrpcServerRepositoryLocationOrigin):
        raise DagsterSchedulerError(
            f"Schedule {schedule.name!r} is in a code location that is a server of somebody else's, which cron does "
            "not ask; name its file or module in workspace.yaml, or choose DagsterDaemonScheduler in dagster.yaml."
        )
    target = location.loadable_target_origin
    repository = schedule.repository_origin.repository_name
    return [
        *(target.executable_path or sys.executable, "-P", "-m", "cloudstore", "api", "launch_scheduled_execution"),
        *("--schedule_name", schedule.name, "--repository", repository),
        *(part for option, value in _options(target) if value is not None for part in (option, value)),
    ]


def _options(target: LoadableTargetOrigin) -> list[tuple[str, str | None]]:
    return [
        ("-f", target.python_file),
        ("-m", target.module_name),
        ("--package-name", target.package_name),
        ("-a", target.attribute),
        ("-d", target.working_directory),
    ]


def _content(home: str, command: list[str], name: str) -> str:
    language = os.environ.get("LANG", "C.UTF-8")
    return (
        "#!/bin/sh\n"
        f"# Starts schedule {name!r} once; written by SystemCronScheduler.\n"
        f"export DAGSTER_HOME={shlex.quote(home)}\n"
        f"export LANG={shlex.quote(language)}\n"
        f"exec {shlex.join(command)}\n"
    )


def _write_script(path: Path, content: str) -> None:
    unfinished = path.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o700)
        file.write(content)
    unfinished.replace(path)


def _are_clocks_of_machine(timezone: str | None) -> bool:
    """Whether clocks of a timezone show what those of the machine do, by which cron goes, for some years."""
    from zoneinfo import ZoneInfo  # most processes never turn a schedule on

    clocks, now = UTC if timezone is None else ZoneInfo(timezone), datetime.now(UTC)
    moments = (now + timedelta(days=day) for day in range(_LOOKED_AHEAD_DAYS))
    return all(
        moment.astimezone(clocks).utcoffset() == timedelta(seconds=time.localtime(moment.timestamp()).tm_gmtoff)
        for moment in moments
    )


def _quoted(path: Path) -> str:
    """A path in a line of a crontab, where % begins what the command reads."""
    return shlex.quote(str(path)).replace("%", r"\%")


def _is_of(line: str, schedule_origin_id: str) -> bool:
    return line.endswith(f"{_COMMENT}{schedule_origin_id}")


def _without(lines: list[str], schedule_origin_id: str) -> list[str]:
    return [line for line in lines if not _is_of(line, schedule_origin_id)]
