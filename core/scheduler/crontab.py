"""The crontab of the user: its lines, read and replaced by the command `crontab`."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.disk.private import make_folder, open_new
from core.errors import DagsterSchedulerError

_SECONDS = 30.0


class Crontab:
    """The crontab of the user whom this process belongs to.

    Args:
        lock: a file; of the processes that change the crontab at once by it, one after the other does.

    Raises:
        DagsterSchedulerError: the machine has no command `crontab`.
    """

    def __init__(self, lock: Path) -> None:
        found = shutil.which("crontab")
        if found is None:
            raise DagsterSchedulerError(
                "There is no command `crontab` on this machine, which SystemCronScheduler needs: install cron "
                "(on Debian: apt-get install cron), or choose DagsterDaemonScheduler in dagster.yaml."
            )
        self._command, self._lock = found, lock

    def lines(self) -> list[str]:
        """Its lines; none where the user has no crontab.

        Raises:
            DagsterSchedulerError: it cannot be read.
        """
        done = self._run("-l")
        if done.returncode == 0:
            return done.stdout.splitlines()
        if "no crontab for" in done.stderr:
            return []
        raise DagsterSchedulerError(f"The crontab cannot be read: {done.stderr.strip()}")

    def change(self, change: Callable[[list[str]], Sequence[str]]) -> None:
        """Replaces its lines by others; what is not ours stays, as `change` gives it back.

        Raises:
            DagsterSchedulerError: it cannot be read or written.
        """
        with self._locked():
            lines = self.lines()
            changed = list(change(lines))
            if changed != lines:
                done = self._run("-", "".join(f"{line}\n" for line in changed))
                if done.returncode != 0:
                    raise DagsterSchedulerError(f"The crontab cannot be written: {done.stderr.strip()}")

    def _run(self, argument: str, content: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LC_ALL": "C"}
        try:
            return subprocess.run(  # noqa: S603  our own arguments
                [self._command, argument],
                input=content,
                stdin=subprocess.DEVNULL if content is None else None,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                env=environment,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DagsterSchedulerError(f"The command {self._command} does not work: {error}.") from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        make_folder(self._lock.parent)
        try:
            descriptor = open_new(str(self._lock), os.O_RDWR)
        except OSError as error:
            raise DagsterSchedulerError(f"The file {self._lock} cannot be written: {error}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
