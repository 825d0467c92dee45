"""Rules, figures and states together: what is concluded, what changes, what is to be said.

Belongs here: the one pure step of an evaluation. The first evaluation of a rule seeds its state silently and names what
is firing already in one baseline digest; a changed rule begins anew. Runs that may not notify conclude nothing: they
make evaluations and leave states as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import polars as pl

from pipeline.alerts.conclude import conclude
from pipeline.alerts.gather import members_of
from pipeline.alerts.intents import Intent, digest, single
from pipeline.alerts.kinds.pace import paces
from pipeline.alerts.kinds.trust import told_by, troubles
from pipeline.alerts.machine import OK, State, Transition
from pipeline.alerts.members import Concluded, Known, Run
from pipeline.alerts.observations import Beside
from pipeline.alerts.quality import conclude_quality
from pipeline.alerts.speak import event_row
from pipeline.config import AlertRule
from pipeline.schemas import ALERT_EVALUATION, ALERT_EVENT, ALERT_STATE


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
    metrics: pl.DataFrame,
    rules: Sequence[AlertRule],
    known: Known,
    run: Run,
    beside: Beside | None = None,
) -> Evaluation:
    """Evaluate every rule on every member over the closed months that are new to it.

    Args:
        metrics: EXPANSION_METRICS rows of closed months, the whole history that is published.
        rules: the rules in force.
        known: what earlier runs left.
        run: the run that evaluates.
        beside: what some kinds read beside the metrics.
    """
    more = beside or Beside()
    months = sorted(metrics["month"].unique())
    states = {row["fingerprint"]: State(**row) for row in known.states.iter_rows(named=True)}
    found = troubles(more, run.now)
    concluded = Concluded()
    for rule in rules:
        if rule.kind == "data_quality":
            last = months[-1] if months else None
            conclude_quality(rule, told_by(rule, found), known, last, run, concluded)
    held = any(each.holds for each in found)
    if months:
        for member in members_of(metrics, rules, more, known, run.now):
            conclude(member, months, run, concluded, held=held)
        concluded.evaluations += paces(rules, metrics, more.open_month, known.evaluated, run.now)
    _forget_rules(rules, states, run, concluded)
    rows = [row | {"run_id": run.run_id, "at": run.now} for row in concluded.evaluations]
    return Evaluation(
        evaluations=_frame(rows, ALERT_EVALUATION.schema),
        states=_frame([_row(state, run.now) for state in concluded.states], ALERT_STATE.schema),
        events=_frame([event | {"at": run.now} for event in concluded.events], ALERT_EVENT.schema),
        intents=_intents(concluded, run),
    )


def _forget_rules(
    rules: Sequence[AlertRule], states: Mapping[str, State], run: Run, into: Concluded
) -> None:
    """States of rules that are gone, or watch something else now, end silently, with an audit row."""
    if not run.notify:
        return
    ids = {rule.id for rule in rules}
    watched = {(rule.id, rule.dimension) for rule in rules if rule.kind != "pacing"}
    for state in states.values():
        if (state.rule_id, state.dimension) in watched or state.state == OK:
            continue
        after = replace(state, state=OK, since_month=None, episode_id=None)
        month = state.last_month or run.now.date().replace(day=1)
        moved = state.rule_id in ids
        reason = "The rule watches something else now." if moved else "The rule is gone."
        into.states.append(after)
        into.events.append(event_row(Transition(state, after, month, reason)))


def _intents(concluded: Concluded, run: Run) -> tuple[Intent, ...]:
    intents = _within_storm(concluded.others, run.storm)
    if concluded.baseline:
        intents.append(digest(concluded.baseline, run.channel, baseline=True))
    if len(concluded.fired) > run.storm:
        intents.append(digest(concluded.fired, run.channel, baseline=False))
    else:
        intents += [single("fired", finding, run.channel) for finding in concluded.fired]
    return tuple(intents)


def _within_storm(intents: Sequence[Intent], storm: int) -> list[Intent]:
    """Of several alerts that get worse at once the channel sees the costliest, the others stay in their threads."""
    worse = sorted((each for each in intents if each.kind == "escalated"), key=_cheapness)
    quiet = {each.key for each in worse[storm:]}
    return [replace(each, quiet=True) if each.key in quiet else each for each in intents]


def _cheapness(intent: Intent) -> float:
    (finding,) = intent.findings
    return -(finding.seen.missing or 0.0) if finding.seen else 0.0


def _row(state: State, now: datetime) -> dict[str, object]:
    return {name: getattr(state, name) for name in ALERT_STATE.names} | {"updated_at": now}


def _frame(rows: Sequence[Mapping[str, object]], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)
