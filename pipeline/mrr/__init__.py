"""MRR: the value of an item, snapshots at month ends, movements and components between them.

Belongs here: policies, valuation and classification; pure, frames in and frames out.
Does not belong here: evidence (`pipeline.billing`), rates and dimensions (`pipeline.metrics`).
"""

from datetime import date

import polars as pl

from pipeline.months import Calendar
from pipeline.mrr.book import Book, empty_links, mapped_plan
from pipeline.mrr.ends import unvalued
from pipeline.mrr.movement import WINDOWS, Movements, moved, movements
from pipeline.mrr.parts import SPANS, packed, parts, shares
from pipeline.mrr.past import first_paid
from pipeline.mrr.policy import Policy
from pipeline.mrr.scheduled import scheduled
from pipeline.mrr.snapshot import first_months, history_of, snapshot, snapshot_of
from pipeline.mrr.valued import Valued
from pipeline.mrr.within import within
from pipeline.mrr.worth import worth


def first_month(book: Book, policy: Policy, calendar: Calendar) -> date | None:
    """The month of the first counted MRR of any account; None when nobody ever paid."""
    earliest = first_paid(book, policy).select(pl.col("first_paid").min()).collect().item()
    if earliest is None:
        return None
    return Calendar(now=earliest, timezone=calendar.timezone).current


__all__ = [
    "SPANS",
    "WINDOWS",
    "Book",
    "Movements",
    "Policy",
    "Valued",
    "empty_links",
    "first_month",
    "first_months",
    "first_paid",
    "history_of",
    "mapped_plan",
    "moved",
    "movements",
    "packed",
    "parts",
    "scheduled",
    "shares",
    "snapshot",
    "snapshot_of",
    "unvalued",
    "within",
    "worth",
]
