"""Companies of HubSpot.

Belongs here: what a company says of itself, and which ones were merged into it.
"""

import polars as pl

from pipeline.crm.hubspot.people import named
from pipeline.crm.hubspot.reading import MERGED, OWNER, instant, listed, objects
from pipeline.crm.protocol import Fields

COMPANY = (
    "name",
    "domain",
    "hs_additional_domains",
    "createdate",
    OWNER,
    "industry",
    "country",
    "hs_analytics_source",
    MERGED,
)
NOTHING = pl.lit([], dtype=pl.List(pl.String))


def companies(raw: pl.LazyFrame, fields: Fields, staff: pl.LazyFrame) -> pl.LazyFrame:
    """Companies that are neither archived, gone nor merged into another, one row each.

    A company that was merged leaves HubSpot's lists, so its last record is older than the merger and still names the
    customers that its survivor has now.

    The columns of TOLD_ACCOUNT but `crm`.

    Args:
        raw: RAW_RECORD rows.
        fields: further properties.
        staff: what `people.owners` gives.
    """
    segment = [fields.segment] if fields.segment else []
    here = objects(raw, "company", list(dict.fromkeys([*COMPANY, *fields.stripe_ids, *segment])))
    merged = (
        here.select(survivor="id", id=listed(pl.col(MERGED)))
        .explode("id")
        .filter(pl.col("id") != pl.col("survivor"))
    )
    stripe_ids = pl.concat_list([listed(pl.col(each)) for each in fields.stripe_ids] or [NOTHING])
    member = pl.col(fields.segment) if fields.segment else pl.lit(None, dtype=pl.String)
    found = here.join(merged, on="id", how="anti").select(
        "name",
        OWNER,
        "industry",
        "country",
        crm_id="id",
        segment=member,
        channel="hs_analytics_source",
        created=instant(pl.col("createdate")),
        domains=pl.concat_list(
            listed(pl.col("domain")), listed(pl.col("hs_additional_domains"))
        ).list.unique(maintain_order=True),
        stripe_ids=stripe_ids.list.unique(maintain_order=True),
        emails=NOTHING,
        merged_ids=listed(pl.col(MERGED)),
    )
    return named(found, staff, OWNER)
