"""Many values of one step, loaded and stored side by side where the IO manager takes several calls at once."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cloudstore import PickledObjectS3IOManager, VersionedPickledObjectS3IOManager
from cloudstore.client import make_client
from cloudstore.values.in_memory import MemoryShares
from core import (
    DependencyDefinition,
    InputDefinition,
    ModeDefinition,
    MultiDependencyDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    SolidDefinition,
    execute_pipeline,
    io_manager,
)
from core.values.io_context import InputContext, OutputContext
from core.values.io_manager import IOManager, MemoizableIOManager

AT_ONCE, COUNT = 4, 12
NAMES = [f"o{number:02}" for number in range(COUNT)]
SECONDS = 60  # until what does not come is given up


class Meeting:
    """Lets calls go on only when so many of them are under way; and says how many there were at most."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count)
        self._lock = threading.Lock()
        self._now = self.most = 0
        self.threads: set[int] = set()

    def __call__(self, *_: object, **__: object) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.threads.add(threading.get_ident())
        self._barrier.wait(SECONDS)
        with self._lock:
            self._now -= 1


class InMemory(MemoizableIOManager):
    """A user's, which takes some calls at once."""

    calls_at_once = AT_ONCE

    def __init__(self, on_call: Callable[[str, str], object]) -> None:
        self._on_call = on_call
        self.values: dict[str, Any] = {}

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self._on_call("store", context.name)
        self.values[context.name] = obj

    def load_input(self, context: InputContext) -> Any:
        assert context.upstream_output is not None
        self._on_call("load", context.upstream_output.name)
        return self.values[context.upstream_output.name]

    def has_output(self, context: OutputContext) -> bool:
        self._on_call("ask", context.name)
        return context.name in self.values


class OneAtATime(InMemory):
    calls_at_once = 1


class OwnLoad(InMemory):
    """Says nothing of its own way to load."""

    def load_input(self, context: InputContext) -> Any:
        return super().load_input(context)


def fan_in(manager: IOManager, count: int = COUNT) -> PipelineDefinition:
    """gives yields many values, and takes takes all of them, the last one by itself."""

    def give(_context: Any, _inputs: Any) -> Iterator[Output]:
        for number, name in enumerate(NAMES[:count]):
            yield Output(number, name)

    def take(_context: Any, inputs: Any) -> list[int]:
        return [*inputs.get("many", []), inputs["one"]]

    outputs = [OutputDefinition(name=name) for name in NAMES[:count]]
    many = {"many": MultiDependencyDefinition([DependencyDefinition("gives", name) for name in NAMES[: count - 1]])}
    feeds = {**(many if count > 1 else {}), "one": DependencyDefinition("gives", NAMES[count - 1])}
    solids = [
        SolidDefinition("gives", [], give, outputs, version="1"),
        SolidDefinition("takes", [InputDefinition(name) for name in feeds], take, [OutputDefinition()], version="1"),
    ]
    mode = ModeDefinition(resource_defs={"io_manager": io_manager(lambda _: manager)})
    return PipelineDefinition(solids, "fan_in", dependencies={"takes": feeds}, mode_defs=[mode])


def only(kind: str, meeting: Meeting) -> Callable[[str, str], object]:
    """Lets calls of one kind meet, those of single outputs excepted."""
    return lambda called, name: meeting() if called == kind and name in NAMES else None


def told(result: PipelineExecutionResult, event_type: str) -> list[str]:
    data: list[Any] = [e.event_specific_data for e in result.event_list if e.event_type_value == event_type]
    return [getattr(each, "upstream_output_name", None) or each.output_name for each in data]


@pytest.mark.parametrize("kind", ["store", "load"])
def test_calls_are_made_at_once_and_told_of_in_order(kind: str) -> None:
    meeting = Meeting(AT_ONCE)
    manager = InMemory(only(kind, meeting))
    result = execute_pipeline(fan_in(manager))
    assert manager.values["result"] == list(range(COUNT))
    assert meeting.most == AT_ONCE
    assert told(result, "HANDLED_OUTPUT") == [*NAMES, "result"]
    assert told(result, "LOADED_INPUT") == NAMES


def test_results_are_loaded_at_once() -> None:
    manager = InMemory(lambda *_: None)
    result = execute_pipeline(fan_in(manager))
    meeting = Meeting(AT_ONCE)
    manager._on_call = only("load", meeting)
    assert result.result_for_solid("gives").output_values == {name: number for number, name in enumerate(NAMES)}


def test_it_is_asked_at_once_what_is_stored() -> None:
    manager = InMemory(lambda *_: None)
    execute_pipeline(fan_in(manager), memoize=True)
    del manager.values["result"]
    meeting = Meeting(AT_ONCE)
    manager._on_call = only("ask", meeting)
    assert execute_pipeline(fan_in(manager), memoize=True).executed_step_keys == ["takes"]
    assert meeting.most == AT_ONCE


@pytest.mark.parametrize(("manager_class", "count"), [(OneAtATime, COUNT), (InMemory, 1)])
def test_calls_are_made_by_the_thread_of_the_run_where_there_is_one_or_only_one_at_a_time(
    manager_class: type[InMemory], count: int
) -> None:
    meeting = Meeting(1)
    assert execute_pipeline(fan_in(manager_class(meeting), count)).output_for_solid("takes") == list(range(count))
    assert meeting.threads == {threading.get_ident()}


def test_what_a_class_says_does_not_count_for_a_method_that_is_replaced() -> None:
    meeting = Meeting(1)
    execute_pipeline(fan_in(OwnLoad(only("load", meeting))))
    assert meeting.threads == {threading.get_ident()}


class Mishap(Exception):
    pass


@pytest.mark.parametrize("kind", ["store", "load"])
def test_of_several_errors_the_first_in_order_is_raised(kind: str) -> None:
    later_has_failed = threading.Event()

    def fail(called: str, name: str) -> None:
        if called == kind and name == NAMES[3]:
            later_has_failed.set()
            raise Mishap("later")
        if called == kind and name == NAMES[1]:
            later_has_failed.wait(SECONDS)
            raise Mishap("first")

    with pytest.raises(Mishap, match="first"):
        execute_pipeline(fan_in(InMemory(fail)))
    assert not side_threads()


def side_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("side-by-side")]


def test_what_was_stored_beside_an_output_that_failed_is_told_of() -> None:
    others = threading.Barrier(AT_ONCE)

    def fail(called: str, name: str) -> None:
        if called == "store" and name in NAMES[:AT_ONCE]:
            others.wait(SECONDS)  # so that the first four are under way together
            if name == NAMES[1]:
                raise Mishap

    manager = InMemory(fail)
    result = execute_pipeline(fan_in(manager), raise_on_error=False)
    assert not result.success
    stored = told(result, "HANDLED_OUTPUT")
    assert sorted(manager.values) == stored
    assert {NAMES[0], NAMES[2], NAMES[3]} <= set(stored)
    assert NAMES[1] not in stored


@pytest.mark.parametrize("kind", ["store", "load"])
def test_ctrl_c_in_the_middle_leaves_no_thread(kind: str) -> None:
    interrupted = threading.Event()

    def interrupt(called: str, name: str) -> None:
        if called != kind or name not in NAMES:
            return
        if name == NAMES[0]:
            os.kill(os.getpid(), signal.SIGINT)
        interrupted.wait(SECONDS)

    def on_signal(_number: int, _frame: object) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        with pytest.raises(KeyboardInterrupt):
            execute_pipeline(fan_in(InMemory(interrupt)))
    finally:
        signal.signal(signal.SIGINT, before)
    assert not side_threads()


@pytest.mark.parametrize("manager_class", [PickledObjectS3IOManager, VersionedPickledObjectS3IOManager])
def test_values_in_a_bucket_are_stored_and_loaded_at_once(
    manager_class: Any, embedded_options: dict[str, Any], bucket: str
) -> None:
    client = make_client({**embedded_options, "max_pool_connections": AT_ONCE})
    puts, gets = Meeting(AT_ONCE), Meeting(AT_ONCE)
    client.meta.events.register("before-call.s3.PutObject", lambda params, **_: puts() if "/o" in at(params) else None)
    client.meta.events.register("before-call.s3.GetObject", lambda params, **_: gets() if "/o" in at(params) else None)
    result = execute_pipeline(fan_in(manager_class(bucket, client)))
    assert result.output_for_solid("takes") == list(range(COUNT))
    assert (puts.most, gets.most) == (AT_ONCE, AT_ONCE)


def at(params: dict[str, Any]) -> str:
    path: str = params["url_path"]
    return path


def test_contents_in_memory_together_take_what_is_allowed_or_are_alone() -> None:
    shares, lock = MemoryShares(100), threading.Lock()
    held: list[int] = []
    most: list[list[int]] = []

    def hold(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(30):
            size = dice.choice([0, 10, 40, 70, 100, 300])
            with shares.share() as let_in:
                let_in(10)
                let_in(size)
                with lock:
                    held.append(size)
                    most.append(list(held))
                with lock:
                    held.remove(size)

    threads = [threading.Thread(target=hold, args=[seed]) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    assert len(most) == 8 * 30
    assert [each for each in most if sum(each) > 100 and len([size for size in each if size]) > 1] == []


def test_a_child_that_a_call_forks_ends_where_it_comes_out_of_it() -> None:
    """It would go on with the calls that wait, and fork again."""
    parent, codes = os.getpid(), []

    def fork(called: str, name: str) -> None:
        if called != "load" or os.getpid() != parent:
            return
        child = os.fork()
        if child:
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        elif name == NAMES[0]:
            raise SystemExit(7)

    manager = InMemory(fork)
    assert execute_pipeline(fan_in(manager)).success
    assert manager.values["result"] == list(range(COUNT))
    assert sorted(codes) == [0] * (COUNT - 1) + [7]
