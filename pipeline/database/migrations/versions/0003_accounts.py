"""Accounts as of the month, changes of links, deals beside the money that followed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_history",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "field", "at", name=op.f("pk_account_history")),
    )
    op.create_table(
        "account_link_change",
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("old_account_id", sa.Text(), nullable=True),
        sa.Column("new_account_id", sa.Text(), nullable=True),
        sa.Column("old_method", sa.Text(), nullable=True),
        sa.Column("new_method", sa.Text(), nullable=True),
        sa.Column("first_month", sa.Date(), nullable=True),
        sa.Column("moved_mrr", sa.Numeric(20, 6), nullable=True),
        sa.PrimaryKeyConstraint("at", "customer_id", name=op.f("pk_account_link_change")),
    )
    op.create_table(
        "attribution_sensitivity",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("attribution", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(20, 6), nullable=True),
        sa.Column("accounts", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint(
            "month", "days", "attribution", name=op.f("pk_attribution_sensitivity")
        ),
    )
    op.create_table(
        "crm_pipeline",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("deals", sa.BigInteger(), nullable=True),
        sa.Column("without_amount", sa.BigInteger(), nullable=True),
        sa.Column("amount", sa.Numeric(20, 6), nullable=True),
        sa.Column("weighted", sa.Numeric(20, 6), nullable=True),
        sa.PrimaryKeyConstraint("month", "stage", "owner", name=op.f("pk_crm_pipeline")),
    )
    op.create_table(
        "deal_reconciliation",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("deal_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("closed", sa.Date(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(20, 6), nullable=True),
        sa.Column("attributed_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("followed_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("ratio", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("month", "deal_id", name=op.f("pk_deal_reconciliation")),
    )


def downgrade() -> None:
    for table in (
        "deal_reconciliation",
        "crm_pipeline",
        "attribution_sensitivity",
        "account_link_change",
        "account_history",
    ):
        op.drop_table(table)
