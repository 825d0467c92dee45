"""Subscription schedules: which changes of a subscription were planned before they happened.

Belongs here: when the phases of schedules came into force. A schedule makes no state of an item: what it did shows in
the subscription's own evidence. So it only tells whether a change was planned, and no figure rests on it.
"""

from datetime import datetime, timedelta

import polars as pl

from pipeline.schemas.table import UTC

OBJECT = "subscription_schedule"
RECENT = timedelta(days=14)
"""Schedules are listed weekly; events of so many days tell what became of them since, twice over."""
STARTS = r'"start_date":\s*\d+'
FIELDS = (
    "id", "created", "subscription", "released_subscription", "released_at", "canceled_at", "completed_at", "phases",
)  # fmt: skip


def phases(raw: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """One row per phase that came into force: `subscription_id, schedule_id, planned_at`.

    A phase counts if the schedule was made before it began, was still there then, and either the newest record of the
    schedule has it or an older one that was seen after it had begun. Records of an odd form tell nothing.

    Args:
        raw: RAW_RECORD rows of Stripe, of the stream `subscription_schedule` and of events.
        now: the present; events older than two weeks are not looked at.
    """
    versions = _versions(raw, now).sort("schedule_id", "seen_at")
    whole = versions.group_by("schedule_id").agg(
        pl.col("subscription_id").drop_nulls().last(),
        pl.col("stopped_at").drop_nulls().last(),
        newest_at=pl.col("seen_at").max(),
    )
    start = pl.col("starts").str.extract(r"(\d+)$").cast(pl.Int64, strict=False)
    planned = pl.col("planned_at")
    return (
        versions.select("schedule_id", "created_at", "seen_at", "starts")
        .explode("starts", empty_as_null=False, keep_nulls=False)
        .with_columns(planned_at=_instant(start))
        .join(whole, on="schedule_id")
        .filter(
            pl.col("subscription_id").is_not_null(),
            pl.col("created_at") < planned,
            (planned < pl.col("stopped_at")).fill_null(value=True),
            (planned <= pl.col("seen_at")) | (pl.col("seen_at") == pl.col("newest_at")),
        )
        .select("subscription_id", "schedule_id", "planned_at")
        .unique()
    )


def _versions(raw: pl.LazyFrame, now: datetime) -> pl.LazyFrame:
    """Every version of every schedule that a listing or a recent event shows."""
    recent = pl.col("observed_at") >= pl.lit(now - RECENT, dtype=UTC)
    about = pl.col("payload").str.contains(f'"object":"{OBJECT}"', literal=True)
    listed = raw.filter(pl.col("stream") == OBJECT)
    told = raw.filter((pl.col("stream") == "event") & recent & about)
    return pl.concat([_read(listed, "$"), _read(told, "$.data.object")])


def _read(records: pl.LazyFrame, where: str) -> pl.LazyFrame:
    payload = pl.col("payload").str
    stopped = [_instant_of(name) for name in ("released_at", "canceled_at", "completed_at")]
    return (
        records.select(
            "observed_at",
            *(payload.json_path_match(f"{where}.{name}").alias(name) for name in FIELDS),
        )
        .filter(pl.col("id").is_not_null())
        .select(
            schedule_id="id",
            subscription_id=pl.coalesce("subscription", "released_subscription"),
            created_at=_instant_of("created"),
            stopped_at=pl.min_horizontal(stopped),
            seen_at="observed_at",
            starts=pl.col("phases").str.extract_all(STARTS),
        )
    )


def _instant_of(name: str) -> pl.Expr:
    return _instant(pl.col(name).cast(pl.Int64, strict=False))


def _instant(seconds: pl.Expr) -> pl.Expr:
    return pl.from_epoch(seconds, time_unit="s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
