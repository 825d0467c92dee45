"""What subscription schedules are to change after a month's end."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mrr_scheduled",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("subscription_item_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("schedule_id", sa.Text(), nullable=True),
        sa.Column("scheduled_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("billing_interval", sa.Text(), nullable=True),
        sa.Column("pricing_model", sa.Text(), nullable=True),
        sa.Column("change_mrr", sa.Numeric(20, 6), nullable=True),
        sa.PrimaryKeyConstraint("month", "subscription_item_id", name=op.f("pk_mrr_scheduled")),
    )


def downgrade() -> None:
    op.drop_table("mrr_scheduled")
