"""What the evidence says, before any policy: the item timeline, usage charges and the dimensions they refer to."""

import polars as pl

from pipeline.schemas.table import RATE, Column, Table, count, flag, instant, month_column, text

DISCOUNT_REF = pl.Struct({"discount_id": pl.String, "coupon_id": pl.String, "level": pl.String})
"""One discount in force, in order of application; level is item, subscription or customer."""

TIER = pl.Struct({"up_to": pl.Int64, "unit": pl.Int64, "flat": pl.Int64})
"""One tier: upper bound (null = no bound), price a unit and flat fee, both scaled by 10^scale minor units."""

COVERAGE = Table(
    name="coverage",
    grain="one row per span of time over which every event of a source account is known",
    key=("source_account", "covered_from", "covered_to"),
    append_only=True,
    columns=(
        text("source_account", "The Stripe account; empty for the key's own.", key=True),
        instant("covered_from", "Every event from here on is in the raw store."),
        instant("covered_to", "Every event before this instant is in the raw store."),
        text("sync_id", "The sync that drained the span."),
        flag(
            "listed",
            "Whether the sync listed everything that there is now; null: it did, as each sync once.",
        ),
    ),
)

CUSTOMER = Table(
    name="customer",
    grain="one row per Stripe customer",
    key=("customer_id",),
    columns=(
        text("customer_id", "Stripe customer id.", key=True),
        text("source_account", "The Stripe account; empty for the key's own."),
        text("name", "Name, for people who read messages and reports."),
        text("email", "E-mail, only for links to the CRM."),
        text("country", "ISO alpha-2 country of the billing address."),
        text("currency", "Three-letter lower-case currency."),
        instant("created", "When the customer was created in Stripe."),
        flag("deleted", "Deleted in Stripe."),
        Column(
            "metadata", pl.String, "Stripe metadata as JSON, the keys used for links.", kind="json"
        ),
    ),
)

PRODUCT = Table(
    name="product",
    grain="one row per Stripe product",
    key=("product_id",),
    columns=(
        text("product_id", "Stripe product id.", key=True),
        text("name", "Product name."),
        Column("metadata", pl.String, "Stripe metadata as JSON.", kind="json"),
    ),
)

PRICE_TERMS = (
    text("price_id", "Stripe price id.", key=True),
    text("currency", "Three-letter lower-case currency of this row.", key=True),
    text("product_id", "Stripe product id."),
    text("lookup_key", "Stripe lookup key."),
    text("billing_scheme", "per_unit or tiered."),
    text("tiers_mode", "graduated or volume; null unless tiered."),
    text("usage_type", "licensed or metered."),
    text("interval", "day, week, month or year."),
    count("interval_count", "Intervals between two charges."),
    count("scale", "Decimal places of `unit` and of the tiers' amounts beyond the minor unit."),
    count("unit", "Price a unit, in 10^-scale minor units; null when tiered."),
    count("divide_by", "transform_quantity.divide_by; null when absent."),
    text("round", "transform_quantity.round: up or down."),
    Column("tiers", pl.List(TIER), "Tiers in order; null unless tiered."),
)
"""What a price charges in one currency."""

PRICE = Table(
    name="price",
    grain="one row per price, currency it can be charged in, and version of its amounts in that currency",
    key=("price_id", "currency", "price_version"),
    columns=(
        *PRICE_TERMS,
        Column(
            "price_version",
            pl.Int64,
            "0, 1, ... in order of time; amounts in the price's own currency never change.",
            nullable=False,
        ),
        instant("valid_from", "The version holds from this instant; null: always before valid_to."),
        instant("valid_to", "It holds until before this instant; null while it lasts."),
        text("evidence", "How sure these amounts are: exact, bounded or inferred."),
        text("proof", "Id of the event or sync that shows the version; null for the first."),
        flag("amount_known", "False: no list gives its amounts or tiers; it counts as nothing."),
    ),
)

COUPON = Table(
    name="coupon",
    grain="one row per coupon and currency it can take off",
    key=("coupon_id", "currency"),
    columns=(
        text("coupon_id", "Stripe coupon id.", key=True),
        text("currency", "Currency of amount_off; empty for a percentage.", key=True),
        count("percent_ppm", "Percentage off in millionths (200000 = 20%); null for an amount."),
        flag(
            "rounded",
            "The percentage has more than four decimals, so percent_ppm is not all of it.",
        ),
        count("amount_off", "Amount off in minor units; null for a percentage."),
        text("duration", "forever, repeating or once."),
        count("duration_in_months", "Months of a repeating coupon."),
        Column("applies_to", pl.List(pl.String), "Products it is limited to; null for all."),
        flag(
            "full",
            "Its limits and other currencies are known; not so where it was deleted before it was listed.",
        ),
        instant("made_at", "When it was created."),
    ),
)

DISCOUNT = Table(
    name="discount",
    grain="one row per discount (one use of a coupon)",
    key=("discount_id",),
    columns=(
        text("discount_id", "Stripe discount id.", key=True),
        text("coupon_id", "The coupon behind it."),
        text("customer_id", "The customer it was given to."),
        text("subscription_id", "The subscription it is on; null for a customer's."),
        text("subscription_item_id", "The item it is on; null above item level."),
        flag("one_off", "Given on one invoice or invoice item: never the customer's own."),
        instant("start", "In force from here."),
        instant("end", "In force before this instant; null for ever."),
        instant("announced_end", "The end that it announced itself; null where it announced none."),
    ),
)

PHASE_ITEM = pl.Struct({"price_id": pl.String, "quantity": pl.Int64, "coupons": pl.List(pl.String)})
"""An item of a schedule's phase; `coupons` are those that it names, null one that is given in another way."""

SUBSCRIPTION_PHASE = Table(
    name="subscription_phase",
    grain="one row per schedule of a subscription, span of time in which it stood unchanged, and phase",
    key=("schedule_id", "valid_from", "starts_at"),
    columns=(
        text("schedule_id", "Stripe subscription schedule id.", key=True),
        text("subscription_id", "The subscription that it changes."),
        instant("created_at", "When the schedule was made."),
        flag("ends", "The subscription ends with the last phase."),
        instant("starts_at", "When the phase begins."),
        flag("last", "No phase comes after it."),
        Column("coupons", pl.List(pl.String), "Coupons that the phase names, as its items do."),
        Column("items", pl.List(PHASE_ITEM), "What the subscription has in the phase."),
        instant("valid_from", "The schedule stands like this from this instant."),
        instant("valid_to", "It stands like this until before this instant; null while it does."),
        text("opened_by", "Id of the event or listing that shows it."),
        text("closed_by", "Id of the event or listing that shows it otherwise, or over."),
    ),
)

ITEM_TIMELINE = Table(
    name="item_timeline",
    grain="one row per subscription item and span of time in which nothing about it changes",
    key=("subscription_item_id", "valid_from"),
    columns=(
        text("subscription_item_id", "Stripe subscription item id.", key=True),
        text("subscription_id", "Stripe subscription id."),
        text("customer_id", "Stripe customer id."),
        text("source_account", "The Stripe account; empty for the key's own."),
        text("price_id", "Stripe price id."),
        count("price_version", "The version of the price in the subscription's currency."),
        text("currency", "Currency the subscription bills in."),
        count("quantity", "Quantity; null for metered items."),
        text("status", "Stripe's raw status; `unknown` where no evidence says it."),
        flag("collection_paused", "pause_collection is set."),
        flag("in_trial", "The item itself is in a trial."),
        instant("past_due_since", "Since when the subscription is past due."),
        instant("cancel_at", "When it is scheduled to end."),
        instant("cancel_requested_at", "When the end was asked for."),
        text("cancel_reason", "cancellation_details.reason."),
        Column(
            "discounts",
            pl.List(DISCOUNT_REF),
            "The discounts that reduced the invoice of the service period this span lies in, in order of application.",
        ),
        count(
            "net_num", "Inclusive tax leaves net_num / net_den of the price; null: see its usage."
        ),
        count("net_den", "Denominator of that share."),
        instant("valid_from", "The state holds from this instant."),
        instant("valid_to", "The state holds until before this instant; null while it lasts."),
        text("evidence", "exact, invoiced, bounded or inferred."),
        text("opened_by", "Id of the event, listing or invoice line that proves the start."),
        text(
            "closed_by",
            "Id of the event, listing or invoice line that proves the end; null while it lasts.",
        ),
    ),
)

USAGE_CHARGE = Table(
    name="usage_charge",
    grain="one row per metered item and service period that was invoiced",
    key=("subscription_item_id", "period_start", "period_end"),
    columns=(
        text("subscription_item_id", "Stripe subscription item id.", key=True),
        instant("period_start", "Start of the service period."),
        instant("period_end", "End of the service period."),
        text("customer_id", "Stripe customer id."),
        text("currency", "Currency of the charge."),
        text("price_id", "Price the usage was charged at."),
        count(
            "amount", "Charge before discounts and inclusive tax, in minor units, its lines summed."
        ),
        Column(
            "discounts", pl.List(DISCOUNT_REF), "The discounts that reduced the invoice, in order."
        ),
        count("net_num", "Inclusive tax left net_num / net_den of the charge."),
        count("net_den", "Denominator of that share."),
        text("invoice_id", "Stripe invoice id."),
        text("evidence", "exact while the invoice is finalised, inferred before."),
    ),
)

FX_RATE = Table(
    name="fx_rate",
    grain="one row per month and currency",
    key=("month", "currency"),
    columns=(
        month_column(),
        text("currency", "Three-letter lower-case currency.", key=True),
        Column(
            "rate",
            RATE,
            "Reporting currency for one unit; in the lake scaled by 1e12.",
            kind="rate",
        ),
        text("source", "ecb, package, file or fixed, with the date of the rate where it has one."),
        Column("rated_on", pl.Date, "Day that the rate is of; null where it has none."),
        flag("frozen", "The month is closed and its rate was fresh: the rate stays."),
    ),
    published=("month", "currency", "rate", "source", "frozen"),
)
