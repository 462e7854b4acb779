"""Where runs are kept. The SQL ones are imported when first used: SQLAlchemy takes 0.4 s to import."""

from typing import TYPE_CHECKING

from core.lazy import lazy_names
from core.storage.runs.base import RunStorage
from core.storage.runs.in_memory import InMemoryRunStorage

if TYPE_CHECKING:
    from core.storage.runs.sql import SqlRunStorage
    from core.storage.runs.sqlite import SqliteRunStorage
else:
    __getattr__ = lazy_names(
        __name__,
        {"SqlRunStorage": "core.storage.runs.sql", "SqliteRunStorage": "core.storage.runs.sqlite"},
    )

__all__ = ["InMemoryRunStorage", "RunStorage", "SqlRunStorage", "SqliteRunStorage"]
