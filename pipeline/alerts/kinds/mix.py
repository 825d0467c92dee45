"""`mix_shift`: expansions are of other types than usual.

Belongs here: the total variation between the types of three months and of the nine before, and its test. Amounts are
not compared: one large account would be a shift.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.alerts import words
from pipeline.alerts.kinds.counts import BEFORE, LEAST_BEFORE, NOW
from pipeline.alerts.kinds.series import contiguous, months_of, observations, rows
from pipeline.alerts.observations import Seen
from pipeline.config import AlertRule

DRAWS = 999
"""Permutations: a probability down to one in a thousand."""
SEED = 1


def mix_shift(rule: AlertRule, metrics: pl.DataFrame, by_type: pl.DataFrame) -> Seen:
    """The share of expansions that are of another type than before, at least `threshold`, and not by chance.

    Args:
        rule: the rule.
        metrics: EXPANSION_METRICS rows of closed months.
        by_type: EXPANSION_BY_TYPE rows of the same months: how many accounts expanded by each type.
    """
    mixes = _mixes(rule, metrics, by_type).collect()
    tested = mixes.filter(
        (pl.col("observed") >= (rule.threshold or 0.0)) & pl.col("guard").is_null()
    )
    chances = [
        chance(tuple(now), tuple(before))
        for now, before in tested.select("now", "before").iter_rows()
    ]
    judged = (
        mixes.lazy()
        .join(
            tested.lazy()
            .select("member", "month")
            .with_columns(pl.Series("p", chances, pl.Float64)),
            on=["member", "month"],
            how="left",
        )
        .with_columns(
            breach=(pl.col("p") <= (rule.p or 0.0)).fill_null(value=False),
            clear=(pl.col("observed") < (rule.clear or 0.0)).fill_null(value=True),
        )
        .sort("member", "month")
    )
    return observations(judged, _said)


def chance(now: tuple[int, ...], before: tuple[int, ...]) -> float:
    """How often expansions dealt at random to now and before differ at least as much as these.

    Args:
        now: expansions by type.
        before: expansions by type, in the same order.
    """
    pooled = [count + then for count, then in zip(now, before, strict=True)]
    kinds = pl.Series("type", range(len(now)), pl.Int64)
    dealt = kinds.repeat_by(pl.Series(pooled)).explode()
    size, rest = sum(now), sum(before)
    draws = pl.concat(
        pl.DataFrame({"type": dealt.sample(size, seed=SEED + place), "draw": place})
        for place in range(DRAWS)
    )
    seen = variation(now, before)
    # A draw of `count` of a type leaves pooled - count for before.
    totals = pl.DataFrame({"type": kinds, "pooled": pooled})
    drawn = (
        totals.lazy()
        .join(pl.LazyFrame({"draw": range(DRAWS)}, schema={"draw": pl.Int64}), how="cross")
        .join(
            draws.lazy().cast({"draw": pl.Int64}).group_by("draw", "type").agg(count=pl.len()),
            on=["draw", "type"],
            how="left",
        )
        .with_columns(pl.col("count").cast(pl.Int64).fill_null(0))
        .group_by("draw")
        .agg(
            variation=(pl.col("count") / size - (pl.col("pooled") - pl.col("count")) / rest)
            .abs()
            .sum()
            / 2
        )
        .select((pl.col("variation") >= seen - 1e-12).sum())
        .collect()
        .item()
    )
    return float((drawn + 1) / (DRAWS + 1))


def variation(now: tuple[int, ...], before: tuple[int, ...]) -> float:
    """Total variation: the share of expansions now that would have to be of another type to be as before."""
    size, rest = sum(now), sum(before)
    return sum(abs(each / size - then / rest) for each, then in zip(now, before, strict=True)) / 2


def _mixes(rule: AlertRule, metrics: pl.DataFrame, by_type: pl.DataFrame) -> pl.LazyFrame:
    """One row per member and month: the counts of both times by type, the variation, and what moved most."""
    series = contiguous(rows(rule, metrics), months_of(metrics))
    counted = by_type.lazy().filter(
        pl.col("dimension") == rule.dimension, pl.col("window_months") == rule.window_months
    )
    types = series.select("member", "month").join(
        counted.select(pl.col("type").unique()), how="cross"
    )
    now = pl.col("accounts").rolling_sum(NOW)
    before = pl.col("accounts").rolling_sum(BEFORE, min_samples=LEAST_BEFORE).shift(NOW)
    counts = (
        types.join(
            counted.select("member", "month", "type", "accounts"),
            on=["member", "month", "type"],
            how="left",
        )
        .with_columns(pl.col("accounts").fill_null(0))
        .with_columns(
            now=now.over("member", "type", order_by="month"),
            before=before.over("member", "type", order_by="month"),
        )
    )
    share = pl.col("now") / pl.col("now").sum()
    usual = pl.col("before") / pl.col("before").sum()
    moved = (share - usual).fill_nan(None)
    mixes = (
        counts.sort("member", "month", "type")
        .group_by("member", "month", maintain_order=True)
        .agg(
            now="now",
            before="before",
            types="type",
            observed=moved.abs().sum() / 2,
            complete=pl.col("before").is_not_null().all(),
            events=pl.col("now").sum(),
            usually=pl.col("before").sum(),
            moved=pl.col("type").get(moved.abs().arg_max()),
            share=share.get(moved.abs().arg_max()),
            usual=usual.get(moved.abs().arg_max()),
        )
    )
    few = (
        (pl.col("events") < (rule.min_events or 0)) | ~pl.col("complete") | (pl.col("usually") == 0)
    )
    return (
        series.drop("observed", "money")
        .filter(pl.col("version").is_not_null())
        .join(mixes, on=["member", "month"], how="left")
        .with_columns(guard=pl.when(few.fill_null(value=True)).then(pl.lit("insufficient_data")))
    )


def _said(row: Mapping[str, Any]) -> str:
    if row["guard"]:
        few = f"{row['events'] or 0} expansions are too few to judge their types"
        return f"{few}, or months before are missing or had none."
    moved = words.TYPES.get(row["moved"], row["moved"]).capitalize()
    told = (
        f"{moved} were {row['share']:.0%} of the expansions of three months, "
        f"{row['usual']:.0%} in the nine before."
    )
    if row["p"] is None:
        return told
    least = "at most " if row["p"] <= 1 / (DRAWS + 1) else ""
    return f"{told} Chance alone moves types as much in {least}{row['p']:.1%} of cases."
