"""What happens within a month and does not show in its movement: ups and downs, items that came and left.

Belongs here: the value of an account between two month ends, read out of `worth`. What shows is in `movement`.
Source of the rule: docs/method.md, "Within a month".
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from pipeline import schemas
from pipeline.billing.evidence import worst_of
from pipeline.money import convert
from pipeline.months import Calendar
from pipeline.mrr.ends import windows_of
from pipeline.mrr.pairing import ITEM
from pipeline.mrr.valued import Valued

CASE = ["case", "account"]
"""A month, by number, and an account."""
TICK = pl.duration(microseconds=1)


def within(valued: Valued, calendar: Calendar, months: Sequence[date]) -> pl.DataFrame:
    """What each account did within each of `months` and took back (INTRA_MONTH_ACTIVITY), micro-units at its rates.

    One row per month and account that went up and down, or had an item that counted within the month alone. What
    changes in one second is one change. up_mrr - down_mrr is the delta of the account's movement, 0 where it has none.
    """
    cases = windows_of(calendar, months, 1)
    edges = _restless(_edges(valued, cases)).collect().lazy()
    found = (
        _changes(valued, edges, cases)
        .join(_passing(edges), on=CASE, how="left")
        .with_columns(
            pl.col("passing_items").fill_null(0),
            netted_mrr=pl.min_horizontal("up_mrr", "down_mrr"),
            delta_mrr=pl.col("up_mrr") - pl.col("down_mrr"),
        )
        .filter((pl.col("netted_mrr") > 0) | (pl.col("passing_items") > 0))
        .collect()
        .lazy()
    )
    rows = (
        found.join(_evidence(valued, found, cases), on=CASE, how="left")
        .join(cases.lazy().select("case", "month"), on="case")
        .with_columns(
            # What has no value counts as nothing here; at a month's end it stops the month.
            evidence=pl.when("unvalued")
            .then(pl.lit("inferred"))
            .otherwise(pl.col("evidence").fill_null("exact"))
        )
        .sort(CASE)
        .collect()
    )
    ids = valued.accounts.gather(rows.get_column("account")).alias("account_id")
    table = schemas.INTRA_MONTH_ACTIVITY
    return table.conform(rows.with_columns(ids).lazy()).collect(engine="in-memory")


def _edges(valued: Valued, cases: pl.DataFrame) -> pl.LazyFrame:
    """Where the value of an item begins or ends, within the months: case, account, item, cut, second, sign and value.

    One row per edge; `sign` is 1 where the value begins and -1 where it ends. Spans of one value that follow each other
    have no edge between them. A change after the last instant before a second (usage) is one of that second.
    """
    same = [pl.col(name).eq_missing(pl.col(name).shift(1)) for name in (ITEM, "mrr_native")]
    goes_on = pl.all_horizontal(*same, pl.col("valid_from") == pl.col("valid_to").shift(1))
    spans = (
        valued.spans.select(
            "account", ITEM, "currency", "mrr_native", "valid_from", "valid_to", goes_on=goes_on
        )
        .with_columns(
            pl.col("goes_on").fill_null(value=False),
            gone_on=pl.col("goes_on").shift(-1, fill_value=False).fill_null(value=False),
        )
        .lazy()
    )
    named = ("account", ITEM, "currency", "mrr_native")
    one = pl.lit(1, dtype=pl.Int64)
    edges = pl.concat(
        [
            spans.filter(~pl.col("goes_on")).select(*named, cut="valid_from", sign=one),
            spans.filter(~pl.col("gone_on")).select(*named, cut="valid_to", sign=-one),
        ]
    )
    first, last = cases.get_column("opening_at").min(), cases.get_column("closing_at").max()
    asked = edges.filter(pl.col("cut") >= first, pl.col("cut") < last)
    ends = cases.lazy().select("case", "opening_at", "closing_at").sort("opening_at")
    return (
        asked.sort("cut")
        .join_asof(ends, left_on="cut", right_on="opening_at", strategy="backward")
        .filter(pl.col("cut") < pl.col("closing_at"))
        .with_columns(second=(pl.col("cut") + pl.duration(seconds=1) - TICK).dt.truncate("1s"))
        .drop("opening_at", "closing_at")
    )


def _restless(edges: pl.LazyFrame) -> pl.LazyFrame:
    """The edges of accounts with more than one instant of change in the month: no other can go up and down."""
    second = pl.col("second")
    accounts = edges.group_by(CASE).agg(restless=second.min() < second.max()).filter("restless")
    return edges.join(accounts, on=CASE, how="semi")


def _changes(valued: Valued, edges: pl.LazyFrame, cases: pl.DataFrame) -> pl.LazyFrame:
    """One row per CASE: changes, up_mrr, down_mrr, and whether a value is not known (`unvalued`)."""
    value = convert(pl.col("mrr_native"), pl.col("rate"))
    change = pl.col("change")
    return (
        edges.join(cases.lazy().select("case", "month"), on="case")
        .join(
            valued.book.fx_rate.select("month", "currency", "rate"),
            on=["month", "currency"],
            how="left",
        )
        .with_columns(value=value)
        .group_by(*CASE, "second")
        .agg(
            change=(pl.col("value").fill_null(0) * pl.col("sign")).sum(),
            unvalued=pl.col("value").is_null().any(),
        )
        .group_by(CASE)
        .agg(
            changes=(change != 0).sum(),
            up_mrr=change.filter(change > 0).sum(),
            down_mrr=-change.filter(change < 0).sum(),
            unvalued=pl.col("unvalued").any(),
        )
    )


def _passing(edges: pl.LazyFrame) -> pl.LazyFrame:
    """How many items of each CASE come first and leave last within the month: passing_items."""
    begins, ends = (pl.col("cut").filter(pl.col("sign") == sign) for sign in (1, -1))
    return (
        edges.group_by(*CASE, ITEM)
        .agg(came=begins.min() < ends.min(), left=ends.max() > begins.max())
        .filter(pl.col("came") & pl.col("left"))
        .group_by(CASE)
        .agg(passing_items=pl.len())
    )


def _evidence(valued: Valued, found: pl.LazyFrame, cases: pl.DataFrame) -> pl.LazyFrame:
    """The worst grade of any state of each CASE from one end of the month to the other, usage included."""
    held = ("account", "valid_from", "valid_to")
    usage = valued.spans.lazy().select(*held, evidence="usage_evidence").drop_nulls("evidence")
    states = pl.concat([valued.states.select(*held, "evidence"), usage])
    return (
        found.select(CASE)
        .join(cases.lazy().select("case", "opening_at", "closing_at"), on="case")
        .join(states.filter(pl.col("evidence") != "exact"), on="account")
        .filter(
            pl.col("valid_from") < pl.col("closing_at"),
            pl.col("valid_to").is_null() | (pl.col("valid_to") >= pl.col("opening_at")),
        )
        .group_by(CASE)
        .agg(evidence=worst_of(pl.col("evidence")))
    )
