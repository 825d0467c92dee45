"""Whose rows an object of the lake holds, where a large company's accounts are written in shares."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, default in (("share", "0"), ("shares", "1")):
        op.add_column(
            "lake_object", sa.Column(name, sa.Integer(), nullable=False, server_default=default)
        )


def downgrade() -> None:
    op.drop_column("lake_object", "shares")
    op.drop_column("lake_object", "share")
