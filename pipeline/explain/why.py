"""Why an account-month's evidence is what it is, in sentences.

Belongs here: finding the items that the grade comes from. Source of the grades: docs/method.md, "Evidence".
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from pipeline.billing.evidence import GRADES
from pipeline.explain.steps import ITEM
from pipeline.mrr.instants import at_boundaries

NAMED = 3
EXACT = "Everything held at both ends is proved by events, listings and final invoices."
PAST = (
    "Both ends are proved; whether the account paid before {:%Y-%m-%d %H:%M} UTC rests on evidence that is {}, "
    "and with it what the movement is called."
)


def why(
    items: pl.LazyFrame,
    charged: pl.DataFrame,
    opening_at: datetime,
    closing_at: datetime,
    grade: str,
) -> tuple[str, ...]:
    """The sentences for the account's grade: one for all items with the same reason at an end.

    Where no item and no usage at the ends has the grade, it comes from the account's past (`mrr.past`).

    Args:
        items: `Book.items()` of the account.
        charged: `grounds.charges`.
        opening_at: boundary of the opening end.
        closing_at: boundary of the closing end.
        grade: the account-month's grade.
    """
    if grade == GRADES.categories[0]:
        return (EXACT,)
    unknown = pl.col("status") == "unknown"
    span = pl.lit(grade) != "invoiced"
    held = (
        at_boundaries(items, [opening_at, closing_at])
        .filter(pl.col("evidence") == grade)
        .select(
            ITEM,
            "at",
            unknown=unknown,
            since=pl.when(span).then("valid_from"),
            until=pl.when(span).then("valid_to"),
        )
        .sort("at", ITEM)
        .group_by("at", "unknown", "since", "until", maintain_order=True)
        .agg(ITEM)
        .collect()
    )
    said = [
        _items(row, grade, "opening" if row["at"] == opening_at else "closing")
        for row in held.to_dicts()
    ]
    drafts = charged.filter(pl.col("evidence") == grade).sort("end", ITEM, descending=[True, False])
    found = (*said, *(_usage(row) for row in drafts.to_dicts()))
    return found or (PAST.format(opening_at, grade),)


def _items(row: Mapping[str, Any], grade: str, end: str) -> str:
    ids = row[ITEM]
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    names = f"At the {end} end, {', '.join(ids[:NAMED])}{more}"
    since, until = _instant(row["since"]), _instant(row["until"])
    if grade == "invoiced":
        return (
            f"{names}: known from invoices; those before and after agree, so only a change that was undone before "
            f"the next invoice, without a proration, would not show."
        )
    if grade == "bounded":
        return (
            f"{names}: between {since} and {until} something changed, or not every event is known; "
            f"a change counts from the later instant on."
        )
    if row["unknown"]:
        return f"{names}: no record tells the state between {since} and {until}."
    return f"{names}: the state between {since} and {until} follows from a rule, no record tells all of it."


def _usage(row: Mapping[str, Any]) -> str:
    return (
        f"At the {row['end']} end, the usage of {row[ITEM]} is from invoice {row['invoice_id']}, which is not final "
        f"or has a discount that no record explains."
    )


def _instant(at: datetime | None) -> str:
    return "now" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"
