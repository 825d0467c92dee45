"""A history of values, and its amounts at the rates of other months.

Belongs here: which rows count, summing native amounts at a month's rates, and refusing where one is missing. Does not
belong here: where rates come from (`pipeline.sources`), how one amount is rounded (`pipeline.money`).
"""

from collections.abc import Sequence

import polars as pl

from pipeline.errors import MissingMonth
from pipeline.money import convert

HISTORY = ("month", "account_id", "currency", "mrr_native", "mrr")


def counted(account_months: pl.LazyFrame) -> pl.LazyFrame:
    """The rows with MRR, and of the columns HISTORY those that there are.

    What is made of a history reads it several times: collect this once where it comes from a timeline.
    """
    known = [name for name in HISTORY if name in account_months.collect_schema()]
    return account_months.filter(pl.col("mrr_native") != 0).select(known)


def valued(
    frame: pl.LazyFrame,
    rates: pl.LazyFrame,
    keys: Sequence[str],
    name: str,
    known: str | None = None,
) -> pl.LazyFrame:
    """One row per `keys`: the sum of `mrr_native` as `name`, each row rounded at the rate of its `month`.

    Args:
        frame: `keys, month, currency, mrr_native`, micro-units.
        rates: FX_RATE.
        keys: what a row is.
        name: the column of the sum, micro-units of the reporting currency.
        known: a column that holds the value already, which is summed as it is.
    """
    if known:
        return frame.group_by(keys).agg(pl.col(known).sum().alias(name))
    value = convert(pl.col("mrr_native"), pl.col("rate"))
    return (
        frame.join(rates.select("month", "currency", "rate"), on=["month", "currency"])
        .group_by(keys)
        .agg(value.sum().alias(name))
    )


def require_rates(needed: pl.LazyFrame, rates: pl.LazyFrame) -> None:
    """Every (month, currency) of `needed` must have a rate.

    Raises:
        MissingMonth: naming the first that has none.
    """
    missing = (
        needed.unique()
        .join(rates, on=["month", "currency"], how="anti")
        .sort("month", "currency")
        .collect()
    )
    if missing.height:
        month, currency = missing.row(0)
        raise MissingMonth(
            f"There is no exchange rate for {currency} in {month:%Y-%m}, which the cohorts need. "
            f"Fetch the rates of that month, or name one under [fx.rates]."
        )
