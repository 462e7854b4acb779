"""The index across runs, as release 0.1.0 made it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "step_output_addresses",
        sa.Column("id", _BIG, primary_key=True, autoincrement=True),
        sa.Column("pipeline_name", sa.String, nullable=False),
        sa.Column("step_key", sa.String, nullable=False),
        sa.Column("output_name", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("run_id", sa.String, nullable=False),
    )
    op.create_index("ix_step_output_addresses_run_id", "step_output_addresses", ["run_id"])
    op.create_index(
        "addresses_by_version",
        "step_output_addresses",
        ["version", "pipeline_name", "step_key", "output_name", "id"],
    )
