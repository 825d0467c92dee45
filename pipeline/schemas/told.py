"""What a CRM tells, in one shape whatever the CRM: the frames between an adapter and the links.

Belongs here: one table a kind of record, with the CRM's own ids and words, names resolved (an owner by name, a stage
by its label). They are made anew from the raw store each time, and never stored. Ids are without the CRM's prefix;
`crm` is `hubspot`, `salesforce` or `file`.
"""

import polars as pl

from pipeline.schemas.table import Column, Table, flag, instant, money, ratio, text

CRM = text("crm", "hubspot, salesforce or file.", key=True)
DIMENSIONS = ("segment", "owner", "industry", "country", "channel")
"""The dimensions of accounts that a CRM tells."""

TOLD_ACCOUNT = Table(
    name="told_account",
    grain="one row per account that the CRM has now: neither deleted, archived, gone nor merged into another",
    key=("crm", "crm_id"),
    columns=(
        CRM,
        text("crm_id", "The account's id in the CRM.", key=True),
        text("name", "Name for people."),
        text("segment", "The configured segment field; null where none is configured."),
        text("owner", "The owner's name; `Name <e-mail>` where two share it; a departed one too."),
        text("industry", "Industry as written."),
        text("country", "Country as written."),
        text("channel", "Acquisition channel as written."),
        instant("created", "When the CRM says that it was created."),
        Column(
            "domains", pl.List(pl.String), "Domains or web addresses as written; never its e-mails."
        ),
        Column("stripe_ids", pl.List(pl.String), "What its Stripe id fields hold, trimmed."),
        Column("emails", pl.List(pl.String), "E-mail addresses that belong to it, as written."),
        Column("merged_ids", pl.List(pl.String), "Ids of accounts that were merged into it."),
    ),
)

TOLD_ACCOUNT_CHANGE = Table(
    name="told_account_change",
    grain="one row per account, dimension and change that the CRM or the nights know of",
    key=("crm", "crm_id", "field", "at"),
    columns=(
        CRM,
        text("crm_id", "The account's id in the CRM.", key=True),
        text("field", "segment, owner, industry, country or channel.", key=True),
        instant("at", "When the CRM says that it became so, else when a night first saw it."),
        text("value", "The value from then on, as TOLD_ACCOUNT has it; null: emptied."),
    ),
)

TOLD_DEAL = Table(
    name="told_deal",
    grain="one row per deal that the CRM has now: neither deleted, archived nor gone",
    key=("crm", "crm_id"),
    columns=(
        CRM,
        text("crm_id", "The deal's id in the CRM.", key=True),
        text(
            "account_crm_id",
            "Its account's id in the CRM; null where the CRM names none or several.",
        ),
        text("type", "Type as the CRM has it."),
        text("stage", "Stage as the CRM names it."),
        text("owner", "The owner's name, as of an account."),
        money("amount", "Amount as the CRM has it; not MRR."),
        text(
            "currency", "Currency of the amount, in small letters; null where the CRM names none."
        ),
        instant("created", "When it was created."),
        instant("closed", "When it was closed, or is expected to be."),
        Column("won", pl.Boolean, "True when won, false when lost, null while open."),
        ratio(
            "probability",
            "How likely it is won, as its stage has it; null where the CRM says nothing.",
        ),
    ),
)

TOLD_DEAL_CHANGE = Table(
    name="told_deal_change",
    grain="one row per deal, field and change that the CRM or the nights know of",
    key=("crm", "crm_id", "at", "field"),
    columns=(
        CRM,
        text("crm_id", "The deal's id in the CRM.", key=True),
        instant("at", "When the CRM says that it became so, else when a night first saw it."),
        text("field", "stage, amount, closed, owner or type.", key=True),
        text(
            "value", "The value from then on, as text; a stage or an owner by name; null: emptied."
        ),
        flag(
            "closes",
            "Of a stage: whether the deal is closed in it; null elsewhere and where unknown.",
        ),
        ratio("probability", "Of a stage: how likely it is won; null elsewhere and where unknown."),
    ),
)

TOLD_CONTACT = Table(
    name="told_contact",
    grain="one row per e-mail address and account that a contact of the CRM has",
    key=("crm", "email", "account_crm_id"),
    columns=(
        CRM,
        text("email", "The address as written.", key=True),
        text("account_crm_id", "The contact's primary account.", key=True),
    ),
)

TOLD = (TOLD_ACCOUNT, TOLD_ACCOUNT_CHANGE, TOLD_DEAL, TOLD_DEAL_CHANGE, TOLD_CONTACT)
"""Every frame that an adapter gives."""
