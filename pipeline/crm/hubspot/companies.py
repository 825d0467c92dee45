"""Companies of HubSpot.

Belongs here: what a company says of itself, and which ones were merged into it.
"""

import polars as pl

from pipeline.crm import merges
from pipeline.crm.hubspot.people import named
from pipeline.crm.hubspot.reading import MERGED, OWNER, all_versions, instant, listed, objects
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
NAMING = rf'"{MERGED}": ?"'
"""What the payload of a company holds that names what was merged into it."""
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
    merged = _merged(raw, here)
    into = merged.group_by("into").agg(merged_ids=pl.col("id").sort())
    stripe_ids = pl.concat_list([listed(pl.col(each)) for each in fields.stripe_ids] or [NOTHING])
    member = pl.col(fields.segment) if fields.segment else pl.lit(None, dtype=pl.String)
    left = here.join(merged, on="id", how="anti")
    found = left.join(into, left_on="id", right_on="into", how="left").select(
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
        merged_ids=pl.coalesce("merged_ids", NOTHING),
    )
    return named(found, staff, OWNER)


def _merged(raw: pl.LazyFrame, here: pl.LazyFrame) -> pl.LazyFrame:
    """What was merged into a company that is there, over chains of any length: `id, into`.

    Of companies that are gone, what any night saw of them counts too.
    """
    there = here.select("id")
    naming = raw.filter(pl.col("payload").str.contains(NAMING))
    pairs = [
        each.select(into="id", id=listed(pl.col(MERGED)))
        .explode("id")
        .filter(pl.col("id") != pl.col("into"))
        for each in (here, all_versions(naming, "company", [MERGED]))
    ]
    past = (
        pairs[1]
        .join(there, on="id", how="anti")
        .join(there, left_on="into", right_on="id", how="anti")
    )
    found = pl.concat([pairs[0], past]).select(crm=pl.lit("hubspot"), crm_id="id", into="into")
    return (
        merges.followed(found.unique())
        .join(there, left_on="into", right_on="id", how="semi")
        .select("into", id="crm_id")
    )
