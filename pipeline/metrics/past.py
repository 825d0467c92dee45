"""Accounts as of the month: which members an account had at the ends of a window.

Belongs here: accounts as *versions*, one for each time that a dimension became another, and which of them holds at a
month's end. A version holds at an end when it began before it, as a state of an item does. Before the first known
value the earliest holds, `inferred`. Source of the rules: docs/method.md, "Account dimensions". Does not belong here:
where the history comes from (`pipeline.crm.past`), amounts (`contributions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from pipeline.months import Calendar, add_months
from pipeline.mrr.instants import at_boundaries
from pipeline.schemas.told import DIMENSIONS

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Past:
    """What accounts were.

    Attributes:
        history: ACCOUNT_HISTORY.
        calendar: the reporting calendar; its current month ends now.
    """

    history: pl.LazyFrame
    calendar: Calendar


def versions(account: pl.LazyFrame, past: Past | None, fields: Sequence[str]) -> pl.DataFrame:
    """One row per account and version: `version` (the row's place), `account_id, valid_from, valid_to` and `fields`.

    The first begins with time itself, the last has no end. A field of which nothing is known but the present has it in
    every version; an emptied one is `unknown`.

    Args:
        account: ACCOUNT.
        past: what accounts were; None: as they are now.
        fields: the columns of ACCOUNT that are asked for.
    """
    now = account.select("account_id", *fields)
    changing = [field for field in fields if field in DIMENSIONS]
    if past is None or not changing:
        spans = now.with_columns(
            valid_from=pl.lit(BEGINNING).dt.cast_time_unit("us"),
            valid_to=pl.lit(None, dtype=pl.Datetime("us", "UTC")),
        )
    else:
        spans = (
            now.join(_spans(past.history, changing), on="account_id", how="left")
            .with_columns(pl.coalesce(f"{field}_then", field).alias(field) for field in changing)
            .with_columns(pl.col("valid_from").fill_null(BEGINNING))
        )
    columns = ("account_id", "valid_from", "valid_to", *fields)
    return spans.select(columns).with_row_index("version").collect()


def with_versions(
    movement: pl.DataFrame, known: pl.DataFrame, calendar: Calendar | None
) -> pl.DataFrame:
    """Movements with `opening_version` and `closing_version`; one more than the last where an account is not known.

    Args:
        movement: MRR_MOVEMENT.
        known: the `versions` of accounts.
        calendar: where months end; needed where an account has several versions.
    """
    only = known.filter(pl.col("valid_to").is_null()).lazy().select("account_id", "version")
    keys = movement.lazy().select("month", "window_months", "account_id")
    last = keys.join(only, on="account_id", how="left", maintain_order="left").with_columns(
        pl.col("version").fill_null(known.height)
    )
    changed = known.filter(pl.len().over("account_id") > 1)
    cases = movement.select("month", "window_months").unique().rows()
    if changed.is_empty() or calendar is None or not cases:
        only_one = last.select(opening_version="version", closing_version="version")
        return movement.hstack(only_one.collect())
    openings = [(month, window, add_months(month, -window)) for month, window in cases]
    months = sorted({end for month, _, opening in openings for end in (month, opening)})
    ends = calendar.ends(months).lazy().select("month", at="boundary")
    then = (
        at_boundaries(changed.lazy(), calendar.ends(months).get_column("boundary").to_list())
        .join(ends, on="at")
        .select("account_id", "month", "version")
        .collect()
        .lazy()
    )
    opening = then.rename({"month": "opening_month", "version": "opening_version"})
    opening_months = pl.LazyFrame(
        openings,
        schema={"month": pl.Date, "window_months": pl.Int64, "opening_month": pl.Date},
        orient="row",
    )
    found = last.join(
        opening_months, on=["month", "window_months"], how="left", maintain_order="left"
    )
    closing = then.rename({"version": "closing_version"})
    for end, month in ((opening, "opening_month"), (closing, "month")):
        found = found.join(end, on=["account_id", month], how="left", maintain_order="left")
    both = pl.col("opening_version", "closing_version").fill_null(pl.col("version"))
    return movement.hstack(found.select(both).collect())


def inferred(movement: pl.LazyFrame, account: pl.LazyFrame, past: Past) -> pl.DataFrame:
    """How much of each month's end rests on a member that is not known for that time, but only for later.

    One row per month and dimension of a CRM with such an account: `month, dimension, accounts, mrr` (closing MRR in
    micro-units). Accounts of which nothing is known, then or later, are `unknown` and not counted.

    Args:
        movement: MRR_MOVEMENT.
        account: ACCOUNT.
        past: what accounts were.
    """
    paying = movement.filter(pl.col("window_months") == 1, pl.col("closing_mrr") > 0).select(
        "month", "account_id", "closing_mrr"
    )
    months = paying.select("month").unique().collect().get_column("month").to_list()
    first = past.history.sort("account_id", "field", "at").unique(
        ["account_id", "field"], keep="first", maintain_order=True
    )
    told = first.group_by("account_id").agg(
        pl.col(name).filter(field=field).first().alias(f"{field}_{name}")
        for field in DIMENSIONS
        for name in ("at", "value")
    )
    until = {field: _inferred_until(field) for field in DIMENSIONS}
    ends = past.calendar.ends(months).lazy().select("month", "boundary")
    by_month = (
        account.filter(pl.col("source") != "stripe")
        .join(told, on="account_id", how="left")
        .select("account_id", **until)
        .join(paying, on="account_id")
        .join(ends, on="month")
        .group_by("month")
        .agg(
            expr.alias(f"{field}_{name}")
            for field in DIMENSIONS
            for name, expr in _counted(pl.col(field) >= pl.col("boundary")).items()
        )
        .collect()
    )
    fields = [
        by_month.select(
            "month", dimension=pl.lit(field), accounts=f"{field}_accounts", mrr=f"{field}_mrr"
        )
        for field in DIMENSIONS
    ]
    return pl.concat(fields).filter(pl.col("accounts") > 0).sort("month", "dimension")


def _inferred_until(field: str) -> pl.Expr:
    """Until when an account's value of `field` is known for later only; null where it is not known at all."""
    at, present, value = (pl.col(name) for name in (f"{field}_at", field, f"{field}_value"))
    known = pl.when(at.is_null()).then(present).otherwise(value)
    return pl.when(known.is_not_null()).then(at.fill_null(END))


def _counted(inferred: pl.Expr) -> dict[str, pl.Expr]:
    return {
        "accounts": inferred.sum().cast(pl.Int64),
        "mrr": pl.col("closing_mrr").filter(inferred).sum(),
    }


def inferred_of(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """`inferred` of all accounts and months of `parts`; an account and month is in one of them."""
    return (
        pl.concat(parts)
        .group_by("month", "dimension")
        .agg(pl.col("accounts", "mrr").sum())
        .sort("month", "dimension")
    )


def _spans(history: pl.LazyFrame, fields: Sequence[str]) -> pl.LazyFrame:
    """One row per account and time in which none of `fields` changed, with `<field>_then`."""
    names = [f"{field}_then" for field in fields]
    value = pl.col("value").fill_null(UNKNOWN)
    own = "account_id"
    filled = (
        history.filter(pl.col("field").is_in(fields))
        .group_by(own, "at")
        .agg(
            value.filter(pl.col("field") == field).first().alias(name)
            for field, name in zip(fields, names, strict=True)
        )
        .sort(own, "at")
        .with_columns(pl.col(names).forward_fill().over(own))
        .with_columns(pl.col(names).backward_fill().over(own))
    )
    first = pl.col(own).ne_missing(pl.col(own).shift(1))
    changes = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in names)
    following = pl.col("at").shift(-1)
    return (
        filled.with_columns(first=first)
        .filter(pl.col("first") | changes)
        .select(
            own,
            *names,
            valid_from=pl.when(~pl.col("first")).then("at"),
            valid_to=pl.when(pl.col(own).shift(-1) == pl.col(own)).then(following),
        )
    )
