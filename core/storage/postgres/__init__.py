"""Storages on PostgreSQL, for a team. They need the extra `postgres`."""

from typing import TYPE_CHECKING

from core.lazy import lazy_names

if TYPE_CHECKING:
    from core.storage.postgres.event_log import PostgresEventLogStorage
    from core.storage.postgres.runs import PostgresRunStorage
    from core.storage.postgres.schedules import PostgresScheduleStorage
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "PostgresEventLogStorage": "core.storage.postgres.event_log",
            "PostgresRunStorage": "core.storage.postgres.runs",
            "PostgresScheduleStorage": "core.storage.postgres.schedules",
        },
    )

__all__ = ["PostgresEventLogStorage", "PostgresRunStorage", "PostgresScheduleStorage"]
