"""Accounts, links and deals together.

Belongs here: what an account is called and which member of each CRM dimension it is. An unmatched, ambiguous or ignored
customer is its own account under its Stripe id.
"""

from dataclasses import dataclass

import polars as pl

from pipeline.crm import deals, hubspot, links
from pipeline.crm.countries import iso_country
from pipeline.crm.rules import LinkRules
from pipeline.schemas import ACCOUNT


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the CRM says, and how it is joined to Stripe.

    Attributes:
        account: ACCOUNT; `first_paid_month` is null until `with_first_paid`.
        account_link: ACCOUNT_LINK, one row per customer.
        crm_deal: CRM_DEAL.
        crm_deal_history: CRM_DEAL_HISTORY.
        dangling: `customer_id, metadata_key, crm_id` of metadata that names an account which does not exist.
    """

    account: pl.DataFrame
    account_link: pl.DataFrame
    crm_deal: pl.DataFrame
    crm_deal_history: pl.DataFrame
    dangling: pl.DataFrame


def accounts(raw: pl.LazyFrame, customers: pl.LazyFrame, rules: LinkRules) -> Accounts:
    """Accounts, links and deals as the latest records say; without a CRM every customer is its own account.

    Args:
        raw: RAW_RECORD rows of source `hubspot` (others are not looked at); may be empty.
        customers: CUSTOMER, excluded ones left out.
        rules: how customers are linked.
    """
    people = customers.collect().lazy()
    companies = (
        hubspot.companies(raw, rules.stripe_id_fields, rules.segment_field)
        .with_columns(account_id=hubspot.PREFIX + pl.col("id"))
        .collect()
        .lazy()
    )
    targets = links.targets(companies, "hubspot").collect().lazy()
    by_metadata, dangling = links.by_metadata(people, targets, rules.metadata_keys)
    hits = pl.concat([links.by_crm_field(companies), by_metadata])
    link = links.links(people, hits).collect()
    in_crm = _in_crm(companies, hubspot.owners(raw), _home(people, link.lazy()))
    found = pl.concat([in_crm, _on_their_own(people, link.lazy())]).sort("account_id")
    return Accounts(
        account=found.collect(),
        account_link=link,
        crm_deal=deals.deals(raw, targets).collect(),
        crm_deal_history=deals.history(raw).collect(),
        dangling=dangling.collect(),
    )


def with_first_paid(account: pl.DataFrame, movement: pl.LazyFrame) -> pl.DataFrame:
    """`account` with the month of each account's first closing MRR.

    Args:
        account: ACCOUNT.
        movement: MRR_MOVEMENT of the whole history.
    """
    paid = movement.filter((pl.col("window_months") == 1) & (pl.col("closing_mrr") > 0))
    first = paid.group_by("account_id").agg(first_paid_month=pl.col("month").min())
    joined = account.lazy().drop("first_paid_month").join(first, on="account_id", how="left")
    return ACCOUNT.conform(joined).sort("account_id").collect()


def _home(customers: pl.LazyFrame, link: pl.LazyFrame) -> pl.LazyFrame:
    """The country of each account's oldest customer that has one: `account_id, home`."""
    return (
        customers.filter(pl.col("country").is_not_null())
        .join(link.select("customer_id", "account_id"), on="customer_id")
        .sort("created", "customer_id")
        .group_by("account_id", maintain_order=True)
        .agg(home=pl.col("country").first())
    )


def _in_crm(companies: pl.LazyFrame, owners: pl.LazyFrame, home: pl.LazyFrame) -> pl.LazyFrame:
    return ACCOUNT.conform(
        companies.join(owners, on="owner_id", how="left")
        .join(home, on="account_id", how="left")
        .with_columns(
            country=pl.coalesce(iso_country(pl.col("country")), pl.col("home").str.to_uppercase()),
            first_paid_month=pl.lit(None, dtype=pl.Date),
            source=pl.lit("hubspot"),
        )
    )


def _on_their_own(customers: pl.LazyFrame, link: pl.LazyFrame) -> pl.LazyFrame:
    alone = link.filter(pl.col("account_id") == pl.col("customer_id"))
    nothing = pl.lit(None, dtype=pl.String)
    return ACCOUNT.conform(
        customers.join(alone, on="customer_id", how="semi").with_columns(
            account_id="customer_id",
            name=pl.coalesce("name", "customer_id"),
            segment=nothing,
            owner=nothing,
            industry=nothing,
            channel=nothing,
            country=pl.col("country").str.to_uppercase(),
            first_paid_month=pl.lit(None, dtype=pl.Date),
            source=pl.lit("stripe"),
        )
    )
