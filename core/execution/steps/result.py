"""How an attempt at a step went."""

from __future__ import annotations

import msgspec

from core.events.payloads import StepOutputData, StepOutputHandle
from core.events.records import DagsterEvent
from core.execution.steps.retrying import Retry
from core.plan.progress import Progress


class StepEnd(msgspec.Struct, frozen=True):
    """How an attempt at a step ended; without any of these, the step has failed. Another process may have executed it.

    Attributes:
        given: where it succeeded, the outputs that were given: the mapping keys of the values of a dynamic one, in
            order, and none of another.
        seconds_to_wait: where it is run again, after how many seconds.
        lost: where it waits for an output that must be computed again, that output.
    """

    given: dict[str, list[str]] | None = None
    seconds_to_wait: float | None = None
    lost: StepOutputHandle | None = None

    def tell(self, progress: Progress, step_key: str, now: float) -> None:
        """Tells the run's progress of it.

        Args:
            progress: of the run.
            step_key: the step.
            now: the time, in seconds, by the executor's clock.
        """
        if self.lost is not None:
            progress.lost(step_key, self.lost)
        elif self.seconds_to_wait is not None:
            progress.retry(step_key, now + self.seconds_to_wait)
        elif self.given is None:
            progress.failed(step_key)
        else:
            progress.succeeded(step_key, self.given, self.given)


class StepResult(msgspec.Struct, frozen=True):
    """How an attempt at a step went.

    Attributes:
        step_key: the step.
        events: what happened, in order; recorded already.
        error: what failed it.
        retry: when it is run again, when that is how it ended.
        lost: the output that must be computed again before the step can be, when that is how it ended.
    """

    step_key: str
    events: list[DagsterEvent]
    error: BaseException | None = None
    retry: Retry | None = None
    lost: StepOutputHandle | None = None

    @property
    def has_ended(self) -> bool:
        """bool: whether the step has succeeded or failed, so that no attempt follows it."""
        return self.retry is None and self.lost is None

    @property
    def end(self) -> StepEnd:
        """StepEnd: what the run's progress is told of it."""
        if self.lost is not None:
            return StepEnd(lost=self.lost)
        if self.retry is not None:
            return StepEnd(seconds_to_wait=self.retry.seconds_to_wait)
        return StepEnd() if self.error is not None else StepEnd(given=self._given)

    @property
    def _given(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for event in self.events:
            data = event.event_specific_data
            if isinstance(data, StepOutputData) and event.is_successful_output:
                keys = found.setdefault(data.output_name, [])
                if data.mapping_key is not None:
                    keys.append(data.mapping_key)
        return found
