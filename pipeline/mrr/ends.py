"""Items and accounts at the ends of months, and both ends of every month and window.

Belongs here: narrow rows that name the span of `worth` they are in; what is wide is looked up by it where it is needed.
Accounts at ends are a grid, every account at every end: both ends of a case are two slices of it, which need no join.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from pipeline.billing.evidence import rank
from pipeline.errors import Unvalued
from pipeline.money import convert
from pipeline.months import Calendar, add_months
from pipeline.mrr.instants import UTC, held_at
from pipeline.mrr.pairing import CELL, ITEM, SHARED
from pipeline.mrr.valued import Valued


@dataclass(frozen=True, slots=True)
class Sides:
    """The counting items at the two ends of cases, one row per CELL and item.

    Both have `span` (of `worth`), the item's number, those of its subscription and product, and `value` (micro-units
    at the case's month's rates). The opening end has `stood`, too: the value at its own rates.
    """

    opening: pl.DataFrame
    closing: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Ends:
    """What there is at the ends of months; an end is named by its place in `months`.

    Attributes:
        months: ascending.
        size: how many accounts there are.
        items: counting items, one row per end and item: end, span, account, item, subscription, product, currency,
            mrr_native, mrr (micro-units at the month's rates), and the first end at which the span holds and the one
            after its last (`first`, `stop`).
        accounts: one row per end and account, in their order, those without any item too: mrr, holds (a counting item
            that is metered, or has a list price), `worst` (the worst grade of any item, counting or not: a rank, 0
            where all is exact).
        rates: end, currency, rate.
    """

    months: list[date]
    size: int
    items: pl.DataFrame
    accounts: pl.DataFrame
    rates: pl.DataFrame

    @classmethod
    def of(cls, valued: Valued, calendar: Calendar, months: Sequence[date]) -> "Ends":
        """The ends of `months`, which ascend.

        Raises:
            Unvalued: an item has no value, or there is no rate for it.
        """
        boundaries = [calendar.boundary(month) for month in months]
        rates = _rates(valued, months)
        items = (
            held_at(valued.steady, boundaries)
            .join(rates.lazy(), on=["end", "currency"], how="left")
            .with_columns(mrr=at_rate())
            .drop("rate")
            .collect()
        )
        _require_values(valued, items.lazy(), "mrr", months)
        size = valued.accounts.len()
        row = pl.col("end") * size + pl.col("account")
        counted = items.lazy().group_by(row=row).agg(pl.col("mrr").sum(), pl.col("holding").any())
        graded = _grades(valued, boundaries).group_by(row=row).agg(pl.col("worst").max())
        held, grades = pl.collect_all([counted, graded])
        cells = size * len(boundaries)
        accounts = pl.DataFrame(
            {
                "mrr": placed(cells, held["row"], held["mrr"], 0),
                "holds": placed(cells, held["row"], held["holding"], False),
                "worst": placed(cells, grades["row"], grades["worst"], 0),
            }
        )
        return cls(list(months), size, items.drop("holding"), accounts, rates)

    def windows(self, calendar: Calendar, months: Sequence[date], window: int) -> pl.DataFrame:
        """`windows_of`, with both ends of each case by their places: opening_end, closing_end."""
        place = {month: number for number, month in enumerate(self.months)}
        cases = windows_of(calendar, months, window)
        opening, closing = (
            cases.get_column(name).replace_strict(place, return_dtype=pl.Int64)
            for name in ("opening_month", "month")
        )
        return cases.with_columns(opening_end=opening, closing_end=closing)

    def at(self, ends: pl.Series) -> pl.DataFrame:
        """Every account at each of `ends`, one end after the other."""
        return pl.concat([self.accounts.slice(end * self.size, self.size) for end in ends])

    def quiet(self) -> pl.Series:
        """The accounts, by number, that are worth nothing at one of the ends: they may come from nothing."""
        silent = self.accounts.get_column("mrr") == 0
        return (silent.arg_true() % self.size).unique().alias("account")

    def changed(self, cases: pl.DataFrame) -> pl.Series:
        """The accounts (CELL) of which an item came, left or became different between the ends of a case."""
        came = self._side(cases, "closing_end").filter(pl.col("first") > pl.col("opening_end"))
        left = self._side(cases, "opening_end").filter(pl.col("stop") <= pl.col("closing_end"))
        return pl.concat([came.select(CELL), left.select(CELL)]).collect().get_column(CELL)

    def exchanged(self, valued: Valued, cases: pl.DataFrame) -> pl.DataFrame:
        """What rates did to the opening MRR, one row per CELL where they changed: fx_mrr.

        Raises:
            Unvalued: there is no rate for an item at the closing end.
        """
        moved = self._closing_rates(cases).filter(pl.col("rate").ne_missing(pl.col("stood_at")))
        items = (
            self._side(cases, "opening_end")
            .join(moved, on=["end", "currency"])
            .select(CELL, "span", "mrr", end="closing_end", value=at_rate())
            .collect()
            .lazy()
        )
        _require_values(valued, items, "value", self.months)
        return items.group_by(CELL).agg(fx_mrr=(pl.col("value") - pl.col("mrr")).sum()).collect()

    def sides(self, cases: pl.DataFrame, wanted: pl.Series) -> Sides:
        """The items of the accounts that are `wanted` (a flag for each CELL) at both ends of `cases`."""
        named = (CELL, "span", ITEM, *SHARED)
        flag = pl.lit(wanted).gather(pl.col(CELL))
        opening = (
            self._side(cases, "opening_end")
            .filter(flag)
            .join(self._closing_rates(cases), on=["end", "currency"], how="left")
            .select(*named, value=at_rate(), stood="mrr")
        )
        closing = self._side(cases, "closing_end").filter(flag).select(*named, value="mrr")
        return Sides(*pl.collect_all([opening, closing]))

    def _side(self, cases: pl.DataFrame, end: str) -> pl.LazyFrame:
        """The items at one end of `cases`, with their CELL and both ends."""
        ends = cases.lazy().select("case", "opening_end", "closing_end", end=end)
        cell = pl.col("case").cast(pl.Int64) * self.size + pl.col("account")
        return self.items.lazy().join(ends, on="end").with_columns(cell.alias(CELL))

    def _closing_rates(self, cases: pl.DataFrame) -> pl.LazyFrame:
        """The closing end's rate of each currency, by the opening end: end, currency, rate, stood_at (its own)."""
        ends = cases.lazy().select("opening_end", end="closing_end")
        closing = (
            self.rates.lazy().join(ends, on="end").select("currency", "rate", end="opening_end")
        )
        return closing.join(self.rates.lazy().rename({"rate": "stood_at"}), on=["end", "currency"])


def placed(size: int, places: pl.Series, values: pl.Series, fill: int | bool) -> pl.Series:
    """`size` values: those of `values` at their `places`, `fill` elsewhere."""
    return pl.repeat(fill, size, dtype=values.dtype, eager=True).scatter(places, values)


def at_rate() -> pl.Expr:
    """`mrr_native` in the reporting currency at `rate`; most items are in it, at a rate of one."""
    return convert(pl.col("mrr_native"), pl.col("rate"))


def _rates(valued: Valued, months: Sequence[date]) -> pl.DataFrame:
    """The rate of each currency at each end, null where there is none: end, currency, rate."""
    ends = pl.LazyFrame({"month": months}, schema={"month": pl.Date}).with_row_index("end")
    known = valued.book.fx_rate.select("month", "currency", "rate")
    return (
        ends.join(valued.steady.select("currency").unique(), how="cross")
        .join(known, on=["month", "currency"], how="left")
        .select(pl.col("end").cast(pl.Int64), "currency", "rate")
        .collect()
    )


def _grades(valued: Valued, boundaries: list[datetime]) -> pl.LazyFrame:
    """What is not exact at each end: end, account, worst."""
    spans = ("account", "valid_from", "valid_to")
    usage = valued.spans.lazy().select(*spans, evidence="usage_evidence")
    unsure = pl.concat([valued.states.select(*spans, "evidence"), usage]).filter(
        pl.col("evidence") != "exact"
    )
    return held_at(unsure, boundaries).select("end", "account", worst=rank(pl.col("evidence")))


def _require_values(
    valued: Valued, items: pl.LazyFrame, value: str, months: Sequence[date]
) -> None:
    """An end must be worth something known: an unknown value would read as zero, an account as new or gone."""
    unknown = items.filter(pl.col(value).is_null()).select("end", "span").collect()
    if not unknown.is_empty():
        month = pl.Series("month", list(months), dtype=pl.Date).gather(unknown.get_column("end"))
        raise unvalued(unknown.with_columns(month).join(valued.spans, on="span"))


def windows_of(calendar: Calendar, months: Sequence[date], window: int) -> pl.DataFrame:
    """One row per month, by number (`case`): month, window_months, opening_month, and both ends' boundaries.

    The boundaries are opening_at and closing_at; `provisional` says that the month is not closed yet.
    """
    openings = [add_months(month, -window) for month in months]
    return pl.DataFrame(
        {
            "month": list(months),
            "window_months": [window] * len(months),
            "opening_month": openings,
            "opening_at": [calendar.boundary(month) for month in openings],
            "closing_at": [calendar.boundary(month) for month in months],
            "provisional": [not calendar.is_closed(month) for month in months],
        },
        schema={
            "month": pl.Date,
            "window_months": pl.Int64,
            "opening_month": pl.Date,
            "opening_at": UTC,
            "closing_at": UTC,
            "provisional": pl.Boolean,
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
