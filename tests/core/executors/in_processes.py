"""Pipelines that are written to a file, and executed with a process for each step."""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import core.executors.side_by_side  # else the lines of its classes would count too
from core import DagsterEvent, DagsterInstance, PipelineExecutionResult, execute_pipeline
from core.loading.pipelines import load_pipeline
from core.process.children import children_of
from core.serdes import SerializableErrorInfo

EXECUTORS = str(Path(core.executors.__file__).parent)

PRELUDE = '''
import atexit, ctypes, os, resource as limits, select, signal, subprocess, sys, threading, time
from pathlib import Path
from core import *
from core.executors.dask import dask_executor

FOLDER = Path(__file__).parent

def mode(**more):
    executors = [*default_executors, dask_executor]
    return ModeDefinition(resource_defs={"io_manager": fs_io_manager}, executor_defs=executors, **more)

def tell(text):
    """Writes a line, whole, to the file that the test reads."""
    opened = os.open(FOLDER / "told", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(opened, f"{text}\\n".encode())
    os.close(opened)

def times_before(name):
    """How often this was called with that name before, by whatever process."""
    tell(f"time {name}")
    return (FOLDER / "told").read_text().splitlines().count(f"time {name}") - 1

def wait_for_ever():
    while True:
        signal.pause()
'''


class Code:
    """The file of a pipeline, and the instance that its runs are recorded in.

    Args:
        folder: where both are.
        source: what the file holds after the prelude; it defines one pipeline, `piped`.
        executor: what executes it.
        of_executor: what its config says always.
        sections: of the instance's `dagster.yaml`.
        is_whole: whether the source is all of the file, as it is there already.
    """

    def __init__(
        self,
        folder: Path,
        source: str,
        executor: str = "multiprocess",
        of_executor: Mapping[str, Any] | None = None,
        sections: Mapping[str, Any] | None = None,
        is_whole: bool = False,
    ) -> None:
        self.executor, self.of_executor, self.sections = executor, of_executor or {}, sections or {}
        self.folder = folder
        self.file = folder / "piped_code.py"
        if not is_whole:
            self.file.write_text(PRELUDE + source)
        self.home = folder / "home"

    @contextmanager
    def instance(self) -> Iterator[DagsterInstance]:
        with DagsterInstance.local_temp(str(self.home), self.sections) as instance:
            yield instance

    def execute(
        self,
        instance: DagsterInstance,
        tags: Mapping[str, Any] | None = None,
        raise_on_error: bool = False,
        on_event: Callable[[DagsterEvent], None] | None = None,
        more_config: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> PipelineExecutionResult:
        """Executes the pipeline; `config` is that of the executor, `more_config` what the run config says besides."""
        search_path = list(sys.path)
        of_executor = {"max_concurrent": 2, **self.of_executor, **config}
        try:
            return execute_pipeline(
                load_pipeline(self.file, "piped"),
                {"execution": {self.executor: {"config": of_executor}}, **(more_config or {})},
                tags=tags,
                instance=instance,
                raise_on_error=raise_on_error,
                on_event=on_event,
            )
        finally:
            sys.path[:] = search_path

    @property
    def told(self) -> list[str]:
        """list[str]: the lines that steps have told."""
        path = self.folder / "told"
        return path.read_text().splitlines() if path.exists() else []


def types_of(result: PipelineExecutionResult, step_key: str) -> list[str]:
    """The types of the events of a step, in order, without those of the engine."""
    of_step = [each for each in result.event_list if each.step_key == step_key]
    return [each.event_type_value for each in of_step if each.event_type_value != "ENGINE_EVENT"]


def errors_of(result: PipelineExecutionResult) -> dict[str, SerializableErrorInfo]:
    """What failed each step that failed for good, by its key."""
    failures = [each for each in result.event_list if each.event_type_value == "STEP_FAILURE"]
    errors = {str(each.step_key): each.event_specific_data.error for each in failures}  # type: ignore[union-attr]
    assert len(errors) == len(failures), "a step has failed twice"
    return {key: error for key, error in errors.items() if error is not None}


def execute_interrupted(code: Code, instance: DagsterInstance, at: int) -> tuple[list[str], ...]:
    """Executes the pipeline, and interrupts this process as by Ctrl-C when it has come to so many lines of executors.

    Returns:
        What the statuses of the instance's runs may be after that, SUCCESS only if there are not so many lines.
    """
    count = 0

    def on_line(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(EXECUTORS) or frame.f_code.co_name == "<module>":
            return None  # the test, or a module that is imported
        if event == "line":
            count += 1
            if count == at:
                signal.raise_signal(signal.SIGINT)
        return on_line

    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.settrace(on_line)
    try:
        code.execute(instance, kill_after_seconds=1000)
    except KeyboardInterrupt:
        return [], ["CANCELED"]  # it may not have been recorded yet
    finally:
        sys.settrace(None)
        signal.signal(signal.SIGINT, handler)
    assert count < at
    return (["SUCCESS"],)


def had() -> dict[str, Any]:
    """What this process has now, of what a run must leave nothing."""
    gc.collect()
    return {
        "children": children_of(os.getpid()),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": Counter(descriptors()),
    }


def descriptors() -> list[str]:
    """What this process has open, but for what the list itself takes."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(each.readlink()))
    return sorted(each for each in found if "/proc/" not in each)


def lives(pid: int) -> bool:
    """Whether a process lives, and is not one that has ended and that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> None:
    """Waits until a process, of whatever parent, has ended; fails the test after a minute."""
    try:
        held = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([held], [], [], 60)[0] or not lives(pid), f"process {pid} lives on"
    finally:
        os.close(held)


PROGRAM = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests where it is ignored
sys.path.insert(0, sys.argv[1])
from tests.core.executors.in_processes import Code
folder, config, (executor, of_executor, sections) = Path(sys.argv[2]), eval(sys.argv[3]), eval(sys.argv[4])
code = Code(folder, "", executor, of_executor, sections, is_whole=True)
with code.instance() as instance:
    result = code.execute(instance, **config)
sys.exit(0 if result.success else 3)
"""


def arguments(code: Code, **config: Any) -> list[str]:
    """What PROGRAM takes to execute the pipeline."""
    of_code = (code.executor, code.of_executor, code.sections)
    return [str(Path(__file__).parents[3]), str(code.folder), repr(config), repr(of_code)]


@contextmanager
def program(code: Code, **config: Any) -> Iterator[subprocess.Popen[str]]:
    """A program, in a process group of its own, that executes the pipeline; it is killed when the block ends.

    Its stderr goes to a file; what steps tell by `print` comes from its stdout.
    """
    with (code.folder / "stderr").open("w") as stderr:
        started = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments(code, **config)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            process_group=0,
        )
    with started:
        try:
            yield started
        finally:
            started.kill()
