"""Every rule on every member, with what is known of it.

Belongs here: putting rules, figures and earlier states together, and which rules speak for others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl

from pipeline.alerts.kinds import MONTHLY, judge
from pipeline.alerts.machine import State, advance
from pipeline.alerts.members import Known, Member
from pipeline.alerts.observations import Beside
from pipeline.alerts.rules import fingerprint, rule_hash
from pipeline.config import AlertRule

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def members_of(
    metrics: pl.DataFrame,
    rules: Sequence[AlertRule],
    beside: Beside,
    known: Known | None = None,
    now: datetime = EPOCH,
) -> list[Member]:
    """Every rule that judges closed months, on every member that has figures or had a state.

    Args:
        metrics: EXPANSION_METRICS rows of closed months.
        rules: the rules in force.
        beside: what some kinds read beside them.
        known: what earlier runs left.
        now: the instant, for silences.
    """
    past = known or Known()
    states = {row["fingerprint"]: State(**row) for row in past.states.iter_rows(named=True)}
    judged = _judged(past.evaluated)
    members = []
    for rule in rules:
        if rule.kind not in MONTHLY:
            continue
        observed = judge(rule, metrics, beside)
        watched = _watched(rule, states)
        for name in sorted(observed.keys() | watched.keys()):
            key = fingerprint(rule, name)
            members.append(
                Member(
                    rule=rule,
                    name=name,
                    before=states.get(key),
                    seen={each.month: each for each in observed.get(name, [])},
                    judged=judged.get(key, {}),
                    silenced=silenced(past.silences, rule, name, now),
                    acknowledged=past.acknowledged,
                    ruled=rule_hash(rule) in watched.values(),
                )
            )
    return _inhibited(members, sorted(metrics["month"].unique()))


def _watched(rule: AlertRule, states: Mapping[str, State]) -> dict[str, str]:
    """The members that the rule has a state of, with how it judged them."""
    return {
        state.member: state.rule_hash
        for state in states.values()
        if (state.rule_id, state.dimension) == (rule.id, rule.dimension)
    }


def _inhibited(members: Sequence[Member], months: Sequence[date]) -> list[Member]:
    """While a significant drop of the total is open, it speaks for the members of every dimension."""
    spoken: frozenset[date] = frozenset().union(
        *(
            _open_months(each, months)
            for each in members
            if (each.rule.kind, each.rule.dimension) == ("significant_drop", "total")
        )
    )
    return [
        replace(each, inhibited=spoken) if each.rule.kind == "segment_deterioration" else each
        for each in members
    ]


def _open_months(member: Member, months: Sequence[date]) -> frozenset[date]:
    """The months in which the rule has, or would have, an open episode; the same whenever it was first evaluated."""
    state = State.fresh(member.rule, member.name, EPOCH)
    found = set()
    for month in months:
        state, _ = advance(state, member.rule, [member.step(month)])
        if state.open:
            found.add(month)
    return frozenset(found)


def _judged(evaluated: pl.DataFrame) -> dict[str, dict[date, tuple[int, bool]]]:
    """The verdicts: fingerprint -> month -> the latest version that was judged, and the verdict.

    A month that was suppressed has none: what changed meanwhile is told when it is judged again.
    """
    latest = (
        evaluated.filter(
            pl.col("data_version").is_not_null(), pl.col("guard").ne_missing("suppressed")
        )
        .sort("fingerprint", "month", "data_version", "at")
        .unique(["fingerprint", "month"], keep="last", maintain_order=True)
        .select("fingerprint", "month", "data_version", "breach")
    )
    found: dict[str, dict[date, tuple[int, bool]]] = {}
    for name, month, version, breach in latest.iter_rows():
        found.setdefault(name, {})[month] = (version, bool(breach))
    return found


def silenced(silences: pl.DataFrame, rule: AlertRule, member: str, now: datetime) -> bool:
    """Whether somebody keeps the rule, or the rule on the member, from speaking at `now`."""
    mine = (pl.col("rule_id") == rule.id) & (
        pl.col("member").is_null() | (pl.col("member") == member)
    )
    return not silences.filter(mine & (pl.col("until") > now)).is_empty()
