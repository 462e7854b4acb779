"""The cluster that a run config names: one that is there, one on this machine, or one that another system starts."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from core.errors import DagsterSubprocessError
from core.executors.processes.boot import python_command

_LOCAL = "from core.executors.dask.local_cluster import main; main()"
_END_SECONDS = 10.0

CLASSES: Mapping[str, tuple[str, str, str]] = {
    "yarn": ("dask_yarn", "YarnCluster", "dask-yarn"),
    "ssh": ("distributed", "SSHCluster", "asyncssh"),
    "pbs": ("dask_jobqueue", "PBSCluster", "dask-jobqueue"),
    "moab": ("dask_jobqueue", "MoabCluster", "dask-jobqueue"),
    "sge": ("dask_jobqueue", "SGECluster", "dask-jobqueue"),
    "lsf": ("dask_jobqueue", "LSFCluster", "dask-jobqueue"),
    "slurm": ("dask_jobqueue", "SLURMCluster", "dask-jobqueue"),
    "oar": ("dask_jobqueue", "OARCluster", "dask-jobqueue"),
    "kube": ("dask_kubernetes", "KubeCluster", "dask-kubernetes"),
}
"""Kinds of clusters that a class starts: its module, its name, and the package that has to be installed."""


@asynccontextmanager
async def opened(kind: str, config: Mapping[str, Any]) -> AsyncIterator[Any]:
    """The cluster of a run config, for the time of the block: its address, or an object that a client takes.

    Args:
        kind: which kind, "local" or "existing" or one of `CLASSES`.
        config: its arguments.

    Raises:
        DagsterSubprocessError: it cannot be started; of a package that is not installed, with how to install it.
    """
    if kind == "existing":
        yield config["address"]
    elif kind == "local":
        async with _local(config) as address:
            yield address
    else:
        async with _of_class(kind, config) as cluster:
            yield cluster


@asynccontextmanager
async def _of_class(kind: str, config: Mapping[str, Any]) -> AsyncIterator[Any]:
    module, name, package = CLASSES[kind]
    try:
        make = getattr(importlib.import_module(module), name)
        if package == "asyncssh":
            importlib.import_module(package)
    except ImportError as error:
        raise DagsterSubprocessError(
            f"A cluster of kind {kind!r} needs the package {package}, which cannot be imported ({error}): "
            f"pip install {package}"
        ) from None
    try:
        cluster = await make(**config, asynchronous=True)
    except Exception as error:
        raise DagsterSubprocessError(
            f"The cluster of kind {kind!r} could not be started: {type(error).__name__}: {error}"
        ) from error
    try:
        yield cluster
    finally:
        await cluster.close()


@asynccontextmanager
async def _local(config: Mapping[str, Any]) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        *python_command(_LOCAL),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        process_group=0,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(config).encode() + b"\n")
        line = await process.stdout.readline()
        said = json.loads(line) if line else {"error": "its process has ended"}
        if "address" not in said:
            raise DagsterSubprocessError(f"A local cluster could not be started: {said['error']}")
        yield said["address"]
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends it, with its workers, which are of its process group."""
    assert process.stdin is not None
    process.stdin.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
