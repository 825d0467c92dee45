"""Accounts, links and deals together, of every CRM.

Belongs here: what an account is called and which member of each CRM dimension it is. An unmatched, ambiguous or ignored
customer is its own account under its Stripe id.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from pipeline.crm import dangling, deals, domains, levels, links, merges, past
from pipeline.crm.countries import iso_country
from pipeline.crm.protocol import Told
from pipeline.crm.rules import LinkRules
from pipeline.names import one_line
from pipeline.schemas import ACCOUNT, ACCOUNT_LINK
from pipeline.schemas.override import OVERRIDE


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the CRMs say, and how it is joined to Stripe.

    Attributes:
        account: ACCOUNT; `first_paid_month` is null until `with_first_paid`.
        account_alias: ACCOUNT_ALIAS.
        account_history: ACCOUNT_HISTORY.
        account_link: ACCOUNT_LINK, one row per customer.
        crm_deal: CRM_DEAL.
        crm_deal_history: CRM_DEAL_HISTORY.
        dangling: `method, told_by, named`: ids that explicit levels name and that do not exist.
        several: `domain, crm, accounts`: domains that more than one account of a CRM has, and which.
        connected: whether there is a CRM.
    """

    account: pl.DataFrame
    account_alias: pl.DataFrame
    account_history: pl.DataFrame
    account_link: pl.DataFrame
    crm_deal: pl.DataFrame
    crm_deal_history: pl.DataFrame
    dangling: pl.DataFrame
    several: pl.DataFrame
    connected: bool


def accounts(
    told: Sequence[tuple[str, Told]],
    customers: pl.LazyFrame,
    rules: LinkRules,
    overrides: pl.DataFrame | None = None,
    excluded: Sequence[str] = (),
    kept: pl.DataFrame | None = None,
) -> Accounts:
    """Accounts, links and deals as the latest records say; without a CRM every customer is its own account.

    Args:
        told: each connected CRM's name and what it tells; the first one decides where several know a customer.
        customers: CUSTOMER.
        rules: how customers are linked.
        overrides: OVERRIDE, where there is an override file.
        excluded: customers that are left out.
        kept: ACCOUNT_LINK of customers whose e-mail is erased: links by e-mail and domain stay.
    """
    everybody = customers.collect().lazy()
    people = everybody.filter(~pl.col("customer_id").is_in(list(excluded)))
    whole = _together([each for _, each in told])
    led = merges.targets(whole.account).collect().lazy()
    alias = merges.aliases(led)
    survivors = whole.account.join(led, on=merges.ID)
    stated = (OVERRIDE.empty() if overrides is None else overrides).lazy()
    sites = domains.held(survivors, rules.shared_domains).collect().lazy()
    named = levels.in_metadata(people, rules.metadata_keys)
    hits = pl.concat(
        [
            levels.by_override(stated, led),
            levels.by_crm_field(survivors),
            levels.by_metadata(named, led),
            levels.by_email(people, levels.addresses(survivors, whole.contact, led)),
            levels.by_domain(people, sites),
            levels.as_before((ACCOUNT_LINK.empty() if kept is None else kept).lazy(), led),
        ]
    )
    ignored = stated.filter(pl.col("crm_account_id").is_null())
    link = links.links(people, hits, ignored, [name for name, _ in told]).collect()
    home = _home(people, link.lazy()).collect().lazy()
    in_crm = _in_crm(survivors.filter(pl.col("account_id") == deals.ID), home)
    found = pl.concat([in_crm, _on_their_own(people, link.lazy())]).sort("account_id").collect()
    connected = [name for name, _ in told]
    rest = pl.collect_all(
        [
            alias,
            past.history(whole.account_change, found.lazy(), home),
            deals.deals(whole.deal, alias),
            deals.history(whole.deal_change),
            dangling.dangling(everybody, stated, named, survivors, led, connected),
            domains.several(sites),
        ]
    )
    aliases, history, deal, deal_history, missing, several = rest
    return Accounts(found, aliases, history, link, deal, deal_history, missing, several, bool(told))


def with_first_paid(
    account: pl.DataFrame, first: pl.LazyFrame, links: pl.LazyFrame
) -> pl.DataFrame:
    """`account` with the month of each account's first closing MRR.

    Args:
        account: ACCOUNT.
        first: `customer_id, first_paid_month` of each customer who ever had MRR.
        links: ACCOUNT_LINK; a customer without one is its own account.
    """
    whose = links.select("customer_id", "account_id")
    of_account = (
        first.join(whose, on="customer_id", how="left")
        .group_by(pl.coalesce("account_id", "customer_id").alias("account_id"))
        .agg(pl.col("first_paid_month").min())
    )
    joined = account.lazy().drop("first_paid_month").join(of_account, on="account_id", how="left")
    return ACCOUNT.conform(joined).sort("account_id").collect()


def _together(told: Sequence[Told]) -> Told:
    """One frame of each kind, read once; every name in it on one line."""
    nothing = Told.nothing()
    kinds = ("account", "account_change", "deal", "deal_change", "contact")
    frames = [
        pl.concat([getattr(each, kind) for each in (nothing, *told)], how="vertical").with_columns(
            one_line(cs.string() - cs.matches("(^|_)id$"))
        )
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
