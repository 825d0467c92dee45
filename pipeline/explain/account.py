"""Which account is asked for: by its id, by a Stripe customer's, or by name.

Belongs here: finding it, and what to say when it is not there.
"""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches

import polars as pl

from pipeline.errors import UnknownAccount

SHOWN = 10
"""So many accounts are named whose name has what was asked for in it,"""
ALIKE = 3
"""or so many that only look like it."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account and its name, if it has one."""

    account_id: str
    name: str | None


def find_account(
    asked: str,
    account: pl.LazyFrame,
    links: pl.LazyFrame,
    customers: pl.LazyFrame,
    excluded: Collection[str] = (),
) -> Account:
    """The account with this id, with this Stripe customer, or with exactly this name (upper or lower case).

    Args:
        asked: what the person wrote.
        account: ACCOUNT.
        links: ACCOUNT_LINK; a customer without one is its own account.
        customers: CUSTOMER.
        excluded: customers that the configuration leaves out.

    Raises:
        UnknownAccount: there is none, with the nearest ones; there are several of this name, with theirs; or the
            customer is excluded.
    """
    wanted = asked.strip()
    if wanted in excluded:
        raise UnknownAccount(
            f"{wanted} is excluded by [exclude] in pipeline.toml: it belongs to no account."
        )
    names = _names(account, links, customers.filter(~pl.col("customer_id").is_in(list(excluded))))
    by_id = names.filter((pl.col("account_id") == wanted) | (pl.col("customer_id") == wanted))
    key = pl.col("called").str.to_lowercase().str.strip_chars()
    called = names.filter(key == wanted.lower())
    for hits in (by_id, called):
        ids = hits.get_column("account_id").unique().sort().to_list()
        if len(ids) == 1:
            return Account(ids[0], _name(names, ids[0]))
        if ids:
            raise UnknownAccount(
                f"{len(ids)} accounts have this name: {', '.join(ids)}. Ask for one by its id."
            )
    raise _nothing(wanted, names)


def _names(account: pl.LazyFrame, links: pl.LazyFrame, customers: pl.LazyFrame) -> pl.DataFrame:
    """One row per account and customer: account_id, customer_id, called, official (the account's own name)."""
    linked = customers.join(
        links.select("customer_id", "account_id"), on="customer_id", how="left"
    ).select(
        pl.coalesce("account_id", "customer_id").alias("account_id"),
        "customer_id",
        called="name",
        official=pl.lit(value=False),
    )
    own = account.select(
        "account_id",
        customer_id=pl.lit(None, dtype=pl.String),
        called="name",
        official=pl.lit(value=True),
    )
    return pl.concat([own, linked]).collect()


def _name(names: pl.DataFrame, account_id: str) -> str | None:
    rows = names.filter(pl.col("account_id") == account_id, pl.col("called").is_not_null())
    shown = rows.sort("official", descending=True).get_column("called")
    return shown[0] if len(shown) else None


def _nothing(wanted: str, names: pl.DataFrame) -> UnknownAccount:
    """That there is no such account, and which ones it may have been."""
    ids = _near(wanted.lower(), names)
    shown = ids[:SHOWN]
    more = f" and {len(ids) - SHOWN:,} more" if len(ids) > SHOWN else ""
    hint = f" The nearest: {', '.join(shown)}{more}." if shown else ""
    return UnknownAccount(
        f"There is no such account.{hint} Write an account id, a Stripe customer id or the account's whole name: "
        f"see the table account.",
        {each: _name(names, each) for each in shown},
    )


def _near(wanted: str, names: pl.DataFrame) -> list[str]:
    """The accounts whose name or id begins with what is wanted, then those that contain it; else what looks alike."""
    by_key = {
        text.lower(): row["account_id"]
        for row in names.to_dicts()
        for text in (row["account_id"], row["customer_id"], row["called"])
        if text
    }
    within = [key for key in by_key if wanted and wanted in key]
    near = sorted(within, key=lambda key: (not key.startswith(wanted), key))
    near = near or get_close_matches(wanted, list(by_key), n=ALIKE)
    return list(dict.fromkeys(by_key[key] for key in near))
