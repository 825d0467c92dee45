"""Snapshots: the items that count at the last instant of each month, valued in the reporting currency.

Source of the rules: docs/method.md, "Snapshot and movement". Several months are computed in one pass.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline import schemas
from pipeline.billing.evidence import worst, worst_of
from pipeline.money import convert
from pipeline.months import Calendar, add_months
from pipeline.mrr.book import Book
from pipeline.mrr.instants import at_boundaries, spanned
from pipeline.mrr.policy import Policy
from pipeline.mrr.worth import worth


def month_ends(
    book: Book, calendar: Calendar, months: Sequence[date], policy: Policy
) -> pl.LazyFrame:
    """Every counting item at the end of each month, in its own currency.

    One row per (month, subscription_item_id): the timeline's and price's columns, list_num, list_den, steps,
    list_native, discount_native, mrr_native, provisional.
    """
    return ends_of(worth(book, policy), calendar, months)


def ends_of(valued_spans: pl.LazyFrame, calendar: Calendar, months: Sequence[date]) -> pl.LazyFrame:
    """`month_ends` out of what items are worth (`worth`)."""
    ends = calendar.ends(months)
    rows = at_boundaries(valued_spans, ends.get_column("boundary").to_list())
    return rows.join(ends.lazy().rename({"boundary": "at"}), on="at")


def account_evidence(book: Book, calendar: Calendar, months: Sequence[date]) -> pl.LazyFrame:
    """The worst grade of each account at each month's end, over every item that exists, counting or not.

    An account without any item at a month's end has no row: that it has nothing is proved by what it had before or
    has after.
    """
    return evidence_at(book.items(), calendar, months)


def evidence_at(
    states: pl.LazyFrame, calendar: Calendar, months: Sequence[date], account: str = "account_id"
) -> pl.LazyFrame:
    """`account_evidence` out of items with their account, evidence and span of time."""
    ends = calendar.ends(months)
    narrow = states.select(account, "evidence", "valid_from", "valid_to")
    rows = at_boundaries(narrow, ends.get_column("boundary").to_list())
    return (
        rows.join(ends.lazy().rename({"boundary": "at"}), on="at")
        .group_by("month", account)
        .agg(evidence=worst_of(pl.col("evidence")))
    )


def snapshot(
    book: Book, calendar: Calendar, months: Sequence[date], policy: Policy
) -> pl.LazyFrame:
    """The snapshots of `months` (MRR_SNAPSHOT), money in micro-units of the reporting currency.

    mrr = round(native net x rate), list_mrr = round(native list x rate), discount_mrr = list_mrr - mrr.
    """
    spans = worth(book, policy).sort("subscription_item_id")
    return snapshot_of(spans, book.fx_rate, calendar, months, policy)


def snapshot_of(
    valued_spans: pl.LazyFrame,
    rates: pl.LazyFrame,
    calendar: Calendar,
    months: Sequence[date],
    policy: Policy,
) -> pl.LazyFrame:
    """`snapshot` out of what items are worth (`worth`) in the order of items, at `rates` (FX_RATE).

    A month is what holds at its end, in the order it is in: no row is sorted or joined by its item.
    """
    ends = calendar.ends(months)
    rate = pl.col("rate")
    held = [
        valued_spans.filter(
            pl.col("valid_from") < boundary,
            pl.col("valid_to").is_null() | (pl.col("valid_to") >= boundary),
        ).with_columns(month=pl.lit(month), provisional=pl.lit(provisional))
        for month, boundary, provisional in ends.iter_rows()
    ]
    return schemas.MRR_SNAPSHOT.conform(
        pl.concat(held)
        .join(
            rates.select("month", "currency", "rate"),
            on=["month", "currency"],
            how="left",
            maintain_order="left",
        )
        .with_columns(
            list_mrr=convert(pl.col("list_native"), rate), mrr=convert(pl.col("mrr_native"), rate)
        )
        .with_columns(
            discount_mrr=pl.col("list_mrr") - pl.col("mrr"),
            fx_rate=rate,
            evidence=worst(pl.col("evidence"), pl.col("usage_evidence")),
            policy=pl.lit(policy.label),
            proof=pl.col("opened_by"),
        )
    )


def first_months(
    valued_spans: pl.LazyFrame, calendar: Calendar, months: Sequence[date]
) -> pl.LazyFrame:
    """`customer_id, first_paid_month`: the first of `months`, which follow each other, at whose end a customer had MRR.

    A customer who never had any has no row.
    """
    paid = valued_spans.filter(pl.col("mrr_native") > 0)
    ends = calendar.ends(months).get_column("boundary").to_list()
    held = spanned(paid.select("customer_id", "valid_from", "valid_to"), ends)
    first = held.group_by("customer_id").agg(pl.col("first").min())
    month = pl.lit(pl.Series(months, dtype=pl.Date)).gather(pl.col("first"))
    return first.select("customer_id", first_paid_month=month)


def history_of(
    valued_spans: pl.LazyFrame, calendar: Calendar, months: Sequence[date]
) -> pl.LazyFrame:
    """What counts at the ends of `months`, which follow each other: account_id, currency, mrr_native, month, stop.

    One row per item and span that holds at an end: `month` is the first at whose end it holds, `stop` the one after the
    last.
    """
    ends = calendar.ends(months)
    after = pl.Series([*months, add_months(months[-1], 1)], dtype=pl.Date)
    narrow = valued_spans.select("account_id", "currency", "mrr_native", "valid_from", "valid_to")
    return spanned(narrow, ends.get_column("boundary").to_list()).select(
        "account_id",
        "currency",
        "mrr_native",
        month=pl.lit(after).gather(pl.col("first")),
        stop=pl.lit(after).gather(pl.col("stop")),
    )
