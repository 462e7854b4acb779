"""Steps that fail are run again as a policy says: how often, after which waits, and after which errors."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import (
    Backoff,
    DagsterInstance,
    DagsterInvalidDefinitionError,
    DagsterObjectAccessError,
    DagsterType,
    Failure,
    InputContext,
    IOManager,
    Jitter,
    ModeDefinition,
    Output,
    OutputContext,
    OutputDefinition,
    PipelineDefinition,
    PipelineExecutionResult,
    RetryPolicy,
    RetryRequested,
    SolidDefinition,
    SolidInvocation,
    composite_solid,
    execute_pipeline,
    io_manager,
    pipeline,
    solid,
    versioned_filesystem_io_manager,
)
from core.definitions.parts.retry_policy import calculate_delay
from core.events.user_events import LONGEST_WAIT_SECONDS

NO_RETRIES: dict[str, Any] = {"execution": {"in_process": {"config": {"retries": {"disabled": {}}}}}}


class Mishap(Exception):
    """What a user's own code raises."""


# ---- the waits ----

SECONDS = st.floats(0, LONGEST_WAIT_SECONDS)
DELAYS = st.one_of(SECONDS, st.integers(0, int(LONGEST_WAIT_SECONDS)), SECONDS.map(Fraction), SECONDS.map(np.float64))
RETRIES = st.one_of(st.integers(1, 100), st.integers(1, 10**400))


@given(RETRIES, st.sampled_from([None, *Backoff]), st.sampled_from([None, *Jitter]), DELAYS)
def test_any_wait_is_one_that_can_be_waited(
    number: int, backoff: Backoff | None, jitter: Jitter | None, delay: float
) -> None:
    wait = calculate_delay(number, backoff, jitter, delay)
    without_chance = calculate_delay(number, backoff, None, delay)
    assert type(wait) is float
    assert 0.0 <= wait <= LONGEST_WAIT_SECONDS
    if jitter is Jitter.FULL:
        assert wait <= without_chance
    elif jitter is Jitter.PLUS_MINUS:
        assert abs(wait - without_chance) <= delay or math.isclose(abs(wait - without_chance), delay)
    else:
        assert wait == without_chance


@given(RETRIES, DELAYS)
def test_waits_grow_as_the_backoff_says(number: int, delay: float) -> None:
    exact = {
        None: Fraction(delay),
        Backoff.LINEAR: Fraction(delay) * number,
        # Beyond some retries the power is larger than any number of memory; the wait is the longest then.
        Backoff.EXPONENTIAL: Fraction(delay) * (2 ** min(number, 2000) - 1),
    }
    for backoff, wait in exact.items():
        told = calculate_delay(number, backoff, None, delay)
        if delay > 1e-9 or number <= 64:
            assert math.isclose(told, min(wait, Fraction(LONGEST_WAIT_SECONDS)))
        assert calculate_delay(number + 1, backoff, None, delay) >= told


def test_chance_spreads_waits() -> None:
    full = [calculate_delay(3, Backoff.LINEAR, Jitter.FULL, 10.0) for _ in range(200)]
    around = [calculate_delay(3, Backoff.LINEAR, Jitter.PLUS_MINUS, 10.0) for _ in range(200)]
    assert min(full) < 10.0 < 20.0 < max(full)
    assert 20.0 <= min(around) < 27.0 < 33.0 < max(around) <= 40.0


def test_chance_is_not_that_of_the_users_code() -> None:
    state = random.getstate()
    waits = []
    for _ in range(2):
        random.seed(1)
        waits.append([calculate_delay(1, None, jitter, 10.0) for jitter in Jitter])
        assert random.random() == random.Random(1).random()
    assert waits[0] != waits[1]
    random.setstate(state)


class SimulatedTime:
    """Stands for the module `time`: sleeping takes no time, and only sleeping lets time pass."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def simulated_time(monkeypatch: pytest.MonkeyPatch) -> SimulatedTime:
    simulated = SimulatedTime()
    monkeypatch.setattr("core.execution.steps.in_turn.time", simulated)
    return simulated


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        (RetryPolicy(3), []),
        (RetryPolicy(3, 2.5), [2.5, 2.5, 2.5]),
        (RetryPolicy(3, 2, Backoff.LINEAR), [2.0, 4.0, 6.0]),
        (RetryPolicy(4, 0.5, Backoff.EXPONENTIAL), [0.5, 1.5, 3.5, 7.5]),
    ],
)
def test_a_step_waits_that_long(policy: RetryPolicy, waits: list[float], simulated_time: SimulatedTime) -> None:
    result = execute_pipeline(of_one(raising(99), policy), raise_on_error=False)
    assert not result.success
    assert [each for each in simulated_time.slept if each] == waits
    told = [event for event in result.step_event_list if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert [event.event_specific_data.seconds_to_wait for event in told] == waits or not waits  # type: ignore[union-attr]
    assert len(told) == policy.max_retries


# ---- policies ----


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"max_retries": -1}, "max_retries of a RetryPolicy is a whole number, 0 or more; it was -1"),
        ({"max_retries": 1.5}, "it was 1.5"),
        ({"max_retries": True}, "it was True"),
        ({"max_retries": "3"}, "it was '3'"),
        ({"delay": -0.1}, "delay of a RetryPolicy is a number of seconds, from 0 to a year; it was -0.1"),
        ({"delay": math.nan}, "it was nan"),
        ({"delay": math.inf}, "it was inf"),
        ({"delay": "1"}, "it was '1'"),
        ({"delay": 10**9}, "it was 1000000000"),
        ({"backoff": Backoff.LINEAR}, "with backoff needs a delay"),
        ({"jitter": Jitter.FULL}, "with jitter needs a delay"),
        ({"delay": 1, "backoff": "LINEAR"}, "backoff of a RetryPolicy is Backoff.LINEAR or Backoff.EXPONENTIAL"),
        ({"delay": 1, "jitter": Backoff.LINEAR}, "jitter of a RetryPolicy is Jitter.FULL or Jitter.PLUS_MINUS"),
    ],
)
def test_a_policy_that_says_nothing_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(DagsterInvalidDefinitionError) as caught:
        RetryPolicy(**arguments)
    assert said in str(caught.value)


@pytest.mark.parametrize("wait", [-1, math.nan, math.inf, 1e300, 10**400, "1", None])
def test_a_requested_wait_is_one_that_can_be_waited(wait: Any) -> None:
    if wait is None:
        assert RetryRequested(1, wait).seconds_to_wait == 0.0
        return
    with pytest.raises(DagsterInvalidDefinitionError, match="at most a year"):
        RetryRequested(1, wait)


def test_what_is_no_policy_is_refused_wherever_it_is_given() -> None:
    not_one: Any = 3
    attempt = solid(raising(0))
    for what, give in {
        "solid 'gives'": lambda: solid(name="gives", retry_policy=not_one)(lambda: 1),
        "solid 'compute'": lambda: attempt.with_retry_policy(not_one),
        "a pipeline": lambda: PipelineDefinition([attempt], solid_retry_policy=not_one),
        "solid 'x'": lambda: SolidInvocation("x", retry_policy=not_one),
    }.items():
        with pytest.raises(DagsterInvalidDefinitionError, match=f"retry_policy of {what} must be a RetryPolicy"):
            give()


def raising(failures: int) -> Callable[[Any], int]:
    attempts = itertools.count()

    def compute(_context: Any) -> int:
        number = next(attempts)
        if number < failures:
            raise Mishap(number)
        return number

    return compute


def of_one(compute: Any, policy: RetryPolicy | None, *outputs: OutputDefinition) -> PipelineDefinition:
    alone = SolidDefinition(
        "alone", [], lambda context, _: compute(context), list(outputs) or None, retry_policy=policy
    )
    return PipelineDefinition([alone], "of_one")


def attempts_of(result: PipelineExecutionResult, step_key: str = "alone") -> int:
    kinds = ("STEP_START", "STEP_RESTARTED")
    return sum(event.event_type_value in kinds for event in result.event_list if event.step_key == step_key)


PLACES = list(itertools.product([None, 0, 1, 2, 3], repeat=3))


@pytest.mark.parametrize("by_hand", [False, True])
def test_the_nearest_policy_wins(by_hand: bool) -> None:
    def policy(most: int | None) -> RetryPolicy | None:
        return None if most is None else RetryPolicy(most)

    for of_place, of_solid, of_pipeline in PLACES:
        attempt = solid(name="attempt", retry_policy=policy(of_solid))(raising(99))
        placed = policy(of_place)
        if by_hand:
            invocation = SolidInvocation("attempt", "alone", retry_policy=placed)
            built = PipelineDefinition([attempt], dependencies={invocation: {}}, solid_retry_policy=policy(of_pipeline))
        else:
            call = attempt.alias("alone")
            call = call if placed is None else call.with_retry_policy(placed)

            @pipeline(solid_retry_policy=policy(of_pipeline))
            def built(call: Any = call) -> None:
                call()

        nearest = next((most for most in (of_place, of_solid, of_pipeline) if most is not None), 0)
        assert attempts_of(execute_pipeline(built, raise_on_error=False)) == nearest + 1


def nested(attempt: SolidDefinition, of_inner: RetryPolicy | None, of_outer: RetryPolicy | None) -> PipelineDefinition:
    @composite_solid
    def inner() -> None:
        attempt()

    @composite_solid
    def outer() -> None:
        (inner if of_inner is None else inner.with_retry_policy(of_inner))()

    placed = SolidInvocation("outer", retry_policy=of_outer)
    return PipelineDefinition([outer], dependencies={placed: {}}, solid_retry_policy=RetryPolicy(4))


def test_the_policy_of_a_graph_is_that_of_solids_in_it_that_have_none() -> None:
    for most in PLACES:
        of_solid, of_inner, of_outer = (None if each is None else RetryPolicy(each) for each in most)
        attempt = solid(name="attempt", retry_policy=of_solid)(raising(99))
        result = execute_pipeline(nested(attempt, of_inner, of_outer), raise_on_error=False)
        nearest = next(each for each in (*most, 4) if each is not None)
        assert attempts_of(result, "outer.inner.attempt") == nearest + 1


def test_a_placed_policy_is_that_of_its_place_alone() -> None:
    attempt = solid(name="attempt", retry_policy=RetryPolicy(1))(raising(99))

    @pipeline
    def built() -> None:
        attempt.with_retry_policy(RetryPolicy(3)).tag({"kind": "other"}).alias("other")()
        attempt()

    result = execute_pipeline(built, raise_on_error=False)
    assert (attempts_of(result, "other"), attempts_of(result, "attempt")) == (4, 2)


@given(st.integers(0, 4), st.integers(0, 4))
def test_a_step_is_tried_until_it_succeeds_or_the_policy_ends(failures: int, most: int) -> None:
    result = execute_pipeline(of_one(raising(failures), RetryPolicy(most)), raise_on_error=False)
    assert result.success == (failures <= most)
    assert attempts_of(result) == min(failures, most) + 1
    if result.success:
        assert result.output_for_solid("alone") == failures


def test_the_error_that_ends_a_step_is_the_last_one_and_is_the_users() -> None:
    with pytest.raises(Mishap, match="2"):
        execute_pipeline(of_one(raising(99), RetryPolicy(2)))
    result = execute_pipeline(of_one(raising(99), RetryPolicy(2)), raise_on_error=False)
    failed = [event for event in result.event_list if event.is_step_failure]
    assert [event.message for event in failed] == ["Step 'alone' failed: Solid 'alone' raised: Mishap: 2"]
    waits = [event.message for event in result.event_list if event.event_type_value == "STEP_UP_FOR_RETRY"]
    assert waits == [
        f"Step 'alone' is run again in 0 s (retry {number} of 2), because it failed: Solid 'alone' raised: "
        f"Mishap: {number - 1}"
        for number in (1, 2)
    ]


def test_the_step_is_told_how_often_it_was_run_before() -> None:
    numbers: list[int] = []

    def compute(context: Any) -> None:
        numbers.append(context.retry_number)
        raise Mishap

    execute_pipeline(of_one(compute, RetryPolicy(2)), raise_on_error=False)
    assert numbers == [0, 1, 2]


@pytest.mark.parametrize(("asked", "policy", "attempts"), [(3, 1, 4), (1, 3, 2), (0, 3, 1)])
def test_a_request_keeps_its_own_numbers(asked: int, policy: int, attempts: int) -> None:
    def compute(_context: Any) -> None:
        raise RetryRequested(asked)

    result = execute_pipeline(of_one(compute, RetryPolicy(policy)), raise_on_error=False)
    assert attempts_of(result) == attempts


def test_where_retries_are_disabled_a_policy_is_not_heeded() -> None:
    result = execute_pipeline(of_one(raising(1), RetryPolicy(5)), NO_RETRIES, raise_on_error=False)
    assert attempts_of(result) == 1
    assert not result.success


# ---- after which errors ----


class Manager(IOManager):
    """An IO manager that raises once, when it stores or when it loads."""

    def __init__(self, fails: str) -> None:
        self.fails, self.values = fails, dict[str, Any]()

    def _fail(self, place: str) -> None:
        if self.fails.startswith(place):
            error = DagsterObjectAccessError("no") if self.fails.endswith("refused") else Mishap("of the manager")
            self.fails = ""
            raise error

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        self._fail("store")
        self.values[str(context.step_key)] = obj

    def load_input(self, context: InputContext) -> Any:
        self._fail("load")
        assert context.upstream_output is not None
        return self.values[str(context.upstream_output.step_key)]


@pytest.mark.parametrize("fails", ["store", "store refused", "load", "load refused"])
def test_what_an_io_manager_raises_is_tried_again(fails: str) -> None:
    manager = Manager(fails)
    retried = RetryPolicy(1)

    @solid(retry_policy=retried)
    def gives() -> int:
        return 1

    @solid(retry_policy=retried)
    def takes(value: int) -> int:
        return value + 1

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": io_manager(lambda _: manager)})])
    def both() -> None:
        takes(gives())

    result = execute_pipeline(both, raise_on_error=False)
    assert result.success
    assert (attempts_of(result, "gives"), attempts_of(result, "takes")) == ((2, 1) if "store" in fails else (1, 2))


def _raises(error: BaseException) -> Callable[[Any], Any]:
    def compute(_context: Any) -> Any:
        raise error

    return compute


def _yields(*given: Any) -> Callable[[Any], Any]:
    def compute(_context: Any) -> Iterator[Any]:
        yield from given

    return compute


def _asks(_context: Any, value: Any) -> bool:
    return bool(value.is_right)


ERRORS: dict[str, tuple[Callable[[Any], Any], Any, bool]] = {
    "an exception": (_raises(Mishap()), None, True),
    "a Failure": (_raises(Failure("no rows")), None, True),
    "a StopIteration": (_raises(StopIteration()), None, True),
    "of a store": (_raises(DagsterObjectAccessError("no")), None, True),
    "a type check that raises": (lambda _: 1, DagsterType(_asks, "Right"), True),
    "a value of the wrong type": (lambda _: 1, str, False),
    "an output that is not given": (_yields(), int, False),
    "an output given twice": (_yields(Output(1), Output(2)), int, False),
    "what is no event": (_yields(1), int, False),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_what_another_attempt_may_mend_is_tried_again(kind: str) -> None:
    compute, output_type, is_retried = ERRORS[kind]
    outputs = [] if output_type is None else [OutputDefinition(output_type)]
    result = execute_pipeline(of_one(compute, RetryPolicy(2), *outputs), raise_on_error=False)
    assert not result.success
    assert attempts_of(result) == (3 if is_retried else 1)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(0), SystemExit("no")])
def test_what_ends_the_program_is_not_tried_again(error: BaseException, tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        with pytest.raises(type(error)):
            execute_pipeline(of_one(_raises(error), RetryPolicy(2)), instance=instance, raise_on_error=False)
        [run] = instance.get_runs()
        kinds = [each.dagster_event.event_type_value for each in instance.all_logs(run.run_id) if each.dagster_event]
        assert kinds.count("STEP_START") == 1
        assert "STEP_UP_FOR_RETRY" not in kinds


def test_nothing_of_a_failed_attempt_is_found_later(tmp_path: Path) -> None:
    attempts = itertools.count(1)

    @solid(version="1", retry_policy=RetryPolicy(2), output_defs=[OutputDefinition(int)])
    def gives() -> Iterator[Output]:
        number = next(attempts)
        yield Output(number)
        if number < 3:
            raise Mishap

    @solid(version="1")
    def takes(value: int) -> int:
        return value

    @pipeline(mode_defs=[ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})])
    def memoized() -> None:
        takes(gives())

    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        first = execute_pipeline(memoized, instance=instance, memoize=True)
        assert first.output_for_solid("takes") == 3
        stored = [event for event in first.event_list if event.event_type_value == "HANDLED_OUTPUT"]
        assert [event.step_key for event in stored] == ["gives", "takes"]
        again = execute_pipeline(memoized, instance=instance, memoize=True)
        assert again.executed_step_keys == []
        assert again.output_for_solid("takes") == 3
    assert next(attempts) == 4


def test_a_policy_is_no_part_of_a_version(tmp_path: Path) -> None:
    def built(policy: RetryPolicy | None) -> PipelineDefinition:
        gives = SolidDefinition("gives", [], lambda *_: 1, version="1", retry_policy=policy)
        mode = ModeDefinition(resource_defs={"io_manager": versioned_filesystem_io_manager})
        return PipelineDefinition([gives], "memoized", mode_defs=[mode])

    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert execute_pipeline(built(None), instance=instance, memoize=True).executed_step_keys == ["gives"]
        assert execute_pipeline(built(RetryPolicy(3)), instance=instance, memoize=True).executed_step_keys == []
