"""The steps of a run on a cluster, as the process of the run sees them."""

from __future__ import annotations

import pickle
import sysconfig
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from core.compute_logs.capturing.captured_file import append_to_log
from core.compute_logs.capturing.captured_stream import Echo, shown_as
from core.compute_logs.manager import ComputeLogManager
from core.compute_logs.names import ComputeIOType
from core.disk.private import make_folder
from core.errors import DagsterSubprocessError
from core.execution.worker.code import digests_of_code
from core.execution.worker.records import Known, StepJob
from core.executors.backend import ProcessEnd, Told
from core.executors.dask.places import Places
from core.executors.dask.records import Made, OnWorker, Output, RunOnCluster, ToldByWorker, Unable
from core.executors.dask.sameness import own_versions
from core.executors.dask.session import Session, Task
from core.executors.processes.run_jobs import RunJobs
from core.plan.progress import Attempt
from core.process.signals import deferring_signals


class ClusterSteps:
    """Executes attempts at steps in children of a cluster's workers; as `Processes`.

    Args:
        kind: of the cluster.
        config: of the cluster.
        jobs: what others are told of the run.
        run_id: the run.
        logs: where what steps print is kept.
    """

    def __init__(
        self, kind: str, config: Mapping[str, Any], jobs: RunJobs, run_id: str, logs: ComputeLogManager
    ) -> None:
        self._kind, self._config, self._jobs, self._run_id, self._logs = kind, config, jobs, run_id, logs
        self._session: Session | None = None
        self._edition = -1
        self._count = 0
        self._attempts: dict[int, Attempt] = {}
        self._workers: dict[int, str] = {}  # of attempts that have begun
        self._places = Places()
        self._queue: deque[tuple[int, ToldByWorker | OnWorker]] = deque()
        self._news = threading.Event()
        self._shows: dict[ComputeIOType, Echo] = {each: shown_as(each.value, logs.echo) for each in ComputeIOType}

    def start(self) -> None:
        with deferring_signals():  # or it would go on, and nobody would know it
            self._session = Session(self._run_id, self._kind, self._config, self._take)
        self._session.connect()

    @property
    def may_run(self) -> bool:
        return self._session is not None and self._session.is_connected

    def begin(self, job: StepJob) -> int:
        assert self._session is not None
        step = self._jobs.plan.steps[job.attempt.step_key]
        run = None
        if self._edition < 0 or job.known != Known():
            self._edition += 1
            run = self._of_run()
        if job.is_captured:
            self._make_folder(job.attempt)
        with deferring_signals():
            self._count += 1
            number = self._count
            self._attempts[number] = job.attempt
            key = f"{job.attempt.step_key}-{self._run_id}-{job.attempt.number}"
            content = pickle.dumps(replace(job, known=Known()), pickle.HIGHEST_PROTOCOL)
            where, takes = self._places.best_for(step), step.cluster_resources
            self._session.submit(Task(number, key, content, step.priority, takes, where), run)
        return number

    def send(self, number: int, signal_number: int) -> None:
        if self._session is not None and number in self._attempts:
            self._session.send(number, signal_number)

    def lives(self, number: int) -> bool:
        return number in self._attempts

    def wait(self, told: deque[tuple[int, Told]], seconds: float | None = None) -> None:
        self._news.wait(seconds)
        with deferring_signals():
            self._news.clear()
            while self._queue:
                number, message = self._queue.popleft()
                if isinstance(message, Unable):
                    raise DagsterSubprocessError(message.why)
                if number and number not in self._attempts:
                    continue
                if isinstance(message, Output):
                    self._keep(self._attempts[number], message)
                elif isinstance(message, OnWorker):
                    self._workers[number] = message.address
                elif isinstance(message, Made):
                    self._places.made(self._attempts[number].step_key, self._workers[number], message.count)
                else:
                    told.append((number, message))
                    if isinstance(message, ProcessEnd):
                        del self._attempts[number]
                        self._workers.pop(number, None)

    def close(self) -> None:
        with deferring_signals():
            if self._session is not None:
                self._session.close()
            self._session = None

    def _take(self, number: int, message: ToldByWorker | OnWorker) -> None:
        self._queue.append((number, message))
        self._news.set()

    def _of_run(self) -> RunOnCluster:
        assert self._session is not None
        setup = self._jobs.of_run()
        code = digests_of_code(setup.run.origin) if not self._edition else {}
        setup = replace(
            setup, search_path=_own_folders(setup.search_path), code=code, folder=str(Path.cwd()), shows_output=False
        )
        return self._session.topic, self._edition, own_versions(), pickle.dumps(setup, pickle.HIGHEST_PROTOCOL)

    def _make_folder(self, attempt: Attempt) -> None:
        """Makes the folder of a step's log, which is made where output is captured otherwise: on another machine."""
        path = self._logs.get_local_path(self._run_id, attempt.step_key, ComputeIOType.STDOUT, attempt.number)
        with suppress(OSError):
            make_folder(Path(path).parent)

    def _keep(self, attempt: Attempt, output: Output) -> None:
        """Keeps what a step has printed, and shows it, as where it is executed on this machine."""
        path = self._logs.get_local_path(self._run_id, attempt.step_key, output.io_type, attempt.number)
        try:
            append_to_log(path, output.content, self._logs.size_cap)
        except OSError as error:
            self._logs.warn(self._run_id, f"The output of step {attempt.step_key!r} is not kept: {error}")
        self._shows[output.io_type](output.content)


def _own_folders(search_path: list[str]) -> list[str]:
    """The folders among those where modules are looked for that are not the interpreter's; each worker has its own."""
    installed = tuple(sysconfig.get_paths().values())
    folders = [str(Path(each).absolute()) for each in search_path]
    return [each for each in folders if not each.startswith(installed) and not each.endswith(".zip")]
