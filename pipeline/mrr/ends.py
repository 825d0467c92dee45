"""Both ends of every month and window: which items count there, at the month's rates.

Belongs here: narrow rows that name the span of `worth` they are in; what is wide is looked up by it where it is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.errors import Unvalued
from pipeline.money import convert
from pipeline.months import Calendar, add_months
from pipeline.mrr.instants import at_boundaries
from pipeline.mrr.pairing import CASE, ITEM
from pipeline.mrr.valued import Valued

UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Ends:
    """The counting items at the two ends of each case, one row per CASE and item.

    Both have `span` (of `worth`), the item's number, its subscription and product, `value` (micro-units at the
    month's rates), `holding` (metered, or with a list price), `usage_evidence`, and `stays`: the item is in the same
    span at the other end, so nothing about it differs. The opening end has `stood`, too: the value at its own rates.
    """

    opening: pl.LazyFrame
    closing: pl.LazyFrame

    def of(self, accounts: pl.LazyFrame) -> "Ends":
        """The items of some accounts (CASE) alone."""
        rows = (end.join(accounts, on=CASE, how="semi") for end in (self.opening, self.closing))
        return Ends(*(end.collect().lazy() for end in rows))


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


def ends_of_cases(valued: Valued, cases: pl.DataFrame) -> Ends:
    """The items at both ends of `cases` (`windows_of`).

    Raises:
        Unvalued: an item has no value, or there is no rate for it.
    """
    boundaries = sorted({*cases.get_column("opening_at"), *cases.get_column("closing_at")})
    metered, listed = pl.col("usage_type") == "metered", pl.col("list_native") > 0
    named = ("span", "account", ITEM, "subscription_id", "product_id", "usage_evidence")
    narrow = valued.spans.lazy().select(
        *named, "currency", "mrr_native", "valid_from", "valid_to", holding=metered | listed
    )
    items = at_boundaries(narrow, boundaries).collect().lazy()
    now = valued.book.fx_rate.select("month", "currency", "rate")
    then = now.rename({"month": "opening_month", "rate": "rate_then"})
    value = convert(pl.col("mrr_native"), pl.col("rate"))
    kept = ("case", *named, "holding", value.alias("value"))
    opening = (
        items.join(cases.lazy(), left_on="at", right_on="opening_at")
        .join(now, on=["month", "currency"], how="left")
        .join(then, on=["opening_month", "currency"], how="left")
        .select(
            *kept,
            stays=pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("closing_at")),
            stood=convert(pl.col("mrr_native"), pl.col("rate_then")),
        )
        .collect()
    )
    closing = (
        items.join(cases.lazy(), left_on="at", right_on="closing_at")
        .join(now, on=["month", "currency"], how="left")
        .select(*kept, stays=pl.col("valid_from") < pl.col("opening_at"))
        .collect()
    )
    _require_values(valued, cases, opening, "value", "stood")
    _require_values(valued, cases, closing, "value")
    return Ends(opening.lazy(), closing.lazy())


def _require_values(valued: Valued, cases: pl.DataFrame, end: pl.DataFrame, *values: str) -> None:
    """An end must be worth something known: an unknown value would read as zero, an account as new or gone."""
    unknown = end.filter(pl.any_horizontal(pl.col(name).is_null() for name in values))
    if unknown.is_empty():
        return
    items = unknown.select("case", "span").join(cases.select("case", "month"), on="case")
    raise unvalued(items.join(valued.spans, on="span"))


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
