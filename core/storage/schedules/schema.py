"""Tables of the schedule database."""

from __future__ import annotations

import sqlalchemy as sa

from core.storage.sql.schema import ROW_NUMBER, Schema

metadata = sa.MetaData()

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", ROW_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("job_origin_id", sa.String, nullable=False, unique=True),
    sa.Column("repository_origin_id", sa.String, nullable=False),
    sa.Column("job_type", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False, comment="the JobState as JSON"),
    sa.Index("jobs_by_repository", "repository_origin_id", "id"),
)

job_ticks = sa.Table(
    "job_ticks",
    metadata,
    sa.Column("id", ROW_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("job_origin_id", sa.String, nullable=False, comment="of a job whose state may have been deleted"),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("timestamp", sa.Float, nullable=False, comment="Unix time in seconds"),
    sa.Column("body", sa.Text, nullable=False, comment="the JobTickData as JSON"),
    sa.Index("job_ticks_by_time", "job_origin_id", "timestamp", "id"),
    sa.Index("job_ticks_by_status", "job_origin_id", "status", "timestamp"),
    # Otherwise SQLite uses the id of a deleted tick again, and a holder of the old tick would overwrite the new one.
    sqlite_autoincrement=True,
)

SCHEMA = Schema("schedules", metadata, "0001")
