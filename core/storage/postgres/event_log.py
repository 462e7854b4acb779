"""Event logs in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from core.serdes import ConfigurableClass, ConfigurableClassData
from core.storage.event_log.schema import INDEX_SCHEMA, LOG_SCHEMA
from core.storage.event_log.single_database import SingleDatabaseEventLogStorage
from core.storage.postgres.config import POSTGRES_CONFIG, postgres_url
from core.storage.sql.postgres import PostgresDatabase


class PostgresEventLogStorage(SingleDatabaseEventLogStorage, ConfigurableClass):
    """Event logs of a team. In `dagster.yaml`:

        event_log_storage:
          module: core.storage.postgres
          class: PostgresEventLogStorage
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
        self._database = PostgresDatabase(postgres_url, [LOG_SCHEMA, INDEX_SCHEMA], "event log")
        self._inst_data = inst_data

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> Any:
        return POSTGRES_CONFIG

    @staticmethod
    def from_config_value(inst_data: ConfigurableClassData, config_value: dict[str, Any]) -> PostgresEventLogStorage:
        return PostgresEventLogStorage(postgres_url(config_value), inst_data)

    @property
    def database(self) -> PostgresDatabase:
        return self._database

    def lock_runs(self, connection: sa.Connection, run_ids: Collection[str]) -> None:
        # Numbers are given out before transactions end, so without the lock a reader that follows a run could see
        # a later entry first and miss the earlier one. In one order, or two transactions could wait for each other.
        for run_id in sorted(run_ids):
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(run_id, 0))))
