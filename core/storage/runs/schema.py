"""Tables of the run database."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String, nullable=False, unique=True),
    sa.Column("pipeline_name", sa.String, nullable=False, index=True),
    sa.Column("mode", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False, index=True),
    sa.Column("created_at", sa.Float, nullable=False, comment="Unix time in seconds"),
    sa.Column("updated_at", sa.Float, nullable=False, comment="Unix time in seconds"),
    sa.Column("body", sa.Text, nullable=False, comment="the PipelineRun as JSON, without status and tags"),
)

run_tags = sa.Table(
    "run_tags",
    metadata,
    sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
    sa.Index("run_tags_by_value", "key", "value"),
)

daemon_heartbeats = sa.Table(
    "daemon_heartbeats",
    metadata,
    sa.Column("daemon_type", sa.String, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)
