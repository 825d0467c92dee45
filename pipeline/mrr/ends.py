"""Items and accounts at the ends of months, and both ends of every month and window.

Belongs here: narrow rows that name the span of `worth` they are in; what is wide is looked up by it where it is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from pipeline.billing.evidence import rank
from pipeline.errors import Unvalued
from pipeline.money import convert
from pipeline.months import Calendar, add_months
from pipeline.mrr.instants import at_boundaries
from pipeline.mrr.pairing import CASE, ITEM
from pipeline.mrr.valued import Valued

UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Sides:
    """The counting items at the two ends of cases, one row per CASE and item.

    Both have `span` (of `worth`), the item's number, its subscription and product, and `value` (micro-units at the
    case's month's rates). The opening end has `stood`, too: the value at its own rates.
    """

    opening: pl.DataFrame
    closing: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Ends:
    """What there is at the ends of months.

    Attributes:
        items: counting items, one row per month and item: span, account, item, subscription_id, product_id, currency,
            mrr_native, mrr (micro-units at the month's rates), valid_from, valid_to of the span.
        accounts: accounts with a counting item, one row per month and account: mrr, holds (an item that is metered, or
            has a list price).
        grades: the worst grade of any item, counting or not, one row per month and account where it is not exact:
            `worst`, a rank.
        rates: month, currency, rate.
    """

    items: pl.LazyFrame
    accounts: pl.LazyFrame
    grades: pl.LazyFrame
    rates: pl.LazyFrame

    @classmethod
    def of(cls, valued: Valued, calendar: Calendar, months: Sequence[date]) -> "Ends":
        """The ends of `months`.

        Raises:
            Unvalued: an item has no value, or there is no rate for it.
        """
        ends = calendar.ends(months)
        boundaries = ends.get_column("boundary").to_list()
        month = ends.lazy().select("month", at="boundary")
        rates = valued.book.fx_rate.select("month", "currency", "rate").collect().lazy()
        items = (
            at_boundaries(valued.steady, boundaries)
            .join(month, on="at")
            .join(rates, on=["month", "currency"], how="left")
            .drop("at")
            .with_columns(mrr=at_rate())
            .collect()
        )
        _require_values(valued, items.lazy(), "mrr")
        counting = items.lazy()
        accounts = counting.group_by("month", "account").agg(
            pl.col("mrr").sum(), holds=pl.col("holding").any()
        )
        return cls(
            counting.drop("holding", "rate"),
            accounts.collect().lazy(),
            _grades(valued, month, boundaries).collect().lazy(),
            rates,
        )

    def changed(self, cases: pl.DataFrame) -> pl.LazyFrame:
        """The accounts (CASE) of which an item came, left or became different between the ends of a case."""
        opened = cases.lazy().select("case", "closing_at", month="opening_month")
        closed = cases.lazy().select("case", "opening_at", "month")
        left = (
            self.items.filter(pl.col("valid_to").is_not_null())
            .join(opened, on="month")
            .filter(pl.col("valid_to") < pl.col("closing_at"))
        )
        came = self.items.join(closed, on="month").filter(
            pl.col("valid_from") >= pl.col("opening_at")
        )
        return pl.concat([left.select(CASE), came.select(CASE)]).unique()

    def exchanged(self, valued: Valued, cases: pl.DataFrame) -> pl.LazyFrame:
        """What rates did to the opening MRR, one row per CASE where they changed: fx_mrr.

        Raises:
            Unvalued: there is no rate for an item at the closing end.
        """
        then = self.rates.rename({"month": "opening_month", "rate": "rate_then"})
        moved = (
            self.items.select("currency", opening_month="month")
            .unique()
            .join(cases.lazy().select("case", "month", "opening_month"), on="opening_month")
            .join(then, on=["opening_month", "currency"], how="left")
            .join(self.rates, on=["month", "currency"], how="left")
            .filter(pl.col("rate").ne_missing(pl.col("rate_then")))
            .select("case", "currency", "rate", "opening_month", closing_month="month")
        )
        items = (
            self.items.join(
                moved, left_on=["month", "currency"], right_on=["opening_month", "currency"]
            )
            .select(*CASE, "span", "mrr", month="closing_month", value=at_rate())
            .collect()
            .lazy()
        )
        _require_values(valued, items, "value")
        return items.group_by(CASE).agg(fx_mrr=(pl.col("value") - pl.col("mrr")).sum())

    def sides(self, cases: pl.DataFrame, accounts: pl.LazyFrame) -> Sides:
        """The items of `accounts` (CASE) at both ends of `cases`."""
        named = (*CASE, "span", ITEM, "subscription_id", "product_id")
        theirs = accounts.select(CASE).join(
            cases.lazy().select("case", "opening_month", closing_month="month"), on="case"
        )
        rates = self.rates.rename({"month": "closing_month"})
        opening = (
            self.items.join(
                theirs, left_on=["month", "account"], right_on=["opening_month", "account"]
            )
            .join(rates, on=["closing_month", "currency"], how="left")
            .select(*named, value=at_rate(), stood="mrr")
        )
        closing = self.items.join(
            theirs, left_on=["month", "account"], right_on=["closing_month", "account"]
        ).select(*named, value="mrr")
        return Sides(*pl.collect_all([opening, closing]))


def at_rate() -> pl.Expr:
    """`mrr_native` in the reporting currency at `rate`; most items are in it, at a rate of one."""
    return convert(pl.col("mrr_native"), pl.col("rate"))


def _grades(valued: Valued, month: pl.LazyFrame, boundaries: list[datetime]) -> pl.LazyFrame:
    held = ("account", "valid_from", "valid_to")
    usage = valued.spans.lazy().select(*held, evidence="usage_evidence")
    unsure = pl.concat([valued.states.select(*held, "evidence"), usage]).filter(
        pl.col("evidence") != "exact"
    )
    return (
        at_boundaries(unsure, boundaries)
        .join(month, on="at")
        .group_by("month", "account")
        .agg(worst=rank(pl.col("evidence")).max())
    )


def _require_values(valued: Valued, items: pl.LazyFrame, value: str) -> None:
    """An end must be worth something known: an unknown value would read as zero, an account as new or gone."""
    unknown = items.filter(pl.col(value).is_null()).select("month", "span").collect()
    if not unknown.is_empty():
        raise unvalued(unknown.join(valued.spans, on="span"))


def windows_of(calendar: Calendar, months: Sequence[date], window: int) -> pl.DataFrame:
    """One row per month, by number (`case`): month, window_months, opening_month, and both ends' boundaries.

    The boundaries are opening_at and closing_at.
    """
    openings = [add_months(month, -window) for month in months]
    return pl.DataFrame(
        {
            "month": list(months),
            "window_months": [window] * len(months),
            "opening_month": openings,
            "opening_at": [calendar.boundary(month) for month in openings],
            "closing_at": [calendar.boundary(month) for month in months],
        },
        schema={
            "month": pl.Date,
            "window_months": pl.Int64,
            "opening_month": pl.Date,
            "opening_at": UTC,
            "closing_at": UTC,
        },
    ).with_row_index("case")


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
