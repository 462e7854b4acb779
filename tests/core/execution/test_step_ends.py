"""Random pipelines whose steps fail in some attempts: how often each is tried, and which hooks are called when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core import (
    DependencyDefinition,
    Failure,
    HookDefinition,
    InputDefinition,
    Output,
    OutputDefinition,
    PipelineDefinition,
    RetryPolicy,
    RetryRequested,
    SolidDefinition,
    SolidInvocation,
    execute_pipeline,
    failure_hook,
    success_hook,
)

HOOKS = ("a_ok", "b_bad", "c_ok", "d_bad_raises", "e_ok_raises")
RETRIED_BY_POLICY = ("raises", "fails", "raises after an output")
HOOK_SETS = st.sets(st.sampled_from(HOOKS), max_size=3)
MOST = st.none() | st.integers(0, 3)


@dataclass(frozen=True)
class Step:
    """A step of a random pipeline.

    Attributes:
        attempts: how each of its attempts ends; those that follow succeed.
        feeds_from: the number of an earlier step that feeds it.
        policies: the most retries that the policy of its place, and of its solid, allow.
        hooks: of its place.
    """

    attempts: tuple[str, ...] = ()
    feeds_from: int | None = None
    policies: tuple[int | None, int | None] = (None, None)
    hooks: frozenset[str] = frozenset()


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    ends = st.sampled_from([*RETRIED_BY_POLICY, "asks", "gives a wrong type", "gives nothing"])
    return [
        Step(
            tuple(draw(st.lists(ends, max_size=3))),
            draw(st.none() | st.integers(0, number - 1)) if number else None,
            (draw(MOST), draw(MOST)),
            frozenset(draw(HOOK_SETS)),
        )
        for number in range(draw(st.integers(1, 4)))
    ]


ASKED = 2  # retries that a RetryRequested asks for


def attempts_and_success(step: Step, of_pipeline: int | None) -> tuple[int, bool]:
    """How often a step is tried, and whether it succeeds, by the rules of the docs."""
    nearest = next((most for most in (*step.policies, of_pipeline) if most is not None), 0)
    for retries, end in enumerate(step.attempts):
        most = ASKED if end == "asks" else nearest if end in RETRIED_BY_POLICY else 0
        if retries >= most:
            return retries + 1, False
    return len(step.attempts) + 1, True


@dataclass
class World:
    """Builds the pipeline, and notes what happens."""

    called: list[tuple[str, str]] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)

    def hook(self, name: str) -> HookDefinition:
        @(success_hook if "ok" in name else failure_hook)(name)
        def hook(context: Any) -> None:
            self.called.append((context.step_key, name))
            if name.endswith("raises"):
                raise ValueError(name)

        return hook

    def compute(self, name: str, step: Step, context: Any) -> Iterator[Output]:
        assert context.retry_number == self.tried[name]
        number = self.tried[name]
        self.tried[name] += 1
        end = step.attempts[number] if number < len(step.attempts) else "succeeds"
        if end == "raises":
            raise ValueError(number)
        if end == "fails":
            raise Failure("no")
        if end == "asks":
            raise RetryRequested(ASKED)
        if end != "gives nothing":
            yield Output("text" if end == "gives a wrong type" else number)
        if end == "raises after an output":
            raise ValueError(number)

    def pipeline(self, chosen: list[Step], of_pipeline: int | None, hooks: frozenset[str]) -> PipelineDefinition:
        made = {name: self.hook(name) for name in HOOKS}
        solids, dependencies = [], {}
        for number, step in enumerate(chosen):
            name = f"s{number}"
            inputs = [] if step.feeds_from is None else [InputDefinition("value")]
            solids.append(
                SolidDefinition(
                    name,
                    inputs,
                    lambda context, _, name=name, step=step: self.compute(name, step, context),
                    [OutputDefinition(int)],
                    retry_policy=policy(step.policies[1]),
                )
            )
            placed = SolidInvocation(
                name, hook_defs=[made[each] for each in step.hooks], retry_policy=policy(step.policies[0])
            )
            feeds = {} if step.feeds_from is None else {"value": DependencyDefinition(f"s{step.feeds_from}")}
            dependencies[placed] = feeds
        return PipelineDefinition(
            solids,
            dependencies=dependencies,
            hook_defs=[made[each] for each in hooks],
            solid_retry_policy=policy(of_pipeline),
        )


def policy(most: int | None) -> RetryPolicy | None:
    return None if most is None else RetryPolicy(most)


@settings(max_examples=150)
@given(steps(), MOST, HOOK_SETS)
def test_each_step_is_tried_and_told_of_as_the_rules_say(
    chosen: list[Step], of_pipeline: int | None, hooks: set[str]
) -> None:
    world = World()
    result = execute_pipeline(world.pipeline(chosen, of_pipeline, frozenset(hooks)), raise_on_error=False)
    succeeded: dict[int, bool] = {}
    for number, step in enumerate(chosen):
        name = f"s{number}"
        events = [event.event_type_value for event in result.event_list if event.step_key == name]
        called = [hook for key, hook in world.called if key == name]
        if step.feeds_from is not None and not succeeded[step.feeds_from]:
            succeeded[number] = False
            assert (world.tried[name], called, events) == (0, [], [])
            continue
        attempts, success = attempts_and_success(step, of_pipeline)
        succeeded[number] = success
        assert world.tried[name] == attempts
        assert events.count("STEP_UP_FOR_RETRY") == events.count("STEP_RESTARTED") == attempts - 1
        of_step = sorted(step.hooks | hooks)
        assert called == [hook for hook in of_step if ("ok" in hook) is success]
        expected = [
            "HOOK_SKIPPED" if hook not in called else "HOOK_ERRORED" if hook.endswith("raises") else "HOOK_COMPLETED"
            for hook in of_step
        ]
        ends = ["STEP_SUCCESS" if success else "STEP_FAILURE", *expected]
        assert events[len(events) - len(ends) :] == ends
        assert not any(event.startswith("HOOK") for event in events[: len(events) - len(ends)])
    assert result.success == all(succeeded.values())
