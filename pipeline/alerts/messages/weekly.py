"""The week's list of accounts that expand next, for one owner.

Belongs here: its words and blocks. Who is in it is decided by the caller; names are escaped.
"""

from dataclasses import dataclass

from pipeline.alerts.escaping import name
from pipeline.alerts.messages.form import (
    Letterhead,
    Message,
    context,
    fitted,
    header,
    plain,
    section,
)

REASON = 160
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An account of the list; `offer` and `reasons` are words for people."""

    name: str
    offer: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weekly:
    """One owner's list.

    Attributes:
        owner: whose accounts.
        month: the month that was scored, in words.
        accounts: in order.
        trusted: what orders them, and how good that was.
    """

    owner: str
    month: str
    accounts: tuple[Candidate, ...]
    trusted: str


def weekly(found: Weekly, head: Letterhead) -> Message:
    """One message for one owner."""
    title = f"Who expands next: {name(found.owner)}"
    lines = [
        f"{place}. *{name(each.name)}* ({name(each.offer)}): "
        f"{'; '.join(name(reason, REASON) for reason in each.reasons) or 'no reason has points'}"
        for place, each in enumerate(found.accounts, start=1)
    ]
    blocks = [
        header(title),
        *(section(line) for line in lines),
        section(name(found.trusted, 500)),
        context(f"As known at the end of {found.month}", f"{head.run} · {head.at:%Y-%m-%d} UTC"),
    ]
    return Message(plain(f"{title}. {' '.join(lines)}"), fitted(blocks))
