"""Schedules and sensors, and their ticks."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("job_origin_id", sa.String, nullable=False, unique=True),
        sa.Column("repository_origin_id", sa.String, nullable=False),
        sa.Column("job_type", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("jobs_by_repository", "jobs", ["repository_origin_id", "id"])
    op.create_table(
        "job_ticks",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("job_origin_id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("timestamp", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("job_ticks_by_time", "job_ticks", ["job_origin_id", "timestamp", "id"])
    op.create_index("job_ticks_by_status", "job_ticks", ["job_origin_id", "status", "timestamp"])
