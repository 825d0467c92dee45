"""The outbox: every message that waits is sent, each once.

Belongs here: which messages are due, in which order, and what is remembered of each attempt. A message is marked
`sending` before it leaves; one that is found so, or `unknown`, is looked up before it is sent again. A dead delivery is
a warning and never an error: the figures are there.
"""

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, or_, select, update

from pipeline.alerts.delivery.slack import Letter, Outcome, Post, SlackConfig, connect
from pipeline.database import reading, table_of
from pipeline.schemas import ALERT_STATE, SLACK_OUTBOX

WAITING = ("pending", "sending", "unknown")
PARENTS = ("fired", "digest")
ATTEMPTS = 10
"""Attempts after which a message that cannot be sent is dead."""
ROUNDS = 3
"""An ambiguous failure is settled in the same delivery, if Slack lets it."""
BACKOFF = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the messages that waited."""

    sent: int = 0
    pending: int = 0
    unknown: int = 0
    dead: int = 0
    no_destination: int = 0


def deliver(target: Engine, slack: SlackConfig, now: datetime) -> Delivered:
    """Send every message that is due.

    Args:
        target: the warehouse.
        slack: where to; without credentials messages get the status `no_destination`.
        now: when.
    """
    post = connect(slack)
    settled: dict[str, str] = {}
    for _ in range(ROUNDS):
        due = _due(target, now)
        if not due:
            break
        for row in due:
            outcome = (
                _no_destination(target, row) if post is None else _attempt(target, post, row, now)
            )
            settled[row["key"]] = outcome
    return Delivered(**Counter(settled.values()))


def _due(target: Engine, now: datetime) -> list[RowMapping]:
    """Messages to send, parents before what belongs into their threads."""
    outbox = table_of(SLACK_OUTBOX)
    query = select(outbox).where(
        outbox.c.status.in_(WAITING), or_(outbox.c.next_at.is_(None), outbox.c.next_at <= now)
    )
    with reading(target) as connection:
        rows = connection.execute(query).mappings().all()
    return sorted(rows, key=lambda row: (row["created_at"], row["kind"] not in PARENTS, row["key"]))


def _attempt(target: Engine, post: Post, row: RowMapping, now: datetime) -> str:
    ambiguous = row["status"] != "pending"
    if not _claim(target, row):
        return "pending"
    payload = json.loads(row["payload_json"])
    with reading(target) as connection:
        parent = _parent(connection, row, payload)
    letter = Letter(
        key=row["key"],
        channel=(parent[0] if parent else None) or row["channel"],
        text=payload["text"],
        blocks=tuple(payload["blocks"]),
        thread_ts=parent[1] if parent else None,
    )
    found = post.find(letter, parent[0] if parent else None) if ambiguous else None
    if found is None:
        outcome = post.send(letter)
    elif found.status == "unknown":
        # Nobody may look: at least once, and said so; the next attempt is not in this delivery.
        outcome = post.send(replace(letter, doubtful=True))
        outcome = replace(outcome, wait=outcome.wait or BACKOFF.total_seconds())
    elif found.status == "sent":
        outcome = found
    else:
        outcome = Outcome("unknown", error=found.error, wait=BACKOFF.total_seconds())
    return _remember(target, row, payload, outcome, now)


def _claim(target: Engine, row: RowMapping) -> bool:
    """Mark the message as leaving; false when somebody else has it."""
    outbox = table_of(SLACK_OUTBOX)
    with target.begin() as connection:
        claimed = connection.execute(
            update(outbox)
            .where(
                outbox.c.key == row["key"],
                outbox.c.status == row["status"],
                outbox.c.attempts == row["attempts"],
            )
            .values(status="sending", attempts=row["attempts"] + 1)
        )
    return claimed.rowcount == 1


def _remember(
    target: Engine, row: RowMapping, payload: dict[str, Any], outcome: Outcome, now: datetime
) -> str:
    """Store what came of an attempt; the parent's timestamp goes to the states of its episodes."""
    outbox, states = table_of(SLACK_OUTBOX), table_of(ALERT_STATE)
    attempts = row["attempts"] + 1
    status = outcome.status
    if status in {"pending", "unknown"} and attempts >= ATTEMPTS:
        status = "dead"
    wait = BACKOFF * 2 ** min(attempts, 8) if status == "pending" else timedelta()
    if outcome.wait is not None:
        wait = timedelta(seconds=outcome.wait)
    values: dict[str, Any] = {"status": status, "last_error": outcome.error, "next_at": now + wait}
    if status == "sent":
        values |= {"slack_ts": outcome.ts, "sent_at": now, "channel": row["channel"]}
    with target.begin() as connection:
        connection.execute(update(outbox).where(outbox.c.key == row["key"]).values(values))
        if status == "sent" and row["kind"] in PARENTS and outcome.ts:
            connection.execute(
                update(states)
                .where(states.c.episode_id.in_(payload["episodes"]))
                .values(slack_channel=outcome.channel or row["channel"], slack_ts=outcome.ts)
            )
    return status


def _parent(
    connection: Connection, row: RowMapping, payload: dict[str, Any]
) -> tuple[str | None, str] | None:
    """Channel and timestamp of the message that opened the episode; None for such a message itself."""
    if row["kind"] in PARENTS or not payload["episodes"]:
        return None
    states, outbox = table_of(ALERT_STATE), table_of(SLACK_OUTBOX)
    episode = payload["episodes"][0]
    state = connection.execute(
        select(states.c.slack_channel, states.c.slack_ts).where(
            states.c.episode_id == episode, states.c.slack_ts.is_not(None)
        )
    ).first()
    if state is not None:
        return state.slack_channel, state.slack_ts
    opened = connection.execute(
        select(outbox)
        .where(outbox.c.kind.in_(PARENTS), outbox.c.slack_ts.is_not(None))
        .order_by(outbox.c.created_at.desc())
    ).mappings()
    for each in opened:
        if episode in json.loads(each["payload_json"]).get("episodes", []):
            return None, each["slack_ts"]
    return None


def _no_destination(target: Engine, row: RowMapping) -> str:
    outbox = table_of(SLACK_OUTBOX)
    with target.begin() as connection:
        connection.execute(
            update(outbox).where(outbox.c.key == row["key"]).values(status="no_destination")
        )
    return "no_destination"
