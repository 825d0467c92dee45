"""When a check was noted: the latest result of each counts, and rows have no order of their own.

Episodes that people know of have a channel: over a webhook they had none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("data_quality", sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.execute(
        "UPDATE alert_state SET slack_channel = '' "
        "WHERE state IN ('firing', 'recovering') AND slack_channel IS NULL"
    )


def downgrade() -> None:
    op.drop_column("data_quality", "at")
