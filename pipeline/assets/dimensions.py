"""Dimensions: what the history of accounts means for months.

Belongs here: which months another history touches, and how much of a month rests on members that are not known for that
time, but only for later: a check that never fails, since nobody can tell a CRM what it did not write down. Source of
the rules: docs/method.md, "Account dimensions".
"""

import dagster as dg
import polars as pl
from sqlalchemy import delete, insert

from pipeline.assets import checked, touches
from pipeline.assets.months import months_in
from pipeline.assets.place import Place
from pipeline.crm import past
from pipeline.database import table_of
from pipeline.money import MICRO
from pipeline.months import key_of
from pipeline.schemas import (
    ACCOUNT,
    ACCOUNT_HISTORY,
    DATA_QUALITY,
    EXPANSION_METRICS,
    ITEM_TIMELINE,
)

KNOWN = dg.AssetCheckSpec(
    "dimensions_known",
    asset=EXPANSION_METRICS.name,
    description="Which members of accounts are inferred: the CRM tells what they were later, not what they were then.",
)


def touched(place: Place, history: pl.DataFrame, link: pl.DataFrame) -> pl.DataFrame:
    """The accounts that had another member than was known before, and the first month of each (TOUCHES).

    What becomes so tonight touches the current month only. An account counts while it has items.

    Args:
        place: where the history that was known before is.
        history: ACCOUNT_HISTORY as it is now.
        link: ACCOUNT_LINK as it is now.
    """
    lake, calendar = place.lake, place.calendar()
    if calendar.first_month is None or not lake.partitions(ACCOUNT):
        return touches.TOUCHES.to_frame()
    lives = (
        lake.scan(ITEM_TIMELINE)
        .join(link.lazy().select("customer_id", "account_id"), on="customer_id")
        .group_by("account_id")
        .agg(
            began=pl.col("valid_from").min(),
            ended=pl.when(pl.col("valid_to").is_not_null().all()).then(pl.col("valid_to").max()),
        )
    )
    found = (
        past.touched(lake.scan(ACCOUNT_HISTORY), history.lazy())
        .join(lives, on="account_id")
        .select("account_id", pl.max_horizontal("since", "began").alias("at"), "ended")
        .filter(
            pl.col("ended").is_null() | (pl.col("at") < pl.col("ended")),
            pl.col("at") <= calendar.now,
        )
        .collect()
    )
    return touches.of(found, "at", "account_id", calendar)


def known(
    context: dg.AssetExecutionContext, place: Place, inferred: pl.DataFrame
) -> dg.AssetCheckResult:
    """The check's result; each month of the run gets its row of `data_quality`.

    Args:
        context: the step.
        place: where it runs.
        inferred: what `metrics.inferred` counted.
    """
    told = {key_of(month): _figures(inferred.filter(month=month)) for month in months_in(context)}
    result = dg.AssetCheckResult(
        asset_key=KNOWN.asset_key,
        check_name=KNOWN.name,
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=KNOWN.description,
        metadata={"inferred": dg.MetadataValue.json({k: v for k, v in told.items() if v})},
    )
    rows = [
        checked.noted(result, context.run.run_id, month, told[key_of(month)], [])
        for month in months_in(context)
    ]
    quality = table_of(DATA_QUALITY)
    again = (quality.c.run_id == context.run.run_id) & (quality.c.check == rows[0]["check"])
    with place.engine.begin() as connection:
        # A step that is tried again says the same once more.
        connection.execute(delete(quality).where(again))
        connection.execute(insert(quality), rows)
    return result


def _figures(inferred: pl.DataFrame) -> dict[str, int | float]:
    """`<dimension> accounts` and `<dimension> MRR`, in major units, of the reporting currency."""
    return {
        f"{row['dimension']} {name}": value
        for row in inferred.iter_rows(named=True)
        for name, value in (("accounts", row["accounts"]), ("MRR", row["mrr"] / MICRO))
    }
