"""The value of an item: price at a quantity, discounts in order, one rounding.

Belongs here: the ONE valuation that snapshots and every point of a movement's path share. Exact rational arithmetic on
Int128 until the end; amounts are micro-units a month in the item's own currency.
Source of the rules: docs/method.md, "Value of an item".

A row to value has: price_id, currency, price_version, quantity (licensed) or charge_num/charge_den (metered), and
`steps`: its discounts in order of application, each a share kept (`num`/`den`) or an amount taken off (`amount`).
"""

import polars as pl

from pipeline.billing.charges import PRICED_BY, WIDE, charges
from pipeline.money import micro_per_minor, round_half_even

STEP = pl.Struct({"discount_id": pl.String, "num": pl.Int64, "den": pl.Int64, "amount": pl.Int64})
"""One discount: keeps num/den of what is left (1/1 for an amount), then takes `amount` micro-units a month off."""

WIDEST = 1e37
TEN = pl.lit(10, dtype=pl.Int64)


def with_list(rows: pl.LazyFrame, prices: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with their exact monthly list value as list_num / list_den micro-units (Int128).

    Rows need PRICED_BY, quantity, factor_num, factor_den, and charge_num, charge_den (minor units per billing
    interval, for metered items; null for licensed ones).
    """
    key = [*PRICED_BY, "quantity"]
    licensed = rows.filter(pl.col("charge_num").is_null() & (pl.col("usage_type") == "licensed"))
    micro = micro_per_minor(pl.col("currency"))
    metered = pl.col("usage_type") == "metered"
    billed_num = (
        pl.when(metered)
        .then(pl.col("charge_num").fill_null(0).cast(WIDE))
        .otherwise(pl.col("charge"))
    )
    billed_den = (
        pl.when(metered)
        .then(pl.col("charge_den").fill_null(1).cast(WIDE))
        .otherwise(TEN.cast(WIDE).pow(pl.col("scale").fill_null(0)).cast(WIDE))
    )
    return (
        rows.join(charges(prices, licensed), on=key, how="left", nulls_equal=True)
        .with_columns(
            list_num=billed_num * micro * pl.col("factor_num").cast(WIDE),
            list_den=billed_den * pl.col("factor_den").cast(WIDE),
        )
        .drop("scale", "charge")
    )


def _apply(rows: pl.LazyFrame, steps: str, depth: int) -> pl.LazyFrame:
    """What is left of list_num/list_den after `steps`: left_num / left_den, never below zero."""
    rows = rows.with_columns(left_num="list_num", left_den="list_den")
    for position in range(depth):
        step = pl.col(steps).list.get(position, null_on_oob=True).struct
        num = step.field("num").fill_null(1).cast(WIDE)
        den = step.field("den").fill_null(1).cast(WIDE)
        amount = step.field("amount").fill_null(0).cast(WIDE)
        grown = pl.max_horizontal(
            pl.col("left_num").cast(pl.Float64) * num.cast(pl.Float64),
            pl.col("left_den").cast(pl.Float64)
            * den.cast(pl.Float64)
            * pl.max_horizontal(amount.cast(pl.Float64), pl.lit(1.0)),
        )
        # Beyond what 128 bits hold an item has no value, which a check names, rather than a wrong one.
        rows = rows.with_columns(
            left_num=pl.when(grown < WIDEST).then(pl.col("left_num")) * num,
            left_den=pl.col("left_den") * den,
        ).with_columns(
            left_num=(pl.col("left_num") - amount * pl.col("left_den")).clip(lower_bound=0)
        )
    return rows


def depth_of(rows: pl.LazyFrame, *steps: str) -> int:
    """The greatest number of steps of any row."""
    longest = (
        rows.select(pl.max_horizontal(pl.col(name).list.len().max() for name in steps))
        .collect()
        .item()
    )
    return int(longest or 0)


def with_value(
    rows: pl.LazyFrame, depth: int, steps: str = "steps", prefix: str = ""
) -> pl.LazyFrame:
    """`rows` with list_native, discount_native and mrr_native (Int64 micro-units a month, own currency).

    Inclusive tax leaves net_num / net_den of list and discount; each is rounded half-even once, the net is their
    difference.
    """
    gone = pl.col("list_num") * (pl.col("left_den") // pl.col("list_den")) - pl.col("left_num")
    listed = _without_tax(pl.col("list_num"), pl.col("list_den"))
    taken = _without_tax(gone, pl.col("left_den"))
    return (
        _apply(rows, steps, depth)
        .with_columns(
            listed.alias(f"{prefix}list_native"),
            taken.alias(f"{prefix}discount_native"),
            (listed - taken).alias(f"{prefix}mrr_native"),
        )
        .drop("left_num", "left_den")
    )


def _without_tax(num: pl.Expr, den: pl.Expr) -> pl.Expr:
    """A fraction less its inclusive tax, rounded half-even to Int64; null beyond what 128 bits hold."""
    share_num, share_den = pl.col("net_num").cast(WIDE), pl.col("net_den").cast(WIDE)
    grown = pl.max_horizontal(
        num.cast(pl.Float64) * share_num.cast(pl.Float64),
        den.cast(pl.Float64) * share_den.cast(pl.Float64),
    )
    held = pl.when(grown < WIDEST / 2).then(num * share_num)
    return round_half_even(held, den * share_den).cast(pl.Int64, strict=False)


def left_after(rows: pl.LazyFrame, steps: str, depth: int) -> pl.LazyFrame:
    """`rows` with `weight`: what `steps` leave, rounded half-even to micro-units."""
    return (
        _apply(rows, steps, depth)
        .with_columns(
            weight=round_half_even(pl.col("left_num"), pl.col("left_den")).cast(
                pl.Int64, strict=False
            )
        )
        .drop("left_num", "left_den")
    )
