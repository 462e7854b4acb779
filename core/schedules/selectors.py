"""Which partition a schedule runs for when it is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from core.arguments import checked_arguments
from core.schedules.contexts import ScheduleEvaluationContext
from core.schedules.partition import Partition
from core.schedules.partition_sets import PartitionSetDefinition
from core.schedules.requests import SkipReason


def identity_partition_selector(
    context: ScheduleEvaluationContext, partition_set_def: PartitionSetDefinition
) -> Partition[datetime] | SkipReason:
    """Selects the partition that begins when the schedule is due.

    Example:
        >>> from datetime import datetime
        >>> from core import PartitionSetDefinition, date_partition_range, identity_partition_selector
        >>> days = PartitionSetDefinition("days", "orders", date_partition_range(datetime(2021, 5, 1)))
        >>> at_midnight = days.create_schedule_definition("at_midnight", "0 0 * * *", identity_partition_selector)
        >>> at_midnight.cron_schedule
        '0 0 * * *'
    """
    return create_offset_partition_selector(lambda due: due)(context, partition_set_def)


@checked_arguments("create_offset_partition_selector")
def create_offset_partition_selector(
    execution_time_to_partition_fn: Callable[[datetime], datetime],
) -> Callable[[ScheduleEvaluationContext, PartitionSetDefinition], Partition[datetime] | SkipReason]:
    """A selector of the partition that begins at a time which follows from the one at which the schedule is due.

    Args:
        execution_time_to_partition_fn: from when the schedule is due to when the partition begins.

    >>> from datetime import timedelta
    >>> yesterday = create_offset_partition_selector(lambda due: due - timedelta(days=1))
    """

    def selector(
        context: ScheduleEvaluationContext, partition_set_def: PartitionSetDefinition
    ) -> Partition[datetime] | SkipReason:
        due = context.scheduled_execution_time or datetime.now(UTC)
        wanted = execution_time_to_partition_fn(due)
        wanted = wanted if wanted.tzinfo is not None else wanted.replace(tzinfo=due.tzinfo)
        return partition_set_def.partition_beginning_at(wanted, due) or SkipReason(
            f"Partition set {partition_set_def.name!r} has no partition that begins at {wanted:%Y-%m-%d %H:%M %Z}."
        )

    return selector
