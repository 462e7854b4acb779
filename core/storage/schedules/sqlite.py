"""Schedules and sensors in one SQLite database."""

from __future__ import annotations

from core.storage.schedules.schema import SCHEMA
from core.storage.schedules.sql import SqlScheduleStorage
from core.storage.sqlite.storage import SqliteStorage


class SqliteScheduleStorage(SqliteStorage, SqlScheduleStorage):
    """The default schedule storage; see `SqliteStorage` for the arguments. In `dagster.yaml`:

    schedule_storage:
      module: core.storage.schedules
      class: SqliteScheduleStorage
      config:
        base_dir: /path/to/dir

    Example:
        >>> from core.records.job import JobState, JobStatus, JobType, ScheduleJobData
        >>> from core.records.origin import JobOrigin
        >>> from core.storage.schedules import SqliteScheduleStorage
        >>> storage = SqliteScheduleStorage.from_local("my_schedules")
        >>> mornings = JobState(
        ...     JobOrigin("a-repository", "mornings"), JobType.SCHEDULE, JobStatus.STOPPED, ScheduleJobData("0 6 * * *")
        ... )
        >>> added = storage.add_job_state(mornings)
        >>> storage.all_stored_job_state() == [mornings]
        True
        >>> storage.dispose()
    """

    SCHEMAS = (SCHEMA,)
    WHAT = "schedule database"
    FILE_NAME = "schedules.db"
