"""The part that storages in a single SQLite file have in common."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from core.config import StringSource
from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.sql.schema import Schema
from core.storage.sql.storage import SqlStorage
from core.storage.sqlite.database import SqliteDatabase, sqlite_url


class SqliteStorage(SqlStorage, ConfigurableClass):
    """Mixin of a storage: its file and its config.

    Args:
        conn_string: a SQLAlchemy URL, `sqlite:///path/to/file.db`; the file is created if it does not exist.
        inst_data: the config that it was made from.

    Raises:
        DagsterStorageError: the URL is not a SQLite URL.
    """

    SCHEMAS: ClassVar[Sequence[Schema]]
    """The schemas that its database must have."""

    WHAT: ClassVar[str]
    """The name of its database in messages."""

    FILE_NAME: ClassVar[str]
    """The name of its file in a directory."""

    is_of_one_machine = True

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._database = SqliteDatabase.at_url(conn_string, self.SCHEMAS, self.WHAT)
        self._inst_data = inst_data

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> Self:
        """The storage in a directory, which is created when first used."""
        return cls(sqlite_url(Path(base_dir) / cls.FILE_NAME), inst_data)

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return {"base_dir": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> Self:
        return cls.from_local(config_value["base_dir"], inst_data)

    @property
    def database(self) -> SqliteDatabase:
        return self._database
