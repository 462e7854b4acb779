"""Solids that are `async def`: they run as others do, in a notebook too, and what is no value yet is never stored."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import (
    AssetMaterialization,
    DagsterInstance,
    ModeDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryRequested,
    SolidDefinition,
    execute_pipeline,
    fs_io_manager,
    mem_io_manager,
    pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.errors import DagsterInvariantViolationError, DagsterStepOutputNotFoundError, ValueNotKeptError


def run_here(built: PipelineDefinition, **how: Any) -> Any:
    return execute_pipeline(built, **how)


def run_in_a_loop(built: PipelineDefinition, **how: Any) -> Any:
    """As in a cell of a notebook, whose kernel runs an event loop in this thread."""

    async def cell() -> Any:
        return execute_pipeline(built, **how)

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(cell())
    finally:
        loop.close()


@pytest.fixture(params=[run_here, run_in_a_loop])
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    chosen: Callable[..., Any] = request.param
    return chosen


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


def only(solid_def: SolidDefinition, *others: SolidDefinition, manager: Any = mem_io_manager) -> PipelineDefinition:
    return PipelineDefinition([solid_def, *others], mode_defs=[ModeDefinition(resource_defs={"io_manager": manager})])


def test_async_functions_return_and_yield_as_others(run: Callable[..., Any]) -> None:
    ended = []

    @solid
    async def one() -> int:
        return sum(await asyncio.gather(doubled(1), doubled(2)))

    @solid(output_defs=[OutputDefinition(int, "a"), OutputDefinition(int, "b")])
    async def two(context: Any, number: int) -> AsyncIterator[Any]:
        try:
            yield Output(await doubled(number), "a")
            yield AssetMaterialization("rows")
            yield Output(await doubled(number + 1), "b")
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    @solid
    def three(a: int, b: int) -> int:
        return a + b

    @pipeline
    def built() -> None:
        three(*two(one()))

    done = run(built)
    assert done.success
    assert ended == [True]
    assert done.output_for_solid("one") == 6
    assert done.output_for_solid("three") == 26
    assert [each.asset_key.path for each in done.result_for_solid("two").materializations] == [("rows",)]


def test_a_function_given_by_hand_may_be_async(run: Callable[..., Any]) -> None:
    async def compute(_context: Any, _inputs: Any) -> Any:
        return await doubled(4)

    assert run(only(SolidDefinition("hand", [], compute))).output_for_solid("hand") == 8
    assert run(only(SolidDefinition("later", [], lambda _c, _i: doubled(5)))).output_for_solid("later") == 10


def test_an_error_of_an_async_solid_is_its_own(run: Callable[..., Any]) -> None:
    ended = []

    @solid
    async def raising() -> int:
        await asyncio.sleep(0)
        raise ValueError("no rows")

    @solid(output_defs=[OutputDefinition(int, "a"), OutputDefinition(int, "b", is_required=False)])
    async def after_an_output() -> AsyncIterator[Any]:
        try:
            yield Output(1, "a")
            raise ValueError("negative")
        finally:
            ended.append(True)

    @solid(output_defs=[OutputDefinition(int, "a"), OutputDefinition(int, "b")])
    async def incomplete() -> AsyncIterator[Any]:
        yield Output(1, "a")

    @solid
    async def wrong() -> AsyncIterator[Any]:
        yield 5

    for solid_def, error, what in (
        (raising, ValueError, "no rows"),
        (after_an_output, ValueError, "negative"),
        (incomplete, DagsterStepOutputNotFoundError, "did not give its required output 'b'"),
        (wrong, DagsterInvariantViolationError, "yielded an int"),
    ):
        with pytest.raises(error, match=what):
            run(only(solid_def))
        failed = run(only(solid_def), raise_on_error=False)
        assert not failed.success
        assert failed.result_for_solid(solid_def.name).failure_data is not None
    assert ended == [True, True]


def test_an_async_solid_may_ask_to_be_run_again(run: Callable[..., Any]) -> None:
    attempts = []

    @solid
    async def flaky() -> int:
        attempts.append(1)
        if len(attempts) < 3:
            raise RetryRequested(max_retries=2)
        return await doubled(1)

    assert run(only(flaky)).output_for_solid("flaky") == 2


def test_what_runs_on_beside_it_is_ended_with_it(run: Callable[..., Any]) -> None:
    ended = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    @solid
    async def leaving() -> int:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        return 0 if task.done() else 1

    threads = threading.active_count()
    assert run(only(leaving)).output_for_solid("leaving") == 1
    assert ended == [True]
    assert threading.active_count() <= threads


def test_it_has_the_variables_of_its_caller(run: Callable[..., Any]) -> None:
    variable = contextvars.ContextVar("variable", default="none")

    @solid
    async def reading() -> str:
        return variable.get()

    variable.set("set")
    assert run(only(reading)).output_for_solid("reading") == "set"


def is_interrupted(solid_def: SolidDefinition, run: Callable[..., Any]) -> str:
    """The status of a run that is interrupted as by Ctrl-C."""
    with DagsterInstance.ephemeral() as instance:
        with pytest.raises(KeyboardInterrupt):
            run(only(solid_def), instance=instance)
        [stored] = instance.get_runs()
        return stored.status.value


@pytest.mark.parametrize("is_generator", [False, True])
def test_ctrl_c_cancels_it(run: Callable[..., Any], is_generator: bool) -> None:
    ended: list[str] = []

    async def waiting() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("canceled")

    async def generator() -> AsyncIterator[Any]:
        yield AssetMaterialization("before")
        await waiting()
        yield Output(1)

    compute: Any = (lambda _c, _i: generator()) if is_generator else (lambda _c, _i: waiting())
    assert is_interrupted(SolidDefinition("waits", [], compute), run) == "CANCELED"
    assert ended == ["canceled"]


def one_each() -> Iterator[int]:
    yield 1


async def one_later() -> AsyncIterator[int]:
    yield 1


UNFINISHED: dict[str, Callable[[], Any]] = {
    "generator": one_each,
    "async_generator": one_later,
    "coroutine": lambda: doubled(1),
}
MANAGERS = [mem_io_manager, fs_io_manager, versioned_filesystem_io_manager, None]


@pytest.mark.parametrize("name", UNFINISHED)
@pytest.mark.parametrize("manager", MANAGERS, ids=["mem", "fs", "versioned_fs", "intermediate storage"])
def test_what_is_no_value_yet_is_never_stored(name: str, manager: Any, tmp_path: Path) -> None:
    value = UNFINISHED[name]()
    made = SolidDefinition("made", [], lambda _c, _i: iter_of(Output(value)), version="1")
    modes = [ModeDefinition(resource_defs={} if manager is None else {"io_manager": manager})]
    with DagsterInstance.ephemeral(str(tmp_path)) as instance:
        with pytest.raises(ValueNotKeptError, match=name) as caught:
            execute_pipeline(PipelineDefinition([made], mode_defs=modes), instance=instance)
        assert manager is None or str(caught.value).startswith("Output 'result' of step 'made'")
    assert [path for path in tmp_path.rglob("result*") if path.is_file()] == []
    if name == "coroutine":
        value.close()


def iter_of(event: Any) -> Iterator[Any]:
    yield event
