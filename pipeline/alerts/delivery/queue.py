"""What waits in the outbox, and what is remembered of it.

Belongs here: the outbox's rows in the database. Does not belong here: what is done with them.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, case, func, or_, select, update

from pipeline.alerts.delivery.letters import DOUBT, Outcome, Place
from pipeline.database import reading, table_of
from pipeline.database.engine import lock_ledger
from pipeline.schemas import ALERT_STATE, SLACK_OUTBOX

WAITING = ("pending", "sending", "unknown")
PARENTS = ("fired", "digest")
"""Kinds that open an episode."""
ATTEMPTS, DAYS = 10, timedelta(days=3)
"""A message that cannot be sent is dead after so many attempts, once it is so old."""
BACKOFF = timedelta(minutes=5)

_OUTBOX, _STATE = table_of(SLACK_OUTBOX), table_of(ALERT_STATE)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One message of the outbox as it was read.

    Attributes:
        payload: what it says: `text`, `blocks`, and where there is one `picture`, `parent` and `broadcast`.
        place: where it is, once it was sent.
    """

    key: str
    kind: str
    channel: str
    payload: dict[str, Any]
    status: str
    attempts: int
    next_at: datetime | None
    created_at: datetime
    place: Place | None
    chart: str | None

    @property
    def episodes(self) -> tuple[str, ...]:
        """The episodes that it speaks of."""
        return tuple(self.payload.get("episodes") or ())

    @property
    def opens(self) -> bool:
        """It is the message that opens its episodes; others answer it."""
        return self.kind in PARENTS or not self.episodes


def waiting(target: Engine) -> list[Waiting]:
    """Messages that are not settled, in the order in which they were decided, parents first."""
    with reading(target) as connection:
        rows = connection.execute(select(_OUTBOX).where(_OUTBOX.c.status.in_(WAITING))).mappings()
        found = [_waiting(dict(row)) for row in rows]
    return sorted(found, key=lambda each: (each.created_at, not each.opens, each.key))


def charts(target: Engine) -> list[Waiting]:
    """Messages that were sent and whose chart was not."""
    sent = _OUTBOX.c.status == "sent"
    with reading(target) as connection:
        rows = connection.execute(
            select(_OUTBOX)
            .where(sent, _OUTBOX.c.chart.in_(["pending", "sending"]))
            .order_by(_OUTBOX.c.created_at, _OUTBOX.c.key)
        ).mappings()
        return [_waiting(dict(row)) for row in rows]


def claim(target: Engine, each: Waiting) -> bool:
    """Mark the message as leaving; false when somebody else has it."""
    with target.begin() as connection:
        claimed = connection.execute(
            update(_OUTBOX)
            .where(
                _OUTBOX.c.key == each.key,
                _OUTBOX.c.status == each.status,
                _OUTBOX.c.attempts == each.attempts,
            )
            .values(status="sending", attempts=each.attempts + 1)
        )
    return claimed.rowcount == 1


def settle(target: Engine, each: Waiting, outcome: Outcome, now: datetime, *, chart: bool) -> str:
    """Store what came of an attempt, and where the episode's answers go from now on; returns the status.

    Args:
        target: the warehouse.
        each: the message, as it was before the attempt.
        outcome: what came of it.
        now: when.
        chart: its chart can follow.
    """
    attempts = each.attempts + 1
    status: str = outcome.status
    tired = attempts >= ATTEMPTS and now - each.created_at >= DAYS
    if status in {"pending", "unknown"} and tired:
        status = "dead"
    wait = BACKOFF * 2 ** min(attempts, 8) if status == "pending" else timedelta()
    if outcome.wait is not None:
        wait = timedelta(seconds=outcome.wait)
    values: dict[str, Any] = {"status": status, "last_error": outcome.error, "next_at": now + wait}
    place = outcome.place if status == "sent" else None
    if status == "sent":
        values |= {"sent_at": now, "chart": "pending" if chart else None}
    if place is not None:
        values |= {"slack_ts": place.ts, "slack_channel": place.channel}
    with target.begin() as connection:
        # The evaluation writes whole states: it must not read them before this and write them after.
        lock_ledger(connection)
        connection.execute(update(_OUTBOX).where(_OUTBOX.c.key == each.key).values(values))
        if place is not None:
            _lead(connection, each, place)
    return status


def settle_chart(target: Engine, each: Waiting, chart: str, error: str | None = None) -> None:
    """Store how far the chart came; what Slack said stands beside the message."""
    values: dict[str, Any] = {"chart": chart}
    if error:
        # That it may be in Slack twice goes on being known.
        doubted = func.coalesce(_OUTBOX.c.last_error, "").startswith(DOUBT)
        values["last_error"] = case((doubted, _OUTBOX.c.last_error), else_=f"chart: {error}")
    with target.begin() as connection:
        connection.execute(update(_OUTBOX).where(_OUTBOX.c.key == each.key).values(values))


def shelve(target: Engine, each: Waiting) -> None:
    """There is nowhere to send it to."""
    with target.begin() as connection:
        connection.execute(
            update(_OUTBOX)
            .where(_OUTBOX.c.key == each.key, _OUTBOX.c.status == each.status)
            .values(status="no_destination")
        )


def parent(target: Engine, each: Waiting) -> Place | None:
    """The message that opened the episode; None for such a message itself."""
    if each.opens:
        return None
    episode = each.episodes[0]
    with reading(target) as connection:
        state = connection.execute(
            select(_STATE.c.slack_channel, _STATE.c.slack_ts).where(
                _STATE.c.episode_id == episode, _STATE.c.slack_ts.is_not(None)
            )
        ).first()
        if state is not None:
            return Place(state.slack_channel or each.channel, state.slack_ts)
        # The episode is over: its state is another's already.
        opened = connection.execute(
            select(_OUTBOX)
            .where(
                _OUTBOX.c.slack_ts.is_not(None),
                or_(_OUTBOX.c.episode_id == episode, _OUTBOX.c.episode_id.is_(None)),
                _OUTBOX.c.kind.in_(PARENTS),
            )
            .order_by(_OUTBOX.c.created_at.desc())
        ).mappings()
        found = (_waiting(dict(row)) for row in opened)
        return next((one.place for one in found if episode in one.episodes), None)


def at(target: Engine, place: Place) -> tuple[str | None, bool]:
    """The key of the message that is at `place`, and whether it may be there twice."""
    with reading(target) as connection:
        row = connection.execute(
            select(_OUTBOX.c.key, _OUTBOX.c.last_error).where(_OUTBOX.c.slack_ts == place.ts)
        ).first()
    return (row.key, (row.last_error or "").startswith(DOUBT)) if row else (None, False)


def channel_id(target: Engine, channel: str) -> str | None:
    """The id of a channel, where a message went there before."""
    with reading(target) as connection:
        return connection.scalar(
            select(_OUTBOX.c.slack_channel)
            .where(_OUTBOX.c.channel == channel, _OUTBOX.c.slack_channel.is_not(None))
            .order_by(_OUTBOX.c.sent_at.desc())
            .limit(1)
        )


def _lead(connection: Connection, each: Waiting, place: Place) -> None:
    """Answers go into the thread of the message that opened the episode; if it never left, of the first that did."""
    mine: list[ColumnElement[bool]] = [_STATE.c.episode_id.in_(each.episodes)]
    if not each.opens:
        mine.append(_STATE.c.slack_ts.is_(None))
    connection.execute(
        update(_STATE).where(*mine).values(slack_channel=place.channel, slack_ts=place.ts)
    )


def _waiting(row: dict[str, Any]) -> Waiting:
    place = (
        Place(row["slack_channel"] or row["channel"], row["slack_ts"]) if row["slack_ts"] else None
    )
    return Waiting(
        key=row["key"],
        kind=row["kind"],
        channel=row["channel"],
        payload=json.loads(row["payload_json"]),
        status=row["status"],
        attempts=row["attempts"],
        next_at=row["next_at"],
        created_at=row["created_at"],
        place=place,
        chart=row["chart"],
    )
