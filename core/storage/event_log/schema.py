"""Tables of the event log: the log itself, and the index that answers questions across runs."""

from __future__ import annotations

import sqlalchemy as sa

log_metadata = sa.MetaData()
index_metadata = sa.MetaData()

events = sa.Table(
    "events",
    log_metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("event_type", sa.String, comment="null for a logged message"),
    sa.Column("step_key", sa.String),
    sa.Column("timestamp", sa.Float, nullable=False, comment="Unix time in seconds"),
    sa.Column("body", sa.Text, nullable=False, comment="the EventLogEntry as JSON"),
    sa.Index("events_by_run", "run_id", "id"),
)

step_output_addresses = sa.Table(
    "step_output_addresses",
    index_metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("pipeline_name", sa.String, nullable=False),
    sa.Column("step_key", sa.String, nullable=False),
    sa.Column("output_name", sa.String, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Index("addresses_by_version", "version", "pipeline_name", "step_key", "output_name", "id"),
)
