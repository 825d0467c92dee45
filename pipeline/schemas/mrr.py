"""Values of items at month ends, and movements between them."""

from pipeline.schemas.table import (
    RATE,
    Column,
    Table,
    count,
    flag,
    instant,
    money,
    month_column,
    text,
)

SNAPSHOT_PUBLISHED = (
    "month",
    "subscription_item_id",
    "account_id",
    "customer_id",
    "subscription_id",
    "product_id",
    "plan",
    "price_id",
    "currency",
    "billing_interval",
    "usage_type",
    "status",
    "quantity",
    "list_mrr",
    "discount_mrr",
    "mrr",
    "mrr_native",
    "fx_rate",
    "cancel_at",
    "past_due_since",
    "evidence",
    "provisional",
    "policy",
)

MRR_SNAPSHOT = Table(
    name="mrr_snapshot",
    grain="one row per month and subscription item that counts at the month's last instant",
    key=("month", "subscription_item_id"),
    partitioned=True,
    columns=(
        month_column(),
        text("subscription_item_id", "Stripe subscription item id.", key=True),
        text("account_id", "The account it belongs to."),
        text("customer_id", "Stripe customer id."),
        text("subscription_id", "Stripe subscription id."),
        text("product_id", "Stripe product id."),
        text("plan", "Plan by the configuration's mapping, else the product's name or id."),
        text("price_id", "Stripe price id."),
        text("currency", "Three-letter lower-case currency."),
        text("billing_interval", "month, year, or with a count as `3 month`."),
        text("usage_type", "licensed or metered."),
        text("pricing_model", "seat, flat, tier or usage."),
        text("status", "Stripe's raw status."),
        count("quantity", "Quantity; null for metered items."),
        money("list_mrr", "Monthly list value in the reporting currency."),
        money("discount_mrr", "Monthly discount in the reporting currency."),
        money("mrr", "list_mrr - discount_mrr."),
        money("mrr_native", "Monthly value in the item's own currency."),
        Column(
            "fx_rate", RATE, "Reporting currency for one unit of the item's currency.", kind="rate"
        ),
        instant("cancel_at", "When it is scheduled to end."),
        instant("past_due_since", "Since when the subscription is past due."),
        text("evidence", "exact, invoiced, bounded or inferred."),
        flag("provisional", "The month is not closed yet."),
        text("policy", "The policy the value follows."),
        text("proof", "Id of the event, listing or invoice line that proves the state."),
    ),
    published=SNAPSHOT_PUBLISHED,
)

MRR_SCHEDULED = Table(
    name="mrr_scheduled",
    grain="one row per month and item that a subscription schedule changes after the month's end, as it stood then",
    key=("month", "subscription_item_id"),
    partitioned=True,
    columns=(
        month_column(),
        text(
            "subscription_item_id",
            "Stripe subscription item id; of an item to come the schedule's id and its place there.",
            key=True,
        ),
        text("account_id", "The account it belongs to."),
        text("subscription_id", "Stripe subscription id."),
        text("schedule_id", "Stripe subscription schedule id."),
        instant("scheduled_at", "When the last phase begins."),
        text("product_id", "Stripe product id."),
        text("plan", "Plan, as in mrr_snapshot."),
        text("currency", "Three-letter lower-case currency."),
        text("billing_interval", "month, year, or with a count as `3 month`."),
        text("pricing_model", "seat, flat, tier or usage."),
        money("change_mrr", "What the item has more, or less, once all that is scheduled is done."),
    ),
    published=(
        "month",
        "subscription_item_id",
        "account_id",
        "subscription_id",
        "schedule_id",
        "scheduled_at",
        "product_id",
        "plan",
        "currency",
        "billing_interval",
        "pricing_model",
        "change_mrr",
    ),
)

MRR_MOVEMENT = Table(
    name="mrr_movement",
    grain="one row per month, window (in the warehouse the month alone) and account with MRR at either end",
    key=("month", "window_months", "account_id"),
    partitioned=True,
    columns=(
        month_column(),
        count(
            "window_months",
            "1, 3 or 12: between the ends of the month so many months before and of this one.",
        ),
        text("account_id", "The account.", key=True),
        text(
            "movement",
            "new, expansion, contraction, churn, reactivation, or null when nothing moved, or the rate alone.",
        ),
        money("opening_mrr", "MRR at the opening end as it stands there."),
        money("fx_mrr", "What the change of exchange rates did to the opening MRR."),
        money("delta_mrr", "closing - opening - fx: the movement, signed."),
        money("closing_mrr", "MRR at the closing end."),
        text("churn_kind", "voluntary, involuntary, paused or unknown; null unless churn."),
        text("evidence", "The worse grade of the two ends."),
        flag("provisional", "The month is not closed yet."),
        text("policy", "The policy the value follows."),
    ),
    published=(
        "month",
        "account_id",
        "movement",
        "opening_mrr",
        "fx_mrr",
        "delta_mrr",
        "closing_mrr",
        "churn_kind",
        "evidence",
        "provisional",
        "policy",
    ),
)

ITEM_END = (
    "subscription_item_id",
    "product_id",
    "plan",
    "currency",
    "billing_interval",
    "pricing_model",
)

MRR_ITEM_MOVEMENT = Table(
    name="mrr_item_movement",
    grain="one row per month, window and pair of items (or item without one), of accounts of which an item changed",
    key=("month", "window_months", "opening_subscription_item_id", "closing_subscription_item_id"),
    partitioned=True,
    columns=(
        month_column(),
        count("window_months", "1, 3 or 12."),
        text("account_id", "The account.", key=True),
        text("movement", "The account's movement; null when nothing moved but the rate."),
        *(
            text(
                f"{end}_{name}",
                f"{name} at the {end} end; null when the item does not count there.",
            )
            for end in ("opening", "closing")
            for name in ITEM_END
        ),
        money("opening_mrr", "MRR at the opening end as it stands there."),
        money("fx_mrr", "What the change of exchange rates did to it."),
        money("delta_mrr", "closing - opening - fx."),
        money("closing_mrr", "MRR at the closing end."),
    ),
)

MRR_MOVEMENT_COMPONENT = Table(
    name="mrr_movement_component",
    grain="one row per month, window (in the warehouse the month alone), account, item and type of change",
    key=("month", "window_months", "account_id", "subscription_item_id", "type"),
    partitioned=True,
    columns=(
        month_column(),
        count("window_months", "1, 3 or 12."),
        text("account_id", "The account.", key=True),
        text(
            "subscription_item_id",
            "The item at the closing end, else at the opening end.",
            key=True,
        ),
        text(
            "type",
            "seat, plan, interval, price, discount, usage, add_on, cross_sell; new, reactivation or churn.",
            key=True,
        ),
        text("paired_item_id", "The item at the opening end where another one."),
        text("product_id", "Product of the item."),
        text("movement", "The account's movement."),
        money(
            "amount",
            "Signed amount, free of exchange rates; an account's amounts sum to its delta.",
        ),
        text("evidence", "The account's grade."),
    ),
    published=(
        "month",
        "account_id",
        "subscription_item_id",
        "type",
        "paired_item_id",
        "product_id",
        "movement",
        "amount",
        "evidence",
    ),
)

INTRA_MONTH_ACTIVITY = Table(
    name="intra_month_activity",
    grain="one row per month and account that went up and down, or had items that came and left, within the month",
    key=("month", "account_id"),
    partitioned=True,
    columns=(
        month_column(),
        text("account_id", "The account.", key=True),
        count("changes", "Instants within the month at which its MRR changed."),
        money("up_mrr", "Sum of the increases, a positive number, at the month's rates."),
        money("down_mrr", "Sum of the decreases, a positive number."),
        money("delta_mrr", "up - down: what the movement shows, signed."),
        money("netted_mrr", "What the movement does not show: the smaller of up and down."),
        count("passing_items", "Items that counted within the month and at neither end of it."),
        text("evidence", "The worst grade of the states that were passed."),
    ),
    published=(
        "month",
        "account_id",
        "changes",
        "up_mrr",
        "down_mrr",
        "delta_mrr",
        "netted_mrr",
        "passing_items",
        "evidence",
    ),
)
