"""Evidence in columns: what each raw record of Stripe says, decoded once.

Belongs here: one table a kind of record. Each row keeps when its record was seen and the record's hash, which decide
between two records of one object. The payload in the raw store stays the source: these tables can always be made anew.
"""

import polars as pl

from pipeline.schemas.billing import (
    COUPON,
    CUSTOMER,
    DISCOUNT,
    PHASE_ITEM,
    PRICE_TERMS,
    PRODUCT,
)
from pipeline.schemas.table import UTC, Column, Table, count, flag, instant, text

ITEM_STATE = pl.Struct(
    {
        "id": pl.String,
        "price_id": pl.String,
        "quantity": pl.Int64,
        "discounts": pl.List(pl.String),
        "period_start": UTC,
        "created": UTC,
        "trial_start": UTC,
        "trial_end": UTC,
        "tax_ppm": pl.Int64,
    }
)
"""One item of a subscription, as a listing or an event shows it.

`tax_ppm` is the inclusive percentage of its own tax rates in millionths; null where it has none.
"""

TAX_RATE = pl.Struct({"tax_rate_id": pl.String, "ppm": pl.Int64})
"""A tax rate with its inclusive percentage in millionths; zero where it comes on top."""

INVOICE_LINE = pl.Struct(
    {
        "line_id": pl.String,
        "amount": pl.Int64,
        "quantity": pl.Int64,
        "period_start": UTC,
        "period_end": UTC,
        "price_id": pl.String,
        "product_id": pl.String,
        "line_item": pl.String,
        "subscription_id": pl.String,
        "invoice_item_id": pl.String,
        "proration": pl.Boolean,
        "line_discounts": pl.List(pl.String),
        "own_discounts": pl.List(pl.String),
        "reduced": pl.Int64,
        "included": pl.Int64,
        "line_tax_rates": pl.List(pl.String),
    }
)
"""One line of an invoice; `line_item` is the subscription item that the line itself names.

`line_discounts` are those that took something off, `own_discounts` those that stand on the line, whatever they took
off. `reduced` is its amount after discounts, `included` the inclusive tax in it, `line_tax_rates` the rates of that.
"""

SEEN = (
    instant("observed_at", "When the record was seen to say so."),
    text("hash", "The record's hash; decides between two records of one instant."),
)

OBSERVED_SUBSCRIPTION = Table(
    name="observed_subscription",
    grain="one row per side of each event of a subscription, and per listing of it",
    key=("source_account", "subscription_id", "at", "proof", "side"),
    append_only=True,
    columns=(
        text("source_account", "The Stripe account; empty for the key's own.", key=True),
        text("subscription_id", "Stripe subscription id.", key=True),
        text("customer_id", "Stripe customer id."),
        instant("at", "The instant at which the state is known: an event's, or a listing's."),
        text("kind", "`listing`, or the event's type after `customer.subscription.`."),
        text("proof", "The event or the sync that says so.", key=True),
        text("side", "before or after the instant; both for a listing.", key=True),
        flag("checked", "Whether the record tells the state of this side."),
        text("currency", "Currency the subscription bills in."),
        text("status", "Stripe's raw status."),
        flag("collection_paused", "pause_collection is set."),
        instant("cancel_at", "When it is scheduled to end."),
        instant("cancel_requested_at", "When the end was asked for."),
        text("cancel_reason", "cancellation_details.reason."),
        instant("created_at", "When the subscription was created."),
        instant("ended_at", "When it ended."),
        instant("trial_start", "When its trial began."),
        instant("trial_end", "When its trial ends."),
        Column("subscription_discounts", pl.List(pl.String), "Ids of its discounts, in order."),
        count("default_tax_ppm", "Inclusive tax of its default rates in millionths; null: none."),
        flag("automatic_tax", "Stripe computes its taxes."),
        Column("tax_rates", pl.List(TAX_RATE), "Every rate that it or its items hold."),
        instant("subscription_period", "Start of the service period, before basil."),
        Column("items", pl.List(ITEM_STATE), "Its items."),
        flag("more", "The record leaves items out."),
    ),
)

OBSERVED_INVOICE = Table(
    name="observed_invoice",
    grain="one row per listing of an invoice, and per event that tells its end",
    key=("source_account", "invoice_id", "observed_at", "hash"),
    append_only=True,
    columns=(
        text("source_account", "The Stripe account; empty for the key's own.", key=True),
        text("invoice_id", "Stripe invoice id.", key=True),
        text("customer_id", "Stripe customer id."),
        text("invoice_status", "Stripe's status of the invoice; `deleted` where an event says so."),
        text("billing_reason", "Why it was made; null in an event's row."),
        instant("invoiced_at", "When the invoice was created."),
        text("currency", "Currency of the invoice."),
        Column("lines", pl.List(INVOICE_LINE), "Its lines; null in an event's row."),
        Column(
            "invoice_discounts",
            pl.List(pl.String),
            "Ids of the discounts above its lines, in order; null in an event's row.",
        ),
        Column("tax_rates", pl.List(TAX_RATE), "Its default rates."),
        *SEEN,
    ),
)

OBSERVED_INVOICE_ITEM = Table(
    name="observed_invoice_item",
    grain="one row per record of an invoice item",
    key=("source_account", "invoice_item_id", "observed_at", "hash"),
    append_only=True,
    columns=(
        text("source_account", "The Stripe account; empty for the key's own.", key=True),
        text("invoice_item_id", "Stripe invoice item id.", key=True),
        text("customer_id", "Stripe customer id."),
        text("currency", "Its currency."),
        flag("proration", "A change of a subscription made it."),
        instant("changed_at", "Its date: when the subscription changed."),
        count("amount", "Minor units; negative where it credits."),
        count("quantity", "Quantity."),
        text("price_id", "Stripe price id."),
        instant("period_end", "End of the time it is for."),
        text("subscription_id", "Stripe subscription id."),
        text("subscription_item_id", "Stripe subscription item id."),
        *SEEN,
    ),
)


def _observed(table: Table, *more: Column) -> Table:
    """A dimension as each record of it says."""
    return Table(
        name=f"observed_{table.name}",
        grain=f"as {table.name}, for each record of it",
        key=(*table.key, "observed_at", "hash"),
        append_only=True,
        columns=(*table.columns, *more, *SEEN),
    )


OBSERVED_CUSTOMER = _observed(
    CUSTOMER, text("discount_id", "The customer's own discount; null where it has none.")
)
OBSERVED_PRODUCT = _observed(PRODUCT)
OBSERVED_PRICE = Table(
    name="observed_price",
    grain="one row per record that shows a price, and currency",
    key=("price_id", "currency", "observed_at", "hash"),
    append_only=True,
    columns=(
        *PRICE_TERMS,
        text("source_account", "The Stripe account; empty for the key's own."),
        flag("own", "The row's currency is the price's own."),
        flag(
            "listed",
            "From the list of prices, which shows all; else from what uses it.",
        ),
        instant("created_at", "When the price was created."),
        text("sync_id", "The sync that saw it."),
        *SEEN,
    ),
)
OBSERVED_PRICE_EDIT = Table(
    name="observed_price_edit",
    grain="one row per event that says that a price was updated; it does not show its currency options",
    key=("source_account", "price_id", "proof"),
    append_only=True,
    columns=(
        text("source_account", "The Stripe account; empty for the key's own.", key=True),
        text("price_id", "Stripe price id.", key=True),
        instant("at", "When it was updated."),
        text("proof", "The event that says so.", key=True),
    ),
)
OBSERVED_COUPON = _observed(COUPON)
OBSERVED_DISCOUNT = _observed(
    DISCOUNT,
    instant("said_at", "The event that says so; null for an object inside another."),
    instant("gone_at", "When it was deleted, in the event that says so."),
)

OBSERVED_SCHEDULE = Table(
    name="observed_schedule",
    grain="one row per event of a subscription schedule or listing of it, and phase",
    key=("source_account", "schedule_id", "at", "proof", "starts_at"),
    append_only=True,
    columns=(
        text("source_account", "The Stripe account; empty for the key's own.", key=True),
        text("schedule_id", "Stripe subscription schedule id.", key=True),
        text("customer_id", "Stripe customer id."),
        text(
            "subscription_id",
            "The subscription that it changes, or changed; null before it begins.",
        ),
        instant("at", "The instant at which it stood like this: an event's, or a listing's."),
        count("turn", "Of one instant: 0 its creation, 1 another event, 2 a listing."),
        text("proof", "The event or the sync that says so.", key=True),
        instant("created_at", "When the schedule was made."),
        instant("stopped_at", "When it was released, canceled or completed."),
        flag("ends", "The subscription ends with the last phase."),
        instant("starts_at", "When the phase begins; null where there is none."),
        Column(
            "coupons", pl.List(pl.String), "Coupons that the phase names; null: given otherwise."
        ),
        Column("items", pl.List(PHASE_ITEM), "What the subscription has in the phase."),
        *SEEN,
    ),
)

OBSERVED_UNREADABLE = Table(
    name="observed_unreadable",
    grain="one row per raw record that is set aside",
    key=("source_account", "stream", "record_id", "hash"),
    append_only=True,
    columns=(
        text("source_account", "The Stripe account it belongs to.", key=True),
        text("stream", "Its stream.", key=True),
        text("record_id", "The record's id.", key=True),
        *SEEN,
        text("api_version", "The API version it is rendered in."),
        text("customer_id", "Whom it concerns, where it says so."),
        text("subscription_id", "The subscription that it is about."),
        text("price_id", "The price that it is about."),
        text("coupon_id", "The coupon that it is about."),
        flag("concerns", "Whether MRR rests on records of its kind."),
        text("reason", "Why it is set aside: its form is odd, or it says too little."),
    ),
)

OBSERVED = (
    OBSERVED_CUSTOMER,
    OBSERVED_PRODUCT,
    OBSERVED_PRICE,
    OBSERVED_PRICE_EDIT,
    OBSERVED_COUPON,
    OBSERVED_DISCOUNT,
    OBSERVED_SUBSCRIPTION,
    OBSERVED_INVOICE,
    OBSERVED_INVOICE_ITEM,
    OBSERVED_SCHEDULE,
    OBSERVED_UNREADABLE,
)
"""Every table of decoded evidence."""
