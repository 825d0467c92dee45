"""Series: figures of one policy, reporting currency and time zone are compared with each other alone.

Belongs here: on which day the series began that the warehouse shows, and which one stood there before: a row of
`data_quality`. Source of the rule: docs/method.md, "Closed months".
"""

import json
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select

from pipeline.database import table_of
from pipeline.schemas import DATA_QUALITY

CHECK = "expansion_metrics new_series"


@dataclass(frozen=True, slots=True)
class Begun:
    """A series that took the place of another.

    Attributes:
        before: the policy, currency and time zone that figures followed before, in words.
        now: those that they follow since.
        at: when its first months were published, in the reporting time zone.
    """

    before: str
    now: str
    at: datetime


def begun(connection: Connection) -> Begun | None:
    """The series that the warehouse shows, if another one stood there before."""
    quality = table_of(DATA_QUALITY)
    rows = connection.execute(select(quality.c.figures).where(quality.c.check == CHECK)).scalars()
    known = [
        Begun(**told | {"at": datetime.fromisoformat(told["at"])}) for told in map(json.loads, rows)
    ]
    return max(known, key=lambda each: each.at, default=None)


def note(connection: Connection, found: Begun, run_id: str, month: date) -> None:
    """Keep, inside the caller's transaction, that a series began.

    Where its months follow in several runs, it began with the first of them.
    """
    known = begun(connection)
    if known is not None and known.now == found.now:
        return
    figures = {"before": found.before, "now": found.now, "at": found.at.isoformat()}
    row = {
        "run_id": run_id,
        "check": CHECK,
        "month": month,
        "passed": True,
        "severity": "info",
        "figures": json.dumps(figures),
        "examples": "[]",
    }
    connection.execute(insert(table_of(DATA_QUALITY)), [row])
