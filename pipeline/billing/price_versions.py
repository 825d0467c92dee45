"""Which version of its price a span of the timeline, or an invoice line, has.

Belongs here: joining PRICE by time, so that a row has one version. A price with one sure version costs nothing.
"""

import polars as pl

from pipeline.billing.asof import asof
from pipeline.billing.charges import PAIR, PRICED_BY, WIDE, charges
from pipeline.billing.cutting import cut
from pipeline.billing.evidence import worst

ITEM = "subscription_item_id"


def with_versions(rows: pl.LazyFrame, prices: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` of the timeline with `price_version`, split where it changes, and graded as the version is.

    A version that is `inferred` is `invoiced` where every bill of the item charges its amount.

    Args:
        rows: subscription_item_id, price_id, currency, valid_from, valid_to, evidence, opened_by, closed_by.
        prices: PRICE.
        lines: `invoices.lines`.
    """
    changing = _changing(prices).collect()
    if changing.is_empty():
        return rows.with_columns(price_version=pl.lit(0, dtype=pl.Int64))
    versions = (
        prices.join(changing.lazy(), on=PAIR, how="semi")
        .sort(*PAIR, "price_version")
        .select(
            *PAIR,
            "price_version",
            "proof",
            since="valid_from",
            until="valid_to",
            how_sure="evidence",
            next_proof=pl.col("proof").shift(-1).over(PAIR),
        )
    )
    columns = [*rows.collect_schema().names(), "price_version"]
    split = cut(rows, versions, PAIR).collect().lazy()
    billed = pl.when("billed").then(pl.lit("invoiced")).otherwise("how_sure")
    split = split.join(
        _billed(split, prices, lines), on=[ITEM, "valid_from"], how="left"
    ).with_columns(evidence=worst(pl.col("evidence"), billed))
    settled = rows.join(changing.lazy(), on=PAIR, how="anti").with_columns(
        price_version=pl.lit(0, dtype=pl.Int64)
    )
    return pl.concat([settled.select(columns), split.select(columns)])


def _billed(split: pl.LazyFrame, prices: pl.LazyFrame, lines: pl.LazyFrame) -> pl.LazyFrame:
    """The spans of `inferred` versions in which the item was billed, and always at the version's amount.

    Returns:
        ITEM, valid_from, `billed`: true where every bill of a service period in the span has the amount, else false.
    """
    asked = prices.filter(
        pl.col("usage_type") == "licensed", pl.col("evidence") == "inferred", "amount_known"
    )
    doubtful = split.join(asked.select(PRICED_BY), on=PRICED_BY, how="semi")
    ordinary = pl.col("settled") & (pl.col("invoice_status") != "void") & ~pl.col("proration")
    # Tiers have a line each, rounded to minor units. A bill of nothing was a trial's: it shows no amount.
    bills = (
        lines.filter(ordinary)
        .join(doubtful.select(ITEM, *PAIR).unique(), on=[ITEM, *PAIR], how="semi")
        .group_by(ITEM, *PAIR, "invoice_id", "period_start")
        .agg(pl.col("period_end").max(), pl.col("quantity", "amount").sum(), rounded=pl.len())
        .filter(pl.col("amount") > 0)
    )
    at = doubtful.select(ITEM, *PRICED_BY, "valid_from", "valid_to").join(bills, on=[ITEM, *PAIR])
    lasts = pl.col("valid_to").is_null()
    within = at.filter(
        pl.col("period_end") > pl.col("valid_from"),
        lasts | (pl.col("period_start") < pl.col("valid_to")),
    )
    size = pl.lit(10, dtype=pl.Int64).pow("scale").cast(WIDE)
    off = (pl.col("amount").cast(WIDE) * size - pl.col("charge")).abs()
    same = (off * 2 <= pl.col("rounded").cast(WIDE) * size).fill_null(value=False)
    return (
        within.join(charges(asked, within), on=[*PRICED_BY, "quantity"], how="left")
        .group_by(ITEM, "valid_from")
        .agg(billed=same.all())
    )


def _changing(prices: pl.LazyFrame) -> pl.LazyFrame:
    """The prices and currencies that have several versions, or one that is not sure."""
    return (
        prices.filter((pl.col("price_version") > 0) | (pl.col("evidence") != "exact"))
        .select(PAIR)
        .unique()
    )


def version_at(rows: pl.LazyFrame, prices: pl.LazyFrame, at: str) -> pl.LazyFrame:
    """`rows` with the `price_version` of their price in their currency at the instant `at`."""
    later = prices.filter(pl.col("price_version") > 0).select(
        *PAIR, "price_version", since="valid_from"
    )
    if later.collect().is_empty():
        return rows.with_columns(price_version=pl.lit(0, dtype=pl.Int64))
    return (
        asof(rows, at, later, "since", PAIR)
        .with_columns(pl.col("price_version").fill_null(0))
        .drop("since")
    )
