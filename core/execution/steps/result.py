"""How an attempt at a step went."""

from __future__ import annotations

import msgspec

from core.events.payloads import StepOutputData, StepOutputHandle
from core.events.records import DagsterEvent
from core.execution.steps.retrying import Retry
from core.plan.progress import Progress


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
    def given(self) -> dict[str, list[str]]:
        """dict[str, list[str]]: the outputs that were given: the mapping keys of the values of a dynamic one, in order,
        and none of another.
        """
        found: dict[str, list[str]] = {}
        for event in self.events:
            data = event.event_specific_data
            if isinstance(data, StepOutputData) and event.is_successful_output:
                keys = found.setdefault(data.output_name, [])
                if data.mapping_key is not None:
                    keys.append(data.mapping_key)
        return found

    def tell(self, progress: Progress, now: float) -> None:
        """Tells the run's progress of it.

        Args:
            progress: of the run.
            now: the time, in seconds, by the executor's clock.
        """
        if self.lost is not None:
            progress.lost(self.step_key, self.lost)
        elif self.retry is not None:
            progress.retry(self.step_key, now + self.retry.seconds_to_wait)
        elif self.error is not None:
            progress.failed(self.step_key)
        else:
            given = self.given
            progress.succeeded(self.step_key, given, given)
