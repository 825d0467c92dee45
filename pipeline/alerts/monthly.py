"""What the monthly digest tells: a closed month's headline, and how the rules stand.

Belongs here: picking it out of published figures; pure. Its words are in `messages.monthly`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.money import MICRO
from pipeline.months import add_months
from pipeline.schemas import EXPANSION_METRICS

YEAR = 12
FIRST, LAST = "starting_mrr", "ending_mrr"
STEPS = (
    *("fx_mrr", "new_mrr", "reactivation_mrr", "expansion_mrr"),
    *("contraction_mrr", "churned_mrr"),
)
"""The way from the opening to the closing MRR."""
LOSSES = ("contraction_mrr", "churned_mrr")
NOT_QUIET = ("firing", "pending", "recovering")
UNJUDGED = ("insufficient", "no_data", "suppressed")


@dataclass(frozen=True, slots=True)
class MonthTold:
    """A closed month.

    Attributes:
        month: its first day.
        total: figure of EXPANSION_METRICS -> value over one month, money in major units.
        year: the same over twelve months; empty where there is no such row.
        before: expansion MRR of the month before; null where there is none.
        trend: month and expansion rate of the last twelve months, oldest first.
        types: (type, amount) of the expansion, largest first.
        by: the dimension of `members`.
        members: (member, expansion MRR, expansion rate, NRR), largest expansion first.
        rules: state -> how many rules and members are in it.
        firing: what is firing, as rule and member.
        unmatched: share of the closing MRR that belongs to no account of the CRM; null without a CRM.
        version: the month's version.
    """

    month: date
    total: Mapping[str, float | None]
    year: Mapping[str, float | None]
    before: float | None
    trend: tuple[tuple[date, float | None], ...]
    types: tuple[tuple[str, float], ...]
    by: str
    members: tuple[tuple[str, float, float | None, float | None], ...]
    rules: Mapping[str, int]
    firing: tuple[tuple[str, str], ...]
    unmatched: float | None
    version: int


def newly_judged(before: pl.DataFrame, after: pl.DataFrame, closed: date | None) -> bool:
    """Whether `closed` is a month that the night was the first to judge; false on the first night of all.

    Figures that are not to be trusted are not judged, so they have no digest until they are.

    Args:
        before: ALERT_STATE before the night.
        after: the states that the night changed.
        closed: the latest closed month that is published.
    """
    last, now = before["last_month"].max(), after["last_month"].max()
    return closed is not None and now == closed and isinstance(last, date) and last < closed


def told(
    month: date,
    metrics: pl.DataFrame,
    by_type: pl.DataFrame,
    movement: pl.DataFrame,
    account: pl.DataFrame,
    states: pl.DataFrame,
    by: str,
) -> MonthTold:
    """The digest of a closed month.

    Args:
        month: the month, which must be published.
        metrics: EXPANSION_METRICS of the month and the eleven before it.
        by_type: EXPANSION_BY_TYPE of the month.
        movement: MRR_MOVEMENT of the month.
        account: ACCOUNT.
        states: ALERT_STATE after the night; those that it did not judge are of rules that are gone.
        by: the account dimension that is told.
    """
    whole = metrics.filter(dimension="total")
    judged = states.filter(pl.col("last_month").is_null() | (pl.col("last_month") == month))
    months = whole.filter(window_months=1).sort("month")
    total = _figures(months.filter(month=month))
    before = _figures(months.filter(month=add_months(month, -1)))
    types = (
        by_type.filter(month=month, window_months=1, dimension="total")
        .filter(pl.col("amount") != 0)
        .sort("amount", "type", descending=[True, False])
        .select("type", pl.col("amount") / MICRO)
    )
    members = (
        metrics.filter(month=month, window_months=1, dimension=by)
        .sort("expansion_mrr", "member", descending=[True, False])
        .select("member", pl.col("expansion_mrr") / MICRO, "expansion_rate", "nrr")
    )
    return MonthTold(
        month=month,
        total=total,
        year=_figures(whole.filter(month=month, window_months=YEAR)),
        before=before.get("expansion_mrr"),
        trend=tuple(months.tail(YEAR).select("month", "expansion_rate").iter_rows()),
        types=tuple(types.iter_rows()),
        by=by,
        members=tuple(members.iter_rows()),
        rules=dict(judged.group_by("state").len().sort("state").iter_rows()),
        firing=tuple(
            judged.filter(state="firing")
            .sort("fingerprint")
            .select(
                "rule_id",
                pl.when(pl.col("dimension") == "total").then(pl.lit("")).otherwise("member"),
            )
            .iter_rows()
        ),
        unmatched=_unmatched(movement.filter(month=month), account),
        version=int(total.get("version") or 1),
    )


def _figures(row: pl.DataFrame) -> dict[str, float | None]:
    """The one row's figures, money in major units; empty where there is no row."""
    money = [column.name for column in EXPANSION_METRICS.columns if column.kind == "money"]
    numbers = [name for name in EXPANSION_METRICS.names if row.schema[name].is_numeric()]
    found = row.select(numbers).with_columns(pl.col(money).cast(pl.Float64) / MICRO)
    return found.row(0, named=True) if found.height else {}


def _unmatched(movement: pl.DataFrame, account: pl.DataFrame) -> float | None:
    """Share of the closing MRR whose account is no CRM's; null where no account is."""
    own = account.filter(pl.col("source") == "stripe").select("account_id")
    closing = int(movement["closing_mrr"].sum())
    if own.height == account.height or not closing:
        return None
    return int(movement.join(own, on="account_id", how="semi")["closing_mrr"].sum()) / closing
