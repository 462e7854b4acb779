"""A cluster of Dask on this machine, for tests: a scheduler and workers in processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM = "from core.executors.dask.local_cluster import main; main()"


class Cluster(NamedTuple):
    """A cluster.

    Attributes:
        address: of its scheduler.
        scheduler_pid: the process that has its scheduler; the workers are children of it.
    """

    address: str
    scheduler_pid: int


@contextmanager
def dask_cluster(
    environment: Mapping[str, str] | None = None, folder: Path | None = None, **arguments: Any
) -> Iterator[Cluster]:
    """A cluster that ends with the block.

    Args:
        environment: more variables, for its processes.
        folder: where it is started, and takes the package from, if it is there.
        arguments: those of LocalCluster.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
        cwd=folder,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            process.stdin.write(json.dumps({"n_workers": 2, "threads_per_worker": 2, **arguments}) + "\n")
            process.stdin.flush()
            yield Cluster(json.loads(process.stdout.readline())["address"], process.pid)
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
            with suppress(subprocess.TimeoutExpired):  # a test has stopped it
                process.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
