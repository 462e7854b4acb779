"""How many steps run at the same time, and which are first."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from core import SolidDefinition
from core.definitions.dependency import Solid
from core.definitions.run_configs.environment import SolidConfig
from core.errors import DagsterInvalidConfigError
from core.executors.limits import Slots, TagLimit
from core.plan import ExecutionPlan, ExecutionStep
from core.plan.progress import Progress
from tests.core.executors.in_processes import Code, errors_of

MEETING = """
import fcntl

def now(name, change):
    '''How many steps of a group there are were at most, after one more, or one less, is there.'''
    with open(FOLDER / f"{name}.count", "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        count, most = map(int, (file.read() or "0 0").split())
        count += change
        file.truncate(0)
        file.write(f"{count} {max(count, most)}")
        return max(count, most)

def meets(name, groups, expected, **tags):
    '''A step that ends when as many as are expected have been there at the same time, of the first of its groups.'''
    @solid(name=name, tags=tags)
    def meet(context):
        for group in groups:
            now(group, 1)
        while now(groups[0], 0) < expected:
            time.sleep(0.002)
        for group in groups:
            now(group, -1)
    return meet

@solid(name="waits_for_a_retry", tags={"dagster/priority": "9"}, retry_policy=RetryPolicy(max_retries=1, delay=0.3))
def waits_for_a_retry(context):
    if not times_before("retry"):
        raise ValueError("the first time")
    tell("began again")

@pipeline(mode_defs=[mode()])
def piped():
    waits_for_a_retry()
    for number in range(4):
        meets(f"any_{number}", ["all"], 3)()
    for number in range(4):
        meets(f"a_{number}", ["all", "pool_a"], 3, pool="a")()
    for number in range(3):
        meets(f"b_{number}", ["all", "pool_b"], 3, pool="b", other="x")()
"""


def test_limits_are_reached_and_never_exceeded(tmp_path: Path) -> None:
    code = Code(tmp_path, MEETING)
    limits = [{"key": "pool", "value": "a", "limit": 2}, {"key": "other", "limit": 1}]
    with code.instance() as instance:
        result = code.execute(instance, max_concurrent=3, tag_concurrency_limits=limits)
    assert result.success, errors_of(result)
    most = {name: int((tmp_path / f"{name}.count").read_text().split()[1]) for name in ("all", "pool_a", "pool_b")}
    assert most["all"] == 3  # also while a step waits to be run again
    assert most["pool_a"] <= 2
    assert most["pool_b"] == 1
    assert code.told.count("began again") == 1


ORDER = """
def named(name, priority=None):
    @solid(name=name, tags={} if priority is None else {"dagster/priority": str(priority)})
    def begins(context):
        tell(name)
    return begins

@pipeline(mode_defs=[mode()])
def piped():
    for name, priority in (("a", None), ("b", -1), ("c", 5), ("d", 0), ("e", 5), ("f", 10), ("g", -1)):
        named(name, priority)()
"""


def test_steps_begin_by_priority_and_then_in_the_order_of_the_plan(tmp_path: Path) -> None:
    code = Code(tmp_path, ORDER)
    with code.instance() as instance:
        assert code.execute(instance, max_concurrent=1).success
    assert "".join(code.told) == "fceadbg"


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"max_concurrent": -1}, "max_concurrent"),
        ({"max_concurrent": 1.5}, "max_concurrent"),
        ({"tag_concurrency_limits": [{"key": "pool", "limit": 0}]}, "limit"),
        ({"tag_concurrency_limits": [{"key": "pool", "limit": -2}]}, "limit"),
        ({"kill_after_seconds": -1}, "kill_after_seconds"),
        ({"kill_after_seconds": float("nan")}, "kill_after_seconds"),
        ({"kill_after_seconds": float("inf")}, "kill_after_seconds"),
    ],
    ids=str,
)
def test_limits_under_which_no_step_could_begin_are_refused(
    tmp_path: Path, config: dict[str, object], path: str
) -> None:
    code = Code(tmp_path, ORDER)
    with code.instance() as instance:
        with pytest.raises(DagsterInvalidConfigError, match=path):
            code.execute(instance, **config)
        assert instance.get_runs_count() == 0


LIMITS = [TagLimit("pool", 1, "a"), TagLimit("pool", 2, "b"), TagLimit("other", 2)]


def limited_plan(count: int) -> ExecutionPlan:
    tags = [{"pool": "a"}, {"pool": "b"}, {"pool": "a", "other": "x"}, {"other": "y"}]
    made = [SolidDefinition(f"step_{place}", [], lambda *_: None, [], tags=tags[place % 4]) for place in range(count)]
    steps = [ExecutionStep(each.name, Solid(each.name, each, {}, each.tags), SolidConfig(), ()) for each in made]
    return ExecutionPlan({step.key: step for step in steps}, tuple(step.key for step in steps))


def run_with_limits(plan: ExecutionPlan) -> None:
    """As the executor does: whenever a step has ended, it begins all that may begin now."""
    slots = Slots(8, LIMITS)
    progress = Progress(plan, kind_of=slots.limits_of)
    running: list[str] = []
    while not progress.is_done:
        while (attempt := progress.begin_next(slots.has_one_within)) is not None:
            slots.take(plan.steps[attempt.step_key])
            running.append(attempt.step_key)
        ended = running.pop(0)
        slots.give_back(ended)
        progress.succeeded(ended, [])


def test_the_work_for_steps_that_wait_for_a_limit_grows_with_their_number() -> None:
    def calls_for(count: int) -> int:
        """All that is called, also what is written in C; no clock and no load of the machine change that."""
        calls, plan = 0, limited_plan(count)

        def note(_frame: FrameType, event: str, _arg: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            run_with_limits(plan)
        finally:
            sys.setprofile(before)
        return calls

    run_with_limits(limited_plan(4))  # what is done once
    assert calls_for(800) < 4.4 * calls_for(200)
