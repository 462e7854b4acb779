"""Tables of the event log: the log itself, and the index that answers questions across runs."""

from __future__ import annotations

import sqlalchemy as sa

from core.storage.sql.schema import ROW_NUMBER, Schema

log_metadata = sa.MetaData()
index_metadata = sa.MetaData()

events = sa.Table(
    "events",
    log_metadata,
    sa.Column("id", ROW_NUMBER, primary_key=True, autoincrement=True),
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
    sa.Column("id", ROW_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("pipeline_name", sa.String, nullable=False),
    sa.Column("step_key", sa.String, nullable=False),
    sa.Column("output_name", sa.String, nullable=False),
    sa.Column("mapping_key", sa.String, comment="which value of a dynamic output; null for other outputs"),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Index("addresses_by_version", "version", "pipeline_name", "step_key", "output_name", "mapping_key", "id"),
    sa.Index("addresses_by_address", "address"),
)

value_uses = sa.Table(
    "value_uses",
    index_metadata,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("run_id", sa.String, primary_key=True, comment="of a run that stored the value or found it"),
    sa.Index("value_uses_by_run", "run_id"),
)

value_stamps = sa.Table(
    "value_stamps",
    index_metadata,
    sa.Column("address", sa.String, primary_key=True),
    sa.Column("stamp", sa.String, nullable=False, comment="tells the value there from others; the most recent one"),
)

assets = sa.Table("assets", index_metadata, sa.Column("asset_key", sa.String, primary_key=True, comment="JSON"))

asset_events = sa.Table(
    "asset_events",
    index_metadata,
    sa.Column("id", ROW_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("asset_key", sa.String, nullable=False, comment="JSON"),
    sa.Column("partition", sa.String),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("timestamp", sa.Float, nullable=False, comment="Unix time in seconds"),
    sa.Column("body", sa.Text, nullable=False, comment="the EventLogEntry as JSON"),
    sa.Index("asset_events_by_asset", "asset_key", "id"),
    sa.Index("asset_events_by_run", "run_id"),
    sqlite_autoincrement=True,  # no id is used twice, so a reader who follows an asset by id misses nothing
)

# Where all logs are in one database; that of a run which has a database of its own is in the header of its file.
fences = sa.Table(
    "fences",
    index_metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, comment="of the least claim that may store events of the run"),
)

LOG_SCHEMA = Schema("event_log", log_metadata, "0001", frozenset({"events"}))
INDEX_SCHEMA = Schema("event_index", index_metadata, "0004", frozenset({"step_output_addresses"}))
