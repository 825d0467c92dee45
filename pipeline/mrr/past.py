"""An account's past: since when it paid, and how sure that is.

Belongs here: what `new` and `reactivation` rest on. Source of the rule: docs/method.md, "Snapshot and movement".
"""

import polars as pl

from pipeline.billing.evidence import worst, worst_of
from pipeline.mrr.book import Book
from pipeline.mrr.instants import valued
from pipeline.mrr.policy import Policy

ACCOUNT = ["month", "window_months", "account_id"]
"""A case (a month and a window) and an account."""


def paid_spans(book: Book, policy: Policy) -> pl.LazyFrame:
    """When each account had counted MRR above zero: account_id, paid_from, paid_to, evidence.

    One row per item and span. States change only where a span begins or a usage period ends, so valuing at those
    instants is enough: just after the one, and at the other, where an item that ends with the period still counts, as
    it does in a snapshot. `paid_to` is null while it lasts.
    """
    items = book.items().collect().lazy()
    second = pl.duration(seconds=1)
    instants = pl.concat(
        [
            items.select("subscription_id", at=pl.col("valid_from") + second),
            book.usage_charge.join(
                items.select("subscription_item_id", "subscription_id").unique(),
                on="subscription_item_id",
            ).select("subscription_id", at="period_end"),
        ]
    ).unique()
    rows = items.join(instants, on="subscription_id").filter(
        (pl.col("valid_from") < pl.col("at"))
        & (pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("at")))
    )
    paid = (
        valued(book, rows, policy)
        .filter(pl.col("mrr_native") > 0)
        .select(
            "account_id",
            paid_from=pl.col("at") - second,
            paid_to="valid_to",
            evidence=worst(pl.col("evidence"), pl.col("usage_evidence")),
        )
    )
    if not book.first_paid_on:
        return paid
    given = pl.LazyFrame(
        {
            "customer_id": list(book.first_paid_on),
            "given": list(book.first_paid_on.values()),
        },
        schema={"customer_id": pl.String, "given": pl.String},
    ).with_columns(pl.col("given").str.to_datetime("%Y-%m-%d", time_zone="UTC", time_unit="us"))
    accounts = items.select("customer_id", "account_id").unique()
    migrated = given.join(accounts, on="customer_id").select(
        "account_id", paid_from="given", paid_to="given", evidence=pl.lit("exact")
    )
    return pl.concat([paid, migrated])


def first_paid(book: Book, policy: Policy) -> pl.LazyFrame:
    """The first instant at which each account had counted MRR above zero: (account_id, first_paid)."""
    return paid_spans(book, policy).group_by("account_id").agg(first_paid=pl.col("paid_from").min())


def grades(book: Book) -> pl.LazyFrame:
    """Since when an account's evidence is no better than each grade: (account_id, grade, since)."""
    items = book.items()
    charges = book.usage_charge.join(
        items.select("subscription_item_id", "account_id").unique(), on="subscription_item_id"
    )
    columns = ("account_id", "evidence")
    return (
        pl.concat(
            [
                items.select(*columns, since="valid_from"),
                charges.select(*columns, since="period_end"),
            ]
        )
        .filter(pl.col("evidence") != "exact")
        .group_by("account_id", grade="evidence")
        .agg(pl.col("since").min())
    )


def with_past(
    accounts: pl.LazyFrame, cases: pl.LazyFrame, paid: pl.LazyFrame, unsure: pl.LazyFrame
) -> pl.LazyFrame:
    """`accounts` (unique on ACCOUNT) with what they paid before the opening end, and how sure that is.

    Adds opening_at, closing_at, first_paid, surely_paid (the first payment that is proved), left_at (the last end of
    paying before the opening end), back_at (the first beginning after it), past_evidence (the worst grade of anything
    before the opening end; null where all is exact).

    Args:
        accounts: one row per case and account, with o and c.
        cases: months and windows with the instants of their ends.
        paid: `paid_spans`.
        unsure: `grades`.
    """
    began = paid.group_by("account_id").agg(
        first_paid=pl.col("paid_from").min(),
        surely_paid=pl.col("paid_from").filter(evidence="exact").min(),
    )
    placed = (
        accounts.join(
            cases.select("month", "window_months", "opening_at", "closing_at"), on=ACCOUNT[:2]
        )
        .collect()
        .lazy()
    )
    opened = pl.col("opening_at")
    comings = placed.filter((pl.col("o") == 0) & (pl.col("c") > 0)).select(*ACCOUNT, "opening_at")
    earlier = pl.col("paid_from") < opened
    away = (
        comings.join(paid, on="account_id")
        .group_by(ACCOUNT)
        .agg(
            left_at=pl.col("paid_to").filter(earlier).max(),
            back_at=pl.col("paid_from").filter(earlier.not_()).min(),
        )
    )
    past = (
        comings.join(unsure, on="account_id")
        .filter(pl.col("since") < opened)
        .group_by(ACCOUNT)
        .agg(past_evidence=worst_of(pl.col("grade")))
    )
    return (
        placed.join(began, on="account_id", how="left")
        .join(away, on=ACCOUNT, how="left")
        .join(past, on=ACCOUNT, how="left")
    )
