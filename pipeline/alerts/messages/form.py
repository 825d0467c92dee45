"""The form of a message: its parts, its blocks, and Slack's limits.

Belongs here: what every message has, whatever it says. Lengths are kept here and nowhere else.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from pipeline.alerts.escaping import (
    BLOCKS,
    FIELD,
    HEADER,
    SECTION,
    TOTAL,
    clip,
    escape,
    flat,
    shorten,
)
from pipeline.alerts.picture import Picture

Block = dict[str, Any]
SILENCE = timedelta(days=30)
"""How long the silence lasts that a message proposes."""
FIELDS, LEAST = 10, 80
"""Fields of a section; what is left of a text that has to give way."""
SHORT_RUN = 8
OPENS, CLOSES = (
    "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
    "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
)
"""What stands for Slack's brackets in a heading."""


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What messages know beside the figures.

    Attributes:
        run_id: the run that writes them.
        at: when.
        currency: three-letter reporting currency.
        company: whose figures these are.
        dagster_url: where Dagster's pages are; null: runs are named without a link.
        salesforce: Salesforce's own domain, as `acme.my`; null: its accounts are named without a link.
        hubspot_portal: HubSpot's account number; null: its companies are named without a link.
    """

    run_id: str
    at: datetime
    currency: str = "usd"
    company: str = "Our company"
    dagster_url: str | None = None
    salesforce: str | None = None
    hubspot_portal: str | None = None

    @property
    def run(self) -> str:
        """The run, with a link where Dagster's address is known."""
        short = escape(self.run_id[:SHORT_RUN])
        if not self.dagster_url:
            return f"run {short}"
        return f"<{escape(self.dagster_url.rstrip('/'))}/runs/{escape(self.run_id)}|run {short}>"

    @property
    def until(self) -> date:
        """The end of the silence that is proposed."""
        return (self.at + SILENCE).date()


@dataclass(frozen=True, slots=True)
class Content:
    """What one message of Slack holds.

    Attributes:
        text: what it says in plain text: notifications, screen readers, webhooks.
        blocks: Slack blocks.
    """

    text: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Message(Content):
    """A message to send, and what goes with it.

    Attributes:
        picture: a chart for its thread.
        parent: what the message that opened the episode says from now on; only where that message speaks of no other.
        broadcast: an answer in a thread that the channel sees too.
    """

    picture: Picture | None = None
    parent: Content | None = None
    broadcast: bool = False

    def payload(self) -> dict[str, Any]:
        """As it is kept until it is sent."""
        return {
            "text": self.text,
            "blocks": list(self.blocks),
            "picture": self.picture.payload() if self.picture else None,
            "parent": {"text": self.parent.text, "blocks": list(self.parent.blocks)}
            if self.parent
            else None,
            "broadcast": self.broadcast,
        }


def header(text: str) -> Block:
    """A heading; it is plain text, where an escape would be read as it stands."""
    shown = text.replace("&lt;", OPENS).replace("&gt;", CLOSES).replace("&amp;", "&")
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": shorten(shown, HEADER), "emoji": True},
    }


def section(text: str) -> Block:
    """A paragraph."""
    return {"type": "section", "text": mrkdwn(text, SECTION)}


def fields(shown: Mapping[str, str]) -> Block:
    """Labels and values in two columns, ten at most."""
    pairs = list(shown.items())[:FIELDS]
    return {
        "type": "section",
        "fields": [mrkdwn(f"*{label}*\n{text}", FIELD) for label, text in pairs],
    }


def context(*parts: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [mrkdwn(part, FIELD) for part in parts if part]}


def mrkdwn(text: str, limit: int) -> Block:
    """Formatted text of at most `limit` characters."""
    return {"type": "mrkdwn", "text": clip(text, limit)}


def link(address: str | None, label: str) -> str:
    """A link; the label, a name that is safe already, alone where there is no address."""
    return f"<{escape(address)}|{label}>" if address else label


def plain(text: str) -> str:
    """Formatted text as the plain text of a message."""
    return clip(text.replace("*", "").replace("`", ""), SECTION)


def silencing(rule: str, member: str | None, until: date) -> str:
    """The command that silences a rule."""
    whose = f" --member {escape(shlex.quote(flat(member)))}" if member else ""
    which = escape(shlex.quote(flat(rule)))
    return f"Silence it: `expansion alerts silence {which}{whose} --until {until} --reason '…'`"


def size(value: Any) -> int:
    """The characters of all texts in blocks."""
    if isinstance(value, list | tuple):
        return sum(size(each) for each in value)
    if isinstance(value, dict):
        return sum(
            len(each) if key == "text" and isinstance(each, str) else size(each)
            for key, each in value.items()
        )
    return 0


def fitted(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Blocks that Slack takes: the longest paragraphs give way until all are short enough together."""
    kept = list(blocks[:BLOCKS])
    while (over := size(kept) - TOTAL) > 0:
        longest = max(range(len(kept)), key=lambda place: len(_paragraph(kept[place])))
        text = _paragraph(kept[longest])
        if len(text) <= LEAST:
            return tuple(kept[: max(1, len(kept) - 1)]) if len(kept) > 1 else tuple(kept)
        kept[longest] = {
            "type": "section",
            "text": mrkdwn(text, max(LEAST, len(text) - over)),
        }
    return tuple(kept)


def _paragraph(block: Block) -> str:
    return str(block["text"]["text"]) if block["type"] == "section" and "text" in block else ""
