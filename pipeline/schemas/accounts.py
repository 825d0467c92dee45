"""Accounts, how Stripe customers are linked to them, and deals."""

import polars as pl

from pipeline.schemas.table import (
    UTC,
    Column,
    Table,
    flag,
    instant,
    money,
    month_column,
    ratio,
    text,
)

ACCOUNT = Table(
    name="account",
    grain="one row per account",
    key=("account_id",),
    columns=(
        text(
            "account_id",
            "hubspot:<id>, salesforce:<id>, file:<id>, or the Stripe customer id.",
            key=True,
        ),
        text("name", "Name for people."),
        text(
            "segment",
            "Segment from the CRM field, if one is configured; bands by ACV are computed per month.",
        ),
        text("owner", "Name of who owns the account."),
        text("industry", "Industry as the CRM has it."),
        text("country", "ISO alpha-2 country where recognised."),
        text("channel", "Acquisition channel."),
        Column(
            "first_paid_month",
            pl.Date,
            "The first month at whose end it had MRR, of those since company.first_month.",
            kind="month",
        ),
        text("source", "hubspot, salesforce, file or stripe."),
    ),
    published=(
        "account_id",
        "name",
        "segment",
        "owner",
        "industry",
        "country",
        "channel",
        "first_paid_month",
        "source",
    ),
)

ACCOUNT_HISTORY = Table(
    name="account_history",
    grain="one row per account, dimension and value from an instant on",
    key=("account_id", "field", "at"),
    columns=(
        text("account_id", "The account.", key=True),
        text("field", "segment, owner, industry, country or channel.", key=True),
        Column(
            "at",
            UTC,
            "Since when; before the first one its value holds too, as inferred.",
            nullable=False,
        ),
        text("value", "The value, a country as ISO alpha-2 where recognised; null: emptied."),
    ),
    published=("account_id", "field", "at", "value"),
)

ACCOUNT_ALIAS = Table(
    name="account_alias",
    grain="one row per id of a CRM that leads to an account: its own, and those that were merged into it",
    key=("crm", "crm_id"),
    columns=(
        text("crm", "hubspot, salesforce or file.", key=True),
        text("crm_id", "The id in the CRM.", key=True),
        text("account_id", "The account that has it now."),
    ),
)

ACCOUNT_LINK = Table(
    name="account_link",
    grain="one row per Stripe customer",
    key=("customer_id",),
    columns=(
        text("customer_id", "Stripe customer id.", key=True),
        text("account_id", "The account it belongs to; always set."),
        text("method", "override, crm_field, metadata, email, domain or none."),
        Column(
            "confidence",
            pl.Float64,
            "1 for explicit ids, less for e-mail and domain.",
            kind="ratio",
        ),
        text("status", "matched, ambiguous, unmatched or ignored."),
        Column("candidates", pl.String, "JSON list of account ids where several fit.", kind="json"),
    ),
    published=("customer_id", "account_id", "method", "confidence", "status", "candidates"),
)

ACCOUNT_LINK_CHANGE = Table(
    name="account_link_change",
    grain="one row per Stripe customer each time that its account became another",
    key=("at", "customer_id"),
    append_only=True,
    columns=(
        Column("at", UTC, "When the new link was made.", nullable=False),
        text("customer_id", "Stripe customer id.", key=True),
        text("old_account_id", "The account that it belonged to before."),
        text("new_account_id", "The account that it belongs to since."),
        text("old_method", "How it was linked before."),
        text("new_method", "How it is linked since."),
        Column(
            "first_month",
            pl.Date,
            "The first month that was restated by it; null: none.",
            kind="month",
        ),
        money("moved_mrr", "The customer's MRR that moved with it, at that time."),
    ),
    published=(
        "at",
        "customer_id",
        "old_account_id",
        "new_account_id",
        "old_method",
        "new_method",
        "first_month",
        "moved_mrr",
    ),
)

CRM_DEAL = Table(
    name="crm_deal",
    grain="one row per deal",
    key=("deal_id",),
    columns=(
        text("deal_id", "Deal id, with the CRM's prefix.", key=True),
        text("account_id", "The account it is for."),
        text("type", "Type as the CRM has it."),
        text("stage", "Stage as the CRM names it."),
        text("owner", "Name of who owns the deal."),
        money("amount", "Amount as the CRM has it; not MRR."),
        text("currency", "Currency of the amount."),
        instant("created", "When it was created."),
        instant("closed", "When it was closed."),
        Column("won", pl.Boolean, "True when won, false when lost, null while open."),
        ratio("probability", "How likely it is won, as its stage has it."),
    ),
    published=(
        "deal_id",
        "account_id",
        "type",
        "stage",
        "owner",
        "amount",
        "currency",
        "created",
        "closed",
        "won",
    ),
)

CRM_DEAL_HISTORY = Table(
    name="crm_deal_history",
    grain="one row per deal, field and change",
    key=("deal_id", "at", "field"),
    columns=(
        text("deal_id", "Deal id, with the CRM's prefix.", key=True),
        instant("at", "When the field changed, or when the change was first seen."),
        text("field", "stage, amount, closed, owner or type.", key=True),
        text("value", "The value from then on."),
        flag("closes", "Of a stage: whether the deal is closed in it."),
        ratio("probability", "Of a stage: how likely it is won."),
    ),
    published=("deal_id", "at", "field", "value"),
)

CRM_PIPELINE = Table(
    name="crm_pipeline",
    grain="one row per month, stage and owner of the expansion deals that were open at its end",
    key=("month", "stage", "owner"),
    partitioned=True,
    columns=(
        month_column(),
        text("stage", "The stage that they were in.", key=True),
        text("owner", "Who owned them; unknown where nobody did.", key=True),
        Column("deals", pl.Int64, "How many.", nullable=False),
        Column(
            "without_amount", pl.Int64, "How many of them have no amount, or one without a rate."
        ),
        money("amount", "Their amounts in the reporting currency at the month's rates."),
        money("weighted", "The same, each by how likely its stage is won."),
    ),
    published=("month", "stage", "owner", "deals", "without_amount", "amount", "weighted"),
)

DEAL_RECONCILIATION = Table(
    name="deal_reconciliation",
    grain="one row per expansion deal that was won in the month",
    key=("month", "deal_id"),
    partitioned=True,
    columns=(
        month_column("The month in which it was closed."),
        text("deal_id", "Deal id, with the CRM's prefix.", key=True),
        text("account_id", "The account that it is for; null where the CRM names none."),
        text("owner", "Who owned it."),
        Column("closed", pl.Date, "The day on which it was closed.", nullable=False),
        text("outcome", "paid, spare, no_money, pending or unmatched."),
        money(
            "amount", "Its amount in the reporting currency; null without one or without a rate."
        ),
        money("attributed_mrr", "The expansion MRR that it explains."),
        money(
            "followed_mrr",
            "The account's expansion MRR in the window around it, whoever explains it.",
        ),
        ratio("ratio", "12 x attributed MRR / amount; null where there is no amount."),
    ),
    published=(
        "month",
        "deal_id",
        "account_id",
        "owner",
        "closed",
        "outcome",
        "amount",
        "attributed_mrr",
        "followed_mrr",
        "ratio",
    ),
)
