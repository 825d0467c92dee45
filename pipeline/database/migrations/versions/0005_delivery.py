"""Where a message is in Slack, and what became of its chart."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("slack_outbox", sa.Column("slack_channel", sa.Text(), nullable=True))
    op.add_column("slack_outbox", sa.Column("chart", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("slack_outbox", "chart")
    op.drop_column("slack_outbox", "slack_channel")
