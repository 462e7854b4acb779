"""The connection of a run to its cluster: a thread with an event loop, in which all that Dask does here happens."""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from core.errors import DagsterSubprocessError
from core.executors.backend import Notice, ProcessEnd
from core.executors.dask.clusters import opened
from core.executors.dask.library import Client, Future, KilledWorker, wait
from core.executors.dask.on_scheduler import IS_THERE, watch_of
from core.executors.dask.on_worker import end_run, execute_step, given, send_signal
from core.executors.dask.records import OnWorker, RunOnCluster, ToldByWorker, Unable

_LOOK_SECONDS = 1.0
_PATIENCE_SECONDS = 10.0  # how long a task may wait for a worker that can take it, until that is told
_NO_WORKER_SECONDS = 60.0  # how long a cluster of the run's own may have no worker, until it counts as having no more
_ANSWER_SECONDS = 30.0  # how long the scheduler may take to answer, until it counts as lost
_END_SECONDS, _CLOSE_SECONDS = 10.0, 2.0

_NO_WORKER = "The cluster has no worker; steps wait for one."

Take = Callable[[int, "ToldByWorker | OnWorker"], None]


class Task(msgspec.Struct, frozen=True):
    """An attempt, as it is submitted.

    Attributes:
        number: the run's number of it.
        key: its name on the cluster.
        job: a pickled StepJob.
        priority: of those that wait, the cluster begins the one with the highest.
        resources: what it takes of a worker's resources.
        workers: where it is best executed; anywhere by default.
    """

    number: int
    key: str
    job: bytes
    priority: int = 0
    resources: Mapping[str, float] = {}
    workers: tuple[str, ...] = ()


class Session:
    """Talks to a cluster about one run.

    Args:
        run_id: the run.
        kind: of the cluster, as `opened` knows it.
        config: of the cluster.
        take: called in the thread with what is told, each with the number of an attempt, 0 for what is not of one.
    """

    def __init__(self, run_id: str, kind: str, config: Mapping[str, Any], take: Take) -> None:
        self.topic = f"cloudstore-{run_id}-{uuid.uuid4().hex[:8]}"
        self._kind, self._config, self._take = kind, config, take
        self._futures: dict[int, Future[Any]] = {}
        self._workers: dict[int, str] = {}  # of attempts that have begun
        self._waiting: dict[int, Task] = {}  # those that have not, and were not looked at yet
        self._noticed: set[str] = set()  # what was told of those that wait now
        self._no_worker_since: float | None = None
        self._run: Future[Any] | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._is_connected = threading.Event()
        self._failure: BaseException | None = None
        self._is_lost = False
        self._thread = threading.Thread(target=self._work, name=self.topic, daemon=True)
        self._thread.start()

    # From other threads

    @property
    def is_connected(self) -> bool:
        """bool: whether the cluster is there."""
        return self._is_connected.is_set() and self._thread.is_alive() and not self._is_lost

    def connect(self) -> None:
        """Waits until the cluster is there.

        Raises:
            DagsterSubprocessError: it cannot be started, or not be reached.
        """
        self._is_connected.wait()
        if self._failure is not None:
            raise self._failure

    def submit(self, task: Task, run: RunOnCluster | None) -> None:
        """Has the cluster execute an attempt.

        Args:
            task: the attempt.
            run: the run, where more of it is known than before.
        """
        self._call(self._submit, task, run)

    def send(self, number: int, signal_number: int) -> None:
        """Sends a signal to the process of an attempt. One that has not begun yet never does."""
        self._call(self._send, number, signal_number)

    def close(self) -> None:
        """Ends what the run has on the cluster, the connection, and a cluster that was started for it."""
        self._call(self._stop.set)
        self._thread.join()

    def _call(self, function: Callable[..., object], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(function, *arguments)

    # In the thread

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda _loop, _context: None)  # of what Dask has left behind
        quiet = _Quiet(threading.get_ident())
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._main())
        except DagsterSubprocessError as error:
            self._failure = error
        except BaseException as error:  # noqa: BLE001  whoever waits for the cluster must hear of it
            self._failure = DagsterSubprocessError(f"The Dask cluster failed: {type(error).__name__}: {error}")
        finally:
            quiet.remove()
            if not self._is_connected.is_set():
                self._is_connected.set()
            elif self._failure is not None:
                self._take(0, Unable(str(self._failure)))

    async def _main(self) -> None:
        started = asyncio.ensure_future(self._serve())
        stopped = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait([started, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not self._is_connected.is_set():  # a connection that is given up while it is made would stay
            await asyncio.wait([started], timeout=_CLOSE_SECONDS)
            if not self._is_connected.is_set():
                started.cancel()
        try:
            await started
        except asyncio.CancelledError:
            pass
        finally:
            stopped.cancel()

    async def _serve(self) -> None:
        async with opened(self._kind, self._config) as cluster:
            self._client = Client(cluster, asynchronous=True, set_as_default=False, name="cloudstore")
            try:
                await self._join(getattr(cluster, "scheduler_address", cluster))
                self._is_connected.set()
                await self._watch()
                if not self._is_lost:
                    await self._end_run()
            finally:
                for task in self._background:
                    task.cancel()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._client.close(), _CLOSE_SECONDS)

    async def _join(self, address: str) -> None:
        try:
            await self._client
        except OSError as error:
            raise DagsterSubprocessError(f"The Dask scheduler at {address} cannot be reached: {error}") from None
        await self._client.register_plugin(watch_of(self.topic, self._client.id))
        self._client.subscribe_topic(self.topic, self._told)

    async def _watch(self) -> None:
        """Until the run has ended: asks whether the scheduler still knows it."""
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _LOOK_SECONDS)
                return
            try:
                asked = getattr(self._client.scheduler, IS_THERE)(topic=self.topic)
                is_there = await asyncio.wait_for(asked, _ANSWER_SECONDS)
            except Exception:  # noqa: BLE001  of a connection that is lost, anything
                is_there = False
            if not is_there:
                self._lose("it does not answer, or was started anew")
            elif self._waiting and self._loop.time() > self._look_at_waiting_at:
                await self._look_at_waiting()

    async def _look_at_waiting(self) -> None:
        """Tells of tasks that no worker can take; loses a cluster of the run's own that has no worker any more."""
        now = self._loop.time()
        self._look_at_waiting_at = now + _PATIENCE_SECONDS
        scheduler: Any = self._client.scheduler
        with suppress(OSError):
            workers = (await scheduler.identity(n_workers=-1))["workers"].values()
            self._notice({lack for task in self._waiting.values() if (lack := _lack_of(task, workers)) is not None})
            self._no_worker_since = None if workers else self._no_worker_since or now
        if self._kind == "local" and self._no_worker_since and now - self._no_worker_since >= _NO_WORKER_SECONDS:
            self._give_up(
                f"The cluster that this run has started has no worker left, and has started none for "
                f"{_NO_WORKER_SECONDS:g} s. They were killed, perhaps for want of memory; resume the run."
            )

    def _notice(self, messages: set[str]) -> None:
        for message in sorted(messages - self._noticed):
            self._take(0, Notice(message))
        self._noticed = messages

    async def _end_run(self) -> None:
        with suppress(Exception):
            if self._futures:
                await asyncio.wait_for(self._client.cancel(list(self._futures.values())), _END_SECONDS)
            ended = self._client.run(end_run, self.topic, on_error="ignore")
            await asyncio.wait_for(ended, _END_SECONDS)

    def _lose(self, why: str) -> None:
        address = getattr(self._client.scheduler, "address", "")
        self._give_up(f"The connection to the Dask scheduler {address} was lost: {why}.")

    def _give_up(self, why: str) -> None:
        if not self._is_lost and not self._stop.is_set():
            self._is_lost = True
            self._take(0, Unable(why))
            self._stop.set()

    def _submit(self, task: Task, run: RunOnCluster | None) -> None:
        if self._is_lost:
            return
        if not self._waiting:
            self._look_at_waiting_at = self._loop.time() + _PATIENCE_SECONDS
            self._noticed, self._no_worker_since = set(), None
        self._waiting[task.number] = task
        if run is not None:
            self._run = self._client.submit(given, run, key=f"{self.topic}-{run[1]}", pure=False, retries=0)
        future = self._client.submit(
            execute_step,
            self._run,
            task.job,
            task.key,
            task.number,
            key=task.key,
            pure=False,
            retries=0,
            priority=task.priority,
            resources=dict(task.resources) or None,
            workers=list(task.workers) or None,
            allow_other_workers=bool(task.workers),
        )
        self._futures[task.number] = future
        self._go(self._follow(task.number, future))

    async def _follow(self, number: int, future: Future[Any]) -> None:
        await self._wait(future)
        if number not in self._futures:
            return
        if future.status == "error":
            error = await future.exception()
            if isinstance(error, KilledWorker):
                self._ended(number, "was not begun: workers that were to begin it were lost, one after another")
            else:
                self._take(0, Unable(f"A worker cannot execute steps: {type(error).__name__}: {error}"))
        elif future.status == "finished":
            self._ended(number, "ended, and its worker did not tell how")
        else:
            self._lose("it has given up what was to be executed")

    def _send(self, number: int, signal_number: int) -> None:
        if number in self._workers:
            where = [self._workers[number]]
            self._go(self._client.run(send_signal, self.topic, number, signal_number, workers=where, on_error="ignore"))
        elif number in self._futures:
            self._ended(number, "was ended before it had begun")

    def _ended(self, number: int, why: str) -> None:
        """An attempt is over whose process does not tell it."""
        self._forget(number, is_canceled=True)
        self._take(number, ProcessEnd(None, why=why))

    def _forget(self, number: int, is_canceled: bool = False) -> None:
        self._workers.pop(number, None)
        self._waiting.pop(number, None)
        future = self._futures.pop(number)
        if is_canceled:
            self._go(self._client.cancel([future]))
        else:
            self._go(self._wait(future))  # let go of when it has ended; before that, it would be canceled

    async def _wait(self, future: Future[Any]) -> None:
        with suppress(Exception), self._client.as_current():
            await wait([future])

    def _told(self, event: tuple[float, Any]) -> None:
        what, number, content = event[1]
        if what == "told":
            for each, message in pickle.loads(content):
                if each == 0 or each in self._futures:
                    self._take(each, message)
                    if isinstance(message, ProcessEnd):
                        self._forget(each)
        elif what == "begun" and number in self._futures:
            self._workers[number] = content
            self._waiting.pop(number, None)
            self._take(number, OnWorker(content))
        elif what == "lost":
            for each in [each for each, worker in self._workers.items() if worker == content]:
                self._ended(each, f"ended together with the worker {content}, which was lost")

    def _go(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # of what cannot be sent any more; the watch finds out why


def _lack_of(task: Task, workers: Collection[Mapping[str, Any]]) -> str | None:
    """What no worker has that an attempt takes, as a sentence; None where one has all of it."""
    if not workers:
        return _NO_WORKER
    takes = sorted(task.resources.items())
    if any(all(each["resources"].get(name, 0) >= count for name, count in takes) for each in workers):
        return None
    what = " and ".join(f"{count:g} of {name!r}" for name, count in takes)
    return f"No worker of the cluster has {what}; steps wait for one."


class _Quiet(logging.Filter):
    """Drops what Dask logs in a thread, where it would be shown to people who have not asked for it."""

    def __init__(self, thread_id: int) -> None:
        super().__init__()
        self._thread_id = thread_id
        names = [each for each in logging.root.manager.loggerDict if each.startswith(("distributed", "tornado"))]
        self._loggers = [logging.getLogger(each) for each in (*names, "asyncio")]
        for logger in self._loggers:
            logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread_id

    def remove(self) -> None:
        """Lets everything through again."""
        for logger in self._loggers:
            logger.removeFilter(self)
