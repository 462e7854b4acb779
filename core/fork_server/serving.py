"""The fork server of a run: it imports the pipeline once, and its children execute one attempt at a step each."""

from __future__ import annotations

from typing import NoReturn

from msgspec.structs import replace

from core.disk.descriptors import move_out_of_the_way
from core.execution.steps.result import StepEnd
from core.execution.worker.records import StepOutcome, ToldError
from core.execution.worker.steps import StepWorker
from core.executors.processes.messages import PROGRAM, Begin, Load, Setup
from core.fork_server.child import execute_and_exit, tell_and_exit
from core.fork_server.incoming import Messages
from core.fork_server.jobs import Jobs
from core.fork_server.loading import Loading
from core.fork_server.loop import serve
from core.fork_server.printing import printing_to
from core.serdes import SerializableErrorInfo


def main(descriptor: int, printed: int, parent_pid: int, is_for_one: bool) -> None:
    """Serves a run, or executes one step of it: see `serve`.

    Args:
        descriptor: as of `serve`; likewise the others.
        printed: a file for what is printed while the pipeline is loaded.
        parent_pid: see there.
        is_for_one: see there.
    """
    kept = move_out_of_the_way(printed)
    serve(descriptor, parent_pid, is_for_one, lambda messages: _loaded(messages, kept), _tell_not_loaded)


class _Steps(Jobs):
    program = PROGRAM

    def __init__(self, setup: Setup, worker: StepWorker, loading_seconds: float) -> None:
        super().__init__(loading_seconds)
        self._setup, self._worker = setup, worker

    def learn(self, begin: Begin) -> None:
        self._worker.learn(begin.job.known)

    def setup_for_one(self, begin: Begin) -> Setup:
        run = self._setup.run
        self._setup = replace(self._setup, run=replace(run, known=run.known.and_then(begin.job.known)))
        return self._setup

    def do_and_exit(self, begin: Begin, descriptor: int) -> NoReturn:
        execute_and_exit(self._worker, begin.job, descriptor, self.states)


def _loaded(messages: Messages, printed: int) -> _Steps | SerializableErrorInfo | None:
    """What executes steps of the run; where that cannot be, why."""
    setup, loading = messages.next(), Loading()
    with printing_to(printed):
        if isinstance(setup, Load):
            loading.load_early(setup)
            setup = messages.next()
        if not isinstance(setup, Setup):
            return None  # the process of the run has ended
        worker = loading.worker_of(setup)
    return _Steps(setup, worker, loading.seconds) if isinstance(worker, StepWorker) else worker


def _tell_not_loaded(error: SerializableErrorInfo, descriptor: int) -> NoReturn:
    tell_and_exit(StepOutcome(StepEnd(), error=ToldError(error)), descriptor)
