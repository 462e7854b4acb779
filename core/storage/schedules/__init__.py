"""Where schedules and sensors are kept. The SQL ones are imported when first used: SQLAlchemy takes 0.4 s to import."""

from typing import TYPE_CHECKING

from core.lazy import lazy_names
from core.storage.schedules.base import ScheduleStorage
from core.storage.schedules.in_memory import InMemoryScheduleStorage

if TYPE_CHECKING:
    from core.storage.schedules.sql import SqlScheduleStorage
    from core.storage.schedules.sqlite import SqliteScheduleStorage
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "SqlScheduleStorage": "core.storage.schedules.sql",
            "SqliteScheduleStorage": "core.storage.schedules.sqlite",
        },
    )

__all__ = ["InMemoryScheduleStorage", "ScheduleStorage", "SqlScheduleStorage", "SqliteScheduleStorage"]
