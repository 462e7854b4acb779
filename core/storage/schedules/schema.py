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
    sa.Index("job_ticks_in_status", "status", "id"),
    # Otherwise SQLite uses the id of a deleted tick again, and a holder of the old tick would overwrite the new one.
    sqlite_autoincrement=True,
)

job_run_keys = sa.Table(
    "job_run_keys",
    metadata,
    sa.Column("job_origin_id", sa.String, primary_key=True),
    sa.Column("run_key", sa.String, primary_key=True, comment="has a run, which may have been deleted"),
)

backfills = sa.Table(
    "backfills",
    metadata,
    sa.Column("id", ROW_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("backfill_id", sa.String, nullable=False, unique=True),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("body", sa.Text, nullable=False, comment="the PartitionBackfill as JSON, without its partitions"),
    sa.Index("backfills_by_status", "status", "id"),
)

backfill_partitions = sa.Table(
    "backfill_partitions",
    metadata,
    sa.Column("backfill", ROW_NUMBER, sa.ForeignKey("backfills.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False, comment="its place, from 0"),
    sa.Column("partition_name", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False, comment="reserved for its run"),
    sa.Column("status", sa.String, nullable=False),
    sa.Index("backfill_partitions_by_status", "backfill", "status", "number"),
)

SCHEMA = Schema("schedules", metadata, "0002")
