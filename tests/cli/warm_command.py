"""A program that tests start: for each line of its input it forks a child, which is the command `cloudstore`.

It has imported all that commands need, so a command takes a tenth of the time that it takes from the shell, and is a
process of its own all the same. A line is a list: the command's path, its arguments, its folder, its environment, and
two files for what it prints. The answer is a line too: its exit code, or minus the signal that ended it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import tempfile

# What commands import when they need it; here once, not in each child.
import alembic.command  # noqa: F401
import boto3  # noqa: F401
import s3transfer.manager  # noqa: F401
import yaml  # noqa: F401

import core.compute_logs.local
import core.storage.event_log.sqlite
import core.storage.runs.sqlite
import core.storage.schedules.sqlite  # noqa: F401
from cloudstore.cli import main

MOST_SECONDS = 60


def become(program: str, arguments: list[str], folder: str, environment: dict[str, str], out: str, errors: str) -> None:
    """Makes this process, which was forked, what it would be if a shell had started it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.alarm(MOST_SECONDS)
    for descriptor, path in ((0, os.devnull), (1, out), (2, errors)):
        opened = os.open(path, os.O_RDWR)
        os.dup2(opened, descriptor)
        os.close(opened)
    # They are there as long as the process, and know what kind of file theirs is.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (
        open(number, "w", encoding="utf-8", errors=kind, closefd=False)  # noqa: SIM115
        for number, kind in ((1, "strict"), (2, "backslashreplace"))
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    sys.argv = [program, *arguments]


def serve() -> bool:
    """Whether this process is a child that is to run its command; False at the end of the input."""
    gc.freeze()
    for request in sys.stdin:
        child = os.fork()
        if not child:
            become(*json.loads(request))
            return True
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return False


if __name__ == "__main__" and serve():
    sys.exit(main())
