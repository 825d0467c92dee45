"""Billing cycles of usage: what thresholds billed in pieces belongs together.

Belongs here: which lines of a metered item are for one service period. Source of the rule: docs/method.md, "Usage".
"""

import polars as pl

ITEM = "subscription_item_id"
BILLED = [ITEM, "period_start", "period_end"]
MONTHS = {"month": 1, "year": 12}
DAYS = {"day": 1, "week": 7}
MONTHS_DIFFER = pl.duration(days=3)
"""A period from 28 February may end on 31 March."""


def with_cycles(lines: pl.LazyFrame, prices: pl.LazyFrame) -> pl.LazyFrame:
    """`lines` of metered items, their period the whole billing cycle where a threshold cut it, marked `pieces`.

    A line of a threshold's invoice is for the cycle so far, if it ends when it is billed: what follows it without a
    gap, up to an interval after its start, goes on with the cycle. Else its period is the whole cycle already. As it
    could not be verified which of these Stripe writes, every charge of such a cycle is marked, and the one after it.

    Args:
        lines: ordinary invoice lines (`invoices.lines`) of metered items that are not void.
        prices: PRICE rows.
    """
    cut = lines.filter("threshold").select(ITEM).unique().collect().lazy()
    whole = lines.join(cut, on=ITEM, how="anti").with_columns(pieces=pl.lit(value=False))
    cycles = _cycles(lines.join(cut, on=ITEM, how="semi"), prices)
    joined = (
        lines.join(cycles, on=BILLED)
        .with_columns(period_start="cycle_start", period_end="cycle_end")
        .select(whole.collect_schema().names())
    )
    return pl.concat([whole, joined])


def _cycles(lines: pl.LazyFrame, prices: pl.LazyFrame) -> pl.LazyFrame:
    """One row per item and period of `lines`: BILLED, cycle_start, cycle_end, pieces."""
    intervals = prices.select("price_id", "interval", "interval_count").unique("price_id")
    ends_when_billed = pl.col("threshold") & (pl.col("period_end") <= pl.col("invoiced_at"))
    periods = (
        lines.join(intervals, on="price_id", how="left")
        .group_by(BILLED)
        .agg(
            pl.col("threshold").any(),
            running=ends_when_billed.any(),
            reach=_later(pl.col("period_start"), "interval", "interval_count").max(),
        )
        .sort(BILLED)
    )
    start, end = pl.col("period_start"), pl.col("period_end")
    before = {name: pl.col(name).shift(1).over(ITEM) for name in ("threshold", "running", "reach")}
    touches = start <= end.shift(1).over(ITEM)
    after_piece = (before["threshold"] & touches).fill_null(value=False)
    goes_on = (
        after_piece
        & (before["running"] | (start < end.shift(1).over(ITEM)))
        & (end <= before["reach"] + MONTHS_DIFFER)
    )
    # While nothing follows, the cycle goes on.
    last = pl.col("running") & (start.shift(-1).over(ITEM) <= end).fill_null(value=False).not_()
    return (
        periods.with_columns(
            cycle=goes_on.fill_null(value=False).not_().cum_sum(),
            pieces=pl.col("threshold") | after_piece,
            until=pl.when(last).then(pl.max_horizontal("period_end", "reach")).otherwise(end),
        )
        .with_columns(
            cycle_start=start.min().over("cycle"),
            cycle_end=pl.col("until").max().over("cycle"),
            pieces=pl.col("pieces").any().over("cycle"),
        )
        .select(*BILLED, "cycle_start", "cycle_end", "pieces")
    )


def _later(start: pl.Expr, interval: str, count: str) -> pl.Expr:
    """An instant so many intervals later, month ends as in the calendar."""
    unit = pl.col(interval)
    months, days = (
        unit.replace_strict(known, default=0, return_dtype=pl.Int64) * pl.col(count)
        for known in (MONTHS, DAYS)
    )
    offset = pl.format("{}mo{}d", months.fill_null(0), days.fill_null(0))
    return start.dt.offset_by(offset)
