"""Growth of cohorts, and what happened within a month and does not show at its ends."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(20, 6)


def upgrade() -> None:
    op.create_table(
        "cohort_growth",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("cohort_month", sa.Date(), nullable=False),
        sa.Column("accounts", sa.BigInteger(), nullable=True),
        sa.Column("expanded_accounts", sa.BigInteger(), nullable=True),
        sa.Column("median_months_to_expansion", sa.Float(precision=53), nullable=True),
        sa.Column("starting_mrr", MONEY, nullable=True),
        sa.Column("early_accounts", sa.BigInteger(), nullable=True),
        sa.Column("early_expansion_mrr", MONEY, nullable=True),
        sa.Column("early_expansion_rate", sa.Float(precision=53), nullable=True),
        sa.Column("year_two_starting_mrr", MONEY, nullable=True),
        sa.Column("year_two_expansion_mrr", MONEY, nullable=True),
        sa.Column("year_two_retained_mrr", MONEY, nullable=True),
        sa.Column("year_two_expansion_rate", sa.Float(precision=53), nullable=True),
        sa.Column("year_two_nrr", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("month", "cohort_month", name=op.f("pk_cohort_growth")),
    )
    op.create_table(
        "intra_month_activity",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=True),
        sa.Column("up_mrr", MONEY, nullable=True),
        sa.Column("down_mrr", MONEY, nullable=True),
        sa.Column("delta_mrr", MONEY, nullable=True),
        sa.Column("netted_mrr", MONEY, nullable=True),
        sa.Column("passing_items", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("month", "account_id", name=op.f("pk_intra_month_activity")),
    )


def downgrade() -> None:
    op.drop_table("intra_month_activity")
    op.drop_table("cohort_growth")
