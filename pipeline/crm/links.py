"""Which CRM account a Stripe customer belongs to.

Belongs here: which hit wins. The first level that hits does, and within it the CRM that stands first. Only the two
levels with ids, a CRM's field and Stripe's metadata, can disagree, and only about one CRM. Several accounts are
`ambiguous`: nothing is guessed. Source of the rules: docs/accounts.md.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.crm.levels import CRM_FIELD, DOMAIN, EMAIL, LEVELS, METADATA, OVERRIDE
from pipeline.schemas import ACCOUNT_LINK

CRMS = 16
"""More than there are CRMs."""
CONFIDENCE = {OVERRIDE: 1.0, CRM_FIELD: 1.0, METADATA: 1.0, EMAIL: 0.9, DOMAIN: 0.7}


def links(
    customers: pl.LazyFrame, hits: pl.LazyFrame, ignored: pl.LazyFrame, order: Sequence[str]
) -> pl.LazyFrame:
    """One row (ACCOUNT_LINK) per customer; without a hit a customer is its own account.

    Args:
        customers: CUSTOMER.
        hits: HIT rows of every level.
        ignored: `customer_id` of those who are never linked.
        order: the CRMs, the one that decides first.
    """
    named = _won(hits, order)
    count = pl.col("found").list.len()
    matched = pl.col("found").is_not_null() & (count == 1)
    ignore = pl.col("ignore").fill_null(value=False)
    return ACCOUNT_LINK.conform(
        customers.select("customer_id")
        .join(named, on="customer_id", how="left")
        .join(
            ignored.select("customer_id", ignore=pl.lit(value=True)), on="customer_id", how="left"
        )
        .with_columns(
            found=pl.when(~ignore).then("found"),
            method=pl.when(ignore)
            .then(pl.lit(OVERRIDE))
            .otherwise(pl.col("method").fill_null("none")),
        )
        .with_columns(
            account_id=pl.when(matched).then(pl.col("found").list.first()).otherwise("customer_id"),
            confidence=pl.when(matched).then(
                pl.col("method").replace_strict(CONFIDENCE, default=None, return_dtype=pl.Float64)
            ),
            status=pl.when(ignore)
            .then(pl.lit("ignored"))
            .when(matched)
            .then(pl.lit("matched"))
            .when(count > 1)
            .then(pl.lit("ambiguous"))
            .otherwise(pl.lit("unmatched")),
            candidates=pl.when(count > 1).then(_json(pl.col("found"))),
        )
        .sort("customer_id")
    )


def _won(hits: pl.LazyFrame, order: Sequence[str]) -> pl.LazyFrame:
    """`customer_id, method, found`: the level that won, and the accounts that it names, sorted."""
    ranks = {name: place for place, name in enumerate(order)}
    levels = {name: place for place, name in enumerate(LEVELS)}
    level = pl.col("method").replace_strict(levels, return_dtype=pl.Int16)
    rank = pl.col("crm").replace_strict(ranks, default=len(ranks), return_dtype=pl.Int16)
    best = pl.col("place").min().over("customer_id")
    of_field = best.is_between(levels[CRM_FIELD] * CRMS, levels[METADATA] * CRMS, closed="left")
    beside = of_field & (pl.col("place") == best + CRMS)  # metadata, about the same CRM
    return (
        hits.with_columns(place=level * CRMS + rank)
        .with_columns(won=pl.col("place") == best, beside=beside)
        .filter(pl.col("won") | pl.col("beside"))
        .group_by("customer_id")
        .agg(
            method=pl.col("method").filter(pl.col("won")).first(),
            found=pl.col("account_id").unique().sort(),
        )
    )


def _json(ids: pl.Expr) -> pl.Expr:
    """A list of ids as JSON."""
    escaped = pl.element()
    for sign in ("\\", '"'):
        escaped = escaped.str.replace_all(sign, f"\\{sign}", literal=True)
    safe = ids.list.eval(escaped)
    return pl.format('["{}"]', safe.list.join('","'))
