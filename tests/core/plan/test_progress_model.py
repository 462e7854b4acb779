"""Progress on random plans, with random endings of their steps, against a reference that works out everything again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core import InputDefinition, OutputDefinition, SolidDefinition, StepOutputHandle
from core.definitions.dependency import Solid
from core.definitions.run_configs.environment import SolidConfig
from core.events.payloads import MemoizedOutput, StepMemoizedData
from core.plan import ExecutionPlan, ExecutionStep, StepInput
from core.plan.progress import MOST_LOSSES, Attempt, NotRun, Progress, StepState
from core.plan.steps import FromStepOutput, FromStepOutputs

SETTLED = {
    StepState.SUCCEEDED,
    StepState.FAILED,
    StepState.MEMOIZED,
    StepState.SKIPPED,
    StepState.ABANDONED,
}


_MOSTLY = st.sampled_from([True, True, True, True, False])


class DrawnRun(msgspec.Struct, frozen=True):
    """A plan and what earlier runs did not give for the steps it leaves out."""

    plan: ExecutionPlan
    not_given: frozenset[StepOutputHandle]


def _step(draw: Callable[[Any], Any], key: str, known: list[StepOutputHandle]) -> ExecutionStep:
    inputs = []
    for number in range(draw(st.sampled_from([0, 1, 1, 2, 2, 3])) if known else 0):
        handles = tuple(draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)))
        value_from = FromStepOutputs(handles) if draw(st.booleans()) else FromStepOutput(handles[0])
        inputs.append(StepInput(InputDefinition(f"in_{number}"), value_from))
    names = ["a", "b"][: draw(st.integers(1, 2))]
    output_defs = [OutputDefinition(name=name, is_required=False) for name in names]
    definition = SolidDefinition(key, [each.definition for each in inputs], lambda *_: None, output_defs)
    return ExecutionStep(key, Solid(key, definition, {}, {}), SolidConfig(), tuple(inputs))


def _outputs(step: ExecutionStep) -> list[StepOutputHandle]:
    return [step.handle(output.name) for output in step.outputs]


@st.composite
def drawn_runs(draw: Callable[[Any], Any]) -> DrawnRun:
    """Plans of up to eight steps: some memoized, some left out, some refreshed."""
    steps: dict[str, ExecutionStep] = {}
    memoized: dict[str, StepMemoizedData] = {}
    to_execute: list[str] = []
    not_given: set[StepOutputHandle] = set()
    known: list[StepOutputHandle] = []
    for number in range(draw(st.integers(1, 8))):
        step = steps[f"s{number}"] = _step(draw, f"s{number}", known)
        known += _outputs(step)
        kind = draw(st.sampled_from(["executed", "memoized", "executed", "memoized", "left out"]))
        if kind == "executed":
            to_execute.append(step.key)
        elif kind == "memoized":
            found = [MemoizedOutput(each.name, "v", is_given=draw(_MOSTLY)) for each in step.outputs]
            memoized[step.key] = StepMemoizedData(tuple(found))
        else:
            not_given.update(each for each in _outputs(step) if not draw(_MOSTLY))
    refreshed = frozenset(key for key in to_execute if draw(st.booleans()))
    is_memoized = bool(memoized) or draw(st.booleans())
    plan = ExecutionPlan(steps, tuple(to_execute), memoized=memoized, refreshed=refreshed, is_memoized=is_memoized)
    return DrawnRun(plan, frozenset(not_given))


class ProgressMachine(RuleBasedStateMachine):
    """Keeps what happened to each step, and derives the state of all of them anew whenever it is asked."""

    @initialize(drawn=drawn_runs(), kind_count=st.integers(1, 4))
    def begin_run(self, drawn: DrawnRun, kind_count: int) -> None:
        self.plan = drawn.plan
        self.kinds = {key: place % kind_count for place, key in enumerate(drawn.plan.steps)}
        self.progress = Progress(drawn.plan, drawn.not_given, kind_of=lambda step: self.kinds[step.key])
        self.given_before = drawn.not_given
        self.memoized = set(drawn.plan.memoized)
        self.known: dict[str, StepState] = {}  # of those that run, wait to be retried, or have ended
        self.given: dict[str, set[str]] = {}
        self.attempts: dict[str, Attempt] = {}
        self.retries: dict[str, float] = {}
        self.computed_again: set[str] = set()
        self.losses: list[tuple[str, str]] = []
        self.times_again: Counter[str] = Counter()
        self.seen: dict[str, Counter[str]] = {}  # the same when the latest attempt at a step began
        self.not_run: list[NotRun] = []
        self.now = 0.0
        self.settle()

    # the reference

    def feeders(self, key: str) -> set[str]:
        return {handle.step_key for handle in self.plan.steps[key].upstream_handles if self.state(handle.step_key)}

    def state(self, key: str) -> StepState | None:
        """The state of a step as it follows from the states of those that feed it; None where it is left out."""
        if key in self.known:
            return self.known[key]
        if key in self.memoized:
            return StepState.MEMOIZED
        if key not in self.plan.step_keys_to_execute and key not in self.computed_again:
            return None
        feeders = [self.state(each) for each in self.feeders(key)]
        if any(each not in SETTLED for each in feeders):
            return StepState.WAITING
        if StepState.FAILED in feeders or StepState.ABANDONED in feeders:
            return StepState.ABANDONED
        return StepState.SKIPPED if self.plan.steps[key].is_skipped(self.not_given()) else StepState.READY

    def not_given(self) -> set[StepOutputHandle]:
        found = set(self.given_before)
        for key, step in self.plan.steps.items():
            if key in self.memoized:
                given = {each.output_name for each in self.plan.memoized[key].outputs if each.is_given}
            elif self.known.get(key) is StepState.SUCCEEDED:
                given = self.given[key]
            elif self.known.get(key) is StepState.SKIPPED:
                given = set()
            else:
                continue
            found.update(each for each in _outputs(step) if each.output_name not in given)
        return found

    def settle(self) -> None:
        """What will not be run stays so, whatever comes later."""
        for key in self.plan.steps:
            state = self.state(key)
            if key not in self.known and state in (StepState.SKIPPED, StepState.ABANDONED):
                gone = (StepState.FAILED, StepState.ABANDONED)
                failed = sorted(each for each in self.feeders(key) if self.state(each) in gone)
                self.not_run.append(NotRun(key, tuple(failed)))
                self.known[key] = state

    def running(self) -> list[str]:
        return sorted(key for key, state in self.known.items() if state is StepState.RUNNING)

    def losable(self) -> list[tuple[str, StepOutputHandle]]:
        """Running steps with outputs that feed them and were stored when they began."""
        return [
            (key, handle)
            for key in self.running()
            for handle in self.plan.steps[key].upstream_handles
            if handle.step_key in self.attempts[key].recoverable
        ]

    # what happens

    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        kinds = sorted({*self.kinds.values()})
        accepted = data.draw(st.just({*kinds}) | st.sets(st.sampled_from(kinds)))
        ready = [key for key in self.plan.steps if self.state(key) is StepState.READY and self.kinds[key] in accepted]
        attempt = self.progress.begin_next(accepted.__contains__)
        if not ready:
            assert attempt is None
            return
        key, before = ready[0], self.attempts.get(ready[0])
        handles, not_given = self.plan.steps[key].upstream_handles, self.not_given()
        given_up = {each for each in self.feeders(key) if self.losses.count((key, each)) >= MOST_LOSSES}
        stored = {each for each in self.feeders(key) if self.state(each) in (StepState.MEMOIZED, StepState.SUCCEEDED)}
        expected = Attempt(
            key,
            before.number + 1 if before else 1,
            before.retries if before else 0,
            frozenset(handle for handle in handles if handle in not_given),
            frozenset(stored - given_up if self.plan.is_memoized else ()),
            frozenset(given_up),
            key in self.plan.refreshed or key in self.computed_again,
        )
        assert attempt == expected
        self.attempts[key] = expected
        self.seen[key] = self.times_again.copy()
        self.known[key] = StepState.RUNNING

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.running()))
        names = [output.name for output in self.plan.steps[key].outputs]
        self.given[key] = {name for name in names if data.draw(_MOSTLY)}
        self.known[key] = StepState.SUCCEEDED
        self.progress.succeeded(key, self.given[key])
        self.settle()

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(self.running()))
        self.known[key] = StepState.FAILED
        self.progress.failed(key)
        self.settle()

    @precondition(lambda self: self.running())
    @rule(data=st.data(), seconds=st.integers(0, 3))
    def retry(self, data: st.DataObject, seconds: int) -> None:
        key = data.draw(st.sampled_from(self.running()))
        self.known[key] = StepState.WAITING_TO_RETRY
        self.retries[key] = self.now + seconds
        self.attempts[key] = msgspec.structs.replace(self.attempts[key], retries=self.attempts[key].retries + 1)
        self.progress.retry(key, self.now + seconds)

    @rule(seconds=st.integers(0, 2))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        for key in [key for key, at in self.retries.items() if at <= self.now]:
            del self.retries[key], self.known[key]
        self.progress.wake(self.now)
        self.settle()

    @precondition(lambda self: self.losable())
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        key, handle = data.draw(st.sampled_from(self.losable()))
        by = handle.step_key
        is_stored = self.state(by) in (StepState.MEMOIZED, StepState.SUCCEEDED)
        if is_stored and self.seen[key][by] == self.times_again[by]:
            self.losses.append((key, by))
            self.times_again[by] += 1
            self.memoized.discard(by)
            self.known.pop(by, None)
            self.computed_again.add(by)
        del self.known[key]
        self.progress.lost(key, handle)
        self.settle()

    # what holds

    @invariant()
    def states_are_those_of_the_reference(self) -> None:
        expected = {key: state for key in self.plan.steps if (state := self.state(key)) is not None}
        assert {key: self.progress.state(key) for key in expected} == expected
        assert self.progress.is_done == all(state in SETTLED for state in expected.values())
        assert self.progress.next_retry == min(self.retries.values(), default=None)

    @invariant()
    def what_is_not_run_is_told_once(self) -> None:
        order = list(self.plan.steps)
        assert self.progress.take_not_run() == sorted(self.not_run, key=lambda each: order.index(each.step_key))
        self.not_run.clear()

    def teardown(self) -> None:
        """A run always comes to its end: nothing waits for what nobody will do."""
        if not hasattr(self, "progress"):
            return
        for _ in range(4 * len(self.plan.steps) + len(self.retries)):
            self.progress.wake(float("inf"))
            while attempt := self.progress.begin_next():
                self.known[attempt.step_key] = StepState.RUNNING
            for key in [key for key in self.plan.steps if self._runs(key)]:
                self.progress.succeeded(key, [output.name for output in self.plan.steps[key].outputs])
        assert self.progress.is_done

    def _runs(self, key: str) -> bool:
        return self.state(key) is not None and self.progress.state(key) is StepState.RUNNING


ProgressMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestProgress = ProgressMachine.TestCase
