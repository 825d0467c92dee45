"""Accounts, how Stripe customers are linked to them, and deals."""

import polars as pl

from pipeline.schemas.table import Column, Table, instant, money, text

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
        Column("first_paid_month", pl.Date, "Month of the first counted MRR.", kind="month"),
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
    ),
    published=("deal_id", "at", "field", "value"),
)
