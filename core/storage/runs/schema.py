"""Tables of the run database."""

from __future__ import annotations

import sqlalchemy as sa

from core.storage.sql.schema import ROW_NUMBER, Schema

metadata = sa.MetaData()

# Every index ends with the id, by which runs are paged.
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", ROW_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String, nullable=False, unique=True),
    sa.Column("pipeline_name", sa.String, nullable=False),
    sa.Column("mode", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("root_run_id", sa.String),
    sa.Column("parent_run_id", sa.String),
    sa.Column("created_at", sa.Float, nullable=False, comment="Unix time in seconds"),
    sa.Column("updated_at", sa.Float, nullable=False, comment="Unix time in seconds"),
    sa.Column("body", sa.Text, nullable=False, comment="the PipelineRun as JSON, without status and tags"),
    sa.Column("rank", sa.BigInteger, nullable=False, server_default="0", comment="minus the priority in the queue"),
    sa.Column("owner", sa.String, comment="who answers for the run; null for nobody"),
    sa.Column("claim", sa.BigInteger, nullable=False, server_default="0", comment="grows with each owner"),
    sa.Column("expires_at", sa.Float, comment="of the claim: Unix time in seconds, by this database's clock"),
    sa.Column("launches", sa.BigInteger, nullable=False, server_default="0", comment="how often it left the queue"),
    sa.Index("runs_by_pipeline", "pipeline_name", "id"),
    sa.Index("runs_by_status", "status", "id"),
    sa.Index("runs_by_root", "root_run_id", "id"),
    sa.Index("runs_by_parent", "parent_run_id", "id"),
    sa.Index("runs_by_update", "updated_at", "id"),
    sa.Index("runs_by_rank", "status", "rank", "id"),
    sa.Index("runs_by_expiry", "expires_at", "id"),
)

run_tags = sa.Table(
    "run_tags",
    metadata,
    sa.Column("run", ROW_NUMBER, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, comment="runs.id"),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
    sa.Index("run_tags_by_value", "key", "value", "run"),
)

daemon_heartbeats = sa.Table(
    "daemon_heartbeats",
    metadata,
    sa.Column("daemon_type", sa.String, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

daemon_roles = sa.Table(
    "daemon_roles",
    metadata,
    sa.Column("role", sa.String, primary_key=True),
    sa.Column("owner", sa.String, comment="who has it; null for nobody"),
    sa.Column("claim", sa.BigInteger, nullable=False, comment="grows with each owner"),
    sa.Column("expires_at", sa.Float, comment="of the claim: Unix time in seconds, by this database's clock"),
)

SCHEMA = Schema("runs", metadata, "0003", frozenset({"runs", "run_tags", "daemon_heartbeats"}))
