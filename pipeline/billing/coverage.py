"""Spans of time over which every event is known.

Belongs here: putting the coverage of syncs together, and which of them began anew. Source of the rule: docs/method.md,
"Evidence".
"""

import polars as pl


def spans(coverage: pl.LazyFrame) -> pl.LazyFrame:
    """Coverage merged into disjoint spans per source account: covered_from, covered_to, span (a number)."""
    ordered = coverage.sort("source_account", "covered_from", "covered_to").with_columns(
        reach=pl.col("covered_to").cum_max().shift(1).over("source_account")
    )
    apart = (pl.col("covered_from") > pl.col("reach")).fill_null(value=True)
    return (
        ordered.with_columns(span=apart.cum_sum().over("source_account"))
        .group_by("source_account", "span")
        .agg(pl.col("covered_from").min(), pl.col("covered_to").max())
        .sort("source_account", "covered_from")
    )


def found_again(coverage: pl.LazyFrame, covered: pl.LazyFrame) -> pl.LazyFrame:
    """The syncs that found events missing: each listed every subscription (`pipeline.sources.stripe`).

    One row per source account and span but the first: found_at (the sync's watermark), sync_id, and resumed_at, from
    when on events are known again.
    """
    later = covered.filter(
        pl.col("covered_from") > pl.col("covered_from").min().over("source_account")
    )
    return (
        coverage.join(
            later.select("source_account", "covered_from"),
            on=["source_account", "covered_from"],
            how="semi",
        )
        .sort("covered_to", "sync_id")
        .group_by("source_account", "covered_from")
        .agg(found_at=pl.col("covered_to").first(), sync_id=pl.col("sync_id").first())
        .rename({"covered_from": "resumed_at"})
    )
