"""Who brought each component of expansion.

Belongs here: the order of the rules, negative components, owners, and how much hangs on the windows. When a change was
made is in `changes`, which deal pays in `credit`. Source of the rules: docs/attribution.md.
"""

import polars as pl

from pipeline.billing.asof import asof
from pipeline.metrics.attribution.changes import PART
from pipeline.metrics.attribution.credit import ACCOUNT_MONTH, credited, days_between, explains
from pipeline.metrics.attribution.deals import Crm, expansion_deals, reach
from pipeline.metrics.attribution.rules import (
    CONTRACTUAL,
    INFLUENCED,
    NATURAL,
    SALES,
    UNKNOWN,
    AttributionRules,
)
from pipeline.schemas import ATTRIBUTION_SENSITIVITY, EXPANSION_ATTRIBUTION

BY_CONTRACT = ("price", "discount")
"""Types that a contract makes: price increases and discounts that end."""
SENSITIVITY_DAYS = (30, 60, 90)
ROW = "row"
NO_IDS = pl.lit([], dtype=pl.List(pl.String))


def attributed(dated: pl.DataFrame, crm: Crm, rules: AttributionRules) -> pl.DataFrame:
    """EXPANSION_ATTRIBUTION: every component of `dated` once, its amount as it is.

    Args:
        dated: `changes.dated`, of all months: a deal that pays one month does not pay another.
        crm: what the CRMs tell.
        rules: windows and deal types.
    """
    found = _judged(dated, crm, rules)
    sales = pl.col("attribution") == SALES
    deal_owner = crm.deal.select("deal_id", deal_owner="owner")
    return (
        EXPANSION_ATTRIBUTION.conform(
            _with_account_owner(found.lazy(), crm)
            .join(deal_owner, on="deal_id", how="left")
            .with_columns(
                owner=pl.when(sales).then("deal_owner").otherwise("owner"),
                evidence=_as_json(pl.col("evidence")),
            )
        )
        .sort(EXPANSION_ATTRIBUTION.key)
        .collect()
    )


def sensitivity(dated: pl.DataFrame, crm: Crm, rules: AttributionRules) -> pl.DataFrame:
    """ATTRIBUTION_SENSITIVITY: what `attributed` would say if every window had 30, 60 or 90 days."""
    found = [
        _judged(dated, crm, rules.with_days(days))
        .group_by("month", "attribution")
        .agg(pl.col("amount").sum(), accounts=pl.col("account_id").n_unique().cast(pl.Int64))
        .with_columns(days=pl.lit(days, dtype=pl.Int64))
        for days in SENSITIVITY_DAYS
    ]
    every = ATTRIBUTION_SENSITIVITY.conform(pl.concat(found).lazy())
    return every.sort(ATTRIBUTION_SENSITIVITY.key).collect()


def _judged(dated: pl.DataFrame, crm: Crm, rules: AttributionRules) -> pl.DataFrame:
    """`dated` with `attribution, deal_id, evidence` (a list of ids)."""
    deals = expansion_deals(crm, rules).collect().lazy()
    parts = (
        dated.with_row_index(ROW)
        .lazy()
        .with_columns(
            on=rules.day(pl.col("at")),
            contractual=pl.col("type").is_in(BY_CONTRACT) | pl.col("schedule_id").is_not_null(),
        )
    )
    open_to_sales = parts.filter(pl.col("contractual").not_() & (pl.col("amount") > 0))
    paid = credited(open_to_sales, deals, rules).lazy()
    known = (
        parts.join(_sold(open_to_sales, paid, deals, rules), on=ROW, how="left")
        .join(_influences(open_to_sales, deals, rules), on=ROW, how="left")
        .pipe(_within_reach, crm, rules)
    )
    contract, sold, influenced = (
        pl.col("contractual"),
        pl.col("sold_by").is_not_null(),
        pl.col("influenced_by").is_not_null(),
    )
    own = known.with_columns(
        attribution=pl.when(contract)
        .then(pl.lit(CONTRACTUAL))
        .when(sold)
        .then(pl.lit(SALES))
        .when(influenced)
        .then(pl.lit(INFLUENCED))
        .when("natural")
        .then(pl.lit(NATURAL))
        .otherwise(pl.lit(UNKNOWN)),
        deal_id=pl.when(contract).then(None).otherwise(pl.coalesce("sold_by", "influenced_by")),
        evidence=pl.when(contract & pl.col("schedule_id").is_not_null())
        .then(pl.concat_list("schedule_id"))
        .when(contract)
        .then(NO_IDS)
        .when(sold)
        .then(pl.concat_list("sold_by"))
        .otherwise(pl.col("influences").fill_null(NO_IDS)),
    )
    columns = (*PART, "amount", "opening_at", "at", "attribution", "deal_id", "evidence")
    return _with_negative(own).select(columns).collect()


def _sold(
    parts: pl.LazyFrame, paid: pl.LazyFrame, deals: pl.LazyFrame, rules: AttributionRules
) -> pl.LazyFrame:
    """The deal that pays each component: ROW, `sold_by`; all of the account's month that it is about."""
    about = deals.select("deal_id", "created", "closed_on")
    return (
        parts.join(paid, on=ACCOUNT_MONTH)
        .join(about, on="deal_id")
        .filter(explains(rules))
        .select(ROW, sold_by="deal_id")
    )


def _influences(parts: pl.LazyFrame, deals: pl.LazyFrame, rules: AttributionRules) -> pl.LazyFrame:
    """The deals open, won or lost in the window before each component: ROW, `influenced_by`, `influences` (all ids).

    Named is the one that was open last: open at the change itself first, then by amount, then by id.
    """
    is_open = pl.col("won").is_null()
    ago = days_between(pl.col("closed_on"), pl.col("on"))
    within = is_open | (ago <= rules.influence).fill_null(value=False)
    before = days_between(rules.day(pl.col("created")), pl.col("on")) > 0
    since = pl.when(is_open).then(0).otherwise(pl.max_horizontal(ago, 0))
    return (
        parts.join(deals.select("deal_id", "account_id", "created", "closed_on", "won", "value"), on="account_id")
        .filter(before & within)
        .with_columns(since=since)
        .sort("since", "value", "deal_id", descending=[False, True, False], nulls_last=True)
        .group_by(ROW, maintain_order=True)
        .agg(influenced_by=pl.col("deal_id").first(), influences=pl.col("deal_id").sort())
    )  # fmt: skip


def _within_reach(parts: pl.LazyFrame, crm: Crm, rules: AttributionRules) -> pl.LazyFrame:
    """`parts` with `natural`: a CRM has the account, and tells of the whole window before the change."""
    source = crm.account.select("account_id", "source")
    covered = days_between(pl.col("reach_on"), pl.col("on")) > rules.influence
    return (
        parts.join(source, on="account_id", how="left")
        .join(reach(crm, rules), on="source", how="left")
        .with_columns(natural=covered.fill_null(value=False))
    )


def _with_negative(own: pl.LazyFrame) -> pl.LazyFrame:
    """What takes away goes with the account's largest positive component; of equal ones the first by item and type."""
    said = ("attribution", "deal_id", "evidence")
    largest = (
        own.filter(pl.col("amount") > 0)
        .sort("amount", *PART, descending=[True, *(False for _ in PART)])
        .group_by(ACCOUNT_MONTH, maintain_order=True)
        .agg(pl.col(name).first().alias(f"{name}_of_largest") for name in said)
    )
    negative = pl.col("amount") < 0
    return own.join(largest, on=ACCOUNT_MONTH, how="left").with_columns(
        pl.when(negative).then(f"{name}_of_largest").otherwise(name).alias(name) for name in said
    )


def _with_account_owner(parts: pl.LazyFrame, crm: Crm) -> pl.LazyFrame:
    """`parts` with `owner`: who owned the account at the month's opening, as in the dimension `owner`.

    Before the first known owner it is that one; of an account without history, the present one.
    """
    history = crm.account_history.filter(pl.col("field") == "owner").sort("account_id", "at")
    first = history.group_by("account_id", maintain_order=True).agg(
        first_owner=pl.col("value").first(), first_at=pl.col("at").first()
    )
    past = history.select("account_id", since="at", owner_then="value")
    just_before = pl.col("opening_at") - pl.duration(microseconds=1)
    return (
        asof(
            parts.with_columns(just_before=just_before), "just_before", past, "since", "account_id"
        )
        .join(first, on="account_id", how="left")
        .join(crm.account.select("account_id", owner_now="owner"), on="account_id", how="left")
        .with_columns(
            owner=pl.when(pl.col("since").is_not_null())
            .then("owner_then")
            .when(pl.col("first_at").is_not_null())
            .then("first_owner")
            .otherwise("owner_now")
        )
    )


def _as_json(ids: pl.Expr) -> pl.Expr:
    escaped = pl.element().str.replace_all(r'(["\\])', r"\\$1")
    quoted = ids.list.eval(pl.format('"{}"', escaped))
    return pl.format("[{}]", quoted.list.join(", "))


def check_attribution(movement: pl.LazyFrame, attribution: pl.LazyFrame) -> pl.DataFrame:
    """Accounts, by month, whose attributed amounts (`found`) do not sum to their expansion (`expected`)."""
    expected = movement.filter(
        (pl.col("window_months") == 1) & (pl.col("movement") == "expansion")
    ).select(*ACCOUNT_MONTH, expected="delta_mrr")
    found = attribution.group_by(ACCOUNT_MONTH).agg(found=pl.col("amount").sum())
    return (
        expected.join(found, on=ACCOUNT_MONTH, how="full", coalesce=True)
        .with_columns(pl.col("expected", "found").fill_null(0))
        .filter(pl.col("expected") != pl.col("found"))
        .select("month", "account_id", "expected", "found")
        .sort("month", "account_id")
        .collect(engine="streaming")
    )
