"""Schedules and sensors in PostgreSQL."""

from __future__ import annotations

from typing import Any

from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.postgres.config import POSTGRES_CONFIG, postgres_url
from core.storage.schedules.schema import SCHEMA
from core.storage.schedules.sql import SqlScheduleStorage
from core.storage.sql.postgres import PostgresDatabase


class PostgresScheduleStorage(SqlScheduleStorage, ConfigurableClass):
    """Schedules of a team. In `dagster.yaml`:

        schedule_storage:
          module: core.storage.postgres
          class: PostgresScheduleStorage
          config:
            postgres_url: {env: CLOUDSTORE_POSTGRES_URL}

    Args:
        postgres_url: `postgresql://user:password@host:5432/database`; the password is printed nowhere.
        inst_data: what it was configured with.

    Raises:
        DagsterStorageError: the URL is none of PostgreSQL.
        DagsterMissingExtraError: psycopg is not installed.
    """

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._database = PostgresDatabase(postgres_url, [SCHEMA], "schedule database")
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return POSTGRES_CONFIG

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> PostgresScheduleStorage:
        return PostgresScheduleStorage(postgres_url(config_value), inst_data)

    @property
    def database(self) -> PostgresDatabase:
        return self._database
