"""A program that tests start: for each line of its input it forks a child, which dies before it changes the disk again.

It has imported all that the children need, so a child begins at once, and is a process of its own. A line is a list:
what the child does, the manager and its config, the folder whose changes count, and the number of the change. The
answer is a line too: how the child ended, and what it had printed for sure, by the name of the log.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import boto3  # noqa: F401 - here once, not in each child

from cloudstore import S3ComputeLogManager
from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.manager import ComputeLogManager
from core.config import Secret
from core.records.pipeline_run import PipelineRun

MANAGERS: dict[str, type[ComputeLogManager]] = {"local": LocalComputeLogManager, "bucket": S3ComputeLogManager}
CHANGES = {"os.mkdir", "os.rmdir", "os.remove", "os.rename", "os.link", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
FIRST, SECOND = PipelineRun("flights", "first"), PipelineRun("flights", "second")
SECRET = "CLOUDSTORE_TEST_SECRET"  # the variable where whoever recovers finds what was written out in a config
TELLING = 3  # the descriptor on which a child tells what it has printed


def step(manager: ComputeLogManager, run: PipelineRun, name: str, text: bytes = b"", attempt: int = 1) -> None:
    with manager.watch(run, name, attempt):
        if text:
            os.write(1, text)
            os.write(TELLING, f"{run.run_id}/{name} {text.decode()}\n".encode())


def one_run(manager: ComputeLogManager) -> None:
    manager.hide("first", [Secret(os.environ[SECRET])])
    step(manager, FIRST, "quiet")
    step(manager, FIRST, "printing", b"printed")
    manager.finish_run(FIRST)
    manager.dispose()


def runs_that_overlap(manager: ComputeLogManager) -> None:
    step(manager, FIRST, "printing", b"printed")
    step(manager, SECOND, "printing", b"printed")
    manager.finish_run(FIRST)
    step(manager, SECOND, "quiet")
    step(manager, SECOND, "another", b"printed")
    manager.finish_run(SECOND)
    manager.dispose()


def run_that_ends_while_another_prints(manager: ComputeLogManager) -> None:
    step(manager, FIRST, "printing", b"printed")
    with manager.watch(SECOND, "printing"):
        os.write(1, b"printed")
        other = threading.Thread(target=manager.finish_run, args=[FIRST])
        other.start()
        other.join()
    step(manager, SECOND, "quiet")
    manager.finish_run(SECOND)
    manager.dispose()


def step_begun_again(manager: ComputeLogManager) -> None:
    with manager.watch(FIRST, "printing"):
        os.write(1, b"replaced by what is printed next")
    step(manager, FIRST, "printing", b"printed")
    manager.finish_run(FIRST)
    manager.dispose()


def long_logs(manager: ComputeLogManager) -> None:
    step(manager, FIRST, "long", b"x" * 20_000)
    step(manager, FIRST, "longer", b"x" * 40_000)
    manager.finish_run(FIRST)
    manager.dispose()


def run_that_is_not_finished(manager: ComputeLogManager) -> None:
    step(manager, FIRST, "printing", b"printed")
    manager.dispose()


def killed_in_a_step(manager: ComputeLogManager) -> None:
    manager.hide("first", [Secret(os.environ[SECRET])])
    step(manager, FIRST, "quiet")
    step(manager, FIRST, "long", b"x" * 20_000)
    step(manager, SECOND, "printing", b"printed")
    with manager.watch(FIRST, "killed"):
        os.write(1, b"printed")
        os.kill(os.getpid(), signal.SIGKILL)


def recovery(manager: ComputeLogManager) -> None:
    assert manager.drain() == []
    manager.dispose()


def die_before(number: int, folder: str) -> None:
    """Has this process killed before it changes a folder, or a file in it, for the n-th time."""
    changes, write = itertools.count(1), os.write

    def change(path: Any) -> None:
        if isinstance(path, str | os.PathLike) and os.fspath(path).startswith(folder) and next(changes) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def notice(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and arguments[2] & WRITING):
            change(arguments[0])

    def noticed_write(descriptor: int, content: Any) -> int:
        change(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        return write(descriptor, content)

    os.write = noticed_write
    sys.addaudithook(notice)


def forked(what: str, kind: str, config: dict[str, Any], folder: str, number: int) -> tuple[int, list[str]]:
    listening, telling = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            os.dup2(telling, TELLING)
            manager = MANAGERS[kind](**config)
            die_before(number, folder)
            globals()[what](manager)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(telling)
    with os.fdopen(listening) as told:
        printed = told.read().splitlines()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), printed


if __name__ == "__main__":
    os.dup2(2, TELLING)  # so that no file of ours gets that number
    for request in sys.stdin:
        print(json.dumps(forked(*json.loads(request))), flush=True)
