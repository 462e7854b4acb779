"""What executors have in common that run several steps at the same time."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.config import Array, Checked, Field, FloatSource, IntSource, Noneable, Shape
from core.events.records import DagsterEvent
from core.execution.contexts.pipeline import PipelineContext
from core.execution.executor import Executor, RetryMode
from core.executors.in_process import RETRIES_FIELD
from core.executors.limits import Slots, TagLimit
from core.plan import ExecutionPlan

if TYPE_CHECKING:
    from core.executors.backend import Processes
    from core.executors.processes.run_jobs import RunJobs

KILL_AFTER_SECONDS = 10.0


class SideBySideExecutor(Executor):
    """Runs each step somewhere else, several at the same time; an executor says where.

    Args:
        max_concurrent: how many steps run at the same time at most.
        retries: whether requests to run a step again are heeded.
        tag_limits: limits for steps with a tag.
        kill_after_seconds: how long a step that is told to end may go on, until its process is killed.
    """

    def __init__(
        self,
        max_concurrent: int,
        retries: RetryMode = RetryMode.ENABLED,
        tag_limits: Sequence[TagLimit] = (),
        kill_after_seconds: float = KILL_AFTER_SECONDS,
    ) -> None:
        self._max_concurrent = max_concurrent
        self._retries, self._tag_limits = retries, tuple(tag_limits)
        self._kill_after_seconds = kill_after_seconds

    @property
    def retries(self) -> RetryMode:
        return self._retries

    def execute(self, pipeline_context: PipelineContext, execution_plan: ExecutionPlan) -> Iterator[DagsterEvent]:
        from core.executors.processes.run_jobs import RunJobs  # heavy, as what follows: sockets and subprocesses
        from core.executors.side_by_side import SideBySide

        may_retry = self._retries is RetryMode.ENABLED
        jobs = RunJobs(pipeline_context, execution_plan, may_retry)
        processes, slots = self._processes(pipeline_context, jobs), Slots(self._max_concurrent, self._tag_limits)
        return SideBySide(pipeline_context, jobs, processes, slots, may_retry, self._kill_after_seconds).execute()

    @abstractmethod
    def _processes(self, pipeline_context: PipelineContext, jobs: RunJobs) -> Processes:
        """What executes the steps."""


_LIMIT = Checked(IntSource, "a whole number above 0", lambda count: count > 0)
_TAG_LIMIT = Shape({"key": str, "value": Field(Noneable(str), is_required=False), "limit": _LIMIT})


def side_by_side_fields(max_concurrent: str) -> dict[str, Any]:
    """The fields of the config of such an executor.

    Args:
        max_concurrent: the description of the field that says how many steps there are at the same time; 0 by default.
    """
    return {
        "max_concurrent": Field(
            Checked(IntSource, "a whole number, 0 or above", lambda count: count >= 0),
            default_value=0,
            description=max_concurrent,
        ),
        "tag_concurrency_limits": Field(
            Array(_TAG_LIMIT),
            default_value=[],
            description="How many steps with a tag, or with one value of it, run at the same time at most.",
        ),
        "retries": RETRIES_FIELD,
        "kill_after_seconds": Field(
            Checked(FloatSource, "a number of seconds, 0 or above", lambda seconds: 0 <= seconds < math.inf),
            default_value=KILL_AFTER_SECONDS,
            description="How long a step that is told to end may go on, until its process is killed.",
        ),
    }


def side_by_side_arguments(config: Mapping[str, Any], most: int) -> dict[str, Any]:
    """What a `SideBySideExecutor` is made with.

    Args:
        config: values of these fields.
        most: how many steps there are at the same time where `max_concurrent` is 0.
    """
    (retries,) = config["retries"]
    return {
        "max_concurrent": config["max_concurrent"] or most,
        "retries": RetryMode(retries),
        "tag_limits": [
            TagLimit(each["key"], each["limit"], each.get("value")) for each in config["tag_concurrency_limits"]
        ],
        "kill_after_seconds": config["kill_after_seconds"],
    }
