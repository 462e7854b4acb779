"""How far a run has come: what may begin and what follows, on plans of a few steps each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from core import DagsterInvariantViolationError, InputDefinition, OutputDefinition, SolidDefinition, StepOutputHandle
from core.definitions.dependency import Solid
from core.definitions.run_configs.environment import SolidConfig
from core.events.payloads import MemoizedOutput, StepMemoizedData
from core.plan import ExecutionPlan, ExecutionStep, StepInput
from core.plan.progress import MOST_LOSSES, Attempt, NotRun, Progress, StepState
from core.plan.steps import FromStepOutput, FromStepOutputs


def a_step(key: str, *fed_by: str | list[str], outputs: Collection[str] = ("result",)) -> ExecutionStep:
    """A step of optional outputs; an input is fed by a step's result, by `step.output`, or by several of them."""
    inputs = []
    for number, feed in enumerate(fed_by):
        value_from = (
            FromStepOutputs(tuple(map(handle, feed))) if isinstance(feed, list) else FromStepOutput(handle(feed))
        )
        inputs.append(StepInput(InputDefinition(f"in_{number}"), value_from))
    output_defs = [OutputDefinition(name=name, is_required=False) for name in outputs]
    definition = SolidDefinition(key, [each.definition for each in inputs], lambda *_: None, output_defs)
    return ExecutionStep(key, Solid(key, definition, {}, {}), SolidConfig(), tuple(inputs))


def handle(text: str) -> StepOutputHandle:
    return StepOutputHandle(*text.split("."))


def a_plan(
    *steps: ExecutionStep, memoized: Mapping[str, Collection[str]] | None = None, **fields: Any
) -> ExecutionPlan:
    """A plan of steps; `memoized` says which outputs are stored of those that need not be run."""
    found = {
        step.key: StepMemoizedData(
            tuple(MemoizedOutput(each.name, "v", is_given=each.name in memoized[step.key]) for each in step.outputs)
        )
        for step in steps
        if memoized is not None and step.key in memoized
    }
    keys = tuple(step.key for step in steps if step.key not in found)
    fields.setdefault("is_memoized", bool(found))
    return ExecutionPlan({step.key: step for step in steps}, fields.pop("keys", keys), memoized=found, **fields)


def begun(progress: Progress) -> list[str]:
    """Begins everything that may begin now."""
    keys = []
    while attempt := progress.begin_next():
        keys.append(attempt.step_key)
    return keys


def diamond(**fields: Any) -> ExecutionPlan:
    """top feeds left and right, which feed bottom."""
    steps = (a_step("top"), a_step("left", "top"), a_step("right", "top"), a_step("bottom", "left", "right"))
    return a_plan(*steps, **fields)


def test_steps_begin_when_all_that_feed_them_have_ended_in_the_order_of_the_plan() -> None:
    progress = Progress(diamond())
    assert begun(progress) == ["top"]
    progress.succeeded("top", ["result"])
    assert begun(progress) == ["left", "right"]
    progress.succeeded("right", ["result"])
    assert begun(progress) == []
    progress.succeeded("left", ["result"])
    assert begun(progress) == ["bottom"]
    assert not progress.is_done
    progress.succeeded("bottom", ["result"])
    assert progress.is_done
    assert progress.take_not_run() == []


def test_a_step_that_may_not_begin_now_is_passed_over_and_stays_ready() -> None:
    progress = Progress(a_plan(a_step("a"), a_step("b"), a_step("c")), kind_of=lambda step: step.key)
    assert progress.begin_next(lambda key: key != "a") == Attempt("b")
    assert progress.begin_next(lambda key: False) is None
    assert begun(progress) == ["a", "c"]


def test_what_a_failed_step_feeds_is_abandoned_with_all_that_follows() -> None:
    progress = Progress(diamond())
    begun(progress)
    progress.succeeded("top", ["result"])
    begun(progress)
    progress.failed("left")
    assert progress.take_not_run() == []  # not before the other step that feeds it has ended
    progress.failed("right")
    assert progress.take_not_run() == [NotRun("bottom", ("left", "right"))]
    assert progress.take_not_run() == []
    assert progress.is_done
    assert [progress.state(key) for key in ("left", "bottom")] == [StepState.FAILED, StepState.ABANDONED]


def test_a_step_is_skipped_where_an_output_that_feeds_it_was_not_given() -> None:
    progress = Progress(diamond())
    begun(progress)
    progress.succeeded("top", [])
    assert progress.take_not_run() == [NotRun("left"), NotRun("right"), NotRun("bottom")]
    assert progress.is_done


def test_a_fan_in_takes_what_was_given_and_is_skipped_where_nothing_was() -> None:
    steps = (a_step("a"), a_step("b"), a_step("all", ["a", "b"]))
    progress = Progress(a_plan(*steps))
    begun(progress)
    progress.succeeded("a", [])
    progress.succeeded("b", ["result"])
    assert progress.begin_next() == Attempt("all", not_given=frozenset({handle("a")}))
    progress = Progress(a_plan(*steps))
    begun(progress)
    progress.succeeded("a", [])
    progress.succeeded("b", [])
    assert progress.take_not_run() == [NotRun("all")]


def test_a_failure_counts_more_than_an_output_that_was_not_given_whichever_came_first() -> None:
    for failed, skips in (("left", "right"), ("right", "left")):
        progress = Progress(diamond())
        begun(progress)
        progress.succeeded("top", ["result"])
        begun(progress)
        progress.succeeded(skips, [])
        progress.failed(failed)
        assert progress.take_not_run() == [NotRun("bottom", (failed,))]


def test_a_step_that_is_retried_waits_until_its_time_and_others_go_on() -> None:
    progress = Progress(a_plan(a_step("a"), a_step("b"), a_step("after", "a")))
    assert progress.next_retry is None
    assert begun(progress) == ["a", "b"]
    progress.retry("a", 10.0)
    progress.retry("b", 5.0)
    assert progress.next_retry == 5.0
    assert begun(progress) == []
    progress.wake(4.9)
    assert begun(progress) == []
    progress.wake(5.0)
    assert progress.begin_next() == Attempt("b", number=2, retries=1)
    assert progress.next_retry == 10.0
    progress.wake(11.0)
    progress.succeeded("b", ["result"])
    assert progress.begin_next() == Attempt("a", number=2, retries=1)
    assert progress.state("after") is StepState.WAITING
    assert progress.next_retry is None


def test_memoized_steps_feed_others_and_are_not_run() -> None:
    plan = diamond(memoized={"top": ["result"], "left": []})
    progress = Progress(plan)
    assert progress.begin_next() == Attempt("right", recoverable=frozenset({"top"}))
    progress.succeeded("right", ["result"])
    assert progress.take_not_run() == [NotRun("bottom")]
    assert progress.is_done
    assert progress.state("left") is StepState.MEMOIZED


def test_a_lost_value_is_computed_again_before_the_step_that_needs_it() -> None:
    progress = Progress(diamond(memoized={"top": ["result"], "left": ["result"], "right": ["result"]}))
    assert progress.begin_next() == Attempt("bottom", recoverable=frozenset({"left", "right"}))
    progress.lost("bottom", handle("left"))
    assert progress.begin_next() == Attempt("left", recoverable=frozenset({"top"}), replaces_stored=True)
    assert begun(progress) == []
    progress.lost("left", handle("top"))
    assert progress.begin_next() == Attempt("top", replaces_stored=True)
    progress.succeeded("top", ["result"])
    assert progress.begin_next() == Attempt("left", number=2, recoverable=frozenset({"top"}), replaces_stored=True)
    progress.succeeded("left", ["result"])
    assert progress.begin_next() == Attempt("bottom", number=2, recoverable=frozenset({"left", "right"}))
    progress.succeeded("bottom", ["result"])
    assert progress.is_done


def test_steps_that_have_not_begun_wait_for_a_lost_value_too() -> None:
    steps = (a_step("stored"), a_step("a", "stored"), a_step("b", "stored"))
    progress = Progress(a_plan(*steps, memoized={"stored": ["result"]}))
    progress.begin_next()
    progress.lost("a", handle("stored"))
    assert begun(progress) == ["stored"]
    progress.succeeded("stored", ["result"])
    assert progress.begin_next() == Attempt("a", number=2, recoverable=frozenset({"stored"}))
    assert progress.begin_next() == Attempt("b", recoverable=frozenset({"stored"}))


def test_a_value_of_this_run_that_is_lost_is_computed_again_in_a_memoized_run() -> None:
    progress = Progress(diamond(is_memoized=True))
    for key, recoverable in (("top", ""), ("left", "top"), ("right", "top")):
        assert progress.begin_next() == Attempt(key, recoverable=frozenset(recoverable.split()))
        progress.succeeded(key, ["result"])
    assert begun(progress) == ["bottom"]
    progress.lost("bottom", handle("left"))
    assert progress.begin_next() == Attempt("left", 2, recoverable=frozenset({"top"}), replaces_stored=True)
    progress.lost("left", handle("top"))
    assert progress.begin_next() == Attempt("top", 2, replaces_stored=True)
    for key in ("top", "left", "bottom"):
        assert progress.state(key) is StepState.RUNNING
        progress.succeeded(key, ["result"])
        begun(progress)
    assert progress.is_done


def test_no_value_is_computed_again_in_a_run_that_is_not_memoized() -> None:
    progress = Progress(diamond())
    begun(progress)
    progress.succeeded("top", ["result"])
    assert progress.begin_next() == Attempt("left")


def test_a_value_that_is_lost_again_and_again_is_given_up_for_the_step_that_needs_it() -> None:
    steps = (a_step("gives"), a_step("takes", "gives"), a_step("other", "gives"))
    progress = Progress(a_plan(*steps, is_memoized=True))
    for _ in range(MOST_LOSSES):
        assert begun(progress)[0] == "gives"
        progress.succeeded("gives", ["result"])
        begun(progress)
        progress.lost("takes", handle("gives"))
    begun(progress)
    progress.succeeded("gives", ["result"])
    assert progress.begin_next() == Attempt("takes", MOST_LOSSES + 1, given_up=frozenset({"gives"}))
    progress.failed("takes")
    progress.lost("other", handle("gives"))  # it began before the value was there again
    assert begun(progress) == ["other"]
    progress.lost("other", handle("gives"))
    assert begun(progress) == ["gives"]


def test_a_step_that_waits_for_another_waits_for_a_lost_value_besides() -> None:
    steps = (a_step("stored"), a_step("slow"), a_step("misses", "stored"), a_step("both", "stored", "slow"))
    progress = Progress(a_plan(*steps, memoized={"stored": ["result"]}))
    assert begun(progress) == ["slow", "misses"]
    progress.lost("misses", handle("stored"))
    assert begun(progress) == ["stored"]
    progress.succeeded("stored", ["result"])
    assert begun(progress) == ["misses"]
    progress.succeeded("slow", ["result"])
    assert begun(progress) == ["both"]


def test_a_step_that_is_computed_again_may_give_what_it_did_not_give_before() -> None:
    steps = (a_step("stored", outputs=["one", "two"]), a_step("takes", ["stored.one", "stored.two"]))
    progress = Progress(a_plan(*steps, memoized={"stored": ["one"]}))
    first = progress.begin_next()
    assert first is not None
    assert first.not_given == {handle("stored.two")}
    progress.lost("takes", handle("stored.one"))
    begun(progress)
    progress.succeeded("stored", ["one", "two"])
    assert progress.begin_next() == Attempt("takes", number=2, recoverable=frozenset({"stored"}))


def test_two_steps_that_miss_one_value_have_it_computed_once() -> None:
    steps = (a_step("stored"), a_step("a", "stored"), a_step("b", "stored"))
    progress = Progress(a_plan(*steps, memoized={"stored": ["result"]}))
    assert begun(progress) == ["a", "b"]
    progress.lost("a", handle("stored"))
    assert begun(progress) == ["stored"]
    progress.succeeded("stored", ["result"])
    progress.lost("b", handle("stored"))  # it looked before the value was there again
    assert begun(progress) == ["a", "b"]


def test_a_step_is_abandoned_where_the_value_it_misses_cannot_be_computed_again() -> None:
    steps = (a_step("stored"), a_step("needs", "stored"), a_step("after", "needs"))
    progress = Progress(a_plan(*steps, memoized={"stored": ["result"]}))
    begun(progress)
    progress.lost("needs", handle("stored"))
    begun(progress)
    progress.failed("stored")
    assert progress.take_not_run() == [NotRun("needs", ("stored",)), NotRun("after", ("needs",))]
    assert progress.is_done


def test_what_earlier_runs_did_not_give_is_not_given() -> None:
    steps = (a_step("earlier"), a_step("takes", "earlier"), a_step("gathers", ["earlier", "other"]), a_step("other"))
    plan = a_plan(*steps, keys=("takes", "gathers", "other"))
    progress = Progress(plan, [handle("earlier")])
    assert progress.take_not_run() == [NotRun("takes")]
    assert begun(progress) == ["other"]
    progress.succeeded("other", ["result"])
    assert progress.begin_next() == Attempt("gathers", not_given=frozenset({handle("earlier")}))
    with pytest.raises(KeyError):
        progress.state("earlier")


def test_refreshed_steps_replace_what_is_stored() -> None:
    progress = Progress(a_plan(a_step("a"), a_step("b"), refreshed=frozenset({"a"})))
    assert progress.begin_next() == Attempt("a", replaces_stored=True)
    assert progress.begin_next() == Attempt("b")


def test_a_run_of_nothing_is_done() -> None:
    assert Progress(a_plan()).is_done
    assert Progress(diamond(keys=())).is_done


def test_a_long_chain_is_decided_without_deep_recursion() -> None:
    steps = [a_step("0"), *(a_step(str(number), str(number - 1)) for number in range(1, 5_000))]
    progress = Progress(a_plan(*steps))
    begun(progress)
    progress.succeeded("0", [])
    assert len(progress.take_not_run()) == 4_999
    assert progress.is_done


@pytest.mark.parametrize("key", ["top", "left", "unknown"])
def test_what_is_told_of_a_step_that_does_not_run_is_refused(key: str) -> None:
    progress = Progress(diamond())
    told = [
        lambda: progress.succeeded(key, []),
        lambda: progress.failed(key),
        lambda: progress.retry(key, 0.0),
        lambda: progress.lost(key, handle("top")),
    ]
    for tell in told:
        with pytest.raises(DagsterInvariantViolationError, match=f"Step '{key}' is not running"):
            tell()
    begun(progress)
    with pytest.raises(DagsterInvariantViolationError, match="No step 'left' of this run feeds step 'top'"):
        progress.lost("top", handle("left"))
