"""What people read in Slack.

Belongs here: intents put into words and blocks. Every message has a plain `text`; a sentence says the figure, what was
expected, the number of accounts and the money that is short. Slack's limits are kept, names are escaped. Does not
belong here: what is worth saying (`intents`, `story`, `monthly`, `corrections`), and sending it (`delivery`).
"""

from pipeline.alerts.intents import Intent
from pipeline.alerts.messages.alert import alert, answer
from pipeline.alerts.messages.digests import Tell, digest
from pipeline.alerts.messages.failure import Failure, failure
from pipeline.alerts.messages.form import Content, Letterhead, Message
from pipeline.alerts.messages.monthly import monthly
from pipeline.alerts.messages.notes import operations, restatement, sample
from pipeline.alerts.messages.preview import preview

__all__ = [
    "Content",
    "Failure",
    "Letterhead",
    "Message",
    "compose",
    "failure",
    "monthly",
    "preview",
    "restatement",
    "sample",
]


def compose(intent: Intent, tell: Tell, head: Letterhead) -> Message:
    """The message of an intent.

    Args:
        intent: what is to be said.
        tell: what moved, for a finding.
        head: what messages know beside the figures.
    """
    if intent.kind == "operations":
        return operations(intent, head)
    if intent.kind == "digest" and len(intent.findings) > 1:
        return digest(intent, tell, head)
    told = tell(intent.findings[0])
    if intent.kind in {"fired", "digest"}:
        return alert(intent, told, head)
    return answer(intent, told, head)
