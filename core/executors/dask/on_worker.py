"""What workers of a cluster do for runs: the functions that are sent there by name."""

from __future__ import annotations

import asyncio
import pickle
import signal
from collections.abc import Callable
from typing import Any

from core.executors.dask.library import get_worker
from core.executors.dask.on_scheduler import BEGIN, IS_THERE
from core.executors.dask.records import RunOnCluster, ToldByWorker, Unable
from core.executors.dask.sameness import difference
from core.executors.dask.step_host import StepHost

_LOOK_SECONDS = 0.1
_ASK_SECONDS = 30.0
_LIVING = {"running", "paused"}

_hosts: dict[tuple[int, str], StepHost] = {}
"""By worker, of which a process may have several, and run. Touched in the event loop of the worker only."""


def given(run: RunOnCluster) -> RunOnCluster:
    """Returns what it is given, so that workers have it: those that need it get it from each other."""
    return run


async def execute_step(run: RunOnCluster, job: bytes, key: str, number: int) -> None:
    """Executes an attempt at a step in a child of this worker, and tells the run all about it.

    Args:
        run: the run.
        job: the attempt, as a pickled StepJob.
        key: the attempt's on the cluster.
        number: the run's number of it.
    """
    topic, edition, versions, setup = run
    worker = get_worker()
    differs = difference(versions)
    if differs is not None:
        _tell(worker, topic, [(0, Unable(f"Worker {worker.address} of the cluster {differs}."))])
        return
    if not await getattr(worker.scheduler, BEGIN)(topic=topic, key=key, number=number, worker=worker.address):
        return  # it has begun elsewhere, on a worker that was lost, or the run is gone
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.call_soon_threadsafe(ended.set)

    host = _host_of(worker, run)
    if not host.begin(number, pickle.loads(job), edition, setup, end):
        del _hosts[id(worker), topic]
        host = _host_of(worker, run)
        host.begin(number, pickle.loads(job), edition, setup, end)
    while not ended.is_set():
        try:
            await asyncio.wait_for(ended.wait(), _LOOK_SECONDS)
        except TimeoutError:
            if not _is_wanted(worker, key):
                host.send(number, signal.SIGKILL)


async def send_signal(topic: str, number: int, signal_number: int, dask_worker: Any) -> None:
    """Sends a signal to the process of an attempt."""
    host = _hosts.get((id(dask_worker), topic))
    if host is not None:
        host.send(number, signal_number)


async def end_run(topic: str, dask_worker: Any) -> None:
    """Ends all that a run has on this worker, and waits until nothing is left."""
    host = _hosts.pop((id(dask_worker), topic), None)
    if host is None:
        return
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    host.close(lambda: loop.call_soon_threadsafe(ended.set))
    await ended.wait()


def _host_of(worker: Any, run: RunOnCluster) -> StepHost:
    topic, edition, _versions, setup = run
    if (id(worker), topic) not in _hosts:
        for gone in [key for key, host in _hosts.items() if host.has_ended]:
            del _hosts[gone]
        folder, where = worker.local_directory, f"Worker {worker.address}"

        def tell(told: list[tuple[int, ToldByWorker]]) -> None:
            _tell(worker, topic, told)

        _hosts[id(worker), topic] = StepHost(topic, edition, setup, folder, where, tell, _asking(worker, topic))
    return _hosts[id(worker), topic]


def _tell(worker: Any, topic: str, told: list[tuple[int, ToldByWorker]]) -> None:
    worker.log_event(topic, ["told", 0, pickle.dumps(told, pickle.HIGHEST_PROTOCOL)])


def _asking(worker: Any, topic: str) -> Callable[[], bool]:
    """What asks, from another thread, whether the run is still there, and this worker."""

    async def ask() -> bool:
        return bool(await getattr(worker.scheduler, IS_THERE)(topic=topic))

    def is_wanted() -> bool:
        if worker.status.name not in _LIVING:
            return False
        try:
            return asyncio.run_coroutine_threadsafe(ask(), worker.loop.asyncio_loop).result(_ASK_SECONDS)
        except Exception:  # noqa: BLE001  the scheduler is gone, or this worker's loop
            return False

    return is_wanted


def _is_wanted(worker: Any, key: str) -> bool:
    """Whether somebody waits for a task that this worker executes. Where the run's process has ended, nobody does."""
    task = worker.state.tasks.get(key)
    return task is not None and task.state not in {"cancelled", "resumed"} and worker.status.name in _LIVING
