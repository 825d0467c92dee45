"""A history of values, and its amounts at the rates of other months.

Belongs here: which rows count and how long, summing native amounts at a month's rates, and refusing where one is
missing. Does not belong here: where rates come from (`pipeline.sources`), how one amount is rounded (`pipeline.money`).
"""

from collections.abc import Sequence

import polars as pl

from pipeline.errors import MissingMonth
from pipeline.money import convert


def held(account_months: pl.LazyFrame) -> pl.LazyFrame:
    """A history as spans with MRR: account_id, currency, mrr_native, first, stop (months as `number_of` counts them).

    Args:
        account_months: `month, account_id, currency, mrr_native`, any number of rows per account and month (items, or
            already summed). A row is of one month; with a column `stop` of all from `month` to before that one.
    """
    first = number_of("month")
    spans = "stop" in account_months.collect_schema()
    return account_months.filter(pl.col("mrr_native") != 0).select(
        "account_id",
        "currency",
        "mrr_native",
        first=first,
        stop=number_of("stop") if spans else first + 1,
    )


def rates_of(rates: pl.LazyFrame) -> pl.LazyFrame:
    """FX_RATE by number of month: number, currency, rate."""
    return rates.select("currency", "rate", number=number_of("month"))


def number_of(column: str) -> pl.Expr:
    """Months counted through the years, so that neighbours differ by one."""
    when = pl.col(column)
    return when.dt.year().cast(pl.Int64) * 12 + when.dt.month().cast(pl.Int64) - 1


def month_of(column: str) -> pl.Expr:
    """The month that a number means."""
    number = pl.col(column)
    return pl.date(number // 12, number % 12 + 1, 1)


def worth(rows: pl.LazyFrame, rated: pl.LazyFrame, keys: Sequence[str], name: str) -> pl.LazyFrame:
    """One row per `keys`: the sum of `mrr_native` as `name`, each row rounded at the rate of the month `number`.

    Args:
        rows: `keys`, number, currency, mrr_native, micro-units.
        rated: `rates_of`.
        keys: what a row is.
        name: the column of the sum, micro-units of the reporting currency.
    """
    value = convert(pl.col("mrr_native"), pl.col("rate"))
    return rows.join(rated, on=["number", "currency"]).group_by(keys).agg(value.sum().alias(name))


def require_rates(needed: pl.LazyFrame, rated: pl.LazyFrame) -> None:
    """Every number of a month and currency of `needed` must have a rate (`rates_of`).

    Raises:
        MissingMonth: naming the first that has none.
    """
    missing = (
        needed.select("number", "currency")
        .unique()
        .join(rated, on=["number", "currency"], how="anti")
        .select("currency", month=month_of("number"))
        .sort("month", "currency")
        .collect()
    )
    if missing.height:
        currency, month = missing.row(0)
        raise MissingMonth(
            f"There is no exchange rate for {currency} in {month:%Y-%m}, which the cohorts need. "
            f"Fetch the rates of that month, or name one under [fx.rates]."
        )
