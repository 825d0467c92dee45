"""Dimensions: how much of each month rests on a member that is not known for that time, but only for later.

Belongs here: the check that says so and its rows of `data_quality`. It never fails: nobody can tell a CRM what it did
not write down. Source of the rules: docs/method.md, "Account dimensions".
"""

import dagster as dg
import polars as pl
from sqlalchemy import delete, insert

from pipeline.assets import checked
from pipeline.assets.months import months_in
from pipeline.assets.place import Place
from pipeline.database import table_of
from pipeline.money import MICRO
from pipeline.months import key_of
from pipeline.schemas import DATA_QUALITY, EXPANSION_METRICS

KNOWN = dg.AssetCheckSpec(
    "dimensions_known",
    asset=EXPANSION_METRICS.name,
    description="Which members of accounts are inferred: the CRM tells what they were later, not what they were then.",
)


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
