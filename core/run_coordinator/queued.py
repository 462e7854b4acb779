"""The run coordinator with a queue: how many runs may be in progress, of all and of those with certain tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.config import Checked, Field, FloatSource, IntSource, ScalarUnion, Shape, StringSource
from core.records.origin import ExternalPipeline
from core.records.pipeline_run import PipelineRun
from core.records.queue import QueueLimits, TagLimit
from core.run_coordinator.base import RunCoordinator
from core.serdes import ConfigurableClass, ConfigurableClassData

DEFAULT_MAX_RUNS = 10
DEFAULT_INTERVAL_SECONDS = 5.0
QUEUE_DAEMON = "QUEUED_RUN_COORDINATOR"

_COUNT = Checked(IntSource, "a whole number, 0 or more", lambda count: count >= 0)
_MOST_RUNS = Checked(IntSource, "a whole number, 0 or more, or -1 for any number", lambda count: count >= -1)
_INTERVAL = Checked(FloatSource, "a number of seconds above 0", lambda seconds: seconds > 0)
_VALUE = Field(ScalarUnion(str, Shape({"applyLimitPerUniqueValue": bool})), is_required=False)


class QueuedRunCoordinator(RunCoordinator, ConfigurableClass):
    """Puts runs into a queue, which is in the run storage; `cloudstore daemon run` launches them.

    The run with the highest tag `dagster/priority` is first, a whole number that is 0 by default; of several, the
    oldest. One that a limit holds is passed over. What counts are the runs in progress, also those that were not
    queued. In `dagster.yaml`:

        run_coordinator:
          module: core.run_coordinator
          class: QueuedRunCoordinator
          config:
            max_concurrent_runs: 25
            tag_concurrency_limits:
              - {key: team, limit: 5}
              - {key: team, value: ads, limit: 2}
              - {key: bucket, value: {applyLimitPerUniqueValue: true}, limit: 1}

    Args:
        max_concurrent_runs: how many runs may be in progress; 10 by default, and any number for -1.
        tag_concurrency_limits: each with `key`, `limit` and, if the limit is not for all values of the tag together,
            `value`: one of them, or `{applyLimitPerUniqueValue: true}`, for each of them. All that are for a run hold.
        dequeue_interval_seconds: how long a run that may begin waits at most, where the daemon is not woken for it.
        inst_data: the config that it was made from.

    Example:
        >>> from core.run_coordinator import QueuedRunCoordinator
        >>> coordinator = QueuedRunCoordinator(2, [{"key": "team", "value": "ads", "limit": 1}])
        >>> coordinator.limits.max_runs, [str(limit) for limit in coordinator.limits.tags]
        (2, ["1 run with tag team='ads'"])
    """

    required_daemon = QUEUE_DAEMON

    def __init__(
        self,
        max_concurrent_runs: int | None = None,
        tag_concurrency_limits: Sequence[Mapping[str, Any]] | None = None,
        dequeue_interval_seconds: float | None = None,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        self._inst_data = inst_data
        most = DEFAULT_MAX_RUNS if max_concurrent_runs is None else max_concurrent_runs
        tags = tuple(_limit(each) for each in tag_concurrency_limits or ())
        self.limits = QueueLimits(None if most < 0 else most, tags)
        self.dequeue_interval_seconds = (
            DEFAULT_INTERVAL_SECONDS if dequeue_interval_seconds is None else float(dequeue_interval_seconds)
        )

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        limit = Shape({"key": StringSource, "value": _VALUE, "limit": _COUNT})
        return {
            "max_concurrent_runs": Field(_MOST_RUNS, is_required=False),
            "tag_concurrency_limits": Field([limit], is_required=False),
            "dequeue_interval_seconds": Field(_INTERVAL, is_required=False),
        }

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> QueuedRunCoordinator:
        return cls(**config_value, inst_data=inst_data)

    def submit_run(self, pipeline_run: PipelineRun, external_pipeline: ExternalPipeline | None) -> PipelineRun:
        return self._instance.enqueue_run(pipeline_run)

    def can_cancel_run(self, run_id: str) -> bool:
        return self._instance.can_cancel_waiting_run(run_id) or self._instance.can_terminate_run(run_id)

    def cancel_run(self, run_id: str) -> bool:
        return self._instance.cancel_waiting_run(run_id) or self._instance.terminate_run(run_id)


def _limit(given: Mapping[str, Any]) -> TagLimit:
    value = given.get("value")
    if isinstance(value, Mapping):
        return TagLimit(given["key"], given["limit"], is_per_value=bool(value["applyLimitPerUniqueValue"]))
    return TagLimit(given["key"], given["limit"], value)
