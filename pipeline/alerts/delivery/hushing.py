"""What people say to alerts: be silent for a while, or: I have seen it.

Belongs here: rows of `silence`, and the acknowledgements in `alert_event`. A silence keeps a rule from speaking and its
month from counting; an acknowledgement ends the reminders of one episode.
"""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update

from pipeline.alerts.escaping import flat
from pipeline.database import table_of
from pipeline.database.engine import lock_ledger
from pipeline.errors import ConfigError
from pipeline.schemas import ALERT_EVENT, ALERT_STATE, SILENCE

ACKNOWLEDGED = "acknowledged"
NAMED = 8
"""Members that an error names."""


@dataclass(frozen=True, slots=True)
class Said:
    """Who says it, when, and why."""

    by: str
    at: datetime
    reason: str


def silence(target: Engine, rule: str, member: str | None, until: datetime, said: Said) -> str:
    """Silence a rule, or one member of it; the id of the silence.

    Args:
        target: the warehouse.
        rule: the rule's id.
        member: null: every member.
        until: its end.
        said: who, when and why.

    Raises:
        ConfigError: nothing is known of the member.
    """
    key = uuid.uuid4().hex[:12]
    with target.begin() as connection:
        lock_ledger(connection)
        if member is not None:
            member = _known_member(connection, rule, member)
        connection.execute(
            insert(table_of(SILENCE)).values(
                silence_id=key,
                rule_id=rule,
                member=member,
                reason=said.reason,
                created_by=said.by,
                created_at=said.at,
                until=until,
            )
        )
    return key


def end_silences(target: Engine, rule: str, member: str | None, now: datetime) -> int:
    """End the silences of a rule that are in force, or those of one member of it; how many there were."""
    silences = table_of(SILENCE)
    mine = [silences.c.rule_id == rule, silences.c.until > now]
    with target.begin() as connection:
        lock_ledger(connection)
        if member is not None:
            query = select(silences.c.member).where(*mine, silences.c.member.is_not(None))
            mine.append(silences.c.member == _meant(member, connection.execute(query).scalars()))
        return connection.execute(update(silences).where(*mine).values(until=now)).rowcount


def acknowledge(target: Engine, rule: str, member: str | None, said: Said) -> list[str]:
    """Take the open episodes of a rule on, or those of one member of it; the members.

    Raises:
        ConfigError: none is open, or nothing is known of the member.
    """
    states, events = table_of(ALERT_STATE), table_of(ALERT_EVENT)
    with target.begin() as connection:
        lock_ledger(connection)
        known = acknowledged(connection)
        query = select(states).where(
            states.c.rule_id == rule,
            states.c.episode_id.is_not(None),
            states.c.state != "pending",
        )
        if member is not None:
            query = query.where(states.c.member == _known_member(connection, rule, member))
        found = connection.execute(query.order_by(states.c.member)).mappings().all()
        if not found:
            whose = f" on {member}" if member else ""
            raise ConfigError(
                f'The rule "{rule}"{whose} has no open alert. See: expansion alerts status'
            )
        rows = [
            {
                "event_id": _event_id(state["episode_id"]),
                "episode_id": state["episode_id"],
                "fingerprint": state["fingerprint"],
                "from_state": state["state"],
                "to_state": ACKNOWLEDGED,
                "month": state["last_month"],
                "reason": f"{said.by}: {said.reason}" if said.reason else said.by,
                "at": said.at,
            }
            for state in found
            if state["episode_id"] not in known
        ]
        if rows:
            connection.execute(insert(events), rows)
    return [str(state["member"]) for state in found]


def acknowledged(connection: Connection) -> frozenset[str]:
    """The episodes that somebody has taken on."""
    events = table_of(ALERT_EVENT)
    query = select(events.c.episode_id).where(events.c.to_state == ACKNOWLEDGED)
    return frozenset(connection.execute(query).scalars())


def _event_id(episode: str) -> str:
    return hashlib.sha256(f"{episode}|{ACKNOWLEDGED}".encode()).hexdigest()[:32]


def _known_member(connection: Connection, rule: str, member: str) -> str:
    """The member that is meant.

    Raises:
        ConfigError: the rule watches none of this name.
    """
    states = table_of(ALERT_STATE)
    query = select(states.c.member).where(states.c.rule_id == rule).order_by(states.c.member)
    known = list(connection.execute(query).scalars())
    found = _meant(member, known)
    if found not in known:
        some = ", ".join(known[:NAMED]) or "nothing yet: no night has judged the rule"
        more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
        raise ConfigError(f'The rule "{rule}" does not watch "{member}". It watches {some}{more}.')
    return found


def _meant(member: str, known: Iterable[str]) -> str:
    """The member as it is, or the one that messages write so: they leave out what Slack takes for a format."""
    names = list(known)
    return next((name for name in names if member not in names and flat(name) == member), member)
