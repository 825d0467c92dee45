"""The outbox: every message that waits is sent, each once.

Belongs here: which messages are due, in which order, and what is done with each. A message is marked `sending` before
it leaves; one that is found so, or `unknown`, is looked up before it is sent again. A dead delivery is a warning and
never an error: the figures are there.
"""

import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Engine

from pipeline.alerts.delivery import queue
from pipeline.alerts.delivery.charts import attach
from pipeline.alerts.delivery.letters import DOUBT, Letter, Outcome, Place, Post
from pipeline.alerts.delivery.queue import BACKOFF, Waiting
from pipeline.alerts.delivery.slack import SlackConfig, connect
from pipeline.alerts.delivery.turn import PATIENCE, turn

ROUNDS = 3
"""An unclear failure is settled in the same delivery, if Slack lets it."""
GONE = frozenset(
    {
        *("thread_not_found", "message_not_found", "cannot_reply_to_message"),
        *("restricted_action_thread_locked", "restricted_action_non_threadable_channel"),
    }
)
"""Somebody deleted the message that is to be answered, or takes no answers to it."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of the messages that waited.

    Attributes:
        charts: charts that reached their thread.
        charts_failed: charts that did not and will not; their messages did.
        elsewhere: another delivery is under way, and this one did nothing.
    """

    sent: int = 0
    pending: int = 0
    unknown: int = 0
    dead: int = 0
    no_destination: int = 0
    charts: int = 0
    charts_failed: int = 0
    elsewhere: bool = False


def deliver(
    target: Engine,
    slack: SlackConfig,
    now: datetime,
    *,
    only: str | None = None,
    patience: float = PATIENCE,
) -> Delivered:
    """Send every message that is due.

    Args:
        target: the warehouse.
        slack: where to; without credentials messages get the status `no_destination`.
        now: when.
        only: the key of one message, and none of the others.
        patience: seconds that another delivery is waited for.
    """
    with turn(target, patience) as mine:
        if not mine:
            return Delivered(elsewhere=True)
        post = connect(slack)
        if post is None:
            return _shelved(target, now)
        return _Delivery(target, post, slack.settling, now, only).run()


def _shelved(target: Engine, now: datetime) -> Delivered:
    due = [each for each in queue.waiting(target) if _due(each, now)]
    for each in due:
        queue.shelve(target, each)
    return Delivered(no_destination=len(due))


def _due(each: Waiting, now: datetime) -> bool:
    return each.next_at is None or each.next_at <= now


class _Delivery:
    """One delivery, from the first message to the last chart."""

    def __init__(
        self, target: Engine, post: Post, settling: float, now: datetime, only: str | None
    ) -> None:
        self._target = target
        self._post = post
        self._settling = settling
        self._now = now
        self._only = only
        self._doubted = time.monotonic()
        """When something unclear happened last; before this delivery it may have been just now."""

    def run(self) -> Delivered:
        settled: dict[str, str] = {}
        charts: dict[str, str] = {}
        for _ in range(ROUNDS):
            tried, drawn = self._messages(), self._charts()
            if not tried and not drawn:
                break
            settled |= tried
            charts |= drawn
        ends, shown = Counter(settled.values()), Counter(charts.values())
        return Delivered(
            sent=ends["sent"],
            pending=ends["pending"],
            unknown=ends["unknown"],
            dead=ends["dead"],
            charts=shown["sent"],
            charts_failed=shown["failed"],
        )

    def _messages(self) -> dict[str, str]:
        """Every due message once; the messages of an episode in their order, each after the one before is settled."""
        tried: dict[str, str] = {}
        held: set[str] = set()
        for each in queue.waiting(self._target):
            if self._only not in {None, each.key}:
                continue
            if _due(each, self._now) and held.isdisjoint(each.episodes):
                tried[each.key] = self._message(each)
            if tried.get(each.key) not in {"sent", "dead"}:
                held.update(each.episodes)
        return tried

    def _message(self, each: Waiting) -> str:
        if not queue.claim(self._target, each):
            return "pending"
        thread = queue.parent(self._target, each) if self._post.threads else None
        letter = Letter(
            key=each.key,
            channel=each.channel,
            text=each.payload["text"],
            blocks=tuple(each.payload["blocks"]),
            thread=thread,
            broadcast=bool(each.payload.get("broadcast")),
            answer=not each.opens,
            since=each.created_at,
        )
        outcome = (
            self._sent(each, letter) if each.status == "pending" else self._sought(each, letter)
        )
        if outcome.status == "unknown":
            self._doubted = time.monotonic()
        chart = bool(each.payload.get("picture")) and self._post.threads
        return queue.settle(self._target, each, outcome, self._now, chart=chart)

    def _sought(self, each: Waiting, letter: Letter) -> Outcome:
        """It may have been posted: look, and only then post."""
        self.settle()
        found = self._post.find(letter, queue.channel_id(self._target, letter.channel))
        if found.status == "sent":
            return found
        if found.status == "absent":
            return self._sent(each, letter)
        later = BACKOFF.total_seconds()
        if found.status == "pending":
            return Outcome("unknown", error=found.error, wait=found.wait or later)
        # Nobody may look: at least once, and said so; another attempt is not in this delivery.
        outcome = self._sent(each, _doubtful(letter))
        return replace(
            outcome,
            # That this attempt did not post says nothing of the one before.
            status="unknown" if outcome.status == "pending" else outcome.status,
            wait=outcome.wait or later,
            error=outcome.error or f"{DOUBT}: {found.error}",
        )

    def _sent(self, each: Waiting, letter: Letter) -> Outcome:
        """Bring the message that opened the episode up to date, then post."""
        noted = None
        if letter.thread is not None and each.payload.get("parent"):
            changed = self._changed(letter.thread, each)
            if changed.status in {"pending", "unknown"} and each.attempts < ROUNDS - 1:
                return Outcome("pending", error=f"update: {changed.error}", wait=changed.wait or 0)
            noted = f"update: {changed.error}" if changed.status != "sent" else None
        outcome = self._post.send(letter)
        if outcome.status == "dead" and outcome.error in GONE and letter.thread is not None:
            outcome = self._post.send(replace(letter, channel=letter.thread.channel, thread=None))
        return replace(outcome, error=outcome.error or noted)

    def _changed(self, thread: Place, each: Waiting) -> Outcome:
        said = each.payload["parent"]
        key, doubted = queue.at(self._target, thread)
        letter = Letter(key or each.key, thread.channel, said["text"], tuple(said["blocks"]))
        return self._post.change(thread, _doubtful(letter) if doubted else letter)

    def _charts(self) -> dict[str, str]:
        """Every chart that waits, once."""
        waiting = queue.charts(self._target)
        return {each.key: self._chart(each) for each in waiting if self._only in {None, each.key}}

    def _chart(self, each: Waiting) -> str:
        thread = queue.parent(self._target, each) or each.place
        if each.chart == "sending":
            self.settle()
        end = attach(self._target, self._post, each, thread, self._now)
        if end == "sending":
            self._doubted = time.monotonic()
        return end

    def settle(self) -> None:
        """Let a request that is still on its way arrive before Slack is asked for it."""
        left = self._doubted + self._settling - time.monotonic()
        if left > 0:
            time.sleep(left)


def _doubtful(letter: Letter) -> Letter:
    element = {"type": "mrkdwn", "text": f"{DOUBT}: Slack did not confirm the first attempt"}
    return replace(
        letter,
        text=f"({DOUBT}) {letter.text}",
        blocks=(*letter.blocks, {"type": "context", "elements": [element]}),
    )
