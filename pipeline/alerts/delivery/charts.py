"""The chart of a message on its way into the thread.

Belongs here: one attempt, and what is remembered of it. The message is there already: a chart that fails is noted and
fails nothing. Where nobody may look whether it arrived, it is not sent again.
"""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Engine

from pipeline.alerts.delivery import queue
from pipeline.alerts.delivery.letters import Chart, Outcome, Place, Post
from pipeline.alerts.delivery.queue import Waiting
from pipeline.alerts.picture import Picture

OLD = timedelta(days=7)
"""A chart that is late by so much is news to nobody."""
ENDS = {"sent": "sent", "dead": "failed", "pending": "pending", "unknown": "sending"}


def attach(target: Engine, post: Post, each: Waiting, thread: Place | None, now: datetime) -> str:
    """Try to put the chart of `each` into `thread`; returns pending, sending, sent or failed."""
    if thread is None:
        return _failed(target, each, "there is no thread")
    name = f"expansion-{hashlib.sha256(each.key.encode()).hexdigest()[:16]}.png"
    found = post.attached(thread, name) if each.chart == "sending" else Outcome("absent")
    if found.status == "pending":
        return "sending"
    if found.status == "unknown":
        return _failed(target, each, f"it may be in the thread or not: {found.error}")
    if found.status == "absent":
        found = _sent(target, post, each, thread, name, now)
    if found.status == "dead":
        return _failed(target, each, str(found.error))
    queue.settle_chart(target, each, ENDS[found.status])
    return ENDS[found.status]


def _sent(
    target: Engine, post: Post, each: Waiting, thread: Place, name: str, now: datetime
) -> Outcome:
    if now - each.created_at > OLD:
        return Outcome("dead", error="it is too old")
    picture = Picture.kept(each.payload["picture"])
    try:
        chart = Chart(name, picture.title, picture.alt, picture.png)
    except ValueError:
        return Outcome("dead", error="it could not be drawn")
    queue.settle_chart(target, each, "sending")
    return post.attach(thread, chart)


def _failed(target: Engine, each: Waiting, why: str) -> str:
    queue.settle_chart(target, each, "failed", why)
    return "failed"
