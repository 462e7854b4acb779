"""Ticks that have begun are found without their job; keys of runs are taken once; backfills have a row a partition."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_index("job_ticks_in_status", "job_ticks", ["status", "id"])
    op.create_table(
        "job_run_keys",
        sa.Column("job_origin_id", sa.String, primary_key=True),
        sa.Column("run_key", sa.String, primary_key=True),
    )
    op.create_table(
        "backfills",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("backfill_id", sa.String, nullable=False, unique=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("backfills_by_status", "backfills", ["status", "id"])
    op.create_table(
        "backfill_partitions",
        sa.Column("backfill", _BIG, sa.ForeignKey("backfills.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("partition_name", sa.String, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
    )
    op.create_index("backfill_partitions_by_status", "backfill_partitions", ["backfill", "status", "number"])
