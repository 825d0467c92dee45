"""Which version of its price a span of the timeline, or an invoice line, has.

Belongs here: joining PRICE by time, so that a row has one version. A price with one sure version costs nothing.
"""

import polars as pl

from pipeline.billing.cutting import cut
from pipeline.billing.evidence import worst

PAIR = ["price_id", "currency"]


def with_versions(rows: pl.LazyFrame, prices: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` of the timeline with `price_version`, split where it changes, and graded as the version is.

    Args:
        rows: price_id, currency, valid_from, valid_to, evidence, opened_by, closed_by.
        prices: PRICE.
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
    split = cut(rows, versions, PAIR).with_columns(
        evidence=worst(pl.col("evidence"), pl.col("how_sure"))
    )
    settled = rows.join(changing.lazy(), on=PAIR, how="anti").with_columns(
        price_version=pl.lit(0, dtype=pl.Int64)
    )
    return pl.concat([settled.select(columns), split.select(columns)])


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
        rows.sort(at)
        .join_asof(
            later.sort("since"),
            left_on=at,
            right_on="since",
            by=PAIR,
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(pl.col("price_version").fill_null(0))
        .drop("since")
    )
