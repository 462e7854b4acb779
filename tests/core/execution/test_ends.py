"""However a run ends that was recorded, its record says how; and code that exits never makes it look like a success."""

from __future__ import annotations

import itertools
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core import (
    DagsterInstance,
    ModeDefinition,
    configured,
    execute_pipeline,
    execute_run,
    logger,
    pipeline,
    resource,
    solid,
)
from core.compute_logs.manager import NoOpComputeLogManager
from core.events.records import EventLogEntry
from core.instance import InstanceType
from core.storage.event_log import InMemoryEventLogStorage
from core.storage.root import TemporaryArtifactStorage
from core.storage.runs import InMemoryRunStorage


class Countdown:
    """Raises at one of the calls, or at that and all that follow."""

    def __init__(self, at: int, error: BaseException, goes_on: bool) -> None:
        self.at, self.error, self.goes_on = at, error, goes_on
        self.calls = 0

    def count(self, *_arguments: Any) -> None:
        self.calls += 1
        if self.calls == self.at or (self.goes_on and self.calls > self.at):
            raise self.error


class BreakingLog(InMemoryEventLogStorage):
    """An event log that cannot be written at times."""

    def __init__(self, countdown: Countdown) -> None:
        super().__init__()
        self._countdown = countdown

    def store_events(self, events: Sequence[EventLogEntry]) -> None:
        for event in events:
            self._countdown.count()
            super().store_events([event])


def _pipeline_with(log_to: Callable[[logging.LogRecord], None], stopped: list[str]) -> Any:
    class Loud(logging.Logger):
        def handle(self, record: logging.LogRecord) -> None:
            log_to(record)

    @logger
    def loud(_context: Any) -> logging.Logger:
        return Loud("loud")

    @resource
    def tool(context: Any) -> Iterator[str]:
        context.log.info("made")
        yield "tool"
        stopped.append("tool")

    @solid(required_resource_keys={"tool"})
    def one(context: Any) -> int:
        context.log.info("one")
        return 1

    @solid
    def two(_context: Any, value: int) -> int:
        return value + 1

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"tool": tool}, logger_defs={"loud": loud})])
    def both() -> None:
        two(one())

    return both


@pytest.mark.parametrize("goes_on", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(0)], ids=repr)
@pytest.mark.parametrize("where", ["logger", "on_event", "event log"])
@pytest.mark.parametrize("kind", ["new", "stored"])
def test_a_run_that_was_recorded_ends_wherever_it_breaks(
    kind: str, where: str, error: BaseException, goes_on: bool
) -> None:
    for at in itertools.count(1):
        countdown, stopped = Countdown(at, error, goes_on), list[str]()
        calls = {where: countdown.count}
        built = _pipeline_with(calls.get("logger", lambda _record: None), stopped)
        log = BreakingLog(countdown if where == "event log" else Countdown(0, error, False))
        instance = DagsterInstance(
            InstanceType.EPHEMERAL, TemporaryArtifactStorage(), InMemoryRunStorage(), log, NoOpComputeLogManager()
        )
        on_event = calls.get("on_event")
        raised: BaseException | None = None
        success = False
        try:
            if kind == "stored":
                stored = instance.create_run("both")
                success = execute_run(built, stored, instance, on_event=on_event).success
            else:
                success = execute_pipeline(built, instance=instance, raise_on_error=False, on_event=on_event).success
        except BaseException as told:
            raised = told
        for run in instance.get_runs():
            if run.status.value == "NOT_STARTED":  # refused, before anything was done with it
                assert kind == "stored"
                assert not instance.all_logs(run.run_id)
                assert raised is not None
            else:
                assert run.is_finished, (at, run.status)
        if isinstance(raised, SystemExit):
            assert isinstance(raised.code, str)
        newest = instance.get_runs(limit=1)
        assert success == bool(newest and newest[0].is_success and raised is None), (at, raised)
        if countdown.calls < at:
            assert success
            break
    assert at > 10


def exits(code: object) -> Callable[..., Any]:
    def leave(_context: Any) -> Any:
        sys.exit(code)  # type: ignore[arg-type]

    return leave


@pytest.mark.parametrize("code", [0, None, False, 256, 3, "no more", "", 2.5, [0]], ids=repr)
def test_a_solid_that_exits_fails_the_run_and_the_program(code: object, tmp_path: Path) -> None:
    leaves = solid(name="leaves")(exits(code))

    @pipeline
    def alone() -> None:
        leaves()

    with DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        with pytest.raises(SystemExit) as raised:
            execute_pipeline(alone, instance=instance, raise_on_error=False)
        assert _exit_code(raised.value) != 0
        [run] = instance.get_runs()
        assert run.is_failure
        said = [each.user_message for each in instance.all_logs(run.run_id)]
        assert f"Step 'leaves' was ended by sys.exit({'' if code is None else repr(code)})." in said


def _exit_code(error: SystemExit) -> int:
    """As the interpreter and the kernel make it."""
    return error.code & 0xFF if isinstance(error.code, int) else int(error.code is not None)


def _configured_to_exit() -> Any:
    @configured(solid(config_schema={"by": int}, name="first")(lambda _context: 1), config_schema={})
    def first(_config: Any) -> dict[str, Any]:
        sys.exit(0)

    return first


def test_config_functions_and_resources_that_exit_fail_the_program() -> None:
    first = _configured_to_exit()

    @pipeline
    def by_config() -> None:
        first()

    instance = DagsterInstance.ephemeral()
    with pytest.raises(SystemExit, match=r"ended by sys.exit\(0\), called at .*test_ends.py:\d+, and has failed"):
        execute_pipeline(by_config, instance=instance)
    assert instance.get_runs() == []

    @solid(required_resource_keys={"tool"})
    def uses(_context: Any) -> None:
        return

    mode = ModeDefinition(resource_defs={"tool": resource(exits(0))})

    @pipeline(mode_defs=[mode])
    def by_resource() -> None:
        uses()

    with pytest.raises(SystemExit, match=r"ended by sys.exit\(0\)"):
        execute_pipeline(by_resource, instance=instance)
    assert [run.is_failure for run in instance.get_runs()] == [True]
