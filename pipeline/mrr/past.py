"""An account's past: since when it paid, and how sure that is.

Belongs here: what `new` and `reactivation` rest on. Source of the rule: docs/method.md, "Snapshot and movement".
"""

import polars as pl

from pipeline.billing.evidence import rank, worst
from pipeline.mrr.book import Book
from pipeline.mrr.pairing import CELL
from pipeline.mrr.policy import Policy
from pipeline.mrr.worth import worth


def paid_spans(book: Book, valued_spans: pl.LazyFrame) -> pl.LazyFrame:
    """When each account had counted MRR above zero: account_id, paid_from, paid_to, evidence.

    One row per item and span; `paid_to` is null while it lasts.

    Args:
        book: for payments that the configuration names.
        valued_spans: `worth`.
    """
    paid = valued_spans.filter(pl.col("mrr_native") > 0).select(
        "account_id",
        paid_from="valid_from",
        paid_to="valid_to",
        evidence=worst(pl.col("evidence"), pl.col("usage_evidence")),
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
    accounts = book.items().select("customer_id", "account_id").unique()
    migrated = given.join(accounts, on="customer_id").select(
        "account_id", paid_from="given", paid_to="given", evidence=pl.lit("exact")
    )
    return pl.concat([paid, migrated])


def first_paid(book: Book, policy: Policy) -> pl.LazyFrame:
    """The first instant at which each account had counted MRR above zero: (account_id, first_paid)."""
    return (
        paid_spans(book, worth(book, policy))
        .group_by("account_id")
        .agg(first_paid=pl.col("paid_from").min())
    )


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


def with_past(comings: pl.LazyFrame, paid: pl.LazyFrame, unsure: pl.LazyFrame) -> pl.LazyFrame:
    """Accounts that come from nothing with what they paid before the opening end, and how sure that is.

    Adds first_paid, surely_paid (the first payment that is proved), left_at (the last end of paying before the opening
    end), back_at (the first beginning after it), past_worst (the worst grade of anything before the opening end, as a
    rank; null where all is exact).

    Args:
        comings: CELL, account, opening_at.
        paid: `paid_spans`, by number of account.
        unsure: `grades`, by number of account.
    """
    earlier = pl.col("paid_from") < pl.col("opening_at")
    past = (
        comings.select(CELL, "account", "opening_at")
        .join(paid, on="account")
        .group_by(CELL)
        .agg(
            first_paid=pl.col("paid_from").min(),
            surely_paid=pl.col("paid_from").filter(evidence="exact").min(),
            left_at=pl.col("paid_to").filter(earlier).max(),
            back_at=pl.col("paid_from").filter(earlier.not_()).min(),
        )
    )
    doubts = (
        comings.select(CELL, "account", "opening_at")
        .join(unsure, on="account")
        .filter(pl.col("since") < pl.col("opening_at"))
        .group_by(CELL)
        .agg(past_worst=rank(pl.col("grade")).max())
    )
    return comings.join(past, on=CELL, how="left").join(doubts, on=CELL, how="left")
