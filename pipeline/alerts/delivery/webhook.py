"""Slack with an incoming webhook: a fixed channel, no timestamp, no thread, nothing to look up.

Belongs here: what a webhook cannot do, and saying so.
"""

import json
from collections.abc import Sequence
from typing import Any

from slack_sdk import WebhookClient

from pipeline.alerts.delivery import answers
from pipeline.alerts.delivery.attempts import posted
from pipeline.alerts.delivery.bot import QUIET
from pipeline.alerts.delivery.history import BROKEN
from pipeline.alerts.delivery.letters import Chart, Letter, Outcome, Place

ANSWER = "About an alert above: an incoming webhook can neither answer in its thread nor change it."


class WebhookPost:
    """An incoming webhook: every message is a new one in its channel."""

    threads = False

    def __init__(self, url: str, timeout: float) -> None:
        self._client = WebhookClient(
            url,
            timeout=timeout,  # type: ignore[arg-type] # urllib takes fractions as well
            retry_handlers=[],
            logger=QUIET,
        )

    def send(self, letter: Letter) -> Outcome:
        """Post the letter as a new message; an answer says what it is about."""
        note = {"type": "context", "elements": [{"type": "mrkdwn", "text": ANSWER}]}
        blocks = (*letter.blocks, note) if letter.answer else letter.blocks
        return posted(lambda shown: self._asked(letter.text, shown), blocks)

    def _asked(self, text: str, blocks: Sequence[dict[str, Any]]) -> Outcome:
        try:
            answer = self._client.send(text=text, blocks=list(blocks) or None)
        except BROKEN as error:
            return answers.broken(error)
        status = answer.status_code
        if status == answers.OK and _accepted(answer.body):
            return Outcome("sent")
        if status == answers.TOO_MANY:
            return Outcome("pending", error="ratelimited", wait=answers.wait_of(answer.headers))
        word = answer.body.strip()
        slacks = word.isidentifier()
        said = word if slacks else f"HTTP {status}: {answers.STRANGE}"
        if status < answers.REDIRECT or status >= answers.SERVER:
            return Outcome("unknown", error=said)
        if not slacks:
            # Something in between turned it away.
            return Outcome("pending", error=said)
        return Outcome("dead", error=said, blocks_refused=word in answers.BLOCKS_REFUSED)

    def find(self, letter: Letter, channel_id: str | None) -> Outcome:
        """A webhook cannot look."""
        del letter, channel_id
        return CANNOT_LOOK

    def change(self, place: Place, letter: Letter) -> Outcome:
        """A webhook cannot change a message."""
        del place, letter
        return Outcome("dead", error="an incoming webhook cannot change a message")

    def attach(self, thread: Place, chart: Chart) -> Outcome:
        """A webhook cannot attach a chart."""
        del thread, chart
        return Outcome("dead", error="an incoming webhook cannot attach a chart")

    def attached(self, thread: Place, name: str) -> Outcome:
        """A webhook cannot look."""
        del thread, name
        return CANNOT_LOOK


CANNOT_LOOK = Outcome("unknown", error="an incoming webhook cannot look")


def _accepted(body: str) -> bool:
    """Slack says `ok`; a workflow's webhook, or a service that speaks like Slack, says so as JSON."""
    if body.strip() == "ok":
        return True
    try:
        told = json.loads(body)
    except ValueError:
        return False
    return isinstance(told, dict) and True in (told.get("ok"), told.get("success"))
