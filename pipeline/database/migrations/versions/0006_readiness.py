"""Who expands next: scores with their reasons, their record, and experiments with outreach."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MONEY = sa.Numeric(20, 6)
NUMBER = sa.Float(precision=53)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def upgrade() -> None:
    op.create_table(
        "readiness_score",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("score", NUMBER, nullable=True),
        sa.Column("score_without_deals", NUMBER, nullable=True),
        sa.Column("rank", sa.BigInteger(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("confidence", NUMBER, nullable=True),
        sa.Column("probability", NUMBER, nullable=True),
        sa.Column("blocked", sa.Text(), nullable=True),
        sa.Column("motion", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("mrr", MONEY, nullable=True),
        _key("readiness_score", "month", "account_id"),
    )
    op.create_table(
        "readiness_reason",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("area", sa.Text(), nullable=True),
        sa.Column("points", NUMBER, nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        _key("readiness_reason", "month", "account_id", "position"),
    )
    op.create_table(
        "score_evaluation",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("value", NUMBER, nullable=True),
        sa.Column("low", NUMBER, nullable=True),
        sa.Column("high", NUMBER, nullable=True),
        sa.Column("origins", sa.BigInteger(), nullable=True),
        sa.Column("accounts", sa.BigInteger(), nullable=True),
        sa.Column("positives", sa.BigInteger(), nullable=True),
        sa.Column("shipped", sa.Boolean(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        _key("score_evaluation", "month", "method", "measure"),
    )
    _experiments()


def _experiments() -> None:
    op.create_table(
        "experiment",
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("share", NUMBER, nullable=True),
        sa.Column("held_out", sa.BigInteger(), nullable=True),
        sa.Column("outreach", sa.BigInteger(), nullable=True),
        sa.Column("base_rate", NUMBER, nullable=True),
        sa.Column("detectable", NUMBER, nullable=True),
        _key("experiment", "experiment"),
    )
    op.create_table(
        "experiment_member",
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("arm", sa.Text(), nullable=True),
        sa.Column("stratum", sa.Text(), nullable=True),
        sa.Column("mrr", MONEY, nullable=True),
        _key("experiment_member", "experiment", "account_id"),
    )
    op.create_table(
        "experiment_result",
        sa.Column("experiment", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("design", sa.Text(), nullable=False),
        sa.Column("outreach", NUMBER, nullable=True),
        sa.Column("held_out", NUMBER, nullable=True),
        sa.Column("effect", NUMBER, nullable=True),
        sa.Column("low", NUMBER, nullable=True),
        sa.Column("high", NUMBER, nullable=True),
        sa.Column("outreach_accounts", sa.BigInteger(), nullable=True),
        sa.Column("held_out_accounts", sa.BigInteger(), nullable=True),
        _key("experiment_result", "experiment", "month", "measure", "design"),
    )


def downgrade() -> None:
    for table in (
        "experiment_result",
        "experiment_member",
        "experiment",
        "score_evaluation",
        "readiness_reason",
        "readiness_score",
    ):
        op.drop_table(table)
