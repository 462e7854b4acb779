"""How far a run has come: which steps may begin, and what follows when one has ended.

Any executor asks it and tells it what happened. It runs no step, records no event and reads no clock.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import Any

import msgspec

from core.errors import DagsterInvariantViolationError
from core.events.payloads import StepOutputHandle
from core.plan.expand import Expanded, expanded
from core.plan.plan import ExecutionPlan, KnownKeys
from core.plan.steps import ExecutionStep

Rank = tuple[int, int, int]
"""Which step comes first: by priority, then the place in the plan, and that of the mapping key."""

Expand = Callable[[ExecutionPlan, KnownKeys], Expanded]


class StepState(Enum):
    """Where a step of a run stands."""

    WAITING = auto()  # for steps that feed it
    READY = auto()
    RUNNING = auto()
    WAITING_TO_RETRY = auto()
    SUCCEEDED = auto()
    FAILED = auto()
    MEMOIZED = auto()  # not run, because its outputs are stored
    SKIPPED = auto()  # not run, because an output that feeds it was not given
    ABANDONED = auto()  # not run, because a step that feeds it failed or was abandoned


_UNSETTLED = frozenset({StepState.WAITING, StepState.READY, StepState.RUNNING, StepState.WAITING_TO_RETRY})
_WITHOUT_OUTPUTS = frozenset({StepState.FAILED, StepState.ABANDONED})
_NONE: frozenset[str] = frozenset()
_WITH_VALUES = frozenset({StepState.MEMOIZED, StepState.SUCCEEDED})

MOST_LOSSES = 3
"""How often one step that another feeds has it run again, because its value is gone."""


class Attempt(msgspec.Struct, frozen=True):
    """One attempt at a step, with everything the step must know about the run's progress; another process may get it.

    Attributes:
        step_key: the step.
        number: 1 for the first attempt.
        retries: how many attempts before this one ended with a request to run the step again.
        not_given: outputs that feed the step and were not given.
        recoverable: the steps that feed it and would be run again, if a value of theirs turned out to be gone.
        given_up: those that were run again for it so often that they will not be once more.
        replaces_stored: whether its outputs take the place of values stored under the same version.
    """

    step_key: str
    number: int = 1
    retries: int = 0
    not_given: frozenset[StepOutputHandle] = frozenset()
    recoverable: frozenset[str] = frozenset()
    given_up: frozenset[str] = frozenset()
    replaces_stored: bool = False


class NotRun(msgspec.Struct, frozen=True):
    """A step that will not be run.

    Attributes:
        step_key: the step.
        failed: the steps that feed it and failed or were abandoned, sorted; where there is none, the step is skipped
            because an output that feeds it was not given.
    """

    step_key: str
    failed: tuple[str, ...] = ()


class Progress:
    """The state of every step of a run. Over a whole run its work grows with the number of steps and of their inputs.

    A step is decided on when every step that feeds it has ended, so what becomes of it does not depend on the order in
    which they ended. A template waits for the step whose dynamic output it is mapped over; when that has ended, steps
    take its place, which wait and are decided on as all others.

    Args:
        plan: the plan of the run.
        not_given: outputs that earlier runs did not give, for steps that this run leaves out.
        expand: makes steps of the templates of a plan, given a dynamic output and the mapping keys of its values.
        kind_of: the kind of a step: whether it may begin is decided for all of a kind, of which there should be few.

    Attributes:
        plan: the plan as it is by now.
    """

    def __init__(
        self,
        plan: ExecutionPlan,
        not_given: Iterable[StepOutputHandle] = (),
        expand: Expand = expanded,
        kind_of: Callable[[ExecutionStep], Hashable] = lambda _step: None,
    ) -> None:
        self.plan = plan
        self._expand, self._kind_of = expand, kind_of
        self._ranks: dict[str, Rank] = {
            key: (-step.priority, rank, 0) for rank, (key, step) in enumerate(plan.steps.items())
        }
        self._states = dict.fromkeys(plan.memoized, StepState.MEMOIZED)
        self._states.update(dict.fromkeys(plan.step_keys_to_execute, StepState.WAITING))
        self._feeders = {key: self._feeders_of(key) for key in self._states}
        self._fed: dict[str, dict[str, None]] = {key: {} for key in self._states}
        for key, feeders in self._feeders.items():
            for feeder in feeders:
                self._fed[feeder][key] = None
        self._not_given = {*not_given, *plan.not_given}
        self._pending_feeders: dict[str, int] = {}  # of each waiting step, how many are not settled
        self._unsettled_count = len(plan.step_keys_to_execute)
        self._ready: defaultdict[Any, list[tuple[Rank, str]]] = defaultdict(list)
        """A heap for each kind; some may be steps that have to wait again."""
        self._retries: list[tuple[float, Rank, str]] = []  # a heap of times, ranks and steps
        self._attempts: dict[str, Attempt] = {}  # the latest of each step
        self._computed_again: set[str] = set()
        self._losses: list[tuple[str, str]] = []  # the step that waits, and the one that is computed again for it
        self._losses_before: dict[str, int] = {}  # how many there were when the latest attempt at a step began
        self._not_run: list[NotRun] = []
        for key in plan.step_keys_to_execute:
            self._pending_feeders[key] = self._count_pending(key)
        for key in plan.step_keys_to_execute:
            if self._states[key] is StepState.WAITING:
                self._decide_if_free(key)

    def _feeders_of(self, key: str) -> tuple[str, ...]:
        """The steps of this run that feed a step, each once."""
        found = dict.fromkeys(handle.step_key for handle in self.plan.steps[key].upstream_handles)
        return tuple(feeder for feeder in found if feeder in self._states)

    # What an executor asks

    @property
    def is_done(self) -> bool:
        """bool: whether no step is left that runs, or may yet be run."""
        return not self._unsettled_count

    @property
    def next_retry(self) -> float | None:
        """float | None: when the first of the steps that wait to be retried may begin, by the executor's clock."""
        return self._retries[0][0] if self._retries else None

    def state(self, step_key: str) -> StepState:
        """The state of a step; raises KeyError for one that the run leaves out."""
        return self._states[step_key]

    def begin_next(self, accepts: Callable[[Any], bool] | None = None) -> Attempt | None:
        """Begins the first ready step of a kind that `accepts` takes, by priority and in plan order.

        What it costs grows with the number of kinds, and not with that of the steps that may not begin.

        Args:
            accepts: whether a step of a kind may begin now; all may by default.

        Returns:
            The attempt; None where there is no such step.
        """
        tops = ((self._top(kind), kind) for kind in list(self._ready))
        free = [(top, kind) for top, kind in tops if top is not None and (accepts is None or accepts(kind))]
        if not free:
            return None
        (_rank, key), kind = min(free, key=lambda each: each[0])
        heapq.heappop(self._ready[kind])
        return self._begin(key)

    def _top(self, kind: Any) -> tuple[Rank, str] | None:
        """The first ready step of a kind; where there is none, the kind is forgotten."""
        heap = self._ready[kind]
        while heap:
            if self._states[heap[0][1]] is StepState.READY:
                return heap[0]
            heapq.heappop(heap)
        del self._ready[kind]
        return None

    def take_not_run(self) -> list[NotRun]:
        """The steps of which it turned out, since this was last asked, that they will not be run; in plan order."""
        taken, self._not_run = self._not_run, []
        return sorted(taken, key=lambda each: self._ranks[each.step_key])

    # What an executor tells

    def succeeded(
        self, step_key: str, given: Collection[str], mapping_keys: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """A step has ended.

        Args:
            step_key: the step.
            given: the names of the outputs that it gave.
            mapping_keys: of each of its dynamic outputs, those of the values that it gave, in order; none by default.
        """
        self._check_running(step_key)
        step = self.plan.steps[step_key]
        told = mapping_keys or {}
        dynamic = [
            (step.handle(output.name), told.get(output.name, ())) for output in step.outputs if output.is_dynamic
        ]
        known = {handle: keys for handle, keys in dynamic if handle not in self.plan.mapping_keys}
        if known:
            self._take_keys(known)
        self._not_given.update(step.handle(output.name) for output in step.outputs if output.name not in given)
        self._settle(step_key, StepState.SUCCEEDED)

    def failed(self, step_key: str) -> None:
        """A step has failed and will not be retried."""
        self._check_running(step_key)
        self._settle(step_key, StepState.FAILED)

    def retry(self, step_key: str, at: float) -> None:
        """A step is to be run again.

        Args:
            step_key: the step.
            at: from when on, by the executor's clock; see `wake`.
        """
        self._check_running(step_key)
        latest = self._attempts[step_key]
        self._attempts[step_key] = msgspec.structs.replace(latest, retries=latest.retries + 1)
        self._states[step_key] = StepState.WAITING_TO_RETRY
        heapq.heappush(self._retries, (at, self._ranks[step_key], step_key))

    def wake(self, now: float) -> None:
        """The steps whose retry is due may begin again.

        Args:
            now: the time, by the executor's clock.
        """
        while self._retries and self._retries[0][0] <= now:
            _at, _rank, key = heapq.heappop(self._retries)
            self._wait(key)

    def lost(self, step_key: str, handle: StepOutputHandle) -> None:
        """A step could not be run, because a value that feeds it is gone: it waits until that is computed again.

        Args:
            step_key: the step.
            handle: the output whose value is gone.

        Raises:
            DagsterInvariantViolationError: no step of the run that feeds `step_key` has such an output.
        """
        self._check_running(step_key)
        if handle.step_key not in self._feeders[step_key]:
            raise DagsterInvariantViolationError(f"No step {handle.step_key!r} of this run feeds step {step_key!r}.")
        since_it_began = self._losses[self._losses_before[step_key] :]
        is_there_again = any(again == handle.step_key for _, again in since_it_began)
        if self._states[handle.step_key] in _WITH_VALUES and not is_there_again:
            self._losses.append((step_key, handle.step_key))
            self._compute_again(handle.step_key)
        self._wait(step_key)

    # How states follow from each other

    def _take_keys(self, known: KnownKeys) -> None:
        """Steps take the place of the templates that are mapped over outputs, while their step still counts as running;
        steps that collect wait for them.
        """
        found = self._expand(self.plan, known)
        self.plan = found.plan
        templates = {key: new for key, new in found.templates.items() if key in self._states}
        changed = [key for key in found.changed if key in self._states]
        for key in (*templates, *changed):
            for feeder in self._feeders[key]:
                del self._fed[feeder][key]
        for template, new in templates.items():
            del self._states[template], self._feeders[template], self._fed[template], self._pending_feeders[template]
            priority, rank, _ = self._ranks[template]
            self._ranks |= {key: (priority, rank, place) for place, key in enumerate(new)}
            self._states.update(dict.fromkeys(new, StepState.WAITING))
            self._fed |= {key: {} for key in new}
            self._unsettled_count += len(new) - 1
        waiting = [*(key for new in templates.values() for key in new), *changed]
        for key in waiting:
            self._feeders[key] = self._feeders_of(key)
            for feeder in self._feeders[key]:
                self._fed[feeder][key] = None
        for key in waiting:
            if self._states[key] is StepState.WAITING:
                self._pending_feeders[key] = self._count_pending(key)
                self._decide_if_free(key)

    def _begin(self, key: str) -> Attempt:
        step, latest = self.plan.steps[key], self._attempts.get(key)
        fed_by = step.upstream_handles if self._not_given else ()
        recoverable, given_up = self._recoverable(key) if self.plan.is_memoized else (_NONE, _NONE)
        begun = self._attempts[key] = Attempt(
            key,
            latest.number + 1 if latest else 1,
            latest.retries if latest else 0,
            frozenset(handle for handle in fed_by if handle in self._not_given),
            recoverable,
            given_up,
            key in self.plan.refreshed or key in self._computed_again,
        )
        self._states[key] = StepState.RUNNING
        self._losses_before[key] = len(self._losses)
        return begun

    def _recoverable(self, key: str) -> tuple[frozenset[str], frozenset[str]]:
        """The steps that feed a step and may be run again for it, and those that were so too often."""
        stored = frozenset(each for each in self._feeders[key] if self._states[each] in _WITH_VALUES)
        given_up = frozenset(each for each in self._feeders[key] if self._losses.count((key, each)) >= MOST_LOSSES)
        return stored - given_up, given_up

    def _wait(self, key: str) -> None:
        """Puts a step where those are that have not begun."""
        self._states[key] = StepState.WAITING
        self._pending_feeders[key] = self._count_pending(key)
        self._decide_if_free(key)

    def _count_pending(self, key: str) -> int:
        return sum(self._states[each] in _UNSETTLED for each in self._feeders[key])

    def _decide_if_free(self, key: str) -> None:
        if not self._pending_feeders[key] and not self._decide(key):
            self._release_fed(key)

    def _settle(self, key: str, state: StepState) -> None:
        self._states[key] = state
        self._unsettled_count -= 1
        self._release_fed(key)

    def _release_fed(self, key: str) -> None:
        """Steps that a settled step feeds wait for it no longer; nor for those of them that will not be run either."""
        settled = [key]
        for each in settled:  # grows while it is walked
            for fed in self._fed[each]:
                if self._states[fed] is StepState.WAITING:
                    self._pending_feeders[fed] -= 1
                    if not self._pending_feeders[fed] and not self._decide(fed):
                        settled.append(fed)

    def _decide(self, key: str) -> bool:
        """Whether a step will be run, when every step that feeds it is settled; one that will be is ready then."""
        failed = [each for each in self._feeders[key] if self._states[each] in _WITHOUT_OUTPUTS]
        if failed:
            self._states[key] = StepState.ABANDONED
        elif self.plan.steps[key].is_skipped(self._not_given):
            self._states[key] = StepState.SKIPPED
            self._not_given.update(self._outputs_of(key))
        else:
            self._states[key] = StepState.READY
            heapq.heappush(self._ready[self._kind_of(self.plan.steps[key])], (self._ranks[key], key))
            return True
        self._unsettled_count -= 1
        self._not_run.append(NotRun(key, tuple(sorted(failed))))
        return False

    def _compute_again(self, key: str) -> None:
        """A step whose outputs are stored is to be run; those that it feeds and that have not begun wait for it."""
        self._computed_again.add(key)
        self._unsettled_count += 1
        self._not_given.difference_update(self._outputs_of(key))
        for fed in self._fed[key]:
            if self._states[fed] is StepState.READY:
                self._states[fed], self._pending_feeders[fed] = StepState.WAITING, 1
            elif self._states[fed] is StepState.WAITING:
                self._pending_feeders[fed] += 1
        self._wait(key)

    def _outputs_of(self, key: str) -> list[StepOutputHandle]:
        step = self.plan.steps[key]
        return [step.handle(output.name) for output in step.outputs]

    def _check_running(self, key: str) -> None:
        state = self._states.get(key)
        if state is not StepState.RUNNING:
            found = "not one of this run" if state is None else f"in the state {state.name}"
            raise DagsterInvariantViolationError(f"Step {key!r} is not running: it is {found}.")
