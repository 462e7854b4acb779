"""The process in which the user's code is loaded. It forks a child for each question and each run: see `Jobs`."""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import suppress
from typing import NoReturn

import msgspec

from core.code_calls.wire import Reply, as_raw, raised, raised_info
from core.code_servers.loaded_code import LoadedCode
from core.code_servers.questions import QUESTIONS
from core.code_servers.serving.jobs import NOT_LOADED, PROGRAM, CodeSetup, EvaluationJob, RunJob
from core.code_servers.serving.run_process import execute_and_exit
from core.code_servers.serving.sources import source_files
from core.disk.descriptors import move_out_of_the_way
from core.executors.processes.messages import Begin
from core.fork_server.child import do_what_python_does_at_its_end, flush
from core.fork_server.incoming import Messages
from core.fork_server.jobs import Jobs
from core.fork_server.loop import serve
from core.forks import ending_forked_children
from core.instance.ref import InstanceRef
from core.process.frames import write_frame
from core.serdes import ConfigurableClassData, SerializableErrorInfo, error_info, from_json
from core.serdes.yaml_file import load_yaml

_OURS = ("core", "cloudstore")  # importing what is the user's may start threads


def main(descriptor: int, printed: int, parent_pid: int, is_for_one: bool) -> None:
    """Serves a code location, or does one job of it: see `serve`. What is printed is the server's output."""
    os.close(printed)
    serve(descriptor, parent_pid, is_for_one, _loaded, _tell_not_loaded)


class _CodeJobs(Jobs):
    program = PROGRAM

    def __init__(self, setup: CodeSetup, code: LoadedCode, loading_seconds: float) -> None:
        super().__init__(loading_seconds)
        self._setup, self._code = setup, code
        self._refs: set[bytes] = set()

    def learn(self, begin: Begin) -> None:
        """What instances are made of is imported here, once, and not by the process of each run."""
        if isinstance(begin.job, RunJob) and begin.job.instance_ref not in self._refs:
            self._refs.add(begin.job.instance_ref)
            with suppress(Exception):  # the process of the run says what is wrong
                _import_parts(from_json(InstanceRef, begin.job.instance_ref))
            gc.freeze()

    def setup_for_one(self, begin: Begin) -> CodeSetup:
        return self._setup

    def sources(self) -> dict[str, int]:
        return source_files()

    def outlives(self, begin: Begin) -> bool:
        return not isinstance(begin.job, EvaluationJob)

    def leaves_nothing(self, begin: Begin) -> bool:
        return isinstance(begin.job, EvaluationJob)

    def do_and_exit(self, begin: Begin, descriptor: int) -> NoReturn:
        told_at = move_out_of_the_way(descriptor)
        self.states.set_for(str(begin.number))
        if isinstance(begin.job, EvaluationJob):
            _tell_and_exit(_answer(self._code, begin.job), told_at)
        execute_and_exit(self._code, begin.job, told_at)


def _import_parts(ref: InstanceRef) -> None:
    for part in (getattr(ref, name) for name in ref.__struct_fields__):
        if isinstance(part, ConfigurableClassData) and part.module_name.partition(".")[0] in _OURS:
            part.load_class()
            load_yaml(part.config_yaml, part.class_name)  # the first time, the reader of YAML is imported


def _loaded(messages: Messages) -> _CodeJobs | SerializableErrorInfo | None:
    setup, began = messages.next(), time.perf_counter()
    if not isinstance(setup, CodeSetup):
        return None
    sys.argv[:] = [sys.argv[0]]
    try:
        with ending_forked_children():
            code = LoadedCode(setup.target)
            code.load()
            return _CodeJobs(setup, code, time.perf_counter() - began)
    except BaseException as error:  # noqa: BLE001  code of the user's can raise anything while it is imported
        return error_info(error)


def _answer(code: LoadedCode, job: EvaluationJob) -> Reply:
    asked = job.method
    try:
        with ending_forked_children():
            question = from_json(QUESTIONS[job.method], job.question)
            asked = str(question)
            return Reply(as_raw(code.answer(question)))
    except BaseException as error:  # noqa: BLE001  so can it when it is asked
        return Reply(failure=raised(asked, error))


def _tell_and_exit(reply: Reply, descriptor: int) -> NoReturn:
    code = 1
    try:
        write_frame(descriptor, msgspec.json.encode(reply))
        do_what_python_does_at_its_end()
        code = 0
    finally:
        flush()
        os._exit(code)


def _tell_not_loaded(error: SerializableErrorInfo, descriptor: int) -> NoReturn:
    _tell_and_exit(Reply(failure=raised_info(NOT_LOADED, error)), descriptor)
