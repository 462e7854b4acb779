"""Runs say who answers for them, and wait in the order of their priority; roles of the daemon are held by claims."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("runs", sa.Column("rank", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("owner", sa.String))
    op.add_column("runs", sa.Column("claim", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("expires_at", sa.Float))
    op.add_column("runs", sa.Column("launches", sa.BigInteger, nullable=False, server_default="0"))
    op.create_index("runs_by_rank", "runs", ["status", "rank", "id"])
    op.create_index("runs_by_expiry", "runs", ["expires_at", "id"])
    op.create_table(
        "daemon_roles",
        sa.Column("role", sa.String, primary_key=True),
        sa.Column("owner", sa.String),
        sa.Column("claim", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.Float),
    )
