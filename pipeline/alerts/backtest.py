"""What the rules would have done: over the whole history, and over the same months in another order.

Belongs here: replaying rules without states, silences and messages. Whoever wants to know whether a rule is right for
their company asks this before switching it on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from pipeline.alerts.gather import EPOCH, members_of
from pipeline.alerts.kinds import MONTHLY
from pipeline.alerts.machine import FIRING, State, advance
from pipeline.alerts.members import Member
from pipeline.alerts.observations import Beside
from pipeline.config import AlertRule

DRAWS = 100
SEED = 1
EPISODE = pl.Schema(
    {
        "rule_id": pl.String,
        "dimension": pl.String,
        "member": pl.String,
        "fired": pl.Date,
        "ended": pl.Date,
        "observed": pl.Float64,
        "expected": pl.Float64,
        "effect": pl.Float64,
        "p": pl.Float64,
        "missing": pl.Float64,
        "said": pl.String,
    }
)
RATE = pl.Schema(
    {
        "rule_id": pl.String,
        "judged": pl.Int64,
        "insufficient": pl.Int64,
        "fired": pl.Int64,
        "shuffled": pl.Int64,
        "false_share": pl.Float64,
    }
)


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a replay found.

    Attributes:
        episodes: one row per alert that would have been sent: rule_id, dimension, member, fired and ended (its months;
            `ended` is null while it fires), and what the first month said: observed, expected, effect, p, missing
            (major units), said.
        rates: one row per rule: months that a member was judged in, or was not for too few accounts, alerts; and over
            `shuffled` months in another order, the share that sends an alert: what chance alone does.
    """

    episodes: pl.DataFrame
    rates: pl.DataFrame


def backtest(
    metrics: pl.DataFrame,
    rules: Sequence[AlertRule],
    beside: Beside | None = None,
    draws: int = DRAWS,
) -> Backtest:
    """Replay `rules` over the whole history, and over `draws` histories with the same months in another order.

    The months are put in another order together for all members, so what belongs to one month stays together. A trend
    or a season is gone then, as is the decline that a rule should find: what still fires is chance. Rules that judge no
    closed months (`pacing`, `data_quality`) are left out.

    Args:
        metrics: EXPANSION_METRICS rows of closed months.
        rules: the rules in force.
        beside: what some kinds read beside them.
        draws: how many orders; none where it is 0: the shares are null then.
    """
    watched = [rule for rule in rules if rule.kind in MONTHLY]
    more = beside or Beside()
    true = _replay(metrics, watched, more)
    months = metrics.select(pl.col("month").unique().sort())["month"]
    shuffled = [
        _replay(
            _shuffled(metrics, order),
            watched,
            replace(more, by_type=_shuffled(more.by_type, order)),
        )
        for order in _orders(months, draws)
    ]
    return Backtest(
        episodes=pl.DataFrame([row for each in true for row in each.episodes], schema=EPISODE).sort(
            "fired", "rule_id", "member"
        ),
        rates=pl.DataFrame([_rate(each, shuffled) for each in true], schema=RATE),
    )


@dataclass(frozen=True, slots=True)
class _Replayed:
    """One rule over one history."""

    rule: AlertRule
    judged: int
    insufficient: int
    episodes: list[dict[str, object]]


def _replay(metrics: pl.DataFrame, rules: Sequence[AlertRule], beside: Beside) -> list[_Replayed]:
    months = metrics.select(pl.col("month").unique().sort())["month"].to_list()
    members = members_of(metrics, rules, beside)
    found = []
    for rule in rules:
        mine = [each for each in members if each.rule is rule]
        guards = [each.guard(month) for each in mine for month in each.seen]
        found.append(
            _Replayed(
                rule=rule,
                judged=guards.count(None),
                insufficient=guards.count("insufficient_data"),
                episodes=[row for each in mine for row in _episodes(each, months)],
            )
        )
    return found


def _episodes(member: Member, months: Sequence[date]) -> list[dict[str, object]]:
    """The alerts of one member."""
    state = State.fresh(member.rule, member.name, EPOCH)
    rows: list[dict[str, object]] = []
    first = min(member.seen)
    for month in months:
        if month < first:
            continue
        before, (state, _) = state, advance(state, member.rule, [member.step(month)])
        if before.open and not state.open:
            rows[-1]["ended"] = month
        if state.state == FIRING and not before.open:
            rows.append(_row(member, month))
    return rows


def _row(member: Member, month: date) -> dict[str, object]:
    seen = member.seen[month]
    return {
        "rule_id": member.rule.id,
        "dimension": member.rule.dimension,
        "member": member.name,
        "fired": month,
        "ended": None,
        "observed": seen.observed,
        "expected": seen.expected,
        "effect": seen.effect,
        "p": seen.p,
        "missing": seen.missing,
        "said": seen.said,
    }


def _rate(true: _Replayed, shuffled: Sequence[Sequence[_Replayed]]) -> dict[str, object]:
    mine = [each for listed in shuffled for each in listed if each.rule is true.rule]
    judged = sum(each.judged for each in mine)
    return {
        "rule_id": true.rule.id,
        "judged": true.judged,
        "insufficient": true.insufficient,
        "fired": len(true.episodes),
        "shuffled": judged,
        "false_share": sum(len(each.episodes) for each in mine) / judged if judged else None,
    }


def _orders(months: pl.Series, draws: int) -> list[pl.DataFrame]:
    """Which month stands in which month's place."""
    return [
        pl.DataFrame({"month": months, "place": months.shuffle(seed=SEED + draw)})
        for draw in range(draws)
    ]


def _shuffled(frame: pl.DataFrame, order: pl.DataFrame) -> pl.DataFrame:
    columns = frame.columns
    moved = frame.join(order, on="month", how="inner").with_columns(month="place")
    return moved.select(columns)
