"""Rules, figures and states together: what is concluded, what changes, what is to be said.

Belongs here: the one pure step of an evaluation. The first evaluation of a rule seeds its state silently and names what
is firing already in one baseline digest; a changed rule begins anew. Runs that may not notify conclude nothing: they
make evaluations and leave states as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl

from pipeline.alerts.conclude import Concluded, Member, Run, conclude
from pipeline.alerts.intents import Intent, digest, single
from pipeline.alerts.machine import State
from pipeline.alerts.observations import observe
from pipeline.alerts.rules import fingerprint
from pipeline.config import AlertRule
from pipeline.schemas import ALERT_EVALUATION, ALERT_EVENT, ALERT_STATE, SILENCE


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier runs left.

    Attributes:
        states: ALERT_STATE.
        evaluated: ALERT_EVALUATION, to see which months have been restated since they were judged.
        silences: SILENCE.
    """

    states: pl.DataFrame = field(default_factory=ALERT_STATE.empty)
    evaluated: pl.DataFrame = field(default_factory=ALERT_EVALUATION.empty)
    silences: pl.DataFrame = field(default_factory=SILENCE.empty)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one evaluation concluded.

    Attributes:
        evaluations: ALERT_EVALUATION rows of this run.
        states: ALERT_STATE rows that changed or are new.
        events: ALERT_EVENT rows to add.
        intents: messages to send.
    """

    evaluations: pl.DataFrame
    states: pl.DataFrame
    events: pl.DataFrame
    intents: tuple[Intent, ...]


def evaluate(
    metrics: pl.DataFrame, rules: Sequence[AlertRule], known: Known, run: Run
) -> Evaluation:
    """Evaluate every rule on every member over the closed months that are new to it.

    Args:
        metrics: EXPANSION_METRICS rows of closed months, the whole history that is published.
        rules: the rules in force.
        known: what earlier runs left.
        run: the run that evaluates.
    """
    months = sorted(metrics["month"].unique())
    concluded = Concluded()
    if months:
        for member in _members(metrics, rules, known, run.now):
            conclude(member, months, run, concluded)
    rows = [row | {"run_id": run.run_id, "at": run.now} for row in concluded.evaluations]
    return Evaluation(
        evaluations=_frame(rows, ALERT_EVALUATION.schema),
        states=_frame([_row(state, run.now) for state in concluded.states], ALERT_STATE.schema),
        events=_frame([event | {"at": run.now} for event in concluded.events], ALERT_EVENT.schema),
        intents=_intents(concluded, run),
    )


def _members(
    metrics: pl.DataFrame, rules: Sequence[AlertRule], known: Known, now: datetime
) -> list[Member]:
    """Every rule on every member that has figures, or had a state."""
    states = {row["fingerprint"]: State(**row) for row in known.states.iter_rows(named=True)}
    judged = _judged(known.evaluated)
    members = []
    for rule in rules:
        observed = observe(rule, metrics)
        watched = {
            state.member
            for state in states.values()
            if (state.rule_id, state.dimension) == (rule.id, rule.dimension)
        }
        for name in sorted(observed.keys() | watched):
            key = fingerprint(rule, name)
            members.append(
                Member(
                    rule=rule,
                    name=name,
                    before=states.get(key),
                    seen={each.month: each for each in observed.get(name, [])},
                    judged=judged.get(key, {}),
                    silenced=_silenced(known.silences, rule, name, now),
                )
            )
    return members


def _intents(concluded: Concluded, run: Run) -> tuple[Intent, ...]:
    intents = list(concluded.others)
    if concluded.baseline:
        intents.append(digest(concluded.baseline, run.channel, baseline=True))
    if len(concluded.fired) > run.storm:
        intents.append(digest(concluded.fired, run.channel, baseline=False))
    else:
        intents += [single("fired", finding, run.channel) for finding in concluded.fired]
    return tuple(intents)


def _judged(evaluated: pl.DataFrame) -> dict[str, dict[date, tuple[int, bool]]]:
    """The verdicts: fingerprint -> month -> the latest version that was judged, and the verdict."""
    latest = (
        evaluated.filter(pl.col("data_version").is_not_null())
        .sort("fingerprint", "month", "data_version", "at")
        .unique(["fingerprint", "month"], keep="last", maintain_order=True)
        .select("fingerprint", "month", "data_version", "breach")
    )
    found: dict[str, dict[date, tuple[int, bool]]] = {}
    for name, month, version, breach in latest.iter_rows():
        found.setdefault(name, {})[month] = (version, bool(breach))
    return found


def _silenced(silences: pl.DataFrame, rule: AlertRule, member: str, now: datetime) -> bool:
    mine = (pl.col("rule_id") == rule.id) & (
        pl.col("member").is_null() | (pl.col("member") == member)
    )
    return not silences.filter(mine & (pl.col("until") > now)).is_empty()


def _row(state: State, now: datetime) -> dict[str, object]:
    return {name: getattr(state, name) for name in ALERT_STATE.names} | {"updated_at": now}


def _frame(rows: Sequence[Mapping[str, object]], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
