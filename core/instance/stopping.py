"""Stopping a run whose process is alive on this machine."""

from __future__ import annotations

import os
import signal
import time

from core.errors import DagsterInvariantViolationError
from core.instance.instance import DagsterInstance
from core.process.running import RunningRun
from core.records.pipeline_run import PipelineRun

_LOOK_SECONDS = 0.05


def ask_to_stop(instance: DagsterInstance, run: PipelineRun, process: RunningRun) -> None:
    """Sends SIGTERM to the process of a run, which cancels the run.

    Raises:
        DagsterInvariantViolationError: the process cannot be signalled from here.
    """
    if process.pid == os.getpid():
        raise DagsterInvariantViolationError(f"Run {run.run_id} is executed by this very process; raise an exception.")
    if not run.is_finished:
        instance.report_run_canceling(run)
    try:
        is_sent = process.send(signal.SIGTERM)
    except PermissionError:
        raise DagsterInvariantViolationError(
            f"Run {run.run_id} is executed by process {process.pid} of another user. Stop it as that user."
        ) from None
    if not is_sent and run.run_id in instance.running_runs.living():
        raise DagsterInvariantViolationError(
            f"Run {run.run_id} is executed by a process that cannot be reached from here, maybe in another container. "
            "Stop it there."
        )


def wait_until_stopped(instance: DagsterInstance, run: PipelineRun, process: RunningRun, seconds: float) -> PipelineRun:
    """Waits until no process executes a run; where that has not said how the run ended, it is recorded as canceled.

    Args:
        instance: has the run.
        run: the run.
        process: what executes it.
        seconds: how long to wait.

    Returns:
        The run as it is recorded then.

    Raises:
        DagsterInvariantViolationError: the process goes on.
    """
    deadline = time.monotonic() + seconds
    while run.run_id in instance.running_runs.living():
        if time.monotonic() > deadline:
            raise DagsterInvariantViolationError(
                f"Run {run.run_id} still runs after {seconds:g} s: process {process.pid} has not heeded SIGTERM yet. "
                f"Wait for it, or end it with `kill -KILL {process.pid}` and say so with "
                f"`cloudstore runs cancel {run.run_id} --force`."
            )
        time.sleep(_LOOK_SECONDS)
    ended = instance.get_existing_run(run.run_id)
    if not ended.is_finished:
        instance.report_run_canceled(
            ended, f"Process {process.pid} was stopped, and has not recorded how the run ended."
        )
        ended = instance.get_existing_run(run.run_id)
    return ended
