"""Names of people who are forgotten, taken out of what alerts have written.

Belongs here: the forms that a name has in a message. What Slack itself keeps is out of reach.
"""

import json
import re
from typing import Any

from sqlalchemy import Connection, select, update

from pipeline.alerts.escaping import escape
from pipeline.alerts.escaping import name as in_slack
from pipeline.database import table_of
from pipeline.schemas import ALERT_EVENT, SLACK_OUTBOX


def clear_names(connection: Connection, names: set[str]) -> None:
    """Inside the caller's transaction, take the names out of messages, sent and waiting, and out of reasons."""
    if not names:
        return
    written = {
        form for name in names for form in (name, escape(name), in_slack(name), in_slack(name, 40))
    }
    longest = sorted((form for form in written if form), key=len, reverse=True)
    # Whole words: the name "Ann" is no part of "Annual".
    found = re.compile(r"(?<!\w)(?:" + "|".join(re.escape(each) for each in longest) + r")(?!\w)")

    def cleared(value: Any) -> Any:
        if isinstance(value, str):
            return found.sub("(forgotten)", value)
        if isinstance(value, list):
            return [cleared(each) for each in value]
        if isinstance(value, dict):
            return {key: cleared(each) for key, each in value.items()}
        return value

    outbox, event = table_of(SLACK_OUTBOX), table_of(ALERT_EVENT)
    for key, payload in connection.execute(select(outbox.c.key, outbox.c.payload_json)).all():
        content = json.loads(payload)
        if (left := cleared(content)) != content:
            connection.execute(
                update(outbox).where(outbox.c.key == key).values(payload_json=json.dumps(left))
            )
    for key, reason in connection.execute(select(event.c.event_id, event.c.reason)).all():
        if reason and (left := cleared(reason)) != reason:
            connection.execute(update(event).where(event.c.event_id == key).values(reason=left))
