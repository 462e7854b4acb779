"""Tags refer to runs by number, and runs can be found by root, parent and time, each in the order of their ids."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("runs", sa.Column("root_run_id", sa.String))
    op.add_column("runs", sa.Column("parent_run_id", sa.String))
    # SQLite has ->> since 3.38 only, and Python uses the system's.
    field = "json_extract(body, '$.{}')" if op.get_bind().dialect.name == "sqlite" else "CAST(body AS json) ->> '{}'"
    for column in ("root_run_id", "parent_run_id"):
        op.execute(f"UPDATE runs SET {column} = {field.format(column)}")  # noqa: S608  constants
    op.drop_index("ix_runs_pipeline_name", "runs")
    op.drop_index("ix_runs_status", "runs")
    op.create_index("runs_by_pipeline", "runs", ["pipeline_name", "id"])
    op.create_index("runs_by_status", "runs", ["status", "id"])
    op.create_index("runs_by_root", "runs", ["root_run_id", "id"])
    op.create_index("runs_by_parent", "runs", ["parent_run_id", "id"])
    op.create_index("runs_by_update", "runs", ["updated_at", "id"])
    op.drop_index("run_tags_by_value", "run_tags")
    op.rename_table("run_tags", "run_tags_0001")
    op.create_table(
        "run_tags",
        sa.Column("run", _BIG, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )
    op.execute(
        "INSERT INTO run_tags (run, key, value) "
        "SELECT runs.id, old.key, old.value FROM run_tags_0001 AS old JOIN runs ON runs.run_id = old.run_id"
    )
    op.drop_table("run_tags_0001")
    op.create_index("run_tags_by_value", "run_tags", ["key", "value", "run"])
