"""An evaluation and what follows from it, in one transaction.

Belongs here: reading what was published, evaluating it, and writing evaluations, states, events and messages together.
A kill at any point leaves all of them or none; repeating it adds nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl
from sqlalchemy import Connection, Engine, delete, insert, select

from pipeline import schemas
from pipeline.alerts.delivery.beside import beside
from pipeline.alerts.delivery.frames import closed_metrics
from pipeline.alerts.delivery.known import known
from pipeline.alerts.delivery.telling import Draft, Voice, drafts
from pipeline.alerts.evaluate import Evaluation, evaluate
from pipeline.alerts.members import Run
from pipeline.config import AlertRule
from pipeline.database import table_of
from pipeline.database.engine import lock_ledger
from pipeline.months import Calendar


@dataclass(frozen=True, slots=True)
class Stored:
    """How much one evaluation concluded.

    Attributes:
        evaluations: rules and members, by month.
        breaches: of these, how many breach their rule.
        transitions: changes of state.
        messages: messages that are new in the outbox.
        firing: rules and members that are firing now.
    """

    evaluations: int
    breaches: int
    transitions: int
    messages: int
    firing: int


def evaluate_and_store(
    target: Engine,
    rules: Sequence[AlertRule],
    calendar: Calendar,
    run_id: str,
    now: datetime,
    *,
    notify: bool,
    voice: Voice,
) -> Stored:
    """Evaluate the published, closed months and store what follows, in one transaction.

    Args:
        target: the warehouse.
        rules: the rules in force (`active_rules`).
        calendar: says which months are closed.
        run_id: the run.
        now: when.
        notify: the run is nightly and may alert; if not, only evaluations are stored.
        voice: where rules speak, and how.
    """
    run = Run(
        run_id=run_id,
        now=now,
        notify=notify,
        channel=voice.channel,
        storm=voice.storm,
        operations=voice.operations,
    )
    with target.begin() as connection:
        lock_ledger(connection)
        metrics = closed_metrics(connection, rules, calendar)
        before = known(connection, rules, calendar)
        found = evaluate(metrics, rules, before, run, beside(connection, rules, calendar))
        _store(connection, found, run_id)
        closed = metrics["month"].max()
        latest = closed if isinstance(closed, date) else None
        said = drafts(connection, found, before, latest, voice) if notify else []
        added = _add_messages(connection, said, now)
        states = table_of(schemas.ALERT_STATE)
        firing = connection.execute(select(states).where(states.c.state == "firing")).all()
    return Stored(
        evaluations=found.evaluations.height,
        breaches=found.evaluations.filter(pl.col("breach")).height,
        transitions=found.events.height,
        messages=added,
        firing=len(firing),
    )


def _store(connection: Connection, found: Evaluation, run_id: str) -> None:
    evaluations = table_of(schemas.ALERT_EVALUATION)
    connection.execute(delete(evaluations).where(evaluations.c.run_id == run_id))
    _add(connection, schemas.ALERT_EVALUATION, found.evaluations)
    states = table_of(schemas.ALERT_STATE)
    changed = found.states["fingerprint"].to_list()
    connection.execute(delete(states).where(states.c.fingerprint.in_(changed)))
    _add(connection, schemas.ALERT_STATE, found.states)
    events = table_of(schemas.ALERT_EVENT)
    ids = found.events["event_id"].to_list()
    stored = connection.execute(select(events.c.event_id).where(events.c.event_id.in_(ids)))
    seen = stored.scalars().all()
    _add(
        connection,
        schemas.ALERT_EVENT,
        found.events.filter(~pl.col("event_id").is_in(list(seen))),
    )


def _add(connection: Connection, table: schemas.Table, frame: pl.DataFrame) -> None:
    if frame.height:
        connection.execute(insert(table_of(table)), frame.to_dicts())


def _add_messages(connection: Connection, said: Sequence[Draft], now: datetime) -> int:
    """Put the messages that are not there yet into the outbox."""
    outbox = table_of(schemas.SLACK_OUTBOX)
    keys = [draft.key for draft in said]
    stored = connection.execute(select(outbox.c.key).where(outbox.c.key.in_(keys))).scalars().all()
    new = [draft for draft in said if draft.key not in stored]
    # They are sent in the order in which they were decided, which `created_at` alone keeps.
    rows = [
        _message_row(draft, now, now + timedelta(microseconds=place))
        for place, draft in enumerate(new)
    ]
    if rows:
        connection.execute(insert(outbox), rows)
    return len(rows)


def _message_row(draft: Draft, now: datetime, created: datetime) -> dict[str, object]:
    findings = draft.intent.findings if draft.intent else ()
    alone = findings[0] if len(findings) == 1 else None
    return {
        "key": draft.key,
        "episode_id": alone.episode_id if alone else None,
        "fingerprint": alone.state.fingerprint if alone else None,
        "kind": draft.kind,
        "channel": draft.channel,
        "payload_json": json.dumps(draft.payload, ensure_ascii=False),
        "status": "pending",
        "attempts": 0,
        "next_at": now,
        "last_error": None,
        "slack_ts": None,
        "created_at": created,
        "sent_at": None,
    }
