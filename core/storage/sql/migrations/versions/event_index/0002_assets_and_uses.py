"""Assets are found across runs; of every stored value are known the runs that used it, and what it is told by."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.drop_index("ix_step_output_addresses_run_id", "step_output_addresses")
    op.create_index("addresses_by_address", "step_output_addresses", ["address"])
    op.create_table(
        "value_uses",
        sa.Column("address", sa.String, primary_key=True),
        sa.Column("run_id", sa.String, primary_key=True),
    )
    op.create_index("value_uses_by_run", "value_uses", ["run_id"])
    op.execute("INSERT INTO value_uses (address, run_id) SELECT DISTINCT address, run_id FROM step_output_addresses")
    op.create_table(
        "value_stamps",
        sa.Column("address", sa.String, primary_key=True),
        sa.Column("stamp", sa.String, nullable=False),
    )
    op.create_table("assets", sa.Column("asset_key", sa.String, primary_key=True))
    op.create_table(
        "asset_events",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("asset_key", sa.String, nullable=False),
        sa.Column("partition", sa.String),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("timestamp", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("asset_events_by_asset", "asset_events", ["asset_key", "id"])
    op.create_index("asset_events_by_run", "asset_events", ["run_id"])
    if op.get_bind().dialect.name == "sqlite":  # release 0.1.0 knew no other
        _add_what_was_not_indexed(op.get_bind())


def _add_what_was_not_indexed(connection: sa.Connection) -> None:
    connection.execute(sa.text("CREATE TEMP TABLE found (asset_key, partition, run_id, timestamp, body)"))
    for entry in _entries_beside(Path(str(connection.engine.url.database))):
        _add(connection, entry)
    # The logs come in no order, but of an asset's events the last one is to be the newest.
    columns = "asset_key, partition, run_id, timestamp, body"
    connection.execute(
        sa.text(f"INSERT INTO asset_events ({columns}) SELECT {columns} FROM found ORDER BY timestamp, rowid")  # noqa: S608  constants
    )
    connection.execute(sa.text("DROP TABLE found"))


def _entries_beside(index: Path) -> Iterator[dict[str, Any]]:
    """What release 0.1.0 stored and did not index, from the logs of the runs."""
    for path in sorted((index.parent / "runs").glob("*.db")):
        with closing(sqlite3.connect(path)) as log:
            if not log.execute("SELECT 1 FROM sqlite_master WHERE name = 'events'").fetchone():
                continue  # its process was killed before the log was made
            wanted = "event_type IN ('ASSET_MATERIALIZATION', 'STEP_MEMOIZED')"
            for (body,) in log.execute(f"SELECT body FROM events WHERE {wanted} ORDER BY id"):  # noqa: S608  constant
                yield json.loads(body)


def _add(connection: sa.Connection, entry: dict[str, Any]) -> None:
    data = entry["dagster_event"].get("event_specific_data") or {}
    use = sa.text("INSERT INTO value_uses (address, run_id) VALUES (:address, :run_id) ON CONFLICT DO NOTHING")
    for output in data.get("outputs", ()):
        if output.get("address") is not None:
            connection.execute(use, {"address": output["address"], "run_id": entry["run_id"]})
    if "asset_path" in data:
        row = {
            "key": json.dumps(data["asset_path"], ensure_ascii=False, separators=(",", ":")),
            "partition": data.get("partition"),
            "run_id": entry["run_id"],
            "timestamp": entry["timestamp"],
            "body": json.dumps(entry, ensure_ascii=False, separators=(",", ":")),
        }
        connection.execute(sa.text("INSERT INTO assets (asset_key) VALUES (:key) ON CONFLICT DO NOTHING"), row)
        connection.execute(
            sa.text(
                "INSERT INTO found (asset_key, partition, run_id, timestamp, body) "
                "VALUES (:key, :partition, :run_id, :timestamp, :body)"
            ),
            row,
        )
