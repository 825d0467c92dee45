"""Which member of each CRM dimension an account was, since when.

Belongs here: the history of the five dimensions that a CRM tells, and from when on two histories differ. Does not
belong here: reading a CRM's own history (the adapters), and what it does to figures (`pipeline.metrics`). Source of the
rules: docs/method.md, "Account dimensions".
"""

from datetime import UTC, datetime

import polars as pl

from pipeline.crm.countries import iso_country
from pipeline.schemas import ACCOUNT_HISTORY
from pipeline.schemas.told import DIMENSIONS

ONE = ("account_id", "field")
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
EMPTIED = ""


def history(changes: pl.LazyFrame, account: pl.LazyFrame, home: pl.LazyFrame) -> pl.LazyFrame:
    """ACCOUNT_HISTORY: each value that an account had, one row per change; equal values in a row are one.

    The last value is the account's present one: where the changes say another, the present one holds since the last of
    them. Where the account has none and no change emptied it, the CRM does not show the field any more: the last value
    that is known stays. What was empty before its first value has no row: the earliest value holds there. Accounts that
    were merged away or deleted have no history; the survivor's own is kept. A field without any change has no rows.

    Args:
        changes: TOLD_ACCOUNT_CHANGE of any number of CRMs.
        account: ACCOUNT.
        home: `account_id, home`: the country of Stripe's address, for accounts whose CRM named none.
    """
    now = account.unpivot(
        DIMENSIONS, index="account_id", variable_name="field", value_name="present"
    )
    at_home = pl.col("home").str.to_uppercase()
    is_country = pl.col("field") == "country"
    country = pl.coalesce(iso_country(pl.col("value")), at_home)
    # The present country is the address's where the CRM names none.
    shown = pl.col("present").is_not_null() & ~(is_country & pl.col("present").eq_missing(at_home))
    last = pl.col("account_id").ne_missing(pl.col("account_id").shift(-1)) | pl.col(
        "field"
    ).ne_missing(pl.col("field").shift(-1))
    found = (
        changes.with_columns(account_id=pl.format("{}:{}", "crm", "crm_id"))
        .filter(pl.col("at").is_not_null())
        .join(now, on=list(ONE))
        .join(home.select("account_id", "home"), on="account_id", how="left")
        .sort(*ONE, "at")
        .with_columns(
            value=pl.when(last & shown)
            .then("present")
            .when(is_country)
            .then(country)
            .otherwise("value")
        )
    )
    told = found.filter(pl.col("value").forward_fill().over(ONE).is_not_null())
    return ACCOUNT_HISTORY.conform(told.filter(_changed("value")))


def touched(before: pl.LazyFrame, after: pl.LazyFrame) -> pl.LazyFrame:
    """The accounts whose members differ between two histories: `account_id, since`.

    `since` is the first instant from which one of the dimensions differs; null where the earliest value does, which
    holds for the time before it too. An account that has no history counts as one whose fields were always empty.

    Args:
        before: ACCOUNT_HISTORY as it was.
        after: ACCOUNT_HISTORY as it is.
    """
    differing = _endless(before).join(_endless(after), on=[*ONE, "at", "value"], how="anti")
    new = _endless(after).join(_endless(before), on=[*ONE, "at", "value"], how="anti")
    concerned = pl.concat([differing, new]).select("account_id", "field").unique()
    sides = pl.concat(
        [
            _endless(before).with_columns(side=pl.lit("was")),
            _endless(after).with_columns(side=pl.lit("is")),
        ]
    ).join(concerned, on=list(ONE), how="semi")
    side = pl.col("value").filter
    filled = (
        sides.group_by(*ONE, "at")
        .agg(
            was=side(pl.col("side") == "was").first(),
            now=side(pl.col("side") == "is").first(),
        )
        .sort(*ONE, "at")
        .with_columns(pl.col("was", "now").forward_fill().over(ONE).fill_null(EMPTIED))
    )
    return (
        filled.filter(pl.col("was") != pl.col("now"))
        .group_by("account_id")
        .agg(since=pl.col("at").min())
        .with_columns(since=pl.when(pl.col("since") > BEGINNING).then("since"))
    )


def _endless(kept: pl.LazyFrame) -> pl.LazyFrame:
    """A history whose first values begin with time itself; an emptied value is the empty text."""
    rows = kept.select(*ONE, "at", pl.col("value").fill_null(EMPTIED)).sort(*ONE, "at")
    first = rows.group_by(ONE, maintain_order=True).agg(pl.col("value").first())
    begins = first.select(*ONE, pl.lit(BEGINNING).dt.cast_time_unit("us").alias("at"), "value")
    return pl.concat([begins, rows])


def _changed(value: str) -> pl.Expr:
    """Of rows in order of account, field and time: those that say something else than the row before."""
    other = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in ONE)
    return other | pl.col(value).ne_missing(pl.col(value).shift(1))
