"""When the change was made that a component of expansion comes from.

Belongs here: the last change of an item within the month that made the component, from the item timeline, and whether
a subscription schedule planned it. No deals.
"""

from dataclasses import replace
from datetime import date

import polars as pl

from pipeline.billing.asof import asof
from pipeline.months import Calendar, add_months
from pipeline.mrr import Book, Policy
from pipeline.schemas.table import UTC

ITEM = "subscription_item_id"
PART = ("month", "account_id", ITEM, "type")
ASPECT = {
    "seat": "quantity",
    "plan": "price",
    "interval": "price",
    "price": "price",
    "discount": "discount",
    "usage": "usage",
}
"""What of an item makes a component of a type; of the others any change does."""
ANY = "any"
SECOND = pl.duration(seconds=1)
PHASE_LASTS = pl.duration(hours=1)
"""Stripe moves a subscription on within minutes of its phase's start."""


def expanding(component: pl.LazyFrame) -> pl.LazyFrame:
    """The components of expanding accounts in the window of one month, of MRR_MOVEMENT_COMPONENT."""
    return component.filter(
        (pl.col("window_months") == 1) & (pl.col("movement") == "expansion")
    ).select(*PART, "amount")


def dated(
    component: pl.LazyFrame,
    book: Book,
    policy: Policy,
    calendar: Calendar,
    planned: pl.LazyFrame,
) -> pl.DataFrame:
    """Components, each with its change.

    One row per PART: `amount` (micro-units), `opening_at` (the month's first instant), `at` (the last change of the
    item in the month that made the component), `schedule_id` (the schedule that planned it, else null). Usage changes
    in the last second of its service period. Where the timeline shows no such change any more, the month's last second.

    Args:
        component: `expanding`, of any months.
        book: timeline, usage, prices and links.
        policy: which states count.
        calendar: the ends of months.
        planned: phases of subscription schedules (`billing.schedules.planned`).
    """
    parts = component.collect().lazy()
    months = parts.select("month").unique().collect().to_series().sort().to_list()
    touched = parts.select(ITEM).unique().collect().lazy()
    spans = _spans(book, policy, touched).collect().lazy()
    edges = pl.concat([_edges(spans), _usage(book, touched)]).collect().lazy()
    rows = parts.join(_ends(calendar, months), on="month").with_columns(
        aspect=pl.col("type").replace_strict(ASPECT, default=ANY, return_dtype=pl.String),
        last_at=pl.col("closing_at") - SECOND,
    )
    return (
        _with_change(rows, edges, spans)
        .join(spans.select(ITEM, "subscription_id").unique(ITEM, keep="any"), on=ITEM, how="left")
        .pipe(_scheduled, planned)
        .select(*PART, "amount", "opening_at", "at", "schedule_id")
        .sort(PART)
        .collect()
    )


def _ends(calendar: Calendar, months: list[date]) -> pl.LazyFrame:
    """Each month's first instant and the one that ends it."""
    return pl.LazyFrame(
        {
            "month": months,
            "opening_at": [calendar.boundary(add_months(month, -1)) for month in months],
            "closing_at": [calendar.boundary(month) for month in months],
        },
        schema={"month": pl.Date, "opening_at": UTC, "closing_at": UTC},
    )


def _spans(book: Book, policy: Policy, touched: pl.LazyFrame) -> pl.LazyFrame:
    """The spans of the items in question, each beside the one before it."""
    narrowed = replace(book, item_timeline=book.item_timeline.join(touched, on=ITEM, how="semi"))
    ids = pl.col("discounts").list.eval(pl.element().struct.field("discount_id"))
    return (
        narrowed.items()
        .select(
            ITEM,
            "subscription_id",
            "valid_from",
            "valid_to",
            "quantity",
            price=pl.concat_str(
                "price_id", "currency", "amount_version", "net_num", "net_den",
                separator="|", ignore_nulls=True,
            ),
            discount=ids.list.join(","),
            counts=policy.counts(pl.col("valid_from") + SECOND).fill_null(value=False),
        )
        .sort(ITEM, "valid_from")
        .with_columns(
            pl.col(name).shift(1).over(ITEM).alias(f"{name}_before")
            for name in ("valid_to", "quantity", "price", "discount", "counts")
        )
        .with_columns(
            counts_next=pl.col("counts").shift(-1).over(ITEM),
            next_from=pl.col("valid_from").shift(-1).over(ITEM),
        )
    )  # fmt: skip


def _edges(spans: pl.LazyFrame) -> pl.LazyFrame:
    """One row per change and aspect of an item that counts: `subscription_item_id, aspect, changed_at`."""
    first = pl.col("counts_before").is_null()
    counted = pl.col("counts_before") & (pl.col("valid_to_before") == pl.col("valid_from"))
    begins = spans.filter("counts").with_columns(
        first=first, comes=counted.fill_null(value=False).not_()
    )
    found = [
        begins.filter(pl.col("first") | pl.col(name).ne_missing(pl.col(f"{name}_before"))).select(
            ITEM, aspect=pl.lit(name), changed_at="valid_from"
        )
        for name in ("quantity", "price", "discount")
    ]
    comes = begins.filter("comes").select(ITEM, aspect=pl.lit(ANY), changed_at="valid_from")
    goes_on = pl.col("counts_next") & (pl.col("next_from") == pl.col("valid_to"))
    leaves = spans.filter(
        pl.col("counts"),
        pl.col("valid_to").is_not_null(),
        goes_on.fill_null(value=False).not_(),
    ).select(ITEM, aspect=pl.lit(ANY), changed_at="valid_to")
    every = [each.with_columns(aspect=pl.lit(ANY)) for each in found]
    return pl.concat([*found, *every, comes, leaves])


def _usage(book: Book, touched: pl.LazyFrame) -> pl.LazyFrame:
    """The service periods that a charge ends, in the last second of each."""
    ended = book.usage_charge.join(touched, on=ITEM, how="semi").select(
        ITEM, changed_at=pl.col("period_end") - SECOND
    )
    return pl.concat(
        [
            ended.select(ITEM, aspect=pl.lit(each), changed_at="changed_at")
            for each in ("usage", ANY)
        ]
    )


def _with_change(rows: pl.LazyFrame, edges: pl.LazyFrame, spans: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with `at`: of what an item had at the opening, the change of its aspect; of what came or went, any."""
    own = edges.select(ITEM, "aspect", own_at="changed_at")
    any_ = edges.filter(pl.col("aspect") == ANY).select(ITEM, any_at="changed_at")
    standing = spans.filter("counts").select(ITEM, "valid_from", "valid_to")
    opening = pl.col("opening_at")
    in_month = [
        pl.when(pl.col(name) >= opening).then(name).alias(name) for name in ("own_at", "any_at")
    ]
    return (
        asof(rows, "last_at", own, "own_at", [ITEM, "aspect"])
        .pipe(asof, "last_at", any_, "any_at", ITEM)
        .with_columns(in_month)
        .with_columns(just_before=opening - pl.duration(microseconds=1))
        .pipe(asof, "just_before", standing, "valid_from", ITEM)
        .with_columns(
            held=pl.col("valid_from").is_not_null()
            & (pl.col("valid_to") >= opening).fill_null(value=True)
        )
        .with_columns(
            at=pl.when(pl.col("held") & pl.col("own_at").is_not_null())
            .then("own_at")
            .otherwise(pl.coalesce("any_at", "last_at"))
        )
    )


def _scheduled(rows: pl.LazyFrame, planned: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with `schedule_id` where a phase of a schedule had just begun."""
    just = (pl.col("at") < pl.col("planned_at") + PHASE_LASTS).fill_null(value=False)
    return asof(rows, "at", planned, "planned_at", "subscription_id").with_columns(
        schedule_id=pl.when(just).then("schedule_id")
    )
