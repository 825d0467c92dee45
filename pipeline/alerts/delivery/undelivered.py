"""Messages that did not reach Slack: what an operator has to know.

Belongs here: counting them, in a sentence without anybody's name.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, or_, select

from pipeline.alerts.delivery.queue import WAITING
from pipeline.database import reading, table_of
from pipeline.schemas import SLACK_OUTBOX

RECENT = timedelta(days=30)
"""What was lost earlier is no news."""
LATE = timedelta(days=2)
"""A message that waits for so long is stuck."""


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Messages of the last month that Slack does not have.

    Attributes:
        dead: how many will not be sent any more.
        late: how many have waited for more than two days.
        reasons: what Slack said -> how often.
        latest: when the latest of them was decided.
    """

    dead: int = 0
    late: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    latest: datetime | None = None

    @property
    def any(self) -> bool:
        """Whether there is something to say."""
        return bool(self.dead or self.late)

    @property
    def told(self) -> str:
        """What it is, for people."""
        if not self.any:
            return "every message reached Slack"
        parts = [
            f"{count} {what}"
            for count, what in (
                (self.dead, "could not be delivered"),
                (self.late, "wait for more than two days"),
            )
            if count
        ]
        reasons = ", ".join(f"{reason} ({count})" for reason, count in self.reasons)
        return (
            f"of the messages of the last 30 days {' and '.join(parts)}, the latest of "
            f"{self.latest:%Y-%m-%d}: {reasons}. Type: expansion alerts status"
        )


def undelivered(source: Engine, now: datetime) -> Undelivered:
    """The messages of the last month that Slack does not have; without Slack there are none."""
    outbox = table_of(SLACK_OUTBOX)
    stuck = outbox.c.status.in_(WAITING) & (outbox.c.created_at < now - LATE)
    with reading(source) as connection:
        rows = connection.execute(
            select(outbox.c.status, outbox.c.last_error, outbox.c.created_at)
            .where(
                outbox.c.created_at > now - RECENT,
                or_(outbox.c.status == "dead", stuck),
            )
            .order_by(outbox.c.created_at)
        ).all()
    dead = sum(row.status == "dead" for row in rows)
    reasons = Counter(row.last_error or "no answer yet" for row in rows)
    return Undelivered(
        dead=dead,
        late=len(rows) - dead,
        reasons=tuple(reasons.most_common()),
        latest=rows[-1].created_at if rows else None,
    )
