"""A cluster of Dask on this machine, for tests: a scheduler and workers in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

PROGRAM = "from core.executors.dask.local_cluster import main; main()"


@contextmanager
def dask_cluster(environment: Mapping[str, str] | None = None, **arguments: Any) -> Iterator[str]:
    """The address of a cluster's scheduler; it ends with the block.

    Args:
        environment: more variables, for its processes.
        arguments: those of LocalCluster.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
        env={**os.environ, **(environment or {})},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        process.stdin.write(json.dumps(arguments) + "\n")
        process.stdin.flush()
        said = json.loads(process.stdout.readline())
        try:
            yield said["address"]
        finally:
            process.stdin.close()
            process.wait()
