"""The tables of the contract, and the ledger.

Revision: 0001, the first
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("segment", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("industry", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("first_paid_month", sa.Date(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account")),
    )
    op.create_table(
        "account_link",
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(precision=53), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("candidates", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("pk_account_link")),
    )
    op.create_table(
        "alert_evaluation",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("observed", sa.Float(precision=53), nullable=True),
        sa.Column("baseline", sa.Float(precision=53), nullable=True),
        sa.Column("threshold", sa.Float(precision=53), nullable=True),
        sa.Column("n", sa.BigInteger(), nullable=True),
        sa.Column("k", sa.BigInteger(), nullable=True),
        sa.Column("effect", sa.Float(precision=53), nullable=True),
        sa.Column("p", sa.Float(precision=53), nullable=True),
        sa.Column("breach", sa.Boolean(), nullable=True),
        sa.Column("guard", sa.Text(), nullable=True),
        sa.Column("rule_hash", sa.Text(), nullable=True),
        sa.Column("data_version", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "fingerprint", "month", name=op.f("pk_alert_evaluation")),
    )
    op.create_table(
        "alert_event",
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("episode_id", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=True),
        sa.Column("month", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_alert_event")),
    )
    op.create_table(
        "alert_state",
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=True),
        sa.Column("dimension", sa.Text(), nullable=True),
        sa.Column("member", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("since_month", sa.Date(), nullable=True),
        sa.Column("episode_id", sa.Text(), nullable=True),
        sa.Column("last_month", sa.Date(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("slack_channel", sa.Text(), nullable=True),
        sa.Column("slack_ts", sa.Text(), nullable=True),
        sa.Column("rule_hash", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_alert_state")),
    )
    op.create_table(
        "crm_deal",
        sa.Column("deal_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(20, 6), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("created", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("closed", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("won", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("deal_id", name=op.f("pk_crm_deal")),
    )
    op.create_table(
        "crm_deal_history",
        sa.Column("deal_id", sa.Text(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("deal_id", "at", "field", name=op.f("pk_crm_deal_history")),
    )
    op.create_table(
        "data_quality",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("figures", sa.Text(), nullable=True),
        sa.Column("examples", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "check", "month", name=op.f("pk_data_quality")),
    )
    op.create_table(
        "expansion_attribution",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("subscription_item_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("attribution", sa.Text(), nullable=True),
        sa.Column("deal_id", sa.Text(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(20, 6), nullable=True),
        sa.PrimaryKeyConstraint(
            "month",
            "account_id",
            "subscription_item_id",
            "type",
            name=op.f("pk_expansion_attribution"),
        ),
    )
    op.create_table(
        "expansion_by_type",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("window_months", sa.BigInteger(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(20, 6), nullable=True),
        sa.Column("accounts", sa.BigInteger(), nullable=True),
        sa.Column("share", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint(
            "month",
            "window_months",
            "dimension",
            "member",
            "type",
            name=op.f("pk_expansion_by_type"),
        ),
    )
    op.create_table(
        "expansion_cohort",
        sa.Column("cohort_month", sa.Date(), nullable=False),
        sa.Column("age_months", sa.BigInteger(), nullable=False),
        sa.Column("accounts", sa.BigInteger(), nullable=True),
        sa.Column("starting_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("retained_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("expansion_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("nrr", sa.Float(precision=53), nullable=True),
        sa.Column("grr", sa.Float(precision=53), nullable=True),
        sa.PrimaryKeyConstraint("cohort_month", "age_months", name=op.f("pk_expansion_cohort")),
    )
    op.create_table(
        "expansion_metrics",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("window_months", sa.BigInteger(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("opening_accounts", sa.BigInteger(), nullable=True),
        sa.Column("closing_accounts", sa.BigInteger(), nullable=True),
        sa.Column("new_accounts", sa.BigInteger(), nullable=True),
        sa.Column("expanding_accounts", sa.BigInteger(), nullable=True),
        sa.Column("contracting_accounts", sa.BigInteger(), nullable=True),
        sa.Column("churned_accounts", sa.BigInteger(), nullable=True),
        sa.Column("reactivated_accounts", sa.BigInteger(), nullable=True),
        sa.Column("starting_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("fx_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("new_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("expansion_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("contraction_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("churned_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("reactivation_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("transfer_in_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("transfer_out_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("ending_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("committed_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("organic_expansion_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("expansion_arr", sa.Numeric(20, 6), nullable=True),
        sa.Column("expansion_rate", sa.Float(precision=53), nullable=True),
        sa.Column("expansion_rate_annualised", sa.Float(precision=53), nullable=True),
        sa.Column("nrr", sa.Float(precision=53), nullable=True),
        sa.Column("grr", sa.Float(precision=53), nullable=True),
        sa.Column("logo_retention", sa.Float(precision=53), nullable=True),
        sa.Column("quick_ratio", sa.Float(precision=53), nullable=True),
        sa.Column("quick_ratio_with_reactivation", sa.Float(precision=53), nullable=True),
        sa.Column("mrr_growth_rate", sa.Float(precision=53), nullable=True),
        sa.Column("expansion_share_of_new", sa.Float(precision=53), nullable=True),
        sa.Column("expansion_share_of_total", sa.Float(precision=53), nullable=True),
        sa.Column("top1_share", sa.Float(precision=53), nullable=True),
        sa.Column("top5_share", sa.Float(precision=53), nullable=True),
        sa.Column("top10_share", sa.Float(precision=53), nullable=True),
        sa.Column("discounted_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("at_risk_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("voluntary_churned_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("involuntary_churned_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("target", sa.Float(precision=53), nullable=True),
        sa.Column("attainment", sa.Float(precision=53), nullable=True),
        sa.Column("band", sa.Text(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "month", "window_months", "dimension", "member", name=op.f("pk_expansion_metrics")
        ),
    )
    op.create_table(
        "fx_rate",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("rate", sa.Numeric(24, 12), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("frozen", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("month", "currency", name=op.f("pk_fx_rate")),
    )
    op.create_table(
        "generation",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_generation")),
    )
    op.create_table(
        "lake_object",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_lake_object")),
    )
    with op.batch_alter_table("lake_object", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_lake_object_table_name_partition_live"),
            ["table_name", "partition", "live"],
            unique=False,
        )

    op.create_table(
        "mrr_movement",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("movement", sa.Text(), nullable=True),
        sa.Column("opening_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("fx_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("delta_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("closing_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("churn_kind", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("month", "account_id", name=op.f("pk_mrr_movement")),
    )
    op.create_table(
        "mrr_movement_component",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("subscription_item_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("paired_item_id", sa.Text(), nullable=True),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("movement", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(20, 6), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(
            "month",
            "account_id",
            "subscription_item_id",
            "type",
            name=op.f("pk_mrr_movement_component"),
        ),
    )
    op.create_table(
        "mrr_snapshot",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("subscription_item_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("customer_id", sa.Text(), nullable=True),
        sa.Column("subscription_id", sa.Text(), nullable=True),
        sa.Column("product_id", sa.Text(), nullable=True),
        sa.Column("plan", sa.Text(), nullable=True),
        sa.Column("price_id", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("billing_interval", sa.Text(), nullable=True),
        sa.Column("usage_type", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("list_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("discount_mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("mrr", sa.Numeric(20, 6), nullable=True),
        sa.Column("mrr_native", sa.Numeric(20, 6), nullable=True),
        sa.Column("fx_rate", sa.Numeric(24, 12), nullable=True),
        sa.Column("cancel_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("past_due_since", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("month", "subscription_item_id", name=op.f("pk_mrr_snapshot")),
    )
    op.create_table(
        "restatement",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("old", sa.Float(precision=53), nullable=True),
        sa.Column("new", sa.Float(precision=53), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "month", "version", "dimension", "member", "metric", name=op.f("pk_restatement")
        ),
    )
    op.create_table(
        "silence",
        sa.Column("silence_id", sa.Text(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=True),
        sa.Column("member", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("silence_id", name=op.f("pk_silence")),
    )
    op.create_table(
        "slack_outbox",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("episode_id", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("payload_json", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("slack_ts", sa.Text(), nullable=True),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("sent_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_slack_outbox")),
    )
    op.create_table(
        "source_sync",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_account", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("listed", sa.BigInteger(), nullable=True),
        sa.Column("stored", sa.BigInteger(), nullable=True),
        sa.Column("rejected", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("sync_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("source", "source_account", "stream", name=op.f("pk_source_sync")),
    )
    op.create_table(
        "sync_lock",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("acquired_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("beat_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sync_lock")),
    )


def downgrade() -> None:
    op.drop_table("sync_lock")
    op.drop_table("source_sync")
    op.drop_table("slack_outbox")
    op.drop_table("silence")
    op.drop_table("restatement")
    op.drop_table("mrr_snapshot")
    op.drop_table("mrr_movement_component")
    op.drop_table("mrr_movement")
    with op.batch_alter_table("lake_object", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_lake_object_table_name_partition_live"))

    op.drop_table("lake_object")
    op.drop_table("generation")
    op.drop_table("fx_rate")
    op.drop_table("expansion_metrics")
    op.drop_table("expansion_cohort")
    op.drop_table("expansion_by_type")
    op.drop_table("expansion_attribution")
    op.drop_table("data_quality")
    op.drop_table("crm_deal_history")
    op.drop_table("crm_deal")
    op.drop_table("alert_state")
    op.drop_table("alert_event")
    op.drop_table("alert_evaluation")
    op.drop_table("account_link")
    op.drop_table("account")
