"""Who has lost a run to another stores nothing more of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "fences",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
