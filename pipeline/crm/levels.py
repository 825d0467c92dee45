"""The levels of linking: which accounts each of them names for a customer.

Belongs here: the five levels, from the surest to the last, as hits. Which hit wins is in `pipeline.crm.links`. Source
of the rules: docs/accounts.md.
"""

from collections.abc import Sequence

import polars as pl

from pipeline.crm import domains
from pipeline.crm.ids import PREFIX, salesforce_id

LEVELS = ("override", "crm_field", "metadata", "email", "domain")
OVERRIDE, CRM_FIELD, METADATA, EMAIL, DOMAIN = LEVELS
HIT = pl.Schema(dict.fromkeys(("customer_id", "crm", "account_id", "method"), pl.String))
"""One account that one level names for one customer."""
KEY_OF = r"(?i)^(hubspot|salesforce|sfdc|file)(?:_|\b)"
"""A metadata key that is for one CRM only."""


def by_crm_field(account: pl.LazyFrame) -> pl.LazyFrame:
    """HIT rows: customers that an account of a CRM names.

    Args:
        account: TOLD_ACCOUNT with `account_id`, the survivor.
    """
    return _hits(
        account.select("crm", "account_id", customer_id="stripe_ids")
        .explode("customer_id")
        .filter(pl.col("customer_id").is_not_null()),
        CRM_FIELD,
    )


def by_override(overrides: pl.LazyFrame, targets: pl.LazyFrame) -> pl.LazyFrame:
    """HIT rows: accounts that the override file names and that exist.

    Args:
        overrides: OVERRIDE.
        targets: `crm, crm_id, account_id`; merged ids lead to the survivor.
    """
    wanted = overrides.select("customer_id", crm_id="crm_account_id", only=None)
    return _hits(looked_up(wanted, targets), OVERRIDE)


def by_metadata(named: pl.LazyFrame, targets: pl.LazyFrame) -> pl.LazyFrame:
    """HIT rows: accounts that a customer's metadata name; see `in_metadata` and `by_override`."""
    return _hits(looked_up(named.rename({"named": "crm_id"}), targets), METADATA)


def by_email(customers: pl.LazyFrame, address: pl.LazyFrame) -> pl.LazyFrame:
    """HIT rows: accounts of which an e-mail address is the customer's.

    Args:
        customers: CUSTOMER.
        address: `crm, account_id, email` as written.
    """
    people = customers.select("customer_id", email=domains.email(pl.col("email")))
    theirs = address.with_columns(email=domains.email(pl.col("email"))).unique()
    return _hits(people.filter(pl.col("email") != "").join(theirs, on="email"), EMAIL)


def addresses(account: pl.LazyFrame, contact: pl.LazyFrame, targets: pl.LazyFrame) -> pl.LazyFrame:
    """Every e-mail address that leads to an account: `crm, account_id, email` as written.

    Args:
        account: TOLD_ACCOUNT with `account_id`, the survivor.
        contact: TOLD_CONTACT of every CRM.
        targets: `crm, crm_id, account_id`.
    """
    own = account.select("crm", "account_id", email="emails").explode("email")
    people = contact.join(
        targets, left_on=["crm", "account_crm_id"], right_on=["crm", "crm_id"]
    ).select("crm", "account_id", "email")
    return pl.concat([own, people])


def by_domain(customers: pl.LazyFrame, held: pl.LazyFrame) -> pl.LazyFrame:
    """HIT rows: accounts whose registrable domain is that of the customer's e-mail.

    Args:
        customers: CUSTOMER.
        held: `crm, account_id, domain`.
    """
    people = customers.select("customer_id", host=domains.email_host(pl.col("email")))
    found = people.join(domains.registrable(people), on="host").join(held, on="domain")
    return _hits(found, DOMAIN)


def as_before(links: pl.LazyFrame, targets: pl.LazyFrame) -> pl.LazyFrame:
    """HIT rows of the levels e-mail and domain, as links say that they were.

    Args:
        links: ACCOUNT_LINK of customers whose e-mail is not kept any more.
        targets: `crm, crm_id, account_id`; merged ids lead to the survivor.
    """
    several = pl.col("candidates").str.json_decode(pl.List(pl.String))
    was = (
        links.filter(pl.col("method").is_in([EMAIL, DOMAIN]))
        .select("customer_id", "method", was=pl.coalesce(several, pl.concat_list("account_id")))
        .explode("was")
        .with_columns(
            crm=pl.col("was").str.extract(PREFIX), crm_id=pl.col("was").str.replace(PREFIX, "")
        )
    )
    return was.join(targets, on=["crm", "crm_id"]).select(HIT.names()).unique()


def in_metadata(customers: pl.LazyFrame, keys: Sequence[str]) -> pl.LazyFrame:
    """Ids that metadata name: `customer_id, key, only, named`; `only` is the one CRM that the key is for.

    Args:
        customers: CUSTOMER.
        keys: metadata keys that may hold ids of accounts.
    """
    distinct = list(dict.fromkeys(keys)) or [""]
    shape = pl.Struct(dict.fromkeys(distinct, pl.String))
    only = pl.col("key").str.extract(KEY_OF).str.to_lowercase().replace({"sfdc": "salesforce"})
    return (
        customers.filter(pl.col("metadata").is_not_null())
        .select(
            pl.col("customer_id").alias("/customer_id"),
            pl.col("metadata").str.json_decode(shape).struct.unnest(),
        )
        .unpivot(distinct, index="/customer_id", variable_name="key", value_name="named")
        .select(
            "key", customer_id="/customer_id", only=only, named=pl.col("named").str.strip_chars()
        )
        .filter(pl.col("named") != "")
    )


def looked_up(wanted: pl.LazyFrame, targets: pl.LazyFrame) -> pl.LazyFrame:
    """`wanted` beside the accounts that have the id; `crm_id` may begin with the CRM that it is of.

    A CRM's id may be written without its name: it is looked up in each.
    """
    said = pl.col("crm_id").str.strip_chars()
    bare = said.str.replace(PREFIX, "").str.strip_chars()
    named = wanted.with_columns(
        of=said.str.extract(PREFIX), only=pl.col("only").cast(pl.String), crm_id=bare
    )
    spelled = pl.concat(
        [
            named.with_columns(crm=pl.lit("hubspot")),
            named.with_columns(crm=pl.lit("salesforce"), crm_id=salesforce_id(pl.col("crm_id"))),
            named.with_columns(crm=pl.lit("file")),
        ]
    )
    theirs = [pl.col(each).is_null() | (pl.col(each) == pl.col("crm")) for each in ("of", "only")]
    return spelled.filter(*theirs).join(targets, on=["crm", "crm_id"])


def _hits(found: pl.LazyFrame, method: str) -> pl.LazyFrame:
    return found.select("customer_id", "crm", "account_id", method=pl.lit(method)).unique()
