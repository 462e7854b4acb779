"""The part that the storages on PostgreSQL have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.postgres.config import POSTGRES_CONFIG, postgres_url
from core.storage.postgres.database import PostgresDatabase
from core.storage.sql.schema import Schema
from core.storage.sql.storage import SqlStorage


class PostgresStorage(SqlStorage, ConfigurableClass):
    """Mixin of a storage: its database and its config.

    Args:
        postgres_url: `postgresql://user:password@host:5432/database`; the password is never printed.
        inst_data: the config that it was made from.

    Raises:
        DagsterStorageError: the URL is not a PostgreSQL URL.
        DagsterMissingExtraError: psycopg is not installed.
    """

    SCHEMAS: ClassVar[Sequence[Schema]]
    """The schemas that its database must have."""

    WHAT: ClassVar[str]
    """The name of its database in messages."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._database = PostgresDatabase(postgres_url, self.SCHEMAS, self.WHAT)
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return POSTGRES_CONFIG

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> Self:
        return cls(postgres_url(config_value), inst_data)

    @property
    def database(self) -> PostgresDatabase:
        return self._database
