"""Attribution of a whole company, in shares of its accounts: a deal is of one account, and sums of shares sum.

Belongs here: what is read once, what each share gets, and how what shares say becomes one. Does not belong here: any
rule of attribution.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from pipeline.metrics.attribution.attribute import attributed, sensitivity
from pipeline.metrics.attribution.changes import dated, expanding
from pipeline.metrics.attribution.deals import Crm, first_told
from pipeline.metrics.attribution.reconciliation import reconciliation
from pipeline.metrics.attribution.rules import AttributionRules
from pipeline.months import Calendar
from pipeline.mrr import Book, Policy
from pipeline.schemas import (
    ATTRIBUTION_SENSITIVITY,
    DEAL_RECONCILIATION,
    EXPANSION_ATTRIBUTION,
    Table,
)

AT_ONCE = 500_000
"""Components of expansion of a share."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What attribution rests on.

    Attributes:
        component: MRR_MOVEMENT_COMPONENT of all months: a deal that pays one month does not pay another.
        book: timeline, usage, prices and links.
        planned: phases of subscription schedules (`billing.schedules.planned`).
        crm: what the CRMs tell.
    """

    component: pl.LazyFrame
    book: Book
    planned: pl.LazyFrame
    crm: Crm


def company(
    evidence: Evidence,
    policy: Policy,
    calendar: Calendar,
    today: date,
    rules: AttributionRules,
    at_once: int = AT_ONCE,
) -> dict[Table, pl.DataFrame]:
    """EXPANSION_ATTRIBUTION, ATTRIBUTION_SENSITIVITY and DEAL_RECONCILIATION of all accounts and months.

    Args:
        evidence: what is known.
        policy: which states count.
        calendar: the ends of months.
        today: the present day in the reporting time zone.
        rules: windows and deal types.
        at_once: about how many components of expansion are looked at together.
    """
    said, windows, won = [], [], []
    for share in _shares(evidence, at_once):
        changes = dated(share.component, share.book, policy, calendar, share.planned)
        said.append(attributed(changes, share.crm, rules))
        windows.append(sensitivity(changes, share.crm, rules))
        won.append(reconciliation(changes, said[-1], share.crm, today, rules))
    sums = pl.concat(windows).group_by(ATTRIBUTION_SENSITIVITY.key).agg(pl.all().sum())
    return {
        EXPANSION_ATTRIBUTION: _sorted(EXPANSION_ATTRIBUTION, said),
        ATTRIBUTION_SENSITIVITY: _sorted(ATTRIBUTION_SENSITIVITY, [sums]),
        DEAL_RECONCILIATION: _sorted(DEAL_RECONCILIATION, won),
    }


def _shares(evidence: Evidence, at_once: int) -> Iterator[Evidence]:
    """All that is of an account is in one share."""
    component = expanding(evidence.component).collect(engine="streaming")
    of = math.ceil(component.height / at_once)
    if of <= 1:
        yield replace(evidence, component=component.lazy())
        return
    crm = replace(evidence.crm, told=first_told(evidence.crm).collect().lazy())
    for number in range(of):
        own = pl.col("account_id").hash() % of == number
        yield replace(
            evidence,
            component=component.lazy().filter(own),
            crm=replace(
                crm,
                deal=crm.deal.filter(own),
                account=crm.account.filter(own),
                account_history=crm.account_history.filter(own),
            ),
        )


def _sorted(table: Table, parts: list[pl.DataFrame]) -> pl.DataFrame:
    """All of them in the order of their key; the parts are let go, they may be large."""
    rows = pl.concat(parts).select(table.names)
    parts.clear()
    return rows.sort(table.key)
