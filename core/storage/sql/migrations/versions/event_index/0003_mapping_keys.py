"""The values of a dynamic output are told apart by a mapping key; other outputs have none."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("step_output_addresses", sa.Column("mapping_key", sa.String))
    op.drop_index("addresses_by_version", "step_output_addresses")
    op.create_index(
        "addresses_by_version",
        "step_output_addresses",
        ["version", "pipeline_name", "step_key", "output_name", "mapping_key", "id"],
    )
