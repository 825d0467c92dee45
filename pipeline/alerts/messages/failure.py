"""A run that failed, for those who operate the pipeline.

Belongs here: its words. Does not belong here: which failure is told (`pipeline.assets.failures`).
"""

from dataclasses import dataclass

from pipeline.alerts.escaping import escape
from pipeline.alerts.messages.alert import ICONS
from pipeline.alerts.messages.form import (
    Letterhead,
    Message,
    context,
    fitted,
    header,
    plain,
    section,
)

STEPS = 5
"""Steps that are named; the others are counted."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is known of a run that failed.

    Attributes:
        job: the job; for people.
        steps: the steps that failed.
        why: the reason, a sentence without names of customers; null where it is only in the run's log.
        backfill: the run is one of a backfill, and the others are not told.
    """

    job: str
    steps: tuple[str, ...] = ()
    why: str | None = None
    backfill: bool = False


def failure(found: Failure, head: Letterhead) -> Message:
    """One message for a run and its retries, or for a backfill."""
    what = "backfill" if found.backfill else "run"
    title = f"{ICONS['critical']} A {what} failed: {escape(found.job)}"
    named = ", ".join(f"`{escape(step)}`" for step in found.steps[:STEPS])
    more = f" and {len(found.steps) - STEPS} more" if len(found.steps) > STEPS else ""
    where = f"It failed at {named}{more}. " if found.steps else ""
    why = escape(found.why) if found.why else "The reason is in the run's log."
    after = (
        "What is published stays as it was; further failures of this backfill are not told."
        if found.backfill
        else "What is published stays as it was. Retries of this run are not told; the next night "
        "catches up with what was missed."
    )
    blocks = [
        header(title),
        section(f"{where}{why}"),
        section(f"{after} `expansion doctor` says what is wrong."),
        context(f"{head.run} · {head.at:%Y-%m-%d %H:%M} UTC"),
    ]
    return Message(plain(f"{title}. {where}{why}"), fitted(blocks))
