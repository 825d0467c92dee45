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
    try:
        chart = _drawn(each)
    except ValueError:
        return _failed(target, each, "it could not be drawn")
    if thread is None or now - each.created_at > OLD:
        return _failed(target, each, "it is too old")
    found = post.attached(thread, chart) if each.chart == "sending" else Outcome("absent")
    if found.status == "unknown":
        return _failed(target, each, f"it may be in the thread or not: {found.error}")
    if found.status == "pending":
        return "sending"
    if found.status == "absent":
        queue.settle_chart(target, each, "sending")
        found = post.attach(thread, chart)
    if found.status == "dead":
        return _failed(target, each, str(found.error))
    queue.settle_chart(target, each, ENDS[found.status])
    return ENDS[found.status]


def _failed(target: Engine, each: Waiting, why: str) -> str:
    queue.settle_chart(target, each, "failed", why)
    return "failed"


def _drawn(each: Waiting) -> Chart:
    picture = Picture.kept(each.payload["picture"])
    name = hashlib.sha256(each.key.encode()).hexdigest()[:16]
    return Chart(f"expansion-{name}.png", picture.title, picture.alt, picture.png)
