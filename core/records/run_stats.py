"""What a run came to, in numbers."""

from __future__ import annotations

import msgspec


class PipelineRunStatsSnapshot(msgspec.Struct, frozen=True):
    """What the log of a run says of it, so far. Times are Unix times in seconds; None where it has not come to that.

    Attributes:
        run_id: the run.
        steps_succeeded: how many steps ended well.
        steps_failed: how many failed.
        materializations: how many materializations it recorded.
        expectations: how many results of expectations.
        enqueued_time: when it was put into the queue.
        launch_time: when it was launched.
        start_time: when it began.
        end_time: when it ended.

    Example:
        >>> from core import DagsterInstance, execute_pipeline, lambda_solid, pipeline
        >>> one = lambda_solid(name="one")(lambda: 1)
        >>> with DagsterInstance.ephemeral() as instance:
        ...     result = execute_pipeline(pipeline(name="count")(lambda: one()), instance=instance)
        ...     stats = instance.get_run_stats(result.run_id)
        >>> stats.steps_succeeded, stats.enqueued_time, stats.end_time >= stats.start_time
        (1, None, True)
    """

    run_id: str
    steps_succeeded: int = 0
    steps_failed: int = 0
    materializations: int = 0
    expectations: int = 0
    enqueued_time: float | None = None
    launch_time: float | None = None
    start_time: float | None = None
    end_time: float | None = None
