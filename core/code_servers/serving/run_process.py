"""The process of a run that a code server starts: it outlives the server, and ends when the run has ended."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from core.api import execute_run
from core.code_calls.wire import Failure, Reply, answered, raised
from core.code_servers.loaded_code import LoadedCode
from core.code_servers.serving.jobs import RunJob
from core.compute_logs.capturing.captured_stream import shown_nowhere
from core.disk.paths import file_name
from core.disk.private import make_folder, open_new
from core.errors import DagsterRunConflict, DagsterRunNotFoundError, DagsterTerminatedError
from core.events.payloads import EngineEventData
from core.fork_server.child import STOPPING, do_what_python_does_at_its_end, flush
from core.forks import ending_forked_children
from core.instance import DagsterInstance
from core.instance.ref import InstanceRef
from core.instance.runs import check_not_begun
from core.process.bound_life import live_on
from core.process.frames import write_frame
from core.process.signals import raising_when_terminated
from core.records.claim import Claim
from core.records.pipeline_run import PipelineRun
from core.serdes import error_info, from_json

OUTPUT_FILES = ("process.out", "process.err")
"""In the folder of the run's values and files: what its process prints outside of steps."""


def execute_and_exit(code: LoadedCode, job: RunJob, descriptor: int) -> NoReturn:
    """Executes a run in this process, and ends it.

    Args:
        code: the code of its location.
        job: the run.
        descriptor: where it is told that the run is executed here, or why it is not; then it is closed.
    """
    exit_code = 1
    try:
        live_on()
        with ending_forked_children(), raising_when_terminated():
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)  # from here on, SIGTERM cancels the run
            _execute(code, job, descriptor)
        do_what_python_does_at_its_end()
        exit_code = 0
    except DagsterTerminatedError as error:
        exit_code = 128 + signal.Signals[error.signal_name]
    except BaseException as error:  # noqa: BLE001  the run's log has it; this is for who reads the process's output
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        flush()
        os._exit(exit_code)


def _execute(code: LoadedCode, job: RunJob, descriptor: int) -> None:
    with ExitStack() as stack:
        try:
            instance = stack.enter_context(DagsterInstance.from_ref(from_json(InstanceRef, job.instance_ref)))
            run = _taken_up(instance, job, stack)
            folder = Path(instance.storage_directory()) / file_name(run.run_id, "run id")
            _redirect_output(folder)
        except (DagsterRunConflict, DagsterRunNotFoundError) as error:
            message = f"run {job.run_id}, refuses it: {str(error).removesuffix('.')}"
            _tell(descriptor, Reply(failure=Failure("refused", message)))
            return
        except BaseException as error:
            _tell(descriptor, Reply(failure=raised(f"run {job.run_id}", error)))
            raise
        instance.compute_log_manager.echo = shown_nowhere  # what steps print is in their logs
        _tell(descriptor, answered(os.getpid()))
        try:
            _execute_or_report(code, run, instance)
        finally:
            flush()
            _delete_empty(folder)


def _taken_up(instance: DagsterInstance, job: RunJob, stack: ExitStack) -> PipelineRun:
    """The run, for which this process answers from here on, until it has begun; raises DagsterRunConflict."""
    run, offered = instance.get_existing_run(job.run_id), msgspec.json.decode(job.claim, type=Claim | None)
    check_not_begun(run)
    if offered is not None and instance.run_storage.get_claim(run.run_id) != offered:
        raise DagsterRunConflict(f"Run {run.run_id} has been launched again, or waits to be.")
    stack.enter_context(instance.preparing_run(run, offered))
    stack.enter_context(instance.running_runs.executing(run.run_id))  # found by who cancels it, also without the server
    return run


def _execute_or_report(code: LoadedCode, run: PipelineRun, instance: DagsterInstance) -> None:
    """Executes the run; where it is refused, it has failed: nobody else is there to be told."""
    try:
        execute_run(code.pipeline_of(run), run, instance)
    except DagsterRunConflict:
        return  # it has ended meanwhile, or another process executes it
    except BaseException as error:
        held = instance.launched.get(run.run_id)  # no more, once it has begun; then its log says how it ended
        if held is not None and not held.is_lost:
            _report(instance, run, error)
        raise


def _report(instance: DagsterInstance, run: PipelineRun, error: BaseException) -> None:
    if isinstance(error, DagsterTerminatedError | KeyboardInterrupt):
        instance.report_run_canceled(run, "The run was asked to stop before its first step.")
        return
    instance.report_engine_event("The run cannot be executed.", run, EngineEventData(error=error_info(error)))
    instance.report_run_failed(run, f"The run was not begun: {error}")


def _tell(descriptor: int, reply: Reply) -> None:
    with suppress(BrokenPipeError):  # the server has ended, and the run goes on
        write_frame(descriptor, msgspec.json.encode(reply))
    os.close(descriptor)


def _redirect_output(folder: Path) -> None:
    """The server's output may be a terminal or a pipe that does not live as long as this process."""
    flush()
    make_folder(folder)
    for number, name in enumerate(OUTPUT_FILES, 1):
        file = open_new(folder / name, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)


def _delete_empty(folder: Path) -> None:
    for name in OUTPUT_FILES:
        with suppress(FileNotFoundError):
            if not (folder / name).stat().st_size:
                (folder / name).unlink()
    with suppress(OSError):  # it holds something
        folder.rmdir()
