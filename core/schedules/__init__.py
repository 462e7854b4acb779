"""Schedules, sensors and partition sets as users define them: when runs are asked for, with which config and tags."""

from core.schedules.contexts import (
    ScheduleEvaluationContext,
    ScheduleExecutionContext,
    SensorEvaluationContext,
    SensorExecutionContext,
    build_schedule_context,
    build_sensor_context,
)
from core.schedules.cron_schedule import ScheduleDefinition, schedule
from core.schedules.partition import Partition
from core.schedules.partition_schedules import daily_schedule, hourly_schedule, monthly_schedule, weekly_schedule
from core.schedules.partition_sets import PartitionScheduleDefinition, PartitionSetDefinition
from core.schedules.partitions_in_time import date_partition_range
from core.schedules.requests import RunRequest, SkipReason
from core.schedules.selectors import create_offset_partition_selector, identity_partition_selector
from core.schedules.sensors import AssetSensorDefinition, SensorDefinition, asset_sensor, sensor

__all__ = [
    "AssetSensorDefinition",
    "Partition",
    "PartitionScheduleDefinition",
    "PartitionSetDefinition",
    "RunRequest",
    "ScheduleDefinition",
    "ScheduleEvaluationContext",
    "ScheduleExecutionContext",
    "SensorDefinition",
    "SensorEvaluationContext",
    "SensorExecutionContext",
    "SkipReason",
    "asset_sensor",
    "build_schedule_context",
    "build_sensor_context",
    "create_offset_partition_selector",
    "daily_schedule",
    "date_partition_range",
    "hourly_schedule",
    "identity_partition_selector",
    "monthly_schedule",
    "schedule",
    "sensor",
    "weekly_schedule",
]
