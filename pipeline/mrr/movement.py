"""Movements: what an account's MRR did between two month ends, and why.

Belongs here: the classification of accounts. Components are in `components`, pairs in `pairing`.
Source of the rules: docs/method.md, "Snapshot and movement, month M".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline import schemas
from pipeline.billing.evidence import worst, worst_of
from pipeline.errors import Unvalued
from pipeline.money import convert
from pipeline.months import Calendar, add_months
from pipeline.mrr.book import Book
from pipeline.mrr.components import components, item_movements
from pipeline.mrr.instants import at_boundaries
from pipeline.mrr.pairing import CASE
from pipeline.mrr.past import ACCOUNT, grades, paid_spans, with_past
from pipeline.mrr.policy import Policy
from pipeline.mrr.snapshot import account_evidence, month_ends


@dataclass(frozen=True, slots=True)
class Movements:
    """Movements of a range of months; each frame has the schema of the table it is named after."""

    movement: pl.DataFrame
    item_movement: pl.DataFrame
    component: pl.DataFrame


def _windows(calendar: Calendar, months: Sequence[date], windows: Sequence[int]) -> pl.DataFrame:
    """One row per month and window: opening_month, boundaries of both ends."""
    rows = [
        {
            "month": month,
            "window_months": window,
            "opening_month": add_months(month, -window),
            "opening_at": calendar.boundary(add_months(month, -window)),
            "closing_at": calendar.boundary(month),
        }
        for month in months
        for window in windows
    ]
    instant = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        rows,
        schema={
            "month": pl.Date,
            "window_months": pl.Int64,
            "opening_month": pl.Date,
            "opening_at": instant,
            "closing_at": instant,
        },
    )


def _ends(
    values: pl.LazyFrame, cases: pl.LazyFrame, rates: pl.LazyFrame
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The items at the opening and the closing end of every case, valued at the case's month's rates."""
    items = values.rename({"month": "end_month"}).drop("at", "provisional")
    now = rates.select("month", "currency", "rate")
    then = rates.select(end_month="month", currency="currency", rate_then="rate")
    opening = (
        items.join(cases, left_on="end_month", right_on="opening_month", coalesce=True)
        .join(now, on=["month", "currency"], how="left")
        .join(then, on=["end_month", "currency"], how="left")
        .with_columns(
            value=convert(pl.col("mrr_native"), pl.col("rate")),
            stood=convert(pl.col("mrr_native"), pl.col("rate_then")),
        )
    )
    closing = (
        items.join(cases, left_on="end_month", right_on="month")
        .with_columns(month="end_month")
        .join(now, on=["month", "currency"], how="left")
        .with_columns(value=convert(pl.col("mrr_native"), pl.col("rate")))
    )
    return opening, closing


def _accounts(opening: pl.LazyFrame, closing: pl.LazyFrame) -> pl.LazyFrame:
    """One row per case and account with a counting item at either end."""
    subscribed = ((pl.col("usage_type") == "metered") | (pl.col("list_native") > 0)).any()
    return (
        opening.group_by(ACCOUNT)
        .agg(opening_mrr=pl.col("stood").sum(), o=pl.col("value").sum(), held_before=subscribed)
        .join(
            closing.group_by(ACCOUNT).agg(c=pl.col("value").sum(), holds=subscribed),
            on=ACCOUNT,
            how="full",
            coalesce=True,
        )
        .with_columns(
            pl.col("opening_mrr", "o", "c").fill_null(0),
            pl.col("held_before", "holds").fill_null(value=False),
        )
    )


def _coming_back(policy: Policy) -> pl.Expr:
    """What an account that paid before is called when it comes back, by the policy's switch."""
    if policy.reactivation == "expansion":
        return pl.lit("expansion")
    if policy.reactivation == "new":
        away = pl.col("back_at") - pl.col("left_at")
        return (
            pl.when(away > pl.duration(days=policy.reactivation_days))
            .then(pl.lit("new"))
            .otherwise(pl.lit("reactivation"))
        )
    return pl.lit("reactivation")


def _classified(accounts: pl.LazyFrame, policy: Policy) -> pl.LazyFrame:
    """`accounts` (with their past) with their movement; one that comes from nothing is as sure as its past."""
    o, c = pl.col("o"), pl.col("c")
    paid_before = (pl.col("first_paid") < pl.col("opening_at")).fill_null(value=False)
    back = _coming_back(policy)
    lost = pl.col("holds") & pl.lit(policy.paid_to_free == "contraction")
    movement = (
        pl.when((o == 0) & (c > 0) & paid_before.not_())
        .then(pl.lit("new"))
        .when((o == 0) & (c > 0) & pl.col("held_before"))
        .then(pl.lit("expansion"))
        .when((o == 0) & (c > 0))
        .then(back)
        .when((o > 0) & (c == 0) & lost)
        .then(pl.lit("contraction"))
        .when((o > 0) & (c == 0))
        .then(pl.lit("churn"))
        .when(c > o)
        .then(pl.lit("expansion"))
        .when(c < o)
        .then(pl.lit("contraction"))
    )
    proved = (pl.col("surely_paid") < pl.col("opening_at")) & pl.lit(policy.reactivation != "new")
    return accounts.with_columns(
        movement=movement,
        fx_mrr=o - pl.col("opening_mrr"),
        delta_mrr=c - o,
        closing_mrr=c,
        past_evidence=pl.when((o == 0) & (c > 0) & proved.fill_null(value=False).not_()).then(
            "past_evidence"
        ),
    )


def _churn_kinds(book: Book, opening: pl.LazyFrame, classified: pl.LazyFrame) -> pl.LazyFrame:
    """Why each churned account left: the largest item among the last to end."""
    gone = opening.join(
        classified.filter(pl.col("movement") == "churn").select(*ACCOUNT, "closing_at"), on=ACCOUNT
    ).select(*CASE, "subscription_item_id", "value", "opening_at", "closing_at")
    spans = book.item_timeline.select(
        "subscription_item_id",
        "valid_from",
        "valid_to",
        "status",
        "collection_paused",
        "cancel_reason",
    )
    last = (
        gone.join(spans, on="subscription_item_id")
        .filter(pl.col("valid_from") < pl.col("closing_at"))
        .sort(*CASE, "subscription_item_id", "valid_from")
        .group_by(*CASE, "subscription_item_id", maintain_order=True)
        .last()
        .with_columns(
            ended=pl.when(pl.col("valid_to") < pl.col("closing_at"))
            .then("valid_to")
            .otherwise("valid_from")
        )
    )
    reason = pl.col("cancel_reason")
    running = pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("closing_at"))
    kind = (
        pl.when(running & (pl.col("collection_paused") | (pl.col("status") == "paused")))
        .then(pl.lit("paused"))
        .when(running & (pl.col("status") == "unpaid"))
        .then(pl.lit("involuntary"))
        .when(reason.is_in(["payment_failed", "payment_disputed"]))
        .then(pl.lit("involuntary"))
        .when(reason == "cancellation_requested")
        .then(pl.lit("voluntary"))
        .otherwise(pl.lit("unknown"))
    )
    return (
        last.with_columns(churn_kind=kind)
        .sort(
            *CASE,
            "ended",
            "value",
            "subscription_item_id",
            descending=[False] * 3 + [True, True, False],
        )
        .group_by(CASE, maintain_order=True)
        .agg(pl.col("churn_kind").first())
    )


def _require_values(opening: pl.LazyFrame, closing: pl.LazyFrame) -> None:
    """Both ends must be worth something known: an unknown value would read as zero, an account as new or gone.

    Raises:
        Unvalued: naming an item, its price and the month whose rate is asked for.
    """
    columns = ["month", "subscription_item_id", "price_id", "currency", "mrr_native"]
    ends = [
        opening.filter(pl.col("value").is_null() | pl.col("stood").is_null()).select(columns),
        closing.filter(pl.col("value").is_null()).select(columns),
    ]
    found = pl.concat(ends).collect()
    if not found.is_empty():
        raise unvalued(found)


def unvalued(items: pl.DataFrame) -> Unvalued:
    """The error that names the first of `items`: month, subscription_item_id, price_id, currency, mrr_native."""
    row = items.sort("month", "subscription_item_id").row(0, named=True)
    missing = (
        f"its price {row['price_id']} in {row['currency']} is not known or cannot be read: "
        f"run 'expansion sync --full', and see that the key may read prices"
        if row["mrr_native"] is None
        else f"there is no rate of {row['currency']} for {row['month']:%Y-%m} or the months before: see [fx]"
    )
    more = f", and {items.height - 1} more" if items.height > 1 else ""
    return Unvalued(f"Item {row['subscription_item_id']}{more} has no value: {missing}.")


def _existing(book: Book, cases: pl.DataFrame) -> pl.LazyFrame:
    """Which items exist at each boundary, counting or not: (at, subscription_item_id)."""
    boundaries = sorted({*cases.get_column("opening_at"), *cases.get_column("closing_at")})
    return at_boundaries(book.items(), boundaries).select("at", "subscription_item_id").unique()


def movements(
    book: Book,
    calendar: Calendar,
    months: Sequence[date],
    policy: Policy,
    windows: Sequence[int] = (1, 3, 12),
) -> Movements:
    """Movements, item movements and components of `months` in every window, micro-units of the reporting currency.

    A month's movement is computed from the timeline at two instants, never from another month's result.
    """
    cases = _windows(calendar, months, windows)
    ends = sorted({*cases.get_column("month"), *cases.get_column("opening_month")})
    values = month_ends(book, calendar, ends, policy).collect().lazy()
    opening, closing = _ends(values, cases.lazy(), book.fx_rate)
    existing = _existing(book, cases).collect().lazy().with_columns(there=pl.lit(value=True))
    item = "subscription_item_id"
    opening = (
        opening.join(existing, left_on=["closing_at", item], right_on=["at", item], how="left")
        .with_columns(turned=pl.col("there").is_null())
        .collect()
        .lazy()
    )
    closing = (
        closing.join(existing, left_on=["opening_at", item], right_on=["at", item], how="left")
        .with_columns(turned=pl.col("there").is_null())
        .collect()
        .lazy()
    )
    _require_values(opening, closing)
    spans = paid_spans(book, policy).collect().lazy()
    accounts = with_past(_accounts(opening, closing), cases.lazy(), spans, grades(book))
    classified = _classified(accounts, policy).collect().lazy()
    charged = values.group_by("month", "account_id").agg(usage=worst_of(pl.col("usage_evidence")))
    evidence = (
        account_evidence(book, calendar, ends)
        .join(charged, on=["month", "account_id"], how="left")
        .select("month", "account_id", evidence=worst(pl.col("evidence"), pl.col("usage")))
        .collect()
        .lazy()
    )
    graded = (
        classified.join(
            cases.lazy().select("month", "window_months", "opening_month"), on=ACCOUNT[:2]
        )
        .join(
            evidence.rename({"month": "opening_month", "evidence": "opening_evidence"}),
            on=["opening_month", "account_id"],
            how="left",
        )
        .join(
            evidence.rename({"evidence": "closing_evidence"}),
            on=["month", "account_id"],
            how="left",
        )
        .join(_churn_kinds(book, opening, classified), on=ACCOUNT, how="left")
        .join(calendar.ends(months).lazy().select("month", "provisional"), on="month")
        .with_columns(
            evidence=worst(
                pl.col("opening_evidence"), pl.col("closing_evidence"), pl.col("past_evidence")
            ).fill_null("exact"),
            policy=pl.lit(policy.label),
        )
        .filter((pl.col("opening_mrr") != 0) | (pl.col("closing_mrr") != 0) | (pl.col("o") != 0))
        .sort(ACCOUNT)
        .collect()
    )
    pairs = item_movements(opening, closing, graded.lazy())
    parts = components(pairs, book, graded.lazy())
    return Movements(
        movement=schemas.MRR_MOVEMENT.conform(graded.lazy()).collect(),
        item_movement=schemas.MRR_ITEM_MOVEMENT.conform(pairs.lazy())
        .sort(schemas.MRR_ITEM_MOVEMENT.key)
        .collect(),
        component=schemas.MRR_MOVEMENT_COMPONENT.conform(parts)
        .sort(schemas.MRR_MOVEMENT_COMPONENT.key)
        .collect(),
    )
