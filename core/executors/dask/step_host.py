"""A run on a worker: the processes of its steps there, and what they tell and print, on its way to the run."""

from __future__ import annotations

import pickle
import socket
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from core.compute_logs.local import LocalComputeLogManager
from core.compute_logs.names import ComputeIOType
from core.errors import DagsterSubprocessError
from core.execution.worker.records import StepJob
from core.executors.backend import Told
from core.executors.dask.outbox import Outbox, Tell
from core.executors.dask.records import Unable
from core.executors.processes.messages import Ready, Setup
from core.executors.processes.step_processes import StepProcesses
from core.serdes import ConfigurableClassData
from core.serdes.yaml_file import dump_yaml

_IDLE_SECONDS = 2.0  # after which it is asked whether the run is still there


class StepHost:
    """Executes attempts at steps of one run on this worker, in a thread of its own, which outlives its fork server.

    Args:
        topic: the name of the run on the cluster.
        edition: how often more had become known of the plan before.
        setup: what is known of the run, pickled.
        folder: the worker's, for what steps print until it was told.
        where: the worker, in messages.
        tell: tells the run; called in the thread.
        is_wanted: whether the run is still there, and this worker; called in the thread when nothing is executed.
    """

    def __init__(
        self,
        topic: str,
        edition: int,
        setup: bytes,
        folder: str,
        where: str,
        tell: Tell,
        is_wanted: Callable[[], bool],
    ) -> None:
        self._edition, self._where = edition, where
        self._tell, self._is_wanted = tell, is_wanted
        self._folder = tempfile.TemporaryDirectory(prefix="cloudstore-", dir=folder)
        self._logs = LocalComputeLogManager(self._folder.name)
        self._setup = self._of_here(pickle.loads(setup))
        self._run_id = self._setup.run.run.run_id
        self._commands: deque[Callable[[], None]] = deque()
        self._wakes, self._woken = socket.socketpair()
        self._wakes.setblocking(False)
        self._woken.setblocking(False)
        self._processes = StepProcesses(lambda: self._setup, self._setup.run.origin.pipeline_name, self._woken)
        self._outbox = Outbox(tell)
        self._is_closing = False
        self._closed: list[Callable[[], object]] = []
        self._lock = threading.Lock()
        self.has_ended = False
        self._thread = threading.Thread(target=self._serve, name=f"{topic} on this worker", daemon=True)
        self._thread.start()

    def begin(self, number: int, job: StepJob, edition: int, setup: bytes, end: Callable[[], None]) -> bool:
        """Has a process execute an attempt.

        Args:
            number: the run's number of it.
            job: the attempt.
            edition: of `setup`.
            setup: what is known of the run, pickled.
            end: called, in the thread, when the process has ended and all of it is told.

        Returns:
            Whether it is done; else this host has ended, and another one is needed.
        """
        return self._do(lambda: self._begin(number, job, edition, setup, end))

    def send(self, number: int, signal_number: int) -> None:
        """Sends a signal to the process of an attempt, if it lives."""
        self._do(lambda: self._send(number, signal_number))

    def close(self, then: Callable[[], object]) -> None:
        """Ends all that runs here.

        Args:
            then: called when nothing is left, in the thread or at once.
        """
        with self._lock:
            if not self.has_ended:
                self._closed.append(then)
                then = self._wake
            self._is_closing = True
        then()

    def _do(self, command: Callable[[], None]) -> bool:
        with self._lock:
            if self.has_ended:
                return False
            self._commands.append(command)
        self._wake()
        return True

    def _wake(self) -> None:
        with suppress(BlockingIOError, OSError):
            self._wakes.send(b"x")

    # In the thread

    def _serve(self) -> None:
        told: deque[tuple[int, Told]] = deque()
        try:
            while not self._is_closing:
                is_idle = self._outbox.is_idle
                self._processes.wait(told, _IDLE_SECONDS if is_idle else self._outbox.seconds)
                with suppress(BlockingIOError):
                    self._woken.recv(1 << 16)
                is_idle = is_idle and not told and not self._commands
                while self._commands:
                    self._commands.popleft()()
                while told:
                    ours, message = told.popleft()
                    if isinstance(message, Ready):
                        message = replace(message, where=self._where)
                    self._outbox.take(ours, message)
                self._outbox.send()
                if is_idle and not self._is_wanted():
                    return
        except DagsterSubprocessError as error:
            self._tell([(0, Unable(f"{self._where}: {error}"))])
        except BaseException as error:  # noqa: BLE001  or the run would wait for ever
            self._tell([(0, Unable(f"{self._where}: {type(error).__name__}: {error}"))])
        finally:
            self._end()

    def _end(self) -> None:
        with self._lock:
            self.has_ended = True
            closed = self._closed
        self._processes.close()
        self._outbox.end()
        self._wakes.close()
        self._woken.close()
        self._folder.cleanup()
        for then in closed:
            then()

    def _of_here(self, setup: Setup) -> Setup:
        """What a fork server here is told: modules are found as on this worker, and output is kept until it is told."""
        config = dump_yaml({"base_dir": self._folder.name})
        logs = ConfigurableClassData("core.compute_logs.local", "LocalComputeLogManager", config)
        run = replace(setup.run, instance=replace(setup.run.instance, compute_logs_data=logs))
        there = [each for each in setup.search_path if each not in sys.path and Path(each).is_dir()]
        return replace(setup, run=run, search_path=[*there, *sys.path])

    def _begin(self, number: int, job: StepJob, edition: int, setup: bytes, end: Callable[[], None]) -> None:
        if edition > self._edition:
            newer = self._of_here(pickle.loads(setup))
            job = replace(job, known=newer.run.known.beyond(self._setup.run.known))
            self._edition, self._setup = edition, newer
        paths: dict[ComputeIOType, str] = {}
        if job.is_captured:
            key, attempt = job.attempt.step_key, job.attempt.number
            paths = {each: self._logs.get_local_path(self._run_id, key, each, attempt) for each in ComputeIOType}
            Path(paths[ComputeIOType.STDOUT]).parent.mkdir(parents=True, exist_ok=True)
        self._outbox.begin(self._processes.begin(job), number, end, paths)

    def _send(self, number: int, signal_number: int) -> None:
        ours = self._outbox.number_of(number)
        if ours is not None:
            self._processes.send(ours, signal_number)
