"""Children that user code forks, and that come back out of it: they end there, and the run is their parent's alone."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from core import (
    DagsterInstance,
    DagsterType,
    Failure,
    IOManager,
    ModeDefinition,
    Output,
    OutputDefinition,
    RetryRequested,
    configured,
    execute_pipeline,
    io_manager,
    logger,
    pipeline,
    resource,
    solid,
)
from core.compute_logs.names import ComputeIOType
from core.executors import InProcessExecutor

Tell = Callable[[str], None]


def _returns() -> None:
    return


def _raises() -> None:
    raise ValueError("of a child")


def _exits(code: Any = None) -> Callable[[], None]:
    return lambda: sys.exit(code)


def _is_interrupted() -> None:
    raise KeyboardInterrupt


def _asks_for_a_retry() -> None:
    raise RetryRequested(max_retries=3)


def _gives_up() -> None:
    raise Failure("of a child")


class Way(NamedTuple):
    """How a child comes out of the code that forked it, and the exit code that it must end with."""

    leave: Callable[[], None]
    code: int
    shown: str = ""


WAYS = {
    "returns": Way(_returns, 0),
    "raises": Way(_raises, 1, "ValueError: of a child"),
    "exits": Way(_exits(), 0),
    "exits_with_3": Way(_exits(3), 3),
    "exits_with_text": Way(_exits("no more work"), 1, "no more work"),
    "is_interrupted": Way(_is_interrupted, 130, "KeyboardInterrupt"),
    "asks_for_a_retry": Way(_asks_for_a_retry, 1, "RetryRequested"),
    "gives_up": Way(_gives_up, 1, "of a child"),
}


class Forker:
    """Forks once, at one place; the child leaves that place in one way."""

    def __init__(self, place: str, way: Way, tell: Tell) -> None:
        self.place, self._way, self.tell = place, way, tell
        self._has_forked = False

    def at(self, place: str) -> None:
        if place != self.place or self._has_forked:
            return
        self._has_forked = True
        child = os.fork()
        if child == 0:
            self._way.leave()
        else:
            self.tell(f"child ended with {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")


def _pipeline_that_forks(forker: Forker) -> Any:
    class Manager(IOManager):
        values: dict[str, Any] = {}  # noqa: RUF012

        def handle_output(self, context: Any, obj: Any) -> None:
            forker.at("handle_output")
            self.values[context.step_key] = obj

        def load_input(self, context: Any) -> Any:
            forker.at("load_input")
            return self.values[context.upstream_output.step_key]

        def get_address(self, context: Any) -> str | None:
            forker.at("get_address")
            return None

    @io_manager
    def manager(_context: Any) -> Manager:
        return Manager()

    @resource
    def tool(_context: Any) -> Iterator[str]:
        forker.at("resource")
        yield "tool"
        forker.tell("tool put away")
        forker.at("teardown")

    class Shouting(logging.Logger):
        def handle(self, record: logging.LogRecord) -> None:
            forker.at("logger")

    @logger
    def shouting(_context: Any) -> logging.Logger:
        forker.at("logger function")
        return Shouting("shouting")

    def check(_context: Any, value: object) -> bool:
        forker.at("type check")
        return True

    @configured(solid_with_config(forker), config_schema={})
    def first(_config: Any) -> dict[str, Any]:
        forker.at("config function")
        return {"by": 2}

    @solid(output_defs=[OutputDefinition(DagsterType(check, "Checked"), "one"), OutputDefinition(name="two")])
    def second(value: int) -> Iterator[Output]:
        forker.tell("second")
        forker.at("generator")
        yield Output(value, "one")
        forker.at("generator between outputs")
        yield Output(value, "two")
        forker.at("generator after its outputs")

    @solid
    def third(one: int, two: int) -> int:
        forker.tell("third")
        return one + two

    mode = ModeDefinition(resource_defs={"tool": tool, "io_manager": manager}, logger_defs={"shouting": shouting})

    @pipeline(mode_defs=[mode])
    def forks() -> None:
        third(*second(first()))

    return forks


def solid_with_config(forker: Forker) -> Any:
    @solid(config_schema={"by": int}, required_resource_keys={"tool"}, name="first")
    def inner(context: Any) -> int:
        forker.tell("first")
        forker.at("solid")
        if forker.place == "thread":
            thread = threading.Thread(target=forker.at, args=["thread"])
            thread.start()
            thread.join()
        return int(context.solid_config["by"])

    return inner


PLACES = [
    "solid",
    "thread",
    "generator",
    "generator between outputs",
    "generator after its outputs",
    "resource",
    "teardown",
    "handle_output",
    "load_input",
    "get_address",
    "type check",
    "config function",
    "logger function",
    "logger",
    "on_event",
    "executor",
]


IN_ANY_WAY = [("solid", way) for way in WAYS]
ANYWHERE = [(place, way) for place in PLACES[1:] for way in ("raises", "returns")]


@pytest.mark.parametrize(("place", "way"), IN_ANY_WAY + ANYWHERE)
def test_a_child_that_comes_out_of_user_code_ends_there(
    place: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start_program: Any
) -> None:
    errors = tmp_path / "stderr"

    def work(tell: Tell) -> None:
        forker = Forker(place, WAYS[way], tell)
        os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        sys.stderr = os.fdopen(os.dup(2), "w")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        real = InProcessExecutor.execute

        def execute(self: Any, *arguments: Any) -> Any:
            forker.at("executor")
            return real(self, *arguments)

        monkeypatch.setattr(InProcessExecutor, "execute", execute)
        # A database of its own is a second copy of the run that a child could spoil; it takes time.
        with DagsterInstance.local_temp() if place == "solid" else DagsterInstance.ephemeral() as instance:
            result = execute_pipeline(
                _pipeline_that_forks(forker), instance=instance, on_event=lambda _event: forker.at("on_event")
            )
            tell(f"success: {result.success}")
            [run] = instance.get_runs()
            tell(f"run is {run.status.value}")
            for entry in instance.all_logs(run.run_id):
                if entry.dagster_event:
                    tell(f"{entry.dagster_event.event_type_value} {entry.dagster_event.step_key}")
            output = [
                instance.compute_log_manager.get_local_path(run.run_id, step, kind)
                for step in ("first", "second", "third")
                for kind in ComputeIOType
            ]
            written = [Path(path).read_text() for path in output if Path(path).is_file()]
            (tmp_path / "captured").write_text("".join(written))
        tell("program ended")

    program = start_program(work)
    assert program.end() == 0
    told = program.told
    code, shown = (0, "") if place == "thread" else (WAYS[way].code, WAYS[way].shown)  # a thread ends as any thread
    for told_once in (
        *("first", "second", "third", "tool put away", "program ended"),
        *("success: True", "run is SUCCESS", f"child ended with {code}"),
        *("PIPELINE_START None", "PIPELINE_SUCCESS None"),
        *(f"STEP_{what} {step}" for step in ("first", "second", "third") for what in ("START", "SUCCESS")),
    ):
        assert told[told_once] == 1, (told_once, told)
    assert not any("FAILURE" in text or "CANCELED" in text or "RETRY" in text for text in told)
    assert shown in errors.read_text() + (tmp_path / "captured").read_text()


def _one_solid(function: Callable[[Any], Any]) -> Any:
    @pipeline
    def alone() -> None:
        solid(name="alone")(function)()

    return alone


def test_a_child_that_outlives_the_run_changes_nothing_when_it_comes_back(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    awaited, ended = os.pipe()

    def leaves_a_child(context: Any) -> int:
        child = os.fork()
        if child == 0:
            os.close(ended)
            os.read(awaited, 1)
            context.log.info("from a child")
            raise ValueError("of a child")
        children.append(child)
        return 1

    children: list[int] = []
    with DagsterInstance.local_temp(home) as instance:
        assert execute_pipeline(_one_solid(leaves_a_child), instance=instance).success
        [run] = instance.get_runs()
        before = instance.all_logs(run.run_id)
        os.close(ended)
        assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 1
        assert instance.get_runs() == [run]
        assert instance.all_logs(run.run_id) == before
    os.close(awaited)


_worker_context: Any = None


def _log_and_divide(number: int) -> int:
    _worker_context.log.info(f"a worker got {number}")
    return 6 // number


def test_messages_of_pool_workers_are_not_the_runs_and_their_errors_are_raised_where_they_are_awaited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def uses_a_pool(context: Any) -> list[int]:
        monkeypatch.setattr(sys.modules[__name__], "_worker_context", context)
        with multiprocessing.get_context("fork").Pool(2) as pool:
            with pytest.raises(ZeroDivisionError):
                pool.map(_log_and_divide, [1, 0])
            return pool.map(_log_and_divide, [1, 2, 3])

    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        result = execute_pipeline(_one_solid(uses_a_pool), instance=instance)
        assert result.result_for_solid("alone").output_value() == [6, 3, 2]
        assert not [each for each in instance.all_logs(result.run_id) if "a worker got" in each.message]


def test_what_was_printed_before_a_fork_is_in_the_log_once(tmp_path: Path) -> None:
    def prints(_context: Any) -> int:
        print("before")
        child = os.fork()
        if child == 0:
            print("child")
            raise ValueError("of a child")
        os.waitpid(child, 0)
        print("after")
        return 1

    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        result = execute_pipeline(_one_solid(prints), instance=instance)
        logs = instance.compute_log_manager
        assert logs.read_logs_file(result.run_id, "alone", ComputeIOType.STDOUT).data == "before\nchild\nafter\n"
        shown = logs.read_logs_file(result.run_id, "alone", ComputeIOType.STDERR).data or ""
        assert shown.startswith("Traceback")
        assert shown.count("ValueError: of a child") == 1
