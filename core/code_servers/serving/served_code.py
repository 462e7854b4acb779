"""The code that a server serves: loaded when it is asked for, and again where its process has ended."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from core.code_calls.wire import Failure, Reply, RunToCancel, RunToStart
from core.code_servers.questions import Question, RepositoriesQuestion
from core.code_servers.serving.code_process import CodeProcess
from core.code_servers.serving.jobs import CodeSetup, EvaluationJob, RunJob
from core.code_servers.serving.sources import have_changed
from core.process.running import RunningRun, RunningRuns
from core.serdes import to_json

_START_SECONDS = 60.0  # within which a run's process has to find its run


class ServedCode:
    """Code, and what is asked of it. All of it is called by one event loop.

    Args:
        setup: the code.
        max_workers: how many questions are answered at the same time.
        reloads_changed: whether it is loaded again when it is asked for and its files have changed.
    """

    def __init__(self, setup: CodeSetup, max_workers: int, reloads_changed: bool) -> None:
        self._setup, self._reloads_changed = setup, reloads_changed
        self._reloading: asyncio.Task[Failure | None] | None = None
        self._process: CodeProcess | None = None
        self._old: list[CodeProcess] = []
        self._runs: dict[str, RunningRun] = {}
        self._workers = asyncio.Semaphore(max_workers)
        self.repositories: Reply | None = None

    async def load(self) -> Failure | None:
        """Loads the code where it is not loaded as it is now; why it cannot be, or None."""
        process = self._process
        if self._is_outdated():
            if self._reloading is None or self._reloading.done():
                self._reloading = asyncio.create_task(self.reload())
            return await asyncio.shield(self._reloading)
        if process is None or process.is_gone:
            process = self._process = CodeProcess(self._setup)
        failure = await asyncio.shield(process.loaded)
        if failure is not None and self._process is process:
            process.close()
            self._process = None  # it is tried again when it is asked for: it may have been mended
        return failure

    async def reload(self) -> Failure | None:
        """Loads the code again; questions are answered by what was loaded before until it is. Runs go on.

        Returns:
            Why it cannot be loaded, in which case the old code goes on; or None.
        """
        process = CodeProcess(self._setup)
        failure = await asyncio.shield(process.loaded)
        if failure is not None:
            process.close()
            return failure
        old, self._process, self.repositories = self._process, process, None
        if old is not None and not old.is_gone:
            self._old.append(old)
            self._close_idle()
        return None

    async def ask(self, question: Question, deadline_seconds: float) -> Reply:
        """Answers a question."""
        is_listing = isinstance(question, RepositoriesQuestion)
        if is_listing and self.repositories is not None and not self._is_outdated():
            return self.repositories
        process = self._process
        job = EvaluationJob(question.method, to_json(question).encode())
        reply = await self._done(job, str(question), deadline_seconds)
        if is_listing and reply.failure is None and process in (self._process, None):
            self.repositories = reply
        return reply

    async def start_run(self, asked: RunToStart) -> Reply:
        """Starts the process of a run, and waits until it has found the run."""
        self._forget_ended()
        job = RunJob(asked.run_id, bytes(asked.instance_ref), bytes(asked.claim))
        reply = await self._done(job, f"run {asked.run_id}", _START_SECONDS)
        if reply.failure is None:
            self._runs[asked.run_id] = RunningRun.of(asked.run_id, msgspec.json.decode(reply.answer, type=int))
        return reply

    def can_cancel(self, asked: RunToCancel) -> bool:
        """Whether a process of this machine executes a run."""
        run = self._running(asked)
        return run is not None and run.send(0)

    def cancel(self, asked: RunToCancel, signal_number: int) -> bool:
        """Sends a signal to the process of a run; False where there is none."""
        run = self._running(asked)
        return run is not None and run.send(signal_number)

    async def close(self) -> None:
        """Ends the processes that have the code, and what they answer; runs go on."""
        processes = [*self._old, *([self._process] if self._process else [])]
        for process in processes:
            process.close()
        for process in processes:
            await process.wait_closed()

    async def _done(self, job: EvaluationJob | RunJob, asked: str, seconds: float) -> Reply:
        """What a child answers that is forked for a job, and killed where it does not answer in time."""
        process = child = None
        try:
            async with asyncio.timeout(seconds), self._workers:
                failure = await self.load()
                process = self._process
                if failure is not None or process is None:
                    return Reply(failure=failure)
                child = process.begin(job, asked)
                return await child.reply
        except TimeoutError:
            why = "its code is still being loaded" if process is None else "its process was ended"
            return Reply(failure=Failure("deadline", f"{asked}, has not answered within {seconds:g} s: {why}"))
        finally:
            if process is not None and child is not None:
                process.let_go(child, goes_on=isinstance(job, RunJob))
            self._close_idle()

    def _is_outdated(self) -> bool:
        return self._reloads_changed and self._process is not None and have_changed(self._process.sources)

    def _running(self, asked: RunToCancel) -> RunningRun | None:
        started = self._runs.get(asked.run_id)
        if started is not None or asked.running is None:
            return started
        return RunningRuns(Path(asked.running)).living().get(asked.run_id)

    def _forget_ended(self) -> None:
        self._runs = {run_id: run for run_id, run in self._runs.items() if run.send(0)}

    def _close_idle(self) -> None:
        for process in [each for each in self._old if each.is_idle]:
            self._old.remove(process)
            process.close()
