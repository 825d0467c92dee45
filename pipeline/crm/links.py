"""Which CRM account a Stripe customer belongs to.

Belongs here: the levels of linking, from the surest to the last. The first level that hits wins. Only the two explicit
levels (a CRM field with the Stripe id, Stripe metadata with the CRM id) can disagree, and are then `ambiguous`: nothing
is guessed. Source of the rules: docs/method.md, "Account".
"""

import polars as pl

from pipeline.schemas import ACCOUNT_LINK

CRM_FIELD, METADATA = "crm_field", "metadata"
HIT = pl.Schema({"customer_id": pl.String, "account_id": pl.String, "method": pl.String})
"""One account that one level names for one customer."""


def links(customers: pl.LazyFrame, hits: pl.LazyFrame) -> pl.LazyFrame:
    """One row (ACCOUNT_LINK) per customer; without a hit a customer is its own account.

    Args:
        customers: CUSTOMER.
        hits: HIT rows of the explicit levels.
    """
    order = pl.col("method").replace_strict({CRM_FIELD: 1, METADATA: 2}, return_dtype=pl.Int8)
    named = (
        hits.with_columns(order=order)
        .sort("customer_id", "order", "account_id")
        .group_by("customer_id", maintain_order=True)
        .agg(pl.col("method").first(), found=pl.col("account_id").unique().sort())
    )
    count = pl.col("found").list.len()
    matched = count == 1
    return ACCOUNT_LINK.conform(
        customers.select("customer_id")
        .join(named, on="customer_id", how="left")
        .with_columns(
            account_id=pl.when(matched).then(pl.col("found").list.first()).otherwise("customer_id"),
            method=pl.col("method").fill_null("none"),
            confidence=pl.when(matched).then(pl.lit(1.0)),
            status=pl.when(matched)
            .then(pl.lit("matched"))
            .when(count > 1)
            .then(pl.lit("ambiguous"))
            .otherwise(pl.lit("unmatched")),
            candidates=pl.when(count > 1).then(_json(pl.col("found"))),
        )
        .sort("customer_id")
    )


def by_crm_field(account: pl.LazyFrame) -> pl.LazyFrame:
    """HIT rows: customers that a CRM account names. Needs `account_id, stripe_ids`."""
    return (
        account.select("account_id", customer_id="stripe_ids")
        .explode("customer_id")
        .filter(pl.col("customer_id").is_not_null())
        .select("customer_id", "account_id", method=pl.lit(CRM_FIELD))
        .unique()
    )


def by_metadata(
    customers: pl.LazyFrame, alias: pl.LazyFrame, keys: tuple[str, ...]
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """HIT rows of customers whose metadata names an account, and the names that fit none.

    Args:
        customers: CUSTOMER.
        alias: ACCOUNT_ALIAS; merged ids lead to the survivor.
        keys: metadata keys; one that begins with a CRM's name is looked up in that CRM only.

    Returns:
        The hits, and `customer_id, metadata_key, crm_id` of what does not exist.
    """
    if not keys:
        return pl.LazyFrame(schema=HIT), _named(customers, ("none",)).head(0)
    named = _named(customers, keys)
    of_crm = pl.col("metadata_key").str.extract(r"^(hubspot|salesforce)")
    found = (
        named.with_columns(wanted=of_crm)
        .join(alias, on="crm_id")
        .filter(pl.col("wanted").is_null() | (pl.col("wanted") == pl.col("crm")))
    )
    missing = named.join(found, on=["customer_id", "metadata_key"], how="anti")
    hits = found.select("customer_id", "account_id", method=pl.lit(METADATA)).unique()
    return hits, missing.sort("customer_id", "metadata_key")


def _named(customers: pl.LazyFrame, keys: tuple[str, ...]) -> pl.LazyFrame:
    shape = pl.Struct(dict.fromkeys(keys, pl.String))
    bare = pl.col("crm_id").str.strip_chars().str.replace(r"^(hubspot|salesforce|file):", "")
    return (
        customers.select("customer_id", metadata=pl.col("metadata").str.json_decode(shape))
        .unnest("metadata")
        .unpivot(list(keys), index="customer_id", variable_name="metadata_key", value_name="crm_id")
        .with_columns(crm_id=bare)
        .filter(pl.col("crm_id") != "")
    )


def _json(ids: pl.Expr) -> pl.Expr:
    """A list of ids, which hold no quotes, as JSON."""
    return pl.format('["{}"]', ids.list.join('","'))
