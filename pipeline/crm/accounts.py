"""Accounts, links and deals together, of every CRM.

Belongs here: what an account is called and which member of each CRM dimension it is. An unmatched, ambiguous or ignored
customer is its own account under its Stripe id.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipeline.crm import deals, links
from pipeline.crm.countries import iso_country
from pipeline.crm.merges import aliases
from pipeline.crm.protocol import Told
from pipeline.crm.rules import LinkRules
from pipeline.schemas import ACCOUNT


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the CRMs say, and how it is joined to Stripe.

    Attributes:
        account: ACCOUNT; `first_paid_month` is null until `with_first_paid`.
        account_alias: ACCOUNT_ALIAS.
        account_link: ACCOUNT_LINK, one row per customer.
        crm_deal: CRM_DEAL.
        crm_deal_history: CRM_DEAL_HISTORY.
        dangling: `customer_id, metadata_key, crm_id` of metadata that names an account which does not exist.
    """

    account: pl.DataFrame
    account_alias: pl.DataFrame
    account_link: pl.DataFrame
    crm_deal: pl.DataFrame
    crm_deal_history: pl.DataFrame
    dangling: pl.DataFrame


def accounts(
    told: Sequence[tuple[str, Told]], customers: pl.LazyFrame, rules: LinkRules
) -> Accounts:
    """Accounts, links and deals as the latest records say; without a CRM every customer is its own account.

    Args:
        told: each connected CRM's name and what it tells; the first one decides where several know a customer.
        customers: CUSTOMER, excluded ones left out.
        rules: how customers are linked.
    """
    people = customers.collect().lazy()
    whole = _together([each for _, each in told])
    alias = aliases(whole.account).collect().lazy()
    accounts_of = whole.account.with_columns(account_id=deals.ID)
    by_metadata, dangling = links.by_metadata(people, alias, rules.metadata_keys)
    hits = pl.concat([links.by_crm_field(accounts_of), by_metadata])
    link = links.links(people, hits).collect()
    in_crm = _in_crm(accounts_of, _home(people, link.lazy()))
    found = pl.concat([in_crm, _on_their_own(people, link.lazy())]).sort("account_id")
    return Accounts(
        account=found.collect(),
        account_alias=alias.collect(),
        account_link=link,
        crm_deal=deals.deals(whole.deal, alias).collect(),
        crm_deal_history=deals.history(whole.deal_change).collect(),
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


def _together(told: Sequence[Told]) -> Told:
    """One frame of each kind, read once."""
    nothing = Told.nothing()
    kinds = ("account", "account_change", "deal", "deal_change", "contact")
    frames = [
        pl.concat([getattr(each, kind) for each in (nothing, *told)], how="vertical")
        for kind in kinds
    ]
    return Told(*(frame.lazy() for frame in pl.collect_all(frames)))


def _home(customers: pl.LazyFrame, link: pl.LazyFrame) -> pl.LazyFrame:
    """The country of each account's oldest customer that has one: `account_id, home`."""
    return (
        customers.filter(pl.col("country").is_not_null())
        .join(link.select("customer_id", "account_id"), on="customer_id")
        .sort("created", "customer_id")
        .group_by("account_id", maintain_order=True)
        .agg(home=pl.col("country").first())
    )


def _in_crm(told: pl.LazyFrame, home: pl.LazyFrame) -> pl.LazyFrame:
    return ACCOUNT.conform(
        told.join(home, on="account_id", how="left").with_columns(
            country=pl.coalesce(iso_country(pl.col("country")), pl.col("home").str.to_uppercase()),
            first_paid_month=pl.lit(None, dtype=pl.Date),
            source="crm",
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
