"""A message that no evaluation decided, through the same outbox.

Belongs here: putting it in once and sending it at once. Where the database is what is broken, it goes to Slack
directly, for somebody has to know; then only Slack's own history keeps it from being posted twice.
"""

import json
from datetime import datetime

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import DBAPIError

from pipeline.alerts.delivery.letters import Letter, Outcome
from pipeline.alerts.delivery.outbox import deliver
from pipeline.alerts.delivery.slack import SlackConfig, connect
from pipeline.alerts.messages import Message
from pipeline.database import table_of
from pipeline.database.engine import lock_ledger
from pipeline.schemas import SLACK_OUTBOX

PATIENCE = 5.0
"""Seconds that another delivery is waited for; it sends this message too."""


def report(
    target: Engine,
    slack: SlackConfig,
    key: str,
    channel: str,
    message: Message,
    now: datetime,
    *,
    kind: str = "operations",
) -> bool:
    """Tell people something, once for each `key`; false when it was told before.

    Args:
        target: the warehouse.
        slack: where to.
        key: what it is about.
        channel: Slack channel.
        message: what it says.
        now: when.
        kind: what the outbox calls it.
    """
    try:
        if not _put(target, key, kind, channel, message, now):
            return False
        deliver(target, slack, now, only=key, patience=PATIENCE)
    except DBAPIError:
        return _directly(slack, Letter(key, channel, message.text, message.blocks, since=now))
    return True


def _put(
    target: Engine, key: str, kind: str, channel: str, message: Message, now: datetime
) -> bool:
    outbox = table_of(SLACK_OUTBOX)
    with target.begin() as connection:
        lock_ledger(connection)
        if connection.scalar(select(outbox.c.key).where(outbox.c.key == key)):
            return False
        row = {
            "key": key,
            "kind": kind,
            "channel": channel,
            "payload_json": json.dumps(message.payload() | {"episodes": []}, ensure_ascii=False),
            "status": "pending",
            "attempts": 0,
            "next_at": now,
            "created_at": now,
        }
        connection.execute(insert(outbox), [row])
    return True


def _directly(slack: SlackConfig, letter: Letter) -> bool:
    post = connect(slack)
    if post is None or post.find(letter, None).status == "sent":
        return False
    outcome: Outcome = post.send(letter)
    return outcome.status == "sent"
