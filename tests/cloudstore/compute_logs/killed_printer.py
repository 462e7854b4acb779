"""A program that tests start: for each line of its input it forks a child, which runs a pipeline and is killed.

It has imported all that the children need, so a child begins at once, and is a process of its own. A line is a list:
the folder of an instance, how many seconds after its first word the child is killed, and after how many lines at the
latest. The answer is a line too: how the child ended, and by run and step, how many lines it had printed for sure.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import select
import signal
import sys
import time
import traceback
from typing import Any

import boto3  # noqa: F401 - here once, not in each child

import cloudstore  # noqa: F401 - as above
from core import DagsterInstance, execute_pipeline, pipeline, solid

STEPS, LINES = 4, 1500
AHEAD = 200  # a child prints fewer lines than this before it is told of as printing them
TELLING = 3  # the descriptor on which a child tells what it has printed


def line(step: str, number: int) -> bytes:
    return f"{step} {number} ".encode() + b"x" * (number % 97) + b"\n"


@solid
def print_lines(context: Any) -> None:
    step = context.solid.name
    for number in range(LINES):
        os.write(1, line(step, number))
        os.write(TELLING, f"{context.run_id} {step} {number + 1}\n".encode())


@pipeline
def printing() -> None:
    for number in range(STEPS):
        print_lines.alias(f"step_{number}")()


def run(home: str) -> None:
    with DagsterInstance.from_config(home) as instance:
        execute_pipeline(printing, instance=instance)


def forked(home: str, seconds: float, most_lines: int) -> tuple[int, dict[str, int]]:
    listening, telling = os.pipe()
    fcntl.fcntl(telling, fcntl.F_SETPIPE_SZ, 4096)  # so that the child waits when it is that far ahead
    child = os.fork()
    if not child:
        status = 1
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for place in (0, 1):
                os.dup2(null, place)
            os.dup2(telling, TELLING)
            run(home)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(telling)
    told, deadline = b"", math.inf
    while (left := deadline - time.monotonic()) > 0:
        if select.select([listening], [], [], None if math.isinf(left) else left)[0]:
            if not (word := os.read(listening, 1 << 16)):
                break  # it ended by itself
            told += word
            deadline = -math.inf if told.count(b"\n") >= most_lines else min(deadline, time.monotonic() + seconds)
    else:
        os.kill(child, signal.SIGKILL)
    while word := os.read(listening, 1 << 16):
        told += word
    os.close(listening)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    counts = (said.rpartition(" ") for said in told.decode().splitlines())
    return code, {log: int(count) for log, _, count in counts}


if __name__ == "__main__":
    os.dup2(2, TELLING)  # so that no file of ours gets that number
    for request in sys.stdin:
        print(json.dumps(forked(*json.loads(request))), flush=True)
