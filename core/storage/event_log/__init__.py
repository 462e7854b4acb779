"""Event log storages. Those on SQL are imported when first used, since importing SQLAlchemy takes 0.4 s."""

from typing import TYPE_CHECKING

from core.lazy import lazy_names
from core.storage.event_log.base import EventLogRecord, EventLogStorage, StepOutputAddress
from core.storage.event_log.in_memory import InMemoryEventLogStorage
from core.storage.event_log.watch import EventCallback

if TYPE_CHECKING:
    from core.storage.event_log.consolidated_sqlite import ConsolidatedSqliteEventLogStorage
    from core.storage.event_log.sql import SqlEventLogStorage
    from core.storage.event_log.sqlite import SqliteEventLogStorage
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "ConsolidatedSqliteEventLogStorage": "core.storage.event_log.consolidated_sqlite",
            "SqlEventLogStorage": "core.storage.event_log.sql",
            "SqliteEventLogStorage": "core.storage.event_log.sqlite",
        },
    )

__all__ = [
    "ConsolidatedSqliteEventLogStorage",
    "EventCallback",
    "EventLogRecord",
    "EventLogStorage",
    "InMemoryEventLogStorage",
    "SqlEventLogStorage",
    "SqliteEventLogStorage",
    "StepOutputAddress",
]
