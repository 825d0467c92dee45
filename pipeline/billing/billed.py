"""Which invoice line covers the start of a service period, and what it says of the discounts.

Belongs here: lines billed ahead, given back, voided. What events and listings say is in `in_force`, what counts of both
in `periods`.
"""

import polars as pl

from pipeline.billing.asof import asof
from pipeline.billing.discounts import PERIOD, period_discounts


def invoiced(rows: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """Every service period of `rows` with the discounts of the invoice line that covers its start (`invoiced`).

    One line may cover several periods, billed ahead, until it is credited: where nothing is charged instead, the rest
    of it is given back (a new anchor, a trial). Of the later ones of a voided line nobody knows whether they were
    billed anew (`voided_ahead`).
    """
    billed = (
        period_discounts(lines)
        .rename({"ids": "invoiced"})
        .with_columns(
            billed_at=pl.min_horizontal("period_start", "invoiced_at"), line_start="period_start"
        )
    )
    item = "subscription_item_id"
    given_back = (
        lines.filter((pl.col("invoice_status") != "void") & pl.col("proration"))
        .group_by(PERIOD)
        .agg(alone=(pl.col("amount") < 0).all())
        .filter("alone")
        .select("subscription_item_id", credited_at="period_start")
    )
    whole = (pl.col("credited_at") <= pl.col("billed_at")).fill_null(value=True)
    # What was given back before it began covers nothing, and another line may begin before it.
    charged = (
        billed.filter(pl.col("void").not_())
        .drop("period_start")
        .pipe(asof, "line_start", given_back, "credited_at", item)
        .filter(whole)
        .drop("credited_at")
    )
    columns = ("invoiced", "product_id", "billed_at", "tied", "settled", "blank", "named")
    voided = billed.filter("void").select(
        item,
        *(pl.col(name).alias(f"{name}_void") for name in columns),
        void_start="line_start",
        void_end="period_end",
    )
    # What was voided for this very period tells more of its start than a line that goes on from before.
    this = (pl.col("void_start") == pl.col("period_start")).fill_null(value=False)
    own = this.not_() | (pl.col("line_start") == pl.col("period_start"))
    covers = ((pl.col("period_start") < pl.col("period_end")) & whole & own).fill_null(value=False)
    ahead = (pl.col("period_start") < pl.col("void_end")) & this.not_() & covers.not_()
    return (
        rows.group_by(PERIOD)
        .agg(metered=pl.col("quantity").is_null().all())
        .pipe(asof, "period_start", given_back, "credited_at", item)
        .pipe(asof, "period_start", charged, "line_start", item)
        .pipe(asof, "period_start", voided, "void_start", item)
        .select(
            *PERIOD,
            "metered",
            *(
                pl.when(covers).then(name).when(this).then(f"{name}_void").alias(name)
                for name in columns
            ),
            voided_ahead=ahead.fill_null(value=False),
        )
    )


def ahead() -> pl.Expr:
    """Whether a period was billed before it began."""
    return (pl.col("billed_at") < pl.col("period_start")).fill_null(value=False)


def first_bills(lines: pl.LazyFrame, prices: pl.LazyFrame) -> pl.LazyFrame:
    """Until when usage was billed first, by subscription_item_id (`billed_from`)."""
    metered = prices.filter(pl.col("usage_type") == "metered").select("price_id").unique()
    ordinary = pl.any_horizontal("proration", "threshold").not_()
    return (
        lines.filter((pl.col("invoice_status") != "void") & ordinary)
        .join(metered, on="price_id", how="semi")
        .group_by("subscription_item_id")
        .agg(billed_from=pl.col("period_end").min())
    )
