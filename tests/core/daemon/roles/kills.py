"""A daemon that is killed before any statement that it sends to a database, and any transaction that it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from core.instance import DagsterInstance

EVENTS = ("before_cursor_execute", "commit")


class Killed(BaseException):
    """What stands for the end of the process where everything is in its memory."""


def dying(instance: DagsterInstance, act: Callable[[], None]) -> Iterator[int]:
    """Acts again and again, dying one statement later each time, until it has acted to its end.

    Args:
        instance: whose databases count; in memory it is each call of a storage that counts.
        act: what the daemon does; in a process of its own where the instance is persistent.

    Yields:
        How many statements there were before the end, after each death.
    """
    number = 0
    while True:
        died = _in_memory(instance, act, number) if instance.is_ephemeral else _in_child(act, number)
        if not died:
            return
        yield number
        number += 1


def _in_child(act: Callable[[], None], number: int) -> bool:
    child = os.fork()
    if child == 0:
        try:
            left = [number]

            def count(*arguments: Any) -> None:
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1

            for event in EVENTS:
                sa.event.listen(sa.Engine, event, count)
            act()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "what it does raised"
    return os.WIFSIGNALED(status)


def _in_memory(instance: DagsterInstance, act: Callable[[], None], number: int) -> bool:
    storages: list[Any] = [instance.schedules, instance.run_storage, instance.event_log_storage]
    names = ("move_jobs", "replace_job_tick", "add_run", "change_status", "end_backfill", "set_backfill_partitions")
    left = [number]
    died = [False]

    def counted(method: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            if left[0] == 0 or died[0]:  # nothing of it lives on
                died[0] = True
                raise Killed
            left[0] -= 1
            return method(*arguments, **options)

        return call

    wrapped = [(each, name) for each in storages for name in names if hasattr(each, name)]
    for storage, name in wrapped:
        setattr(storage, name, counted(getattr(storage, name)))
    try:
        act()
    except Killed:
        pass
    finally:
        for storage, name in wrapped:
            delattr(storage, name)
    return died[0]
